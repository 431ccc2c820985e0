package gateway_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
)

// TestProgressOfNobody has servers tell of progress without saying whose, and of that of a call whose client has come back with a
// request that wants none: neither is told, and all else is.
func TestProgressOfNobody(t *testing.T) {
	t.Parallel()
	far := func(ctx context.Context, t *talk, m message, say func(string)) string {
		token := m.param("_meta", "progressToken")
		say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}`)
		say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + token + `,"progress":2}}`)
		if !t.peer.modern {
			t.ask(ctx, say, "elicitation/create", whoAreYou)
			say(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + token + `,"progress":3}}`)
		}
		return t.text("far")
	}
	for _, modern := range []bool{false, true} {
		t.Run(eraName(modern)+" server", func(t *testing.T) {
			t.Parallel()
			p := startPeer(t, modern)
			p.offer("far", "", far)
			c := open(t, p.server("up")).modernClient(everything)
			in, _ := c.start(t, "tools/call", `{"name":"far","arguments":{},"_meta":{"progressToken":"mine",$META}}`, nil)
			all := in.all()
			if !modern {
				q := pendingOf(t, all[len(all)-1])
				in, _ = c.start(t, "tools/call", q.retry("far", `{"action":"accept"}`), nil)
				all = append(all, in.all()...)
			}
			for _, raw := range all {
				if !json.Valid([]byte(raw)) {
					t.Errorf("not JSON: %s", raw)
				}
			}
			if told := strings.Join(all, "\n"); strings.Count(told, "notifications/progress") != 1 || !strings.Contains(told, `"progressToken":"mine","progress":2`) {
				t.Errorf("the client is told\n%s", told)
			}
			if text := textOf(all[len(all)-1]); text != "far" {
				t.Errorf("the call ends with %s", text)
			}
		})
	}
}
