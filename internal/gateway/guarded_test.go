package gateway_test

import (
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/store"
)

// TestGuarded sends a secret to a tool that repeats it, from clients of every sort: it is told of, taken out or stopped as the
// configuration says, and is never on record.
func TestGuarded(t *testing.T) {
	t.Parallel()
	secret := "gh" + "p_" + strings.Repeat("aB3", 12)
	for _, modern := range []bool{false, true} {
		for measure, want := range map[string]string{"flag": secret, "redact": "[redacted:github-token]", "block": ""} {
			t.Run(eraName(modern)+" "+measure, func(t *testing.T) {
				t.Parallel()
				p := startPeer(t, modern)
				cfg := configured(t, p.server("up"))
				cfg.Audit.Payloads = "full"
				cfg.Guard.Tools = []config.GuardEntry{{
					Name: "ech*", Arguments: config.GuardSide{Secrets: measure, Values: []config.GuardValue{{Name: "/path", Path: &config.GuardPath{Under: "/srv/docs"}}}},
					Results: config.GuardSide{Secrets: measure},
				}}
				g := openWith(t, cfg)
				const path = `"path":"/srv/docs/a/%2e./b"`
				ask := overHTTP(t, g)
				for i, tell := range []func() string{
					func() string {
						return g.modernClient("{}").ask(t, "tools/call", `{"name":"echo","arguments":{"t":"`+secret+`",`+path+`}}`)
					},
					func() string {
						return g.legacy(t, "{}").ask(t, "tools/call", `{"name":"echo","arguments":{"t":"`+secret+`",`+path+`}}`)
					},
					func() string {
						return ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.tool.invoke","params":{"toolId":"echo","args":{"t":"` + secret + `",` + path + `}}}`)
					},
				} {
					answer, calls := tell(), p.got("tools/call")
					switch {
					case measure == "block" && (len(calls) > 0 || strings.Contains(answer, secret) || !strings.Contains(answer, "/t holds a secret (github-token)")):
						t.Errorf("client %d: the server was called %d times; the client got %s", i, len(calls), answer)
					case measure == "block":
					case len(calls) != i+1 || !strings.Contains(calls[i].raw, `"t":"`+want+`","path":"b"`):
						t.Errorf("client %d: the server got %s", i, calls[len(calls)-1].raw)
					case measure == "redact" && strings.Contains(answer, secret):
						t.Errorf("client %d got %s", i, answer)
					}
				}
				found := 0
				for _, body := range g.records(t) {
					if strings.Contains(body, secret) {
						t.Errorf("on record: %s", body)
					}
					found += strings.Count(body, `"kind":"github-token"`)
				}
				if found < 3 {
					t.Errorf("%d findings are on record", found)
				}
				withoutSecret(t, g, secret)
			})
		}
	}
}

// withoutSecret wants what is kept of calls to have a mark where the secret was.
func withoutSecret(t *testing.T, g *gate, secret string) {
	t.Helper()
	s, err := store.Open(t.Context(), g.Config().Store)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	marked := 0
	for row, err := range s.Records(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		kept := string(row.Arguments) + string(row.Result)
		if strings.Contains(kept, secret) {
			t.Errorf("kept: %s", kept)
		}
		marked += strings.Count(string(row.Arguments), "[redacted:github-token]")
	}
	if marked != 3 {
		t.Errorf("%d of 3 arguments are kept with a mark", marked)
	}
}

// TestGuardedWhateverIsListed has what is said of a server, and of names, hold also for what the server does not list, and for completions.
func TestGuardedWhateverIsListed(t *testing.T) {
	t.Parallel()
	secret := "gh" + "p_" + strings.Repeat("aB3", 12)
	p := startPeer(t, true)
	p.answers["resources/read test://unlisted"] = result(`{"contents":[{"uri":"test://unlisted","text":"` + secret + `"}]` + p.envelope(true) + `}`)
	p.answers["completion/complete greet"] = result(`{"completion":{"values":["` + secret + `"]}` + p.envelope(false) + `}`)
	const complete = `{"ref":{"type":"ref/prompt","name":"greet"},"argument":{"name":"who","value":"a"}}`
	entry := func(name string) []config.GuardEntry {
		return []config.GuardEntry{{Name: name, Results: config.GuardSide{Secrets: "redact"}}}
	}
	for _, tt := range []struct {
		name   string
		guard  config.Guard
		method string
		params string
	}{
		{"read, by server", config.Guard{Servers: entry("up")}, "resources/read", `{"uri":"test://unlisted"}`},
		{"completion, by server", config.Guard{Servers: entry("up")}, "completion/complete", complete},
		{"completion, by name", config.Guard{Tools: entry("gr*")}, "completion/complete", complete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := configured(t, p.server("up"))
			cfg.Guard = tt.guard
			g := openWith(t, cfg)
			for _, ask := range []func() string{
				func() string { return g.modernClient("{}").ask(t, tt.method, tt.params) },
				func() string { return g.legacy(t, "{}").ask(t, tt.method, tt.params) },
			} {
				if answer := ask(); strings.Contains(answer, secret) || !strings.Contains(answer, "[redacted:github-token]") {
					t.Errorf("a client got %s", answer)
				}
			}
		})
	}
}
