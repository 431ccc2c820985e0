package pipe_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/doortest"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// What a notification of the dialect asks for may take long: the line is read all the same, and its end is noticed.
func TestPipeReadsBehindDialectNotices(t *testing.T) {
	begun := make(chan string, 10)
	p := newPipe(t, func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if call.Refused != nil {
			return call.Refused
		}
		if call.Request.ID.Ok() {
			return reply.Done(ctx, mcp.Own([]byte(`{}`)))
		}
		begun <- call.Method
		<-ctx.Done()
		return ctx.Err()
	}, 50*time.Millisecond)
	p.send(`{"jsonrpc":"2.0","method":"mcp.tool.invoke","params":{"toolId":"slow"}}`,
		`{"jsonrpc":"2.0","method":"mcp.event.subscribe"}`,
		`{"jsonrpc":"2.0","id":1,"method":"mcp.server.info"}`)
	if got := p.next(); !strings.Contains(got, `"id":1`) {
		t.Errorf("answer = %s", got)
	}
	if got := <-begun; got != mcp.MethodToolsCall {
		t.Errorf("begun = %s", got)
	}
	p.in.Close()
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		t.Error("the line does not end")
	}
	if len(begun) > 0 {
		t.Errorf("a stream of events was begun for nobody: %s", <-begun)
	}
}

// Who was refused a stream of events is given one all the same when it subscribes to a resource.
func TestPipeHearsAfterRefusal(t *testing.T) {
	heard := make(chan string, 10)
	p := newPipe(t, func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		switch {
		case call.Refused != nil:
			return call.Refused
		case call.Method != mcp.MethodSubscribeEvents:
			return reply.Done(ctx, mcp.Own([]byte(`{}`)))
		case string(call.Member("types")) == `["none"]`:
			return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "there is no such event")
		}
		heard <- string(call.Member("types"))
		if err := doortest.Notify(ctx, reply, `{"jsonrpc":"2.0","method":"`+mcp.NoticeSubscribed+`","params":{"types":[]}}`); err != nil {
			return err // the answer to the subscription waits until the stream has begun
		}
		<-ctx.Done()
		return nil
	}, 50*time.Millisecond)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"mcp.event.subscribe","params":{"types":["none"]}}`)
	if got := p.next(); !strings.Contains(got, "no such event") {
		t.Errorf("answer = %s", got)
	}
	for deadline := time.Now().Add(5 * time.Second); len(heard) == 0 && time.Now().Before(deadline); {
		p.send(`{"jsonrpc":"2.0","id":2,"method":"mcp.resource.subscribe","params":{"uri":"a:b"}}`)
		p.next()
	}
	if len(heard) != 1 {
		t.Errorf("%d streams, want 1", len(heard))
	}
}

// Why a message is refused that is not read is told as the dialect wants it: nobody knows who speaks.
func TestPipeRefusesUnread(t *testing.T) {
	p := newPipe(t, func(_ context.Context, call *mcp.Call, _ mcp.Reply) error { return call.Refused }, 50*time.Millisecond)
	for _, bad := range []string{`{"jsonrpc":`, `{"jsonrpc":"2.0","id":1}`, `[]`} {
		p.send(bad)
		if got := p.next(); !strings.Contains(got, `"data":{"reason":"invalid-arguments"}`) {
			t.Errorf("%s: answer = %s", bad, got)
		}
	}
}
