package ingress_test

import (
	"testing"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestPriming begins every stream that can be resumed with an event that a client keeps the id of: it has a data field,
// and an empty one. A replay has it too, and revisions before 2025-11-25 do not have it.
func TestPriming(t *testing.T) {
	const progress = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"progress","_meta":{"progressToken":"t"}}}`
	for revision, primed := range map[string]bool{"2025-11-25": true, "2025-06-18": false} {
		addr := newServer(t).Listener.Addr().String()
		hello := send(t, addr, "POST /mcp\n\n"+
			`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+revision+`","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
		defer hello.Body.Close()
		session := "/mcp\nMcp-Session-Id: " + hello.Header.Get("Mcp-Session-Id") + "\n"
		requests := []string{"POST " + session + "\n" + progress, "GET " + session + "Last-Event-ID: 1-0\n", "GET " + session}
		for i, name := range []string{"call", "replay", "listening"} {
			if !primed && name == "listening" {
				continue // there is nothing to say
			}
			answer := send(t, addr, requests[i])
			defer answer.Body.Close()
			first, err := wire.NewEventReader(answer.Body, 4096).Next()
			if err != nil || !first.HasID {
				t.Fatalf("%s, %s: %+v, %v", revision, name, first, err)
			}
			if got := first.Data != nil && len(first.Data) == 0; got != primed {
				t.Errorf("%s, %s: the first event is %q, primed %v, want %v", revision, name, first.Data, got, primed)
			}
		}
		send(t, addr, "DELETE "+session).Body.Close() // ends the streams
	}
}
