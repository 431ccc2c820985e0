package gateway_test

import (
	"cmp"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
)

// noLeak counts goroutines now and returns a function that waits until there are no more than that again. It is for tests
// that run alone.
func noLeak(t *testing.T) func() {
	t.Helper()
	before := runtime.NumGoroutine()
	return func() {
		t.Helper()
		http.DefaultClient.CloseIdleConnections()
		if !settle(10*time.Second, func() bool { return runtime.NumGoroutine() <= before }) {
			buf := make([]byte, 1<<20)
			t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
}

// A badRequest is a request that must be refused.
type badRequest struct {
	name   string
	modern bool
	verb   string // POST
	body   string
	header map[string]string
	status int
	code   int
	says   string // part of the message
}

const goodCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{$META,"a":1},"name":"echo"}}`

func badRequests() []badRequest {
	deep := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":` +
		strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}}`
	large := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"t":"` + strings.Repeat("x", 5<<20) + `"}}}`
	set := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	region := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{$META,"a":1},"name":"region","arguments":{"region":"eu","count":42}}}`
	return []badRequest{
		{name: "invalid UTF-8", body: strings.Replace(goodCall, "echo", "e\xffcho", 1), status: 400, code: -32700, says: "UTF-8"},
		{name: "lone surrogate", body: strings.Replace(goodCall, "echo", `\ud800`, 1), status: 400, code: -32600, says: "surrogate"},
		{name: "trailing bytes", body: goodCall + "{}", status: 400, code: -32700, says: "at byte"},
		{name: "empty", body: "", status: 400, code: -32700},
		{name: "depth", body: deep, status: 400, code: -32700, says: "deep"},
		{name: "large", body: large, status: 413, code: -32600, says: "limits.bodyBytes"},
		{name: "content type", body: goodCall, header: set("Content-Type", "text/plain"), status: 415, code: -32600, says: "Content-Type"},
		{name: "no content type", body: goodCall, header: set("Content-Type", ""), status: 415, code: -32600, says: "Content-Type"},
		{name: "accept", body: goodCall, header: set("Accept", "text/html"), status: 406, code: -32600, says: "Accept"},
		{name: "accept half", body: goodCall, header: set("Accept", "application/json"), status: 406, code: -32600, says: "text/event-stream"},
		{name: "host", body: goodCall, header: set("Origin", "https://evil.example"), status: 403, code: -32600, says: "origins"},
		{name: "bad version", body: goodCall, header: set("Mcp-Protocol-Version", "1999-01-01"), status: 400, code: -32600, says: "1999-01-01"},
		{name: "unknown session", body: goodCall, header: set("Mcp-Session-Id", "AAAAAAAAAAAAAAAAAAAAAAAAAA"), status: 404, code: -32600, says: "initialize"},
		{name: "unknown session's stream", verb: http.MethodGet, header: set("Mcp-Session-Id", "x"), status: 404, code: -32600, says: "session"},
		{name: "unknown session's end", verb: http.MethodDelete, header: set("Mcp-Session-Id", "x"), status: 404, code: -32600, says: "session"},
		{name: "verb", verb: http.MethodPut, body: goodCall, status: 405, code: -32600},
		{name: "unknown event", verb: http.MethodGet, header: set("Last-Event-ID", "zz-9"), status: 404, code: -32600, says: "stream"},
		{name: "unknown method", body: `{"jsonrpc":"2.0","id":1,"method":"tools/explode"}`, status: 200, code: -32601, says: "tools/explode"},
		{name: "unknown tool", body: strings.Replace(goodCall, "echo", "nope", 1), status: 200, code: -32602, says: "nope"},

		{name: "bad version", modern: true, body: goodCall, header: set("Mcp-Protocol-Version", "2031-01-01"), status: 400, code: -32020, says: "2031-01-01"},
		{
			name: "unknown revision", modern: true, body: strings.Replace(goodCall, "$META", `"`+metaPrefix+`protocolVersion":"2031-01-01","`+metaPrefix+`clientCapabilities":{}`, 1),
			header: set("Mcp-Protocol-Version", "2031-01-01"), status: 400, code: -32022, says: "2031-01-01",
		},
		{name: "no version", modern: true, body: goodCall, header: set("Mcp-Protocol-Version", ""), status: 400, code: -32020, says: "missing"},
		{name: "method header", modern: true, body: goodCall, header: set("Mcp-Method", "tools/list"), status: 400, code: -32020, says: "Mcp-Method"},
		{name: "name header", modern: true, body: goodCall, header: set("Mcp-Name", "strict"), status: 400, code: -32020, says: "Mcp-Name"},
		{name: "no name header", modern: true, body: goodCall, header: set("Mcp-Name", ""), status: 400, code: -32020, says: "Mcp-Name"},
		{name: "broken name header", modern: true, body: goodCall, header: set("Mcp-Name", "=?base64?***?="), status: 400, code: -32020, says: "Mcp-Name"},
		{name: "no param header", modern: true, body: region, status: 400, code: -32020, says: "Mcp-Param-Region"},
		{name: "param header", modern: true, body: region, header: set("Mcp-Param-Region", "us", "Mcp-Param-Count", "42"), status: 400, code: -32020, says: "Mcp-Param-Region"},
		{name: "param header's number", modern: true, body: region, header: set("Mcp-Param-Region", "eu", "Mcp-Param-Count", "43"), status: 400, code: -32020, says: "Mcp-Param-Count"},
		{
			name: "param header without its argument", modern: true, body: strings.Replace(region, `,"count":42`, "", 1),
			header: set("Mcp-Param-Region", "eu", "Mcp-Param-Count", "42"), status: 400, code: -32020, says: "Mcp-Param-Count",
		},
		{name: "unknown method", modern: true, body: `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{$META,"a":1}}}`, status: 404, code: -32601, says: "ping"},
		{name: "unknown tool", modern: true, body: strings.Replace(goodCall, "echo", "nope", 1), status: 400, code: -32602, says: "nope"},
		{name: "get", modern: true, verb: http.MethodGet, status: 405, code: -32600},
		{name: "delete", modern: true, verb: http.MethodDelete, status: 405, code: -32600},
		{name: "answer", modern: true, body: `{"jsonrpc":"2.0","id":1,"result":{}}`, status: 400, code: -32600},
	}
}

// TestBadRequest sends what no client should send. Each request is refused with the right status, code and words, the
// server hears of none, nothing is left behind, and good calls are answered all the while.
func TestBadRequest(t *testing.T) {
	check := noLeak(t)
	p := startPeer(t, false)
	g := open(t, p.server("up"))
	old, young := g.legacy(t, "{}"), g.modernClient("{}")
	for _, r := range badRequests() {
		t.Run(eraName(r.modern)+" "+r.name, func(t *testing.T) {
			c := old
			if r.modern {
				c = young
			}
			if r.verb == "" {
				r.verb = http.MethodPost
			}
			in := c.send(t, r.verb, c.meta(r.body), r.header)
			answer := in.last(t)
			code, says := fault(answer)
			if in.status != r.status || code != r.code || !strings.Contains(says, r.says) {
				t.Errorf("got %d %s\nwant %d, code %d and %q", in.status, answer, r.status, r.code, r.says)
			}
			if n := p.count("tools/call"); n != 0 {
				t.Error("the server was called")
			}
			p.forget()
			if text := c.call(t, "echo"); !strings.Contains(text, `"name":"echo"`) {
				t.Errorf("a good call afterwards: %s", text)
			}
			p.forget()
		})
	}
	g.stop()
	p.web.CloseClientConnections()
	p.web.Close()
	check()
}

// forget forgets what the peer was sent.
func (p *peer) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = nil
}

// TestForeignSession uses one caller's session with the key of another.
func TestForeignSession(t *testing.T) {
	t.Parallel()
	p := startPeer(t, false)
	cfg := configured(t, p.server("up"))
	cfg.Anonymous, cfg.APIKey = false, "a-key-of-the-configuration"
	g := openWith(t, cfg)
	mine := g.legacyWithKey(t, "{}", cfg.APIKey)
	theirs := *mine
	theirs.key = readKey(t, cfg)
	for _, verb := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
		in := theirs.send(t, verb, theirs.meta(goodCall), nil)
		if code, _ := fault(in.last(t)); in.status != http.StatusForbidden || code != -32600 {
			t.Errorf("%s: status %d, code %d", verb, in.status, code)
		}
	}
	nobody := *mine
	nobody.key = "wrong"
	if in := nobody.post(t, `{"jsonrpc":"2.0","id":1,"method":"ping"}`, nil); in.status != http.StatusUnauthorized || in.header.Get("WWW-Authenticate") == "" {
		t.Errorf("a wrong key: %d %v", in.status, in.header)
	}
	if text := mine.call(t, "echo"); !strings.Contains(text, "echo") {
		t.Errorf("the session's own caller: %s", text)
	}
	if n := p.count("tools/call"); n != 1 {
		t.Errorf("the server was called %d times", n)
	}
}

// TestBrokenServer calls a server that breaks the rules in every way, over HTTP and on a pipe, in both eras. The client
// gets an answer or a clear error, and a second server behind the same gate answers as if nothing had happened.
func TestBrokenServer(t *testing.T) {
	check := noLeak(t)
	t.Run("all", func(t *testing.T) {
		for _, era := range []string{"legacy", "modern"} {
			for _, carrier := range []string{"http", "pipe"} {
				t.Run(era+" "+carrier, func(t *testing.T) {
					t.Parallel()
					breakServer(t, era, carrier)
				})
			}
		}
	})
	check()
}

// faults are what the tools of a broken server lead to: the text of an answer, or of an error with that code.
var faults = []struct {
	tool string
	code int
	says string
	pipe string // what an error on a pipe says, where that is something else
}{
	{tool: "noise", says: "after the noise"},
	{tool: "stray", says: "asked"},
	{tool: "twice", says: "first"},
	{tool: "flood", says: "flooded"},
	{tool: "rubbish", code: -32603, says: `"bad" answered with what is not a JSON-RPC message`, pipe: "was silent for"},
	{tool: "duplicate", code: -32603, says: `"bad" answered with what is not a JSON-RPC message`},
	{tool: "forever", code: -32603, says: `"bad" was silent for 1.5s`},
	{tool: "die", code: -32603, says: `"bad"`},
}

func breakServer(t *testing.T, era, carrier string) {
	t.Helper()
	good := startPeer(t, true)
	fine := good.server("good")
	fine.Prefix = "good"
	bad, told := brokenServer(t, era, carrier)
	bad.Tools.Timeout = 1500 * time.Millisecond
	g := open(t, bad, fine)
	c := g.modernClient("{}")
	if era == "legacy" {
		c = g.legacy(t, "{}")
	}
	for _, f := range faults {
		start := time.Now()
		answer := c.ask(t, "tools/call", `{"name":"`+f.tool+`","arguments":{}}`)
		says := f.says
		if carrier == "pipe" && f.pipe != "" {
			says = f.pipe
		}
		code, message := fault(answer)
		if code != f.code || f.code == 0 && textOf(answer) != says && !strings.Contains(textOf(answer), says) || !strings.Contains(message, says) && f.code != 0 {
			t.Errorf("%s: %s\nwant code %d and %q", f.tool, answer, f.code, says)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: took %v", f.tool, took)
		}
		if f.tool == "forever" {
			eventually(t, "the server is told that its answer is not wanted any more", told)
		}
		if text := c.call(t, "good.echo"); !strings.Contains(text, "echo") {
			t.Errorf("%s: the other server answers %s", f.tool, text)
		}
	}
	eventually(t, "the broken server comes back", func() bool { return strings.Contains(c.call(t, "echo"), `"name":"echo"`) })
	g.stop()
	good.web.CloseClientConnections()
	good.web.Close()
}

// brokenServer returns the server, and whether it was told that an answer is not wanted any more.
func brokenServer(t *testing.T, era, carrier string) (s config.Server, told func() bool) {
	t.Helper()
	if carrier == "pipe" {
		p := newPipePeer(t, era)
		return p.server("bad"), func() bool { return strings.Contains(p.all(), "\ncancelled\n") }
	}
	p := startPeer(t, era == "modern")
	return p.server("bad"), func() bool { return p.count("cancelled") > 0 }
}

// TestMissingServers opens a gate with servers that cannot be started or reached, beside one that can.
func TestMissingServers(t *testing.T) {
	check := noLeak(t)
	t.Run("all", func(t *testing.T) {
		p := startPeer(t, false)
		missing := config.NewServer("missing")
		missing.Command = "/nonexistent/program"
		silent := config.NewServer("silent")
		silent.URL = "http://" + closedPort(t) + "/mcp"
		mute := config.NewServer("mute")
		mute.Command, mute.Args, mute.StartTimeout = "sh", []string{"-c", "cat >/dev/null"}, 300*time.Millisecond
		g := open(t, missing, silent, mute, p.server("up"))
		warnings := strings.Join(g.Settled(t.Context()).Warnings, "\n")
		for _, name := range []string{"missing", "silent", "mute"} {
			if !strings.Contains(warnings, "server "+name+" does not answer") {
				t.Errorf("no warning of %s in %s", name, warnings)
			}
		}
		c := g.legacy(t, "{}")
		if text := c.call(t, "echo"); !strings.Contains(text, "echo") {
			t.Errorf("the server that is there: %s", text)
		}
		if list := c.ask(t, "tools/list", "{}"); !strings.Contains(list, `"echo"`) {
			t.Errorf("the list: %s", list)
		}
		if code, says := fault(c.ask(t, "tools/call", `{"name":"missing.tool"}`)); code != -32602 || !strings.Contains(says, "missing.tool") {
			t.Errorf("a tool of the missing server: %d %s", code, says)
		}
		g.stop()
		p.web.CloseClientConnections()
		p.web.Close()
	})
	check()
}

// closedPort is an address at which nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestRefusedUnread tells why a message is refused that is not read, as the dialect wants it: nobody knows yet who speaks.
func TestRefusedUnread(t *testing.T) {
	t.Parallel()
	cfg := configured(t)
	cfg.Anonymous, cfg.APIKey = false, "a-key-of-the-configuration"
	g := openWith(t, cfg)
	tests := []struct {
		name, verb, key, body, reason string
		header                        map[string]string
	}{
		{name: "a wrong key", key: "wrong", body: `{}`, reason: "unauthenticated"},
		{name: "a page of another origin", header: map[string]string{"Origin": "https://elsewhere.example"}, reason: "forbidden"},
		{name: "no JSON", body: `{"jsonrpc":`, reason: "invalid-arguments"},
		{name: "no message", body: `{"jsonrpc":"2.0"}`, reason: "invalid-arguments"},
		{name: "another media type", header: map[string]string{"Content-Type": "text/plain"}, reason: "invalid-arguments"},
		{name: "an empty array", body: `[]`, reason: "invalid-arguments"},
		{name: "another method of HTTP", verb: http.MethodPut, reason: "not-found"},
	}
	for _, tt := range tests {
		c := &client{gate: g, key: cmp.Or(tt.key, cfg.APIKey)}
		in := c.send(t, cmp.Or(tt.verb, http.MethodPost), cmp.Or(tt.body, `{"jsonrpc":"2.0","id":1,"method":"mcp.server.info"}`), tt.header)
		if answer := in.last(t); in.status < 400 || !strings.Contains(answer, `"data":{"reason":"`+tt.reason+`"}`) {
			t.Errorf("%s: %d %s", tt.name, in.status, answer)
		}
	}
}
