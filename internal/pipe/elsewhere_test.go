package pipe_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/doortest"
	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/pipe"
)

// behind is what a bridge leads to: it says what it was asked, and streams events.
func behind(t *testing.T) *line.Post {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		text := string(body)
		switch {
		case r.Header.Get("Authorization") != "Bearer key":
			w.WriteHeader(http.StatusUnauthorized)
		case strings.Contains(text, "mcp.event.subscribe") && strings.Contains(r.Header.Get("Accept"), "text/event-stream"):
			w.Header().Set("Content-Type", "text/event-stream")
			_, id, _ := strings.Cut(text, `"id":`)
			id, _, _ = strings.Cut(id, ",")
			fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"types\":[]}}\n\n", id)
			fmt.Fprint(w, ": keep-alive\n\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"mcp.event.resourceUpdated\",\"params\":{\"uri\":\"a:b\"}}\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case strings.Contains(text, "mcp.broken"):
			http.Error(w, "<html>", http.StatusBadGateway)
		case strings.Contains(text, "mcp.other"):
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":99,"result":{}}`)
		default:
			_, id, _ := strings.Cut(text, `"id":`)
			id, _, _ = strings.Cut(id, ",")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"n":1.10}}`+"\n", id)
		}
	}))
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	address, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	return &line.Post{Options: line.Options{
		URL: address, Header: http.Header{"Authorization": {"Bearer key"}}, RoundTripper: http.DefaultTransport, MaxMessage: 1 << 16,
	}}
}

// TestElsewhere has the gateway behind a bridge answer the dialect, and what is no answer told as such; the standard is answered here.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	post := behind(t)
	p := newPipeWith(t, doortest.Answer, 0, func(o *pipe.Options) { o.Elsewhere = post })
	for _, c := range [][2]string{
		{`{"jsonrpc":"2.0","id":"a","method":"mcp.tool.list"}`, `{"jsonrpc":"2.0","id":"a","result":{"n":1.10}}`},
		{`{"jsonrpc":"2.0","id":2,"method":"mcp.broken.gate"}`, `{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"the gateway does not answer: 502 Bad Gateway","data":{"reason":"upstream"}}}`},
		{`{"jsonrpc":"2.0","id":3,"method":"mcp.other.id"}`, `{"jsonrpc":"2.0","id":3,"error":{"code":-32603,"message":"the gateway does not answer: 200 OK","data":{"reason":"upstream"}}}`},
		{`{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`, `{"jsonrpc":"2.0","id":"i","result":{"protocolVersion":"2025-11-25"}}`},
		{`{"jsonrpc":"2.0","id":4,"method":"mcp.event.subscribe","params":{}}`, `{"jsonrpc":"2.0","id":4,"result":{"types":[]}}`},
	} {
		p.send(c[0])
		if got := p.next(); got != c[1] {
			t.Errorf("%s\nis answered with %s\nwant %s", c[0], got, c[1])
		}
	}
	const event = `{"jsonrpc":"2.0","method":"mcp.event.resourceUpdated","params":{"uri":"a:b"}}`
	if got := p.next(); got != event {
		t.Error(got)
	}
	post.Header.Set("Authorization", "Bearer wrong")
	p.send(`{"jsonrpc":"2.0","id":5,"method":"mcp.tool.list"}`)
	if got := p.next(); !strings.Contains(got, `"id":5,"error"`) || !strings.Contains(got, "401") {
		t.Error(got)
	}
}

// TestElsewhereWatch subscribes to a resource across a bridge: its events come although nobody asked for a stream.
func TestElsewhereWatch(t *testing.T) {
	t.Parallel()
	post := behind(t)
	p := newPipeWith(t, doortest.Answer, 0, func(o *pipe.Options) { o.Elsewhere = post })
	p.send(`{"jsonrpc":"2.0","id":1,"method":"mcp.resource.subscribe","params":{"uri":"a:b"}}`)
	got := p.next() + "\n" + p.next()
	if !strings.Contains(got, `{"jsonrpc":"2.0","id":1,"result":{"n":1.10}}`) || !strings.Contains(got, "mcp.event.resourceUpdated") || strings.Contains(got, "types") {
		t.Error(got)
	}
}
