// Package doortest is the house behind a door, for the tests of doors: tools whose names say what they do.
package doortest

import (
	"context"
	"errors"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Answer answers a call: initialize, a call of one of the tools, a stream that says nothing until its client leaves, and everything
// else with an empty result.
func Answer(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if call.Refused != nil {
		return call.Refused
	}
	switch call.Method {
	case mcp.MethodInitialize:
		return reply.Done(ctx, mcp.Own([]byte(`{"protocolVersion":"`+call.Revision.Name+`"}`)))
	case mcp.MethodToolsCall:
		return callTool(ctx, call, reply)
	case mcp.MethodListen:
		<-ctx.Done()
		return ctx.Err()
	case mcp.NoticeInitialized, mcp.NoticeRoots:
		return nil
	}
	return reply.Done(ctx, mcp.Own([]byte(`{}`)))
}

func callTool(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	legacy, modern := mcp.LatestLegacy(), mcp.Latest()
	switch call.Name {
	case "echo":
		return relay(ctx, reply, legacy, `{"x":1,"result":{"content":[ ],"n":1.10},"jsonrpc":"2.0","id":77}`)
	case "echo-modern":
		return relay(ctx, reply, modern, `{"jsonrpc":"2.0","id":77,"result":{"resultType":"complete","content":[],"structuredContent":[1],"_meta":{"a":1,"io.modelcontextprotocol/serverInfo":{"name":"u","version":"2"}}}}`)
	case "progress":
		if err := Notify(ctx, reply, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":5,"progress":1}}`); err != nil {
			return err
		}
		return relay(ctx, reply, call.Revision, `{"jsonrpc":"2.0","id":77,"result":{"content":[]}}`)
	case "long":
		for range 2 {
			err := Notify(ctx, reply, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":5,"message":"`+strings.Repeat("x", 300)+`"}}`)
			if err != nil {
				return err
			}
		}
		return relay(ctx, reply, call.Revision, `{"jsonrpc":"2.0","id":77,"result":{"content":[{"type":"text","text":"`+strings.Repeat("y", 200)+`"}]}}`)
	case "ask":
		answers, err := reply.Ask(ctx, []mcp.Question{{Key: "a", Method: mcp.MethodElicit, Params: []byte(`{"message":"?"}`)}})
		if err != nil {
			return mcp.Errorf(mcp.CodeInternal, mcp.Unsupported, "%v", err)
		}
		return reply.Done(ctx, mcp.Own(answers[0].Result))
	case "missing":
		return &mcp.Error{Raw: []byte(`{"code":-32002,"message":"gone","data":{"uri":"x"}}`), Code: -32002, Message: "gone", Data: []byte(`{"uri":"x"}`), Revision: legacy}
	case "broken":
		return errors.New("a secret of ours")
	}
	return mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "unknown tool: %s", call.Name)
}

func relay(ctx context.Context, reply mcp.Reply, r *mcp.Revision, raw string) error {
	m := new(wire.Message)
	if err := scanner.Answer([]byte(raw), m); err != nil {
		return err
	}
	return reply.Done(ctx, &mcp.Result{Message: m, Value: m.Bytes(m.Result), Revision: r})
}

// Notify sends a notification as a server wrote it.
func Notify(ctx context.Context, reply mcp.Reply, raw string) error {
	m := new(wire.Message)
	if err := scanner.Answer([]byte(raw), m); err != nil {
		return err
	}
	return reply.Notify(ctx, m)
}

var scanner = wire.NewScanner(mcp.Vocabulary(), 512)
