package dialogue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A hasty client hangs up as soon as it has read an answer, before its request has ended.
type hasty struct {
	dialogue.NoReply

	hangUp context.CancelFunc
	err    error // of writing to it
	heard  string
}

func (h *hasty) Done(_ context.Context, result *mcp.Result) error {
	h.heard = string(result.Value)
	h.hangUp()
	time.Sleep(10 * time.Millisecond) // so that whoever watches the connection has seen it
	return h.err
}

// openParking returns a parking.
func openParking(t *testing.T) *dialogue.Parking {
	t.Helper()
	sealer, err := session.NewSealer(session.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	p := dialogue.NewParking(t.Context(), session.ParkingOptions{Sealer: sealer, Instance: "here", Patience: time.Minute})
	t.Cleanup(func() { p.Close() })
	return p
}

// toolCall returns a call of a modern client that can be asked, with more members of its params.
func toolCall(t *testing.T, more string) *mcp.Call {
	t.Helper()
	raw := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{%q:{"elicitation":{}}}%s}}`, mcp.MetaCapabilities, more)
	m := new(wire.Message)
	if err := dialogue.Scan([]byte(raw), m); err != nil {
		t.Fatal(err)
	}
	call := &mcp.Call{Request: m, Method: mcp.MethodToolsCall, Revision: mcp.Latest(), Caller: &mcp.Caller{ID: "ada"}}
	if err := dialogue.FillModern(call); err != nil {
		t.Fatal(err)
	}
	return call
}

// asking is a handler that asks once and answers with what it was told.
var asking = mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
	answers, err := reply.Ask(ctx, []mcp.Question{{Method: mcp.MethodElicit, Params: []byte(`{}`)}})
	if err != nil {
		return err
	}
	return reply.Done(ctx, mcp.Own(answers[0].Result))
})

// TestHangUp lets a client hang up once it has read the questions: it has not left, it brings the answers on another connection.
func TestHangUp(t *testing.T) {
	p := openParking(t)
	ctx, hangUp := context.WithCancel(t.Context())
	client := &hasty{hangUp: hangUp}
	if err := dialogue.Handle(ctx, p, asking, toolCall(t, ""), client); err != nil {
		t.Fatal(err)
	}
	_, state, _ := strings.Cut(client.heard, `"requestState":`)
	retry := toolCall(t, `,"inputResponses":{"1":{"action":"accept"}},"requestState":`+strings.TrimSuffix(state, "}"))
	if err := dialogue.Resume(p, retry); err != nil {
		t.Fatal(err)
	}
	ctx, hangUp = context.WithCancel(t.Context())
	client = &hasty{hangUp: hangUp}
	if err := retry.Resume.Continue(ctx, client); err != nil || client.heard != `{"action":"accept"}` {
		t.Errorf("the call ended with %v, and said %q", err, client.heard)
	}
}

// TestUnreachable wants a call cancelled whose client could not be given the questions.
func TestUnreachable(t *testing.T) {
	p := openParking(t)
	why := errors.New("the connection is broken")
	ended := make(chan error, 1)
	handler := mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		ended <- asking(ctx, call, reply)
		return nil
	})
	ctx, hangUp := context.WithCancel(t.Context())
	err := dialogue.Handle(ctx, p, handler, toolCall(t, ""), &hasty{hangUp: hangUp, err: why})
	if !errors.Is(err, why) {
		t.Errorf("the turn ended with %v", err)
	}
	if got := <-ended; !errors.Is(got, why) {
		t.Errorf("the call ended with %v", got)
	}
}
