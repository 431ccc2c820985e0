package egress

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// BenchmarkDo measures one call out and its answer, the server's share included.
func BenchmarkDo(b *testing.B) {
	for _, events := range []bool{false, true} {
		b.Run(fmt.Sprintf("http, events %v", events), func(b *testing.B) {
			var connections atomic.Int64
			web := httptest.NewUnstartedServer(answerer(events))
			web.Config.ConnState = func(_ net.Conn, s http.ConnState) {
				if s == http.StateNew {
					connections.Add(1)
				}
			}
			web.Start()
			defer web.Close()
			benchmark(b, atURL("srv", web.URL), nil)
			if n := connections.Load(); n > 20 {
				b.Errorf("%d connections", n)
			}
		})
	}
	b.Run("in process", func(b *testing.B) { benchmark(b, config.Server{}, newSDK()) })
	b.Run("stdio", func(b *testing.B) { benchmark(b, stdio("srv"), nil) })
}

func benchmark(b *testing.B, c config.Server, in *sdk.Server) {
	b.Helper()
	p := New(b.Context(), Options{})
	defer p.Close(b.Context())
	if in != nil {
		p.Update(nil, map[string]*sdk.Server{"srv": in})
	} else {
		p.Update([]config.Server{c}, nil)
	}
	revision := modern
	if c.Command != "" {
		revision = legacy
	}
	call := &mcp.Call{
		Revision: mcp.ParseRevision(revision), Method: mcp.MethodToolsCall, Name: "srv.echo", Request: &wire.Message{},
		ClientInfo: []byte(`{"name":"c","version":"1"}`),
	}
	raw := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"srv.echo","arguments":{"text":"hi"},"_meta":{"progressToken":1,` + modernMeta + `}}}`
	if err := scanner.Request([]byte(raw), call.Request); err != nil {
		b.Fatal(err)
	}
	d, r := mcp.Destination{Server: "srv", Name: "echo"}, &discard{}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Do(b.Context(), d, call, r); err != nil {
			b.Fatal(err)
		}
	}
}

// discard is a reply that nobody reads.
type discard struct{ mcp.Reply }

// answerer is a modern server that answers every call alike, as JSON or as events.
func answerer(events bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		method, _ := wire.Unquote(wire.Get(body, "method"))
		result := `{"content":[{"type":"text","text":"ok"}]}`
		if method == mcp.MethodDiscover {
			result = `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}`
		}
		message := `{"jsonrpc":"2.0","id":` + string(wire.Get(body, "id")) + `,"result":` + result + `}`
		if events {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: "+message+"\n\n")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, message)
	})
}

// Done drops the result.
func (discard) Done(context.Context, *mcp.Result) error { return nil }
