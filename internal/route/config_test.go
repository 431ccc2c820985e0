package route

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config"
)

// TestConfig makes replicas and a policy of a file, the same policy as of its JSON.
func TestConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mcp.yaml")
	text := `
servers:
  one: {url: "http://a.example/mcp"}
  shop: {url: "http://a.example/mcp", replicas: ["http://b.example/mcp"], health: {failures: 3}, isolation: caller}
routing:
  shop.*: {strategy: least-pending, timeout: 20s, retries: 0}
  catalog.find:
    targets: {shop: {name: search, weight: 90}, new: {server: shop/2, name: found, weight: 10}}
    failover: ["one:seek", shop]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names, urls []string
	for _, s := range Expand(c) {
		names, urls = append(names, s.Name), append(urls, s.URL)
		if s.Replicas != nil || s.Isolation == "" {
			t.Errorf("egress gets %+v", s)
		}
	}
	if diff := cmp.Diff([]string{"one", "shop/1", "shop/2"}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"http://a.example/mcp", "http://a.example/mcp", "http://b.example/mcp"}, urls); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	servers := Servers(c, "built in")
	if len(servers) != 3 || servers[1].Replicas != 2 || servers[1].Health.Failures != 3 || servers[1].Isolation != "caller" ||
		servers[0].Health != DefaultHealth() || servers[0].ID == servers[1].ID || servers[2].Name != "built in" {
		t.Errorf("servers = %+v", servers)
	}
	want := parsed(t, `{
		"shop.*": {"strategy": "least-pending", "timeout": "20s", "retries": 0},
		"catalog.find": {"targets": [{"server": "shop/2", "name": "found", "weight": 10}, {"server": "shop", "name": "search", "weight": 90}],
			"failover": ["one:seek", "shop"]}}`)
	got := FromConfig(c)
	got.Rules[0].Targets[0], got.Rules[0].Targets[1] = got.Rules[0].Targets[1], got.Rules[0].Targets[0]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	again, _ := json.Marshal(FromConfig(&config.Config{}))
	if string(again) != "{}" {
		t.Errorf("no policy is %s", again)
	}
	if got := ByServer(map[string]bool{"shop/1": false, "shop/2": true, "one": true}); !got["shop"] || !got["one"] || len(got) != 2 {
		t.Errorf("servers = %v", got)
	}
}
