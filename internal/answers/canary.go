package answers

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

const (
	// tick is how often it is looked whether canaries are due, and firstAfter how long after the start they are at the latest.
	tick       = time.Minute
	firstAfter = 5 * time.Minute
	// patience is how long one server may take.
	patience = 3 * time.Minute
)

// Canaries are questions with random texts to tools that change nothing: what comes back unasked stands out.
type Canaries struct {
	// Every returns how often each server is asked now; 0 never.
	Every func() time.Duration
	// Servers returns the names of the servers to ask.
	Servers func() []string
	// Ask asks one, in rounds, and returns what it answered. What it has answered before an error counts.
	Ask func(ctx context.Context, server string) ([]trust.Answer, error)
}

// Watch asks servers from now on, until Close. It is called once at most.
func (a *Answers) Watch(ctx context.Context, c Canaries) {
	if a.watch == nil {
		return
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	a.watch.ends = append(a.watch.ends, end)
	a.watch.running.Go(func() { a.ask(ctx, c) })
}

// ask asks all servers whenever it is time.
func (a *Answers) ask(ctx context.Context, c Canaries) {
	begun, last := time.Now(), time.Time{}
	for every := c.Every(); ; every = c.Every() {
		wake := time.NewTimer(tick)
		if every > 0 {
			wake.Reset(min(every, tick))
		}
		select {
		case <-ctx.Done():
			wake.Stop()
			return
		case <-wake.C:
		}
		if every <= 0 || last.IsZero() && time.Since(begun) < min(every, firstAfter) || !last.IsZero() && time.Since(last) < every {
			continue
		}
		last = time.Now()
		for _, server := range c.Servers() {
			a.askOne(ctx, c, server)
		}
	}
}

// askOne asks one server and judges what it answers.
func (a *Answers) askOne(ctx context.Context, c Canaries, server string) {
	if ctx.Err() != nil {
		return
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := c.Ask(asking, server)
	if err != nil && ctx.Err() == nil {
		a.Log.WarnContext(ctx, "a server was not asked to the end whether its answers say more than they should", slog.String("server", server), slog.Any("error", err))
	}
	a.judge(ctx, &trust.Subject{Name: server, Answers: all})
}

// callPatience is how long one call of a canary may take.
const callPatience = 30 * time.Second

// A Caller calls the tools of one server as the gateway itself.
type Caller struct {
	// Tools yields the server's tools: the name that it has for each, the full name, and the tool as the server says it.
	Tools func(yield func(own, full string, said []byte) bool)
	// Handler is what the calls go through; Info is what the gateway says of itself, a JSON object.
	Handler mcp.Handler
	Info    []byte
}

// List returns the tools that the server offers now.
func (c *Caller) List(context.Context) ([]json.RawMessage, error) {
	var tools []json.RawMessage
	c.Tools(func(_, _ string, said []byte) bool {
		tools = append(tools, said)
		return true
	})
	return tools, nil
}

// Doubted returns a tool, an element of tools/list, without its word that it only reads.
func Doubted(tool []byte) []byte {
	at := member(tool, "annotations")
	if !at.Ok() {
		return tool
	}
	hint := member(tool[at.Start:at.End], "readOnlyHint")
	if !hint.Ok() || string(tool[at.Start+hint.Start:at.Start+hint.End]) != "true" {
		return tool
	}
	return wire.AppendPatched(nil, tool, wire.Patch{Span: wire.Span{Start: at.Start + hint.Start, End: at.Start + hint.End}, With: []byte("null")})
}

// Call calls a tool by the name that the server has for it, and returns the text of its answer and whether it is an error. Its own error
// says that nothing came back.
func (c *Caller) Call(ctx context.Context, tool string, arguments json.RawMessage) (text string, failed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	full := ""
	c.Tools(func(own, name string, _ []byte) bool {
		if own == tool {
			full = name
		}
		return full == ""
	})
	if full == "" {
		return "", false, mcp.Absent(mcp.Tool, tool, mcp.Latest())
	}
	return c.call(ctx, full, arguments)
}

// call calls a tool by its full name.
func (c *Caller) call(ctx context.Context, name string, arguments json.RawMessage) (text string, failed bool, err error) {
	params := wire.Object(nil).Text("name", name).Member("arguments", arguments).End()
	request := wire.Object(nil).Text("jsonrpc", "2.0").Member("id", []byte("1")).Text("method", mcp.MethodToolsCall).Member("params", params).End()
	call := &mcp.Call{
		Caller: &mcp.Caller{ID: "canary", View: &mcp.View{Whole: true}}, Revision: mcp.Latest(), Capabilities: []byte("{}"), ClientInfo: c.Info,
		Method: mcp.MethodToolsCall, Name: name, Request: new(wire.Message), Transport: "inproc",
	}
	if err := wire.NewScanner(mcp.Vocabulary(), 0).Request(request, call.Request); err != nil {
		return "", false, err
	}
	h := &heard{}
	if err := c.Handler.Handle(ctx, call, h); err != nil {
		e := mcp.AsError(err)
		if e == nil || e.Raw == nil {
			return "", false, err
		}
		return e.Message, true, nil
	}
	return h.text, h.failed, nil
}

// heard is the Reply of a call that the gateway makes itself. It keeps the text of the result, of a long one its begin and its end, and
// answers no questions.
type heard struct {
	text   string
	failed bool
}

// Notify heeds no notice.
func (*heard) Notify(context.Context, *wire.Message) error { return nil }

// Ask answers no question.
func (*heard) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

// Done keeps the text.
func (h *heard) Done(_ context.Context, result *mcp.Result) error {
	h.text, h.failed = textOf(result.Value), isError(result.Value)
	return nil
}
