package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// ask makes one request of the gateway and returns a copy of the result.
func (a *app) ask(ctx context.Context, method, name string, params any) ([]byte, error) {
	session, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	return a.askOn(ctx, session, transport.Request{Method: method, Name: name}, params)
}

// askOn makes one request on a session. What the server says meanwhile goes to stderr.
func (a *app) askOn(ctx context.Context, session *transport.Session, r transport.Request, params any) ([]byte, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("writing the parameters: %w", err)
	}
	r.Params = raw
	answer, err := session.Call(ctx, r, &listener{a})
	if err != nil {
		return nil, a.askError(ctx, r, err)
	}
	defer answer.Release()
	if told := answer.Err(session.Revision()); told != nil {
		return nil, a.askError(ctx, r, told)
	}
	return bytes.Clone(answer.Result()), nil
}

// askError gives the failure of a request its exit code and a hint.
func (a *app) askError(ctx context.Context, r transport.Request, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	told := mcp.AsError(err)
	e := &exit.Error{Code: exit.Unreachable, Msg: r.Method, Target: r.Name, Err: err, Hint: "is the gateway running? `sumun doctor` looks for faults"}
	if told == nil {
		return e
	}
	e.Msg, e.Err = strings.TrimPrefix(told.Message, "sumun: "), nil
	switch {
	case isDenied(told):
		e.Code, e.Hint = exit.Denied, "show another key with --key or SUMUN_KEY"
	case reasonOf(told) == mcp.RateLimited:
		e.Code, e.Hint = exit.Denied, hintLimited
	case wire.Get(told.Data, "alert") != nil:
		e.Code, e.Hint = exit.Failed, "sumun alert show "+terminal.Text(told.Data, "alert")
	case told.Code == mcp.CodeInvalidParams || told.Code == mcp.CodeMethodNotFound || told.Code == mcp.CodeResourceNotFound:
		e.Code, e.Hint = exit.Failed, hintFor(r.Method)
	default:
		e.Code, e.Hint = exit.Failed, "`sumun server list` shows how the servers are"
	}
	return e
}

// hintFor is what shows the names that a method takes.
func hintFor(method string) string {
	switch method {
	case mcp.MethodToolsCall:
		return "`sumun tool list` shows the tools, `sumun tool show NAME` what one takes"
	case mcp.MethodPromptsGet:
		return "`sumun prompt list` shows the prompts"
	case mcp.MethodRead:
		return "`sumun resource list` shows the resources"
	}
	return ""
}

// listener tells the person at the terminal what a server says in mid-call.
type listener struct{ app *app }

// Notice writes progress and log messages to stderr.
func (l *listener) Notice(m *wire.Message) {
	text := m.Bytes(m.Member("message"))
	if string(m.MethodName()) == mcp.NoticeMessage {
		text = m.Bytes(m.Member("data"))
	}
	if s, ok := wire.Unquote(text); ok {
		l.app.Note("  %s", terminal.Harmless(s))
	}
}

// Question refuses: the verb was not started to be asked.
func (l *listener) Question(context.Context, *wire.Message) ([]byte, *mcp.Error) {
	return nil, mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "the command line answers no questions")
}

// printRaw prints a JSON value that a server sent, indented.
func (a *app) printRaw(raw []byte) error {
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return fmt.Errorf("printing the answer: %w", err)
	}
	out.WriteByte('\n')
	_, err := a.Data.Write(out.Bytes())
	return err
}
