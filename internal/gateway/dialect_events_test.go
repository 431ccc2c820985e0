package gateway_test

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/sumun-mcp/sumun/internal/config"
)

// dialectEvents opens a stream of events over HTTP and reads the answer with which it begins.
func dialectEvents(t *testing.T, g *gate, key, params string) *incoming {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url,
		strings.NewReader(`{"jsonrpc":"2.0","id":"e","method":"mcp.event.subscribe","params":`+params+`}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+cmp.Or(key, g.localKey(t)))
	in := g.do(t, req, func() {})
	in.must(t, `"id":"e","result":{"types":[`)
	return in
}

// listenAs opens the stream of a modern client with a key.
func listenAs(t *testing.T, g *gate, key, notifications string) *incoming {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":` + notifications + `,"_meta":` +
		`{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}`
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Authorization": "Bearer " + key,
		"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen",
	} {
		req.Header.Set(name, value)
	}
	in := g.do(t, req, func() {})
	in.must(t, `acknowledged`)
	return in
}

// TestDialectToolEvents changes the tools of a server: who has asked is told which, and that one is not what it was; who may not
// see a tool is told nothing of it.
func TestDialectToolEvents(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	const one, two = `{"name":"one","inputSchema":{"type":"object"}}`, `{"name":"two","inputSchema":{"type":"object"}}`
	p.setList("tools/list", `{"tools":[`+one+`,`+two+`]}`)
	cfg := configured(t, p.server("up"))
	cfg.APIKey, cfg.Scopes = "a-key-that-sees-only-some", map[string]config.Scope{"invoke:some": {Names: []string{"two", "three"}}}
	g := openWith(t, cfg)
	whole, some := dialectEvents(t, g, "", `{}`), dialectEvents(t, g, cfg.APIKey, `{}`)
	if got := overHTTP(t, g)(`{"jsonrpc":"2.0","id":1,"method":"mcp.tools.list"}`); !strings.Contains(got, `"toolId":"one"`) {
		t.Fatal(got)
	}
	p.setList("tools/list", `{"tools":[{"name":"one","inputSchema":{"type":"object","required":["x"]}},{"name":"three","inputSchema":{"type":"object"}}]}`)
	p.announce(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`, "")
	var events []string
	for range 4 {
		events = append(events, whole.message())
	}
	both := strings.Join(events, "\n")
	for _, want := range []string{
		`"method":"mcp.event.securityAlert"`, `"kind":"drift","server":"up","subject":"one"`, `"subject":"two"`, `"subject":"three"`,
		"parameter `x`: is required now", `"remedy":"sumun alert show `,
		`"method":"mcp.event.toolsChanged","params":{"added":["three"],"removed":["two"],"changed":["one"]}`,
	} {
		if !strings.Contains(both, want) {
			t.Errorf("without %s:\n%s", want, both)
		}
	}
	few := ""
	for !strings.Contains(few, "toolsChanged") || !strings.Contains(few, `"subject":"three"`) {
		next := some.message()
		if next == "" {
			t.Fatalf("the stream of who may see some tools ends after %s", few)
		}
		few += next
	}
	if !strings.Contains(few, `"params":{"added":["three"],"removed":["two"],"changed":[]}`) || !strings.Contains(few, `"subject":"three"`) || strings.Contains(few, `"one"`) {
		t.Errorf("who may not see a tool is told %s", few)
	}
	list := overHTTP(t, g)(`{"jsonrpc":"2.0","id":1,"method":"mcp.tool.describe","params":{"toolId":"one"}}`)
	if !strings.Contains(list, `"schema":{"type":"object","required":["x"]},"checksum":"ff419ebbeba438f66900abe77818ce940702bdfe70fa173cb94beecee8d3f112"`) {
		t.Errorf("the checksum is not that of the schema which was first seen: %s", list)
	}
	if got := overHTTP(t, g)(`{"jsonrpc":"2.0","id":1,"method":"mcp.event.unsubscribe"}`); !strings.Contains(got, `"result":{}`) {
		t.Error(got)
	}
	if left := whole.message(); left != "" {
		t.Errorf("a stream that was unsubscribed goes on with %s", left)
	}
	some.end()
}

// TestDialectResourceEvents subscribes to a resource over HTTP and on a line, each of which is told in its own way.
func TestDialectResourceEvents(t *testing.T) {
	t.Parallel()
	g := openWith(t, speaking(t))
	ask := overHTTP(t, g)
	ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.resource.write","params":{"uri":"cache://notes/a","content":"1"}}`)
	line, res, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(g.url, "http"), &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + g.localKey(t)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		res.Body.Close()
	}
	defer line.CloseNow()
	const subscribe = `{"jsonrpc":"2.0","id":1,"method":"mcp.resource.subscribe","params":{"uri":"cache://notes/a"}}`
	if err := line.Write(t.Context(), websocket.MessageText, []byte(subscribe)); err != nil {
		t.Fatal(err)
	}
	if _, answer, err := line.Read(t.Context()); err != nil || string(answer) != `{"jsonrpc":"2.0","id":1,"result":{}}` {
		t.Fatal(string(answer), err)
	}
	before := ask(subscribe) // is kept for the stream that follows
	if !strings.Contains(before, `"result":{}`) {
		t.Fatal(before)
	}
	in := dialectEvents(t, g, "", `{"types":["resourceUpdated"]}`)
	defer in.end()
	changed := ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.resource.write","params":{"uri":"cache://notes/a","content":"2","ifMatch":"*"}}`)
	if !strings.Contains(changed, `"result":{"etag"`) {
		t.Fatal(changed)
	}
	const want = `"method":"mcp.event.resourceUpdated","params":{"uri":"cache://notes/a"`
	in.must(t, want)
	if _, event, err := line.Read(t.Context()); err != nil || !strings.Contains(string(event), want) {
		t.Errorf("the line is told %s, %v", event, err)
	}
}

// TestDialectLineEvents has a line tell of an event once, however often it was asked to, and right after it was asked.
func TestDialectLineEvents(t *testing.T) {
	t.Parallel()
	g := openWith(t, speaking(t))
	for i := range 20 {
		p, uri := g.pipe(t), fmt.Sprintf(`"uri":"cache://notes/%d"`, i)
		p.exchange(t, `{"jsonrpc":"2.0","id":1,"method":"mcp.resource.subscribe","params":{`+uri+`}}`)
		p.send(t, `{"jsonrpc":"2.0","id":2,"method":"mcp.resource.write","params":{`+uri+`,"content":"1"}}`)
		first, second := p.next(t), p.next(t)
		if both := first + second; !strings.Contains(both, `"method":"mcp.event.resourceUpdated"`) {
			t.Fatalf("the line is told %s", both)
		}
		for _, params := range []string{`{}`, `{"types":["resourceUpdated","resourceUpdated"]}`} {
			if got := p.exchange(t, `{"jsonrpc":"2.0","id":3,"method":"mcp.event.subscribe","params":`+params+`}`); !strings.Contains(got, `"result":{"types":["mcp.event.resourceUpdated"`) {
				t.Fatal(got)
			}
		}
		p.send(t, `{"jsonrpc":"2.0","id":2,"method":"mcp.resource.write","params":{`+uri+`,"content":"2","ifMatch":"*"}}`)
		first, second = p.next(t), p.next(t)
		if both := first + second; strings.Count(both, `"method":"mcp.event.resourceUpdated"`) != 1 || !strings.Contains(both, `"id":2,"result"`) {
			t.Fatalf("the line is told %s", both)
		}
		if got := p.exchange(t, `{"jsonrpc":"2.0","id":4,"method":"mcp.event.subscribe","params":{"types":[]}}`); !strings.Contains(got, `"reason":"invalid-arguments"`) {
			t.Fatal(got)
		}
	}
}

// TestDialectEventsOfKeys takes scopes from a key while it listens, and then the key itself: nothing more is told of what it may not
// see, and then nothing at all.
func TestDialectEventsOfKeys(t *testing.T) {
	t.Parallel()
	cfg := speaking(t)
	cfg.APIKey, cfg.Scopes = "a-key-that-sees-only-some", map[string]config.Scope{"read:notes": {Names: []string{"cache://notes/*"}}}
	g := openWith(t, cfg)
	ask := overHTTP(t, g)
	written := 0
	write := func(name, condition string) {
		t.Helper()
		written++
		got := ask(`{"jsonrpc":"2.0","id":1,"method":"mcp.resource.write","params":{"uri":"cache://notes/` + name + `","content":"` + strconv.Itoa(written) + `"` + condition + `}}`)
		if !strings.Contains(got, `"result"`) {
			t.Fatal(got)
		}
	}
	in := dialectEvents(t, g, cfg.APIKey, `{}`)
	listening := listenAs(t, g, cfg.APIKey, `{"resourceSubscriptions":["cache://notes/a","cache://notes/b"]}`)
	for _, name := range []string{"a", "b"} {
		if got := overHTTPWith(t, g, cfg.APIKey)(`{"jsonrpc":"2.0","id":1,"method":"mcp.resource.subscribe","params":{"uri":"cache://notes/` + name + `"}}`); !strings.Contains(got, `"result":{}`) {
			t.Fatal(got)
		}
		write(name, "")
		in.must(t, `"params":{"uri":"cache://notes/`+name+`"`)
		listening.must(t, `"uri":"cache://notes/`+name+`"`)
	}
	narrowed := *cfg
	narrowed.Scopes = map[string]config.Scope{"read:notes": {Names: []string{"cache://notes/b"}}}
	if err := g.Reload(&narrowed); err != nil {
		t.Fatal(err)
	}
	write("a", `,"ifMatch":"*"`)
	write("b", `,"ifMatch":"*"`)
	in.must(t, `"params":{"uri":"cache://notes/b"`)
	listening.must(t, `"uri":"cache://notes/b"`)
	other := narrowed
	other.APIKey = "another-key-of-the-same-name"
	if err := g.Reload(&other); err != nil {
		t.Fatal(err)
	}
	write("b", `,"ifMatch":"*"`)
	if left := in.message(); left != "" {
		t.Errorf("a key that is not known any more is told %s", left)
	}
	if left := listening.message(); left != "" && !strings.Contains(left, `"error"`) {
		t.Errorf("a key that is not known any more is told in the standard %s", left)
	}
}
