package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
)

// asking returns a configuration in which every call waits for who is named, in front of a server.
func asking(t *testing.T, by string, servers ...config.Server) *config.Config {
	t.Helper()
	cfg := configured(t, servers...)
	cfg.Builtin, cfg.AutoRun, cfg.Approvals.By = true, false, by
	return cfg
}

// connect connects the official SDK in an era, with a person who answers so.
func (g *gate) connect(t *testing.T, revision string, person func(message string) *sdk.ElicitResult) *sdk.ClientSession {
	t.Helper()
	c := sdk.NewClient(&sdk.Implementation{Name: "c", Version: "1"}, &sdk.ClientOptions{
		ElicitationHandler: func(_ context.Context, r *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
			return person(r.Params.Message), nil
		},
	})
	s, err := c.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: g.url, HTTPClient: g.web}, &sdk.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestApprovalInHost has the person in front of the official SDK allow and deny calls, in both eras, also of tools that ask something
// themselves, of servers of both eras.
func TestApprovalInHost(t *testing.T) {
	t.Parallel()
	for _, revision := range []string{legacyRevision, modernRevision} {
		for _, modern := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, modern server %t", revision, modern), func(t *testing.T) {
				t.Parallel()
				g := openWith(t, asking(t, config.ByEither, startPeer(t, modern).server("peer")))
				allow, asked := true, []string{}
				s := g.connect(t, revision, func(message string) *sdk.ElicitResult {
					asked = append(asked, message)
					switch {
					case !strings.HasSuffix(message, "Allow it?"):
						return &sdk.ElicitResult{Action: "accept", Content: map[string]any{"name": "Ada"}}
					case allow:
						return &sdk.ElicitResult{Action: "accept", Content: map[string]any{"allow": true, "reason": "fine"}}
					}
					return &sdk.ElicitResult{Action: "decline"}
				})
				call := func(tool string) *sdk.CallToolResult {
					t.Helper()
					r, err := s.CallTool(t.Context(), &sdk.CallToolParams{Name: tool, Arguments: map[string]any{"text": "hello", "token": "t0p"}})
					if err != nil {
						t.Fatal(err)
					}
					return r
				}
				if r := call("echo"); r.IsError || len(asked) != 1 || !strings.Contains(asked[0], `echo is to be called with these arguments:`+"\n"+`{"text":"hello","token":"•••"}`) {
					t.Errorf("%+v, asked %q", r, asked)
				}
				if r := call("elicit"); r.IsError || len(asked) != 3 {
					t.Errorf("%+v, asked %q", r, asked)
				}
				allow = false
				if r := call("echo"); !r.IsError || len(asked) != 4 || !strings.Contains(r.Content[0].(*sdk.TextContent).Text, "the person in front of the client denied it") {
					t.Errorf("%+v, asked %q", r, asked)
				}
				all := strings.Join(g.records(t), "\n")
				for want, n := range map[string]int{`"approval.asked"`: 3, `"approval.allowed"`: 2, `"approval.denied"`: 1, `"reason":"fine"`: 2, `"outcome":"tool-error","reason":"approval-denied"`: 1} {
					if got := strings.Count(all, want); got != n {
						t.Errorf("%s is on record %d times, want %d\n%s", want, got, n, all)
					}
				}
			})
		}
	}
}

// admin makes a request of who runs the gate.
func (g *gate) admin(t *testing.T, method, params string) string {
	t.Helper()
	c := g.modernClient("{}")
	c.key = readKey(t, g.Config())
	return c.ask(t, method, params)
}

// waiting returns the id of the only call that waits, once there is one.
func (g *gate) waiting(t *testing.T) (id string) {
	t.Helper()
	eventually(t, "a call waits", func() bool {
		_, after, ok := strings.Cut(g.admin(t, "mcp.admin.approvals", "{}"), `"approvals":[{"id":"`)
		id, _, _ = strings.Cut(after, `"`)
		return ok
	})
	return id
}

// TestApprovalElsewhere decides at another instance on a call of a client that nobody can be asked at. Who may not run the gate decides on
// nothing.
func TestApprovalElsewhere(t *testing.T) {
	t.Parallel()
	cfg := asking(t, config.ByOperator)
	here, there := openWith(t, cfg), openWith(t, cfg)
	for allow, want := range map[string]string{"true": `42`, "false": `calc.evaluate was not run: local denied it (so)`} {
		told := make(chan string, 1)
		c := here.modernClient(`{"elicitation":{}}`)
		go func() { told <- c.ask(t, "tools/call", `{"name":"calc.evaluate","arguments":{"expression":"6*7"}}`) }()
		id := there.waiting(t)
		if text := there.modernClient("{}").ask(t, "mcp.admin.decide", `{"id":"`+id+`","allow":true}`); !strings.Contains(text, "admin:gate") {
			t.Errorf("anybody decides: %s", text)
		}
		began := time.Now()
		if text := there.admin(t, "mcp.admin.decide", `{"id":"`+id+`","allow":`+allow+`,"reason":"so"}`); !strings.Contains(text, `"decidedBy":"local"`) {
			t.Errorf("%s", text)
		}
		if text := <-told; !strings.Contains(text, want) || time.Since(began) > time.Second {
			t.Errorf("after %v: %s", time.Since(began), text)
		}
	}
}

// TestApprovalOfLess allows a call whose caller may do less by then: it is refused as it would be now.
func TestApprovalOfLess(t *testing.T) {
	t.Parallel()
	cfg := asking(t, config.ByOperator)
	cfg.APIKey, cfg.Scopes = "0123456789abcdef0123456789abcdef", map[string]config.Scope{"use:calc": {Names: []string{"calc.*"}}}
	g := openWith(t, cfg)
	for name, change := range map[string]func(next *config.Config){
		"scope": func(next *config.Config) {
			next.Scopes = map[string]config.Scope{"use:calc": {Names: []string{"cal.*"}}}
		},
		"key":  func(next *config.Config) { next.APIKey = "fedcba9876543210fedcba9876543210" },
		"same": func(next *config.Config) { next.Approvals.Timeout = time.Minute },
	} {
		told := make(chan string, 1)
		c := g.modernClient("{}")
		c.key = cfg.APIKey
		go func() { told <- c.ask(t, "tools/call", `{"name":"calc.evaluate","arguments":{"expression":"6*7"}}`) }()
		id := g.waiting(t)
		next := *cfg
		change(&next)
		if err := g.Reload(&next); err != nil {
			t.Fatal(err)
		}
		g.admin(t, "mcp.admin.decide", `{"id":"`+id+`","allow":true}`)
		if text := <-told; strings.Contains(text, "42") != (name == "same") {
			t.Errorf("%s: %s", name, text)
		}
		if err := g.Reload(cfg); err != nil {
			t.Fatal(err)
		}
	}
}

// TestApprovalAtTheEnd stops the gate while a call waits: it is refused at once, since nobody can come in any more to decide.
func TestApprovalAtTheEnd(t *testing.T) {
	t.Parallel()
	g := openWith(t, asking(t, config.ByOperator))
	told := make(chan string, 1)
	c := g.modernClient("{}")
	go func() { told <- c.ask(t, "tools/call", `{"name":"calc.evaluate","arguments":{"expression":"6*7"}}`) }()
	g.waiting(t)
	began := time.Now()
	g.stop()
	if text := <-told; !strings.Contains(text, "the gateway was stopped") || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %s", time.Since(began), text)
	}
}

// TestApprovalLeft hangs up on a call that waits: nothing is run, and nobody can allow it any more.
func TestApprovalLeft(t *testing.T) {
	t.Parallel()
	p := startPeer(t, true)
	cfg := asking(t, config.ByOperator, p.server("peer"))
	g := openWith(t, cfg)
	ctx, hangUp := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"mcp.tool.invoke","params":{"toolId":"echo"}}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	go func() {
		if answer, err := g.web.Do(request); err == nil {
			answer.Body.Close()
			t.Error("it is answered")
		}
	}()
	id := g.waiting(t)
	hangUp()
	eventually(t, "nobody waits", func() bool { return strings.Contains(g.admin(t, "mcp.admin.approvals", "{}"), `"approvals":[]`) })
	if text := g.admin(t, "mcp.admin.decide", `{"id":"`+id+`","allow":true}`); !strings.Contains(text, "withdrawn already") {
		t.Error(text)
	}
	if n := p.count("tools/call"); n != 0 {
		t.Errorf("it was run %d times", n)
	}
}

// TestApprovalRules changes the rules while the gate runs: what a server says of its tools is believed where it is trusted.
func TestApprovalRules(t *testing.T) {
	t.Parallel()
	p := startPeer(t, true)
	p.offer("reads", `,"annotations":{"readOnlyHint":true}`, func(context.Context, *talk, message, func(string)) string { return `{"content":[]}` })
	server := p.server("peer")
	cfg := configured(t, server)
	cfg.Builtin, cfg.Approvals.Timeout = true, 50*time.Millisecond
	g := openWith(t, cfg)
	expires := func(tool string) bool {
		t.Helper()
		return strings.Contains(g.modernClient("{}").ask(t, "tools/call", `{"name":"`+tool+`","arguments":{"expression":"1"}}`), "nobody allowed it")
	}
	for name, tt := range map[string]struct {
		rule       config.ApprovalRule
		trusted    bool
		calc, peer bool
	}{
		"none":        {config.ApprovalRule{When: "always", Tools: []string{"absent"}}, false, false, false},
		"destructive": {config.ApprovalRule{When: "destructive"}, false, false, true},
		"trusted":     {config.ApprovalRule{When: "write"}, true, false, false},
		"new":         {config.ApprovalRule{When: "new", Within: time.Hour}, true, false, true},
		"old":         {config.ApprovalRule{When: "new", Within: time.Nanosecond}, true, false, false},
		"always":      {config.ApprovalRule{When: "always"}, true, true, true},
	} {
		next := *cfg
		next.Approvals.Rules = []config.ApprovalRule{tt.rule}
		server.Trust.Annotations = tt.trusted
		next.Servers = []config.Server{server}
		if err := g.Reload(&next); err != nil {
			t.Fatal(err)
		}
		if calc, peer := expires("calc.evaluate"), expires("reads"); calc != tt.calc || peer != tt.peer {
			t.Errorf("%s: calc waits %t, the peer's tool %t", name, calc, peer)
		}
	}
}

// TestApprovalFirst has the operator decide before the person in front of the host does. A client of the legacy era is told that it need not
// ask any more; one of the modern era is told the result, whatever its person says. Its state is good for nobody else, and once.
func TestApprovalFirst(t *testing.T) {
	t.Parallel()
	cfg := asking(t, config.ByEither)
	g := openWith(t, cfg)
	const six = `{"name":"calc.evaluate","arguments":{"expression":"6*7"}}`
	in, _ := g.legacy(t, `{"elicitation":{}}`).start(t, "tools/call", six, nil)
	defer in.end()
	in.must(t, `"elicitation/create"`)
	g.admin(t, "mcp.admin.decide", `{"id":"`+g.waiting(t)+`","allow":true}`)
	in.must(t, `"notifications/cancelled"`)
	in.must(t, "42")

	c := g.modernClient(`{"elicitation":{"form":{}}}`)
	p := pendingOf(t, c.ask(t, "tools/call", six))
	retry := func(c *client, expression, value string) string {
		t.Helper()
		return c.ask(t, "tools/call", fmt.Sprintf(`{"name":"calc.evaluate","arguments":{"expression":%q},"inputResponses":{%q:%s},"requestState":%q}`,
			expression, p.keys[0], value, p.state))
	}
	const yes = `{"action":"accept","content":{"allow":true}}`
	other := g.modernClient(c.capabilities)
	other.key = readKey(t, g.Config())
	if text := retry(other, "6*7", yes); !strings.Contains(text, "requestState is refused") {
		t.Errorf("another caller allows it: %s", text)
	}
	if text := retry(c, "6*8", yes); !strings.Contains(text, "requestState is refused") {
		t.Errorf("it is allowed for other arguments: %s", text)
	}
	g.admin(t, "mcp.admin.decide", `{"id":"`+g.waiting(t)+`","allow":true}`)
	if text := retry(c, "6*7", `{"action":"decline"}`); !strings.Contains(text, "42") {
		t.Errorf("what was allowed is not run: %s", text)
	}
	if text := retry(c, "6*7", yes); !strings.Contains(text, "requestState is refused") {
		t.Errorf("it is allowed twice: %s", text)
	}
}
