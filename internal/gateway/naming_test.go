package gateway_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
)

// as returns a client of either era that says it is that host.
func (g *gate) as(t *testing.T, modern bool, host, key string) *client {
	t.Helper()
	if modern {
		return &client{gate: g, modern: true, capabilities: "{}", key: key, host: host}
	}
	c := &client{gate: g, key: key}
	in := c.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{},`+
		`"clientInfo":{"name":%q,"version":"1"}}}`, legacyRevision, host), nil)
	c.session = in.header.Get("Mcp-Session-Id")
	in.last(t)
	c.post(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, nil).end()
	return c
}

const (
	dotted  = "full-names"    // a host that nothing is known of
	cursor  = "cursor-vscode" // one that takes no dots
	station = "weather-station-of-the-northern-harbour"
	reading = "read_the_mean_temperature_of_the_last_day"
)

// longNamed opens a gate in front of a legacy and a modern server with long names.
func longNamed(t *testing.T, change func(*config.Config)) (*gate, map[string]*httpPeer) {
	t.Helper()
	peers := map[string]*httpPeer{station: startPeer(t, false), "lab": startPeer(t, true)}
	var servers []config.Server
	for name, p := range peers {
		p.lists["tools/list"] = `{"tools":[` + strings.Join(append([]string{`{"name":"` + reading + `","inputSchema":{"type":"object"}}`}, standardTools...), ",") +
			`]` + p.envelope(true) + `}`
		p.answers["tools/call "+reading] = result(`{"content":[{"type":"text","text":"12 degrees"}]` + p.envelope(false) + `}`)
		s := p.server(name)
		s.Prefix = name
		servers = append(servers, s)
	}
	cfg := configured(t, servers...)
	if change != nil {
		change(cfg)
	}
	return openWith(t, cfg), peers
}

var shortName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,52}$`)

// inBothForms returns what the lists of that method call things with full and with short names, in the same order.
func (g *gate) inBothForms(t *testing.T, modern bool, method string) (full, short []string) {
	t.Helper()
	full = names(g.as(t, modern, dotted, "").ask(t, method, "{}"))
	short = names(g.as(t, modern, cursor, "").ask(t, method, "{}"))
	if len(full) == 0 || len(full) != len(short) {
		t.Fatalf("%s: %q and %q", method, full, short)
	}
	for _, name := range short {
		if !shortName.MatchString(name) {
			t.Errorf("%q is shown to a host that needs short names", name)
		}
	}
	return full, short
}

// TestNames has clients of both eras, shown names of either form, call by both.
func TestNames(t *testing.T) {
	t.Parallel()
	g, peers := longNamed(t, nil)
	for _, modern := range []bool{false, true} {
		full, short := g.inBothForms(t, modern, "tools/list")
		for _, host := range []string{dotted, cursor} {
			c := g.as(t, modern, host, "")
			for server, p := range peers {
				for _, tool := range []string{"echo", reading} {
					i := slices.Index(full, server+"."+tool)
					for _, name := range []string{full[i], short[i]} {
						before := len(p.got("tools/call"))
						answer := c.ask(t, "tools/call", `{"name":"`+name+`","arguments":{"a":1.0}}`)
						if text := textOf(answer); tool == reading && text != "12 degrees" || tool == "echo" && !strings.Contains(text, `"a":1.0`) {
							t.Errorf("modern %v, host %s: %s: %s", modern, host, name, answer)
						}
						p.heard(t, before, tool)
					}
				}
			}
		}
	}
}

// heard looks whether the server was called once more than before, by its own name for the tool.
func (p *httpPeer) heard(t *testing.T, before int, tool string) {
	t.Helper()
	calls := p.got("tools/call")
	if len(calls) != before+1 {
		t.Fatalf("the server was called %d times, not %d", len(calls), before+1)
	}
	call := calls[before]
	if got := call.param("name"); got != `"`+tool+`"` {
		t.Errorf("the server was asked for %s, want %s", got, tool)
	}
	if got := call.header.Get("Mcp-Name"); p.modern && got != tool {
		t.Errorf("the server was sent Mcp-Name: %s, want %s", got, tool)
	}
}

// TestNamesOfPrompts gets and completes prompts by both forms of their names.
func TestNamesOfPrompts(t *testing.T) {
	t.Parallel()
	g, _ := longNamed(t, nil)
	for _, modern := range []bool{false, true} {
		full, short := g.inBothForms(t, modern, "prompts/list")
		for _, host := range []string{dotted, cursor} {
			c := g.as(t, modern, host, "")
			for _, name := range []string{full[0], short[0]} {
				if name == "who" {
					t.Fatalf("%q and %q", full, short)
				}
				if answer := c.ask(t, "prompts/get", `{"name":"`+name+`"}`); !strings.Contains(answer, "hello") {
					t.Errorf("modern %v, host %s: %s: %s", modern, host, name, answer)
				}
				answer := c.ask(t, "completion/complete", `{"ref":{"type":"ref/prompt","name":"`+name+`"},"argument":{"name":"who","value":"a"}}`)
				if !strings.Contains(answer, `["a","b"]`) {
					t.Errorf("modern %v, host %s: completion of %s: %s", modern, host, name, answer)
				}
			}
		}
	}
}

// TestHeadersOfShortNames sends the headers of the modern era with a short name.
func TestHeadersOfShortNames(t *testing.T) {
	t.Parallel()
	g, peers := longNamed(t, nil)
	c := g.as(t, true, cursor, "")
	const params = `{"name":"lab__region","arguments":{"region":"eu","count":42}}`
	right := map[string]string{"Mcp-Param-Region": "eu", "Mcp-Param-Count": "42"}
	in, _ := c.start(t, "tools/call", params, right)
	if text := textOf(in.last(t)); !strings.Contains(text, `"region":"eu"`) {
		t.Errorf("with the right headers: %s", text)
	}
	peers["lab"].heard(t, 0, "region")
	if sent := peers["lab"].got("tools/call")[0].header; sent.Get("Mcp-Param-Region") != "eu" {
		t.Errorf("the server was sent %v", sent)
	}
	for _, wrong := range []map[string]string{
		{"Mcp-Param-Region": "us", "Mcp-Param-Count": "42"},
		{"Mcp-Param-Region": "eu", "Mcp-Param-Count": "42", "Mcp-Name": "lab.region"},
	} {
		in, _ := c.start(t, "tools/call", params, wrong)
		if code, _ := fault(in.last(t)); in.status != http.StatusBadRequest || code != -32020 {
			t.Errorf("with %v: status %d, code %d", wrong, in.status, code)
		}
	}
}

// TestScopesKnowFullNames calls by short names what a key may use and what it may not.
func TestScopesKnowFullNames(t *testing.T) {
	t.Parallel()
	g, peers := longNamed(t, func(cfg *config.Config) {
		cfg.Anonymous, cfg.APIKey = false, "a-key-of-the-configuration"
		cfg.Scopes = map[string]config.Scope{"some": {Names: []string{"lab.echo", "lab__*"}}}
	})
	for _, modern := range []bool{false, true} {
		c := g.as(t, modern, cursor, g.Config().APIKey)
		if got := names(c.ask(t, "tools/list", "{}")); !slices.Equal(got, []string{"lab__echo"}) {
			t.Errorf("modern %v: %q are listed", modern, got)
		}
		for _, name := range []string{"lab__echo", "lab.echo"} {
			if text := c.call(t, name); !strings.Contains(text, "echo") {
				t.Errorf("modern %v: %s: %s", modern, name, text)
			}
		}
		for method, params := range map[string]string{
			"tools/call":          `{"name":"lab__strict"}`,
			"prompts/get":         `{"name":"lab__greet"}`,
			"completion/complete": `{"ref":{"type":"ref/prompt","name":"lab__greet"},"argument":{"name":"who","value":"a"}}`,
		} {
			there := faultText(c.ask(t, method, params))
			nowhere := faultText(c.ask(t, method, strings.NewReplacer("strict", "nowhere", "greet", "nowhere").Replace(params)))
			if !strings.Contains(there, "lab__") || !sameRefusal(there, nowhere) {
				t.Errorf("modern %v: %s %s is refused with %q, what is not there with %q", modern, method, params, there, nowhere)
			}
		}
	}
	if n := peers["lab"].count("tools/call") + peers["lab"].count("prompts/get") + peers["lab"].count("completion/complete"); n != 4 {
		t.Errorf("the server was called %d times, want 4", n)
	}
	records := strings.Join(g.records(t), "\n")
	for part, want := range map[string]int{`"name":"lab.echo"`: 4, `"name":"lab.strict"`: 2, `"name":"lab.greet"`: 4, `"name":"lab__echo"`: 0, `"name":"lab__strict"`: 0} {
		if got := strings.Count(records, part); got != want {
			t.Errorf("%d records with %s, want %d", got, part, want)
		}
	}
}

// TestWhoseNaming has key, configuration and host ask for one form or the other.
func TestWhoseNaming(t *testing.T) {
	t.Parallel()
	p := startPeer(t, true)
	tests := []struct {
		endpoint, key string
		host          string
		short         bool
	}{
		{"", "", dotted, false},
		{"", "", cursor, true},
		{"", "", "claude-ai (via mcp-remote 0.1.37)", true},
		{"", "", "Claude-AI", false},
		{"short", "", dotted, true},
		{"full", "", cursor, false},
		{"short", "full", cursor, false},
		{"full", "short", dotted, true},
		{"", "short", dotted, true},
	}
	s := p.server("up")
	s.Prefix = "up"
	cfg := configured(t, s)
	cfg.Anonymous, cfg.APIKey = false, "a-key-of-the-configuration"
	g := openWith(t, cfg)
	session := map[string]*client{} // legacy sessions outlive configurations
	for _, tt := range tests {
		next := *cfg
		next.Naming, next.Keys = tt.endpoint, []config.Key{{Name: "apiKey", Naming: tt.key}}
		if err := g.Reload(&next); err != nil {
			t.Fatal(err)
		}
		if session[tt.host] == nil {
			session[tt.host] = g.as(t, false, tt.host, cfg.APIKey)
		}
		want := "up.echo"
		if tt.short {
			want = "up__echo"
		}
		for _, c := range []*client{g.as(t, true, tt.host, cfg.APIKey), session[tt.host]} {
			if got := names(c.ask(t, "tools/list", "{}")); !slices.Contains(got, want) {
				t.Errorf("%+v, modern %v: %q", tt, c.modern, got)
			}
		}
	}
}

// TestAnonymousNaming asks without a key.
func TestAnonymousNaming(t *testing.T) {
	t.Parallel()
	g, _ := longNamed(t, func(cfg *config.Config) { cfg.Naming = "short" })
	if got := names(g.as(t, true, dotted, "").ask(t, "tools/list", "{}")); !slices.Contains(got, "lab__echo") {
		t.Errorf("%q", got)
	}
}
