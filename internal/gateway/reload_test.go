package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
)

// names returns the names in a list, in its order.
func names(list string) []string {
	var all []string
	if i := strings.LastIndex(list, `,"_meta":{"io.modelcontextprotocol`); i > 0 {
		list = list[:i]
	}
	for _, part := range strings.Split(list, `"name":"`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		all = append(all, name)
	}
	return all
}

// TestDeadServer kills a server: its tools stay listed, calls of others go on, and it comes back by itself.
func TestDeadServer(t *testing.T) {
	t.Parallel()
	up, p := startPeer(t, true), newPipePeer(t, "legacy")
	dead := p.server("dead")
	dead.Prefix = "dead"
	g := open(t, up.server("up"), dead)
	c := g.legacy(t, "{}")
	before := c.ask(t, "tools/list", "{}")
	for range 3 {
		for _, pid := range p.alive() {
			kill(pid)
		}
		if text := c.call(t, "echo"); !strings.Contains(text, "echo") {
			t.Errorf("the other server: %s", text)
		}
		if after := c.ask(t, "tools/list", "{}"); !slices.Equal(names(after), names(before)) {
			t.Errorf("the list without the dead server: %q", names(after))
		}
		eventually(t, "the server comes back", func() bool {
			answer := c.ask(t, "tools/call", `{"name":"dead.echo"}`)
			if code, says := fault(answer); code != 0 && (code != -32603 || !strings.Contains(says, `"dead"`)) {
				t.Errorf("meanwhile: %d %s", code, says)
			}
			return strings.Contains(textOf(answer), `"name":"echo"`)
		})
	}
	up.web.CloseClientConnections()
	up.web.Close()
	if list := g.modernClient("{}").ask(t, "tools/list", "{}"); !strings.Contains(list, `"dead.echo"`) {
		t.Errorf("the list without a server over HTTP: %s", list)
	}
	if code, says := fault(c.ask(t, "tools/call", `{"name":"echo"}`)); code != -32603 || !strings.Contains(says, `"up"`) {
		t.Errorf("a call of the server that is gone: %d %s", code, says)
	}
	if text := c.call(t, "dead.echo"); !strings.Contains(text, `"name":"echo"`) {
		t.Errorf("the server on the pipe: %s", text)
	}
}

// TestReload takes another configuration over while a call is in flight: servers come, go and change, clients are told,
// and the call, whose server stays as it was, is answered.
func TestReload(t *testing.T) {
	t.Parallel()
	stays, goes, comes, changes := startPeer(t, false), startPeer(t, false), startPeer(t, true), startPeer(t, false)
	server := func(p *httpPeer, name, prefix string) config.Server {
		s := p.server(name)
		s.Prefix = prefix
		s.Tools.Allow = []string{"echo", "hold"}
		return s
	}
	cfg := configured(t, server(stays, "stays", "stays"), server(goes, "goes", "goes"), server(changes, "changes", "old"))
	g := openWith(t, cfg)
	c := g.legacy(t, "{}")
	stream := c.listen(t, nil)
	if got := names(c.ask(t, "tools/list", "{}")); !slices.Equal(got, []string{"stays.echo", "stays.hold", "goes.echo", "goes.hold", "old.echo", "old.hold"}) {
		t.Fatalf("tools: %q", got)
	}
	held := make(chan string, 1)
	go func() { held <- textOf(c.post(t, c.request(4711, "tools/call", `{"name":"stays.hold"}`), nil).last(t)) }()
	eventually(t, "the call reaches the server", func() bool { return stays.count("tools/call") == 1 })

	next := *cfg
	next.Servers = []config.Server{server(stays, "stays", "stays"), server(changes, "changes", "new"), server(comes, "comes", "comes")}
	if err := g.Reload(&next); err != nil {
		t.Fatal(err)
	}
	g.Settled(t.Context())
	stream.must(t, `"notifications/tools/list_changed"`)
	if got := names(c.ask(t, "tools/list", "{}")); !slices.Equal(got, []string{"stays.echo", "stays.hold", "new.echo", "new.hold", "comes.echo", "comes.hold"}) {
		t.Errorf("tools after the change: %q", got)
	}
	for _, tool := range []string{"stays.echo", "new.echo", "comes.echo"} {
		if text := c.call(t, tool); !strings.Contains(text, `"name":"echo"`) {
			t.Errorf("%s: %s", tool, text)
		}
	}
	for _, tool := range []string{"goes.echo", "old.echo"} {
		if code, _ := fault(c.ask(t, "tools/call", `{"name":"`+tool+`"}`)); code != -32602 {
			t.Errorf("%s can still be called", tool)
		}
	}
	if stays.opened != 1 {
		t.Errorf("%d sessions were opened with the server that stays", stays.opened)
	}
	eventually(t, "the session with the server that went is closed", func() bool { return goes.openTalks() == 0 })
	select {
	case text := <-held:
		t.Errorf("the call in flight has ended: %s", text)
	default:
	}
	close(stays.release)
	if text := <-held; text != "held" {
		t.Errorf("the call in flight: %s", text)
	}
	stuck := next
	stuck.Listen = "127.0.0.1:1"
	if err := g.Reload(&stuck); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("another address: %v", err)
	}
}

// watched opens a gate with a configuration file that begins with some lines and is watched, also when a signal comes. What is written
// comes behind these lines; end ends the watching, as the end of the test does.
func watched(t *testing.T, file, head string, again chan os.Signal) (g *gate, write func(text string), end func()) {
	t.Helper()
	write = func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(head+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func() (*config.Config, error) {
		return config.Load(file, func(string) (string, bool) { return "", false })
	}
	write("")
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	g = openWith(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { g.Watch(ctx, load, again) })
	end = func() {
		cancel()
		watching.Wait()
	}
	t.Cleanup(end)
	return g, write, end
}

// TestReloadFile changes mcp.yaml under a running gate: a good file is taken over at once, a bad one is refused with its
// faults and what runs goes on.
func TestReloadFile(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	g, write, _ := watched(t, filepath.Join(t.TempDir(), "mcp.yaml"), "anonymous: true\nbuiltin: false\nservers:\n  up:\n    url: "+p.web.URL+"\n", nil)
	c := g.modernClient("{}")
	has := func(name string) func() bool {
		return func() bool { return slices.Contains(names(c.ask(t, "tools/list", "{}")), name) }
	}
	eventually(t, "the first file", has("up.echo"))
	write("    prefix: second\n")
	eventually(t, "the second file", has("second.echo"))
	write("    prefix: [third\n    nonsense: 1\n")
	write("    prefix: third\n    nonsense: 1\n")
	for range 20 {
		if text := c.call(t, "second.echo"); !strings.Contains(text, `"name":"echo"`) {
			t.Fatalf("under a bad file: %s", text)
		}
	}
	write("    prefix: fourth\n")
	eventually(t, "the fourth file", has("fourth.echo"))
}

// TestScopes uses a key with scopes in both eras: what it may see is what it may use.
func TestScopes(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	cfg := configured(t, p.server("up"))
	cfg.Servers[0].Prefix = "up"
	cfg.Anonymous, cfg.APIKey = false, "a-key-of-the-configuration"
	cfg.Scopes = map[string]config.Scope{"some": {Names: []string{"up.echo", "up.p*"}}, "read:docs": {Names: []string{"test://one"}}, "list:docs": {Names: []string{"test://two"}}}
	g := openWith(t, cfg)
	modern := g.modernClient("{}")
	modern.key = cfg.APIKey
	for _, c := range []*client{g.legacyWithKey(t, "{}", cfg.APIKey), modern} {
		if got := names(c.ask(t, "tools/list", "{}")); !slices.Equal(got, []string{"up.echo", "up.progress"}) {
			t.Errorf("modern %v: tools %q", c.modern, got)
		}
		if got := c.ask(t, "resources/list", "{}"); !strings.Contains(got, "test://one") || !strings.Contains(got, "test://two") {
			t.Errorf("modern %v: resources %s", c.modern, got)
		}
		if got := names(c.ask(t, "prompts/list", "{}")); len(got) != 0 {
			t.Errorf("modern %v: prompts %q", c.modern, got)
		}
		for _, x := range []struct {
			method, params string
			ok             bool
		}{
			{"tools/call", `{"name":"up.echo"}`, true},
			{"tools/call", `{"name":"up.progress"}`, true},
			{"tools/call", `{"name":"up.strict"}`, false},
			{"tools/call", `{"name":"up.Echo"}`, false},
			{"resources/read", `{"uri":"test://one"}`, true},
			{"resources/read", `{"uri":"test://two"}`, false},
			{"resources/read", `{"uri":"test://item/1"}`, false},
			{"prompts/get", `{"name":"up.greet"}`, false},
			{"completion/complete", `{"ref":{"type":"ref/prompt","name":"up.greet"},"argument":{"name":"a","value":"b"}}`, false},
		} {
			answer := c.ask(t, x.method, x.params)
			if strings.Contains(answer, `"result"`) != x.ok {
				t.Errorf("modern %v: %s %s: %s", c.modern, x.method, x.params, answer)
			}
			if absent := strings.NewReplacer("strict", "nowhere", "Echo", "nowhere", "two", "nowhere", "item/1", "nowhere", "greet", "nowhere").Replace(x.params); !x.ok {
				there, nowhere := faultText(answer), faultText(c.ask(t, x.method, absent))
				if !sameRefusal(there, nowhere) {
					t.Errorf("modern %v: %s %s is refused with %q, what is not there with %q", c.modern, x.method, x.params, there, nowhere)
				}
			}
		}
	}
	if calls := p.got("tools/call"); len(calls) != 4 {
		t.Errorf("the server was called %d times", len(calls))
	}
	if n := p.count("resources/read") + p.count("prompts/get") + p.count("completion/complete"); n != 2 {
		t.Errorf("the server was asked for %d other things", n)
	}
	in := modern.post(t, modern.request(1, "mcp.admin.servers", "{}"), nil)
	if answer := in.last(t); !strings.Contains(answer, `"error"`) {
		t.Errorf("a scoped key runs the gate: %s", answer)
	}
	nobody := g.modernClient("{}")
	if in := nobody.post(t, nobody.request(1, "tools/list", "{}"), nil); in.status != http.StatusUnauthorized {
		t.Errorf("without a key: status %d", in.status)
	}
	records := strings.Join(g.records(t), "\n")
	for _, part := range []string{`"caller":"apiKey"`, `"name":"up.strict"`, `"reason":"unauthenticated"`} {
		if !strings.Contains(records, part) {
			t.Errorf("no record with %s", part)
		}
	}
}

func faultText(answer string) string {
	code, says := fault(answer)
	return fmt.Sprint(code, " ", says)
}

// sameRefusal reports whether two refusals differ in nothing but the name.
func sameRefusal(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	if len(x) != len(y) {
		return false
	}
	different := 0
	for i := range x {
		if x[i] != y[i] {
			different++
		}
	}
	return different <= 1
}
