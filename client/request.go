package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A request is one call of a method.
type request struct {
	method string
	name   string // of what is addressed; empty for nothing
	params []byte // a JSON object
	header http.Header
	// repeat says that it changes nothing, so that it may be made again when the line broke.
	repeat   bool
	progress func(Progress)
	// meta is members of _meta, as they stand in an object.
	meta []byte
}

// doing tells what is done, for errors.
func (q *request) doing() string {
	if q.name == "" {
		return q.method
	}
	return q.method + " " + q.name
}

// dialect reports whether the request is in the dialect.
func (q *request) dialect() bool { return strings.HasPrefix(q.method, prefix) }

// isAbsent reports whether an error that also stands for bad arguments says that there is nothing of that name: in the words of the
// standard's examples (server/tools and server/prompts, Error Handling), or with the URI of the resource.
func (q *request) isAbsent(e *Error) bool {
	known, _ := mcp.MethodByName(q.method)
	plain := strings.NewReplacer(":", "", `"`, "", "'", "")
	words := plain.Replace(mcp.Absent(known.Kind, q.name, nil).Message)
	return q.name != "" && (strings.EqualFold(plain.Replace(e.Message), words) || wire.IsString(wire.Get(e.Data, "uri"), q.name))
}

// do makes a request and returns a copy of the result, or an error for the caller. It is made again as the package says.
func (c *Client) do(ctx context.Context, q request) (json.RawMessage, error) {
	ctx, end, err := c.begin(ctx, &q)
	if err != nil {
		return nil, err
	}
	defer end()
	for again := true; ; again = false {
		s, err := c.current(ctx)
		if err != nil {
			return nil, failure(ctx, q.doing(), nil, err)
		}
		result, err := c.converse(ctx, s, &q)
		if err == nil {
			return result, nil
		}
		lost, ok := errors.AsType[*transport.LostError](err)
		if !ok || !again || lost.Sent && !q.repeat || ctx.Err() != nil {
			return nil, c.failed(ctx, s, &q, err)
		}
	}
}

// begin notes a call, unless the Client is closed, and returns its context, which ends with the Client and by the Client's own time.
func (c *Client) begin(ctx context.Context, q *request) (_ context.Context, end func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, fmt.Errorf("%s: %w", q.doing(), ErrClosed)
	}
	if c.fault != nil {
		return nil, nil, c.fault
	}
	c.calls.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.root, func() { cancel(ErrClosed) })
	expire := func() {}
	if limit := c.opts.call; limit > 0 && q.method != methodEvents {
		ctx, expire = context.WithTimeoutCause(ctx, limit, &Error{
			Code: mcp.CodeInternal, Reason: string(mcp.Timeout), Message: fmt.Sprintf("no answer within %v", limit), MayHaveRun: !q.repeat,
		})
	}
	return ctx, func() {
		expire()
		stop()
		cancel(nil)
		c.calls.Done()
	}, nil
}

// failed returns the error of a request for the caller.
func (c *Client) failed(ctx context.Context, s *transport.Session, q *request, err error) error {
	err = failure(ctx, q.doing(), s.Revision(), err)
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	if q.repeat {
		e.MayHaveRun = false
	}
	if e.Reason == "" && e.Code == mcp.CodeInvalidParams && q.isAbsent(e) {
		e.Reason = string(mcp.NotFound)
	}
	if q.dialect() && e.Reason == "" {
		e.Reason, e.Message = string(mcp.Unsupported), "the server does not speak the mcp.* dialect of Sumun: "+e.Message
	}
	return err
}

const (
	// mostRounds is how often a server may ask in one call.
	mostRounds = 10
	// mostQuestions is how many things it may ask at once.
	mostQuestions = 64
	// patience is the first wait before a request is made again that only wants patience; it doubles.
	patience = 100 * time.Millisecond
)

// converse makes a request, and again with the answers to what the server asks by the end of its turn (basic/patterns/mrtr).
func (c *Client) converse(ctx context.Context, s *transport.Session, q *request) (json.RawMessage, error) {
	asks := s.Revision().InputRequired
	var more wire.Object // members of the parameters that go back to the server
	for round := range mostRounds {
		result, err := c.ask(ctx, s, q, more)
		if lost, ok := errors.AsType[*transport.LostError](err); ok && round > 0 {
			lost.Sent = true // an earlier round was
		}
		if err != nil || !asks || !wire.IsString(wire.Get(result, "resultType"), "input_required") {
			return result, err
		}
		answers, err := c.consult(ctx, wire.Get(result, "inputRequests"))
		if err == nil && answers == nil {
			err = wait(ctx, patience<<round)
		}
		if err != nil {
			return nil, err
		}
		more = wire.Object{}.Member("inputResponses", answers).Member("requestState", wire.Get(result, "requestState"))
	}
	return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "the server asked more than %d times in one call", mostRounds)
}

// ask makes one request and waits for its answer.
func (c *Client) ask(ctx context.Context, s *transport.Session, q *request, more wire.Object) (json.RawMessage, error) {
	r := transport.Request{Method: q.method, Params: join(q.params, more), Header: q.header, Progress: q.progress != nil}
	if q.dialect() {
		if c.posts(s) {
			return c.post(ctx, q.method, r.Params)
		}
		r.Enveloped = true // with nothing: the dialect is of no era
	}
	if known, ok := mcp.MethodByName(q.method); ok && known.NameMember != "" {
		r.Name = q.name
	}
	if len(q.meta) > 0 {
		r.Params = wire.AppendPatched(nil, r.Params, mcp.AddMeta(r.Params, q.meta))
	}
	a, err := s.Call(ctx, r, sink{client: c, progress: q.progress})
	if err != nil {
		return nil, err
	}
	defer a.Release()
	if told := a.Err(s.Revision()); told != nil {
		return nil, told
	}
	return bytes.Clone(a.Result()), nil
}

// join returns a JSON object with more members, which are the beginning of an object themselves.
func join(params []byte, more wire.Object) []byte {
	if len(more) == 0 {
		return params
	}
	if params = bytes.TrimSpace(params); len(bytes.TrimSpace(params[1:len(params)-1])) == 0 {
		return more.End()
	}
	joined := bytes.Clone(params[:len(params)-1])
	return append(append(append(joined, ','), more.Members()...), '}')
}

// wait waits, unless ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
