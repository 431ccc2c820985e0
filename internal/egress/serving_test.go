package egress

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/serving"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A slowReply takes its time to notice that nobody waits for an answer any more.
type slowReply struct {
	reply

	asking, left bool
}

func (r *slowReply) Ask(ctx context.Context, _ []mcp.Question) ([]mcp.Answer, error) {
	r.asking = true
	<-ctx.Done()
	time.Sleep(time.Second)
	r.left = true
	return nil, context.Cause(ctx)
}

// TestServingOutlivesNobody has a call end while a question that came outside of it is put to its client: the reply is used no more
// when the call has ended, since doors use replies again for other clients.
func TestServingOutlivesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const raw = `{"jsonrpc":"2.0","id":1,"method":"roots/list","params":{}}`
		question := new(wire.Message)
		if err := wire.NewScanner(mcp.Vocabulary(), 0).Answer([]byte(raw), question); err != nil {
			t.Fatal(err)
		}
		call, r := toolCall(t, legacy, "x"), &slowReply{}
		call.Capabilities = []byte(`{"roots":{}}`)
		f := newFlow(t.Context(), &server{config: config.Server{MaxRuntime: time.Hour}}, &mcp.Destination{}, call, r)
		defer f.end()
		var s serving.Calls
		l := &link{}
		f.place, f.same = place{link: l}, true
		end := s.Serve(f.ctx, f)
		answered := make(chan bool)
		go func() {
			_, _, ok := s.Ask(t.Context(), question)
			answered <- ok
		}()
		synctest.Wait()
		if !r.asking {
			t.Fatal("the client is not asked")
		}
		end()
		if !r.left {
			t.Error("the reply is still used when the call has ended")
		}
		if !<-answered {
			t.Error("the question belonged to no call")
		}
		if _, _, ok := s.Ask(t.Context(), question); ok {
			t.Error("a question belonged to a call that has ended")
		}
	})
}
