package gateway_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestOnRecord has on record that the gate began and ended, and what became of each
// change of its configuration: which keys changed, and no value.
func TestOnRecord(t *testing.T) {
	t.Parallel()
	again := make(chan os.Signal)
	file := filepath.Join(t.TempDir(), "mcp.yaml")
	g, write, end := watched(t, file, "listen: 127.0.0.1:0\n", again)
	for _, text := range []string{"apiKey: a-secret-of-the-file\nlog: {level: debug}\n", "apiKey: a-secret-of-the-file\nlog: {level: silent}\n", "log: {format: json}\n"} {
		write(text)
		again <- syscall.SIGHUP
		again <- syscall.SIGHUP // once it is taken the file of before has been dealt with
	}
	end()
	var kinds, keys []string
	for _, body := range g.records(t) {
		if strings.Contains(body, "a-secret") {
			t.Errorf("a secret is on record: %s", body)
		}
		var r struct {
			Event  string
			Detail struct {
				File, SHA256 string
				Keys, Faults []string
			}
		}
		if err := json.Unmarshal([]byte(body), &r); err != nil || r.Event == "" {
			t.Fatalf("%s: %v", body, err)
		}
		if r.Event != "gateway.stopped" && (r.Detail.File != file || len(r.Detail.SHA256) != 64) {
			t.Errorf("of which file? %s", body)
		}
		if (r.Event == "config.refused") != (len(r.Detail.Faults) > 0) {
			t.Errorf("why? %s", body)
		}
		kinds, keys = append(kinds, r.Event), append(keys, r.Detail.Keys...)
	}
	kinds = slices.Compact(kinds)
	if want := "gateway.started config.changed config.refused gateway.stopped"; strings.Join(kinds, " ") != want {
		t.Errorf("on record: %q, want %s", kinds, want)
	}
	if want := "apiKey log.level"; strings.Join(keys, " ") != want {
		t.Errorf("what changed: %q, want %s", keys, want)
	}
}

// TestTurnedAway has on record who asked for what is no message without being let in.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	g := open(t)
	get := func(change func(r *http.Request)) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.origin()+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		change(r)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if got := get(func(r *http.Request) { r.Host = "evil.example.com" }); got != http.StatusForbidden {
		t.Errorf("another Host: %d", got)
	}
	if got := get(func(r *http.Request) { r.Header.Set("Origin", "https://evil.example.com") }); got != http.StatusForbidden {
		t.Errorf("another Origin: %d", got)
	}
	refused := 0
	for _, body := range g.records(t) {
		if strings.Contains(body, `"name":"/metrics","outcome":"refused"`) && strings.Contains(body, `"reason":"forbidden"`) {
			refused++
		}
	}
	if refused != 2 {
		t.Errorf("%d refusals are on record, want 2", refused)
	}
}

// TestWithheld has on record, once, what a server offers that nobody is shown.
func TestWithheld(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	p.setList("tools/list", `{"tools":[{"name":"fine","inputSchema":{"type":"object"}},{"name":"fine","inputSchema":{"type":"object"}}]}`)
	g := open(t, p.server("up"))
	for range 2 {
		if list := g.modernClient("{}").ask(t, "tools/list", "{}"); strings.Count(list, `"fine"`) != 1 {
			t.Fatalf("the list: %s", list)
		}
		g.legacy(t, "{}").ask(t, "tools/list", "{}")
	}
	var told []string
	for _, body := range g.records(t) {
		if strings.Contains(body, `"event":"withheld"`) {
			told = append(told, body)
		}
	}
	if len(told) != 1 || !strings.Contains(told[0], `"subject":"up"`) || !strings.Contains(told[0], `"count":1,"leftOut":["fine: left out: the server lists it twice`) {
		t.Errorf("on record: %q", told)
	}
}
