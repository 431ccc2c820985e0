package credential

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Do sends a call to a server, as egress does.
type Do func(ctx context.Context, d mcp.Destination, call *mcp.Call, reply mcp.Reply) error

const (
	// visitTime is how long a call waits for the person to come back from a login that it has asked for.
	visitTime = 3 * time.Minute
	// mostVisits is how often one call asks for a login: for the first, and for one with more scopes.
	mostVisits = 2
)

// Around returns a Do that asks the client of a call for a login when the server wants one of its caller, and makes the call again
// afterwards. Where the client cannot be asked, the answer says what to do.
func (k *Keeper) Around(next Do) Do {
	return func(ctx context.Context, d mcp.Destination, call *mcp.Call, reply mcp.Reply) error {
		err := next(ctx, d, call, reply)
		for range mostVisits {
			needed, ok := errors.AsType[*LoginError](err)
			if !ok {
				return err
			}
			if needed.Shared || call.Caller == nil || call.Caller.ID != needed.Owner || !takesVisits(call) {
				return tell(ctx, needed, call, reply)
			}
			if err := k.visit(ctx, needed, call, reply); err != nil {
				return err
			}
			err = next(ctx, d, call, reply)
		}
		if needed, ok := errors.AsType[*LoginError](err); ok {
			return tell(ctx, needed, call, reply)
		}
		return err
	}
}

// takesVisits reports whether the client of a call has declared that it can ask its user to visit a URL (client/elicitation).
func takesVisits(call *mcp.Call) bool {
	return call.Revision.ElicitationURL && wire.Get(wire.Get(call.Capabilities, "elicitation"), "url") != nil
}

// An elicitation asks for the visit of a URL.
type elicitation struct {
	Mode    string `json:"mode"`
	ID      string `json:"elicitationId,omitempty"`
	URL     string `json:"url"`
	Message string `json:"message"`
}

// visit asks the client for a login, and waits until that is done.
func (k *Keeper) visit(ctx context.Context, needed *LoginError, call *mcp.Call, reply mcp.Reply) error {
	ticket, err := k.Begin(ctx, call.Caller, needed.Server, nil)
	if err != nil {
		return err
	}
	e := elicitation{Mode: "url", URL: ticket.URL, Message: fmt.Sprintf("Log in to the server %q: %s. Your browser then shows what to do.", needed.Server, needed.Why)}
	if !call.Revision.Stateless {
		e.ID = rand.Text() // the modern era has none
	}
	params, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("writing a question: %w", err)
	}
	answers, err := reply.Ask(ctx, []mcp.Question{{Key: "login", Method: mcp.MethodElicit, Params: params}})
	switch {
	case errors.Is(err, mcp.ErrUnsupported):
		return unasked(needed, &e, call)
	case errors.Is(err, mcp.ErrExpired):
		return mcp.Errorf(mcp.CodeInternal, mcp.Blocked, "the client did not answer in time; server %q still needs a login: sumun server login %s", needed.Server, needed.Server)
	case errors.Is(err, mcp.ErrDeclined), err == nil && !accepted(answers):
		return mcp.Errorf(mcp.CodeInternal, mcp.Cancelled, "the login at server %q was declined", needed.Server)
	case err != nil:
		return err
	}
	if err := k.awaitVisit(ctx, needed.Server, call.Caller, ticket.ID); err != nil {
		return err
	}
	if e.ID != "" {
		raw := wire.AppendQuote([]byte(`{"jsonrpc":"2.0","method":"`+mcp.NoticeElicited+`","params":{"elicitationId":`), e.ID)
		_ = reply.Notify(ctx, notice.Message(append(raw, "}}"...))) // a client that is gone gets no answer either
	}
	return nil
}

// accepted reports whether the user has agreed to visit the URL.
func accepted(answers []mcp.Answer) bool {
	return len(answers) == 1 && answers[0].Err == nil && wire.IsString(wire.Get(answers[0].Result, "action"), "accept")
}

// awaitVisit waits until the login is done.
func (k *Keeper) awaitVisit(ctx context.Context, server string, caller *mcp.Caller, id string) error {
	waiting, cancel := context.WithTimeout(ctx, visitTime)
	defer cancel()
	done, err := k.Await(waiting, caller, id)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case !done:
		return mcp.Errorf(mcp.CodeInternal, mcp.Blocked, "the login at server %q was not finished within %v; finish it and call again", server, visitTime)
	}
	return nil
}

// unasked is the error for a client that takes visits but cannot be asked now: one of the legacy era goes there first, and calls again
// (URLElicitationRequiredError).
func unasked(needed *LoginError, e *elicitation, call *mcp.Call) error {
	refused := mcp.Errorf(mcp.CodeInternal, mcp.Blocked, "%s", needed.Error())
	if call.Revision.Stateless {
		return refused
	}
	data, err := json.Marshal(struct {
		Elicitations []*elicitation `json:"elicitations"`
	}{[]*elicitation{e}})
	if err != nil {
		return fmt.Errorf("writing a question: %w", err)
	}
	refused.Code, refused.Data = mcp.CodeURLElicitation, data
	return refused
}

// tell says that a login is needed: in the result of a tool, so that a model can tell its user, or else as an error, which says nothing
// against the server.
func tell(ctx context.Context, needed *LoginError, call *mcp.Call, reply mcp.Reply) error {
	if call.Method != mcp.MethodToolsCall || call.Dialect != "" {
		return mcp.Errorf(mcp.CodeInternal, mcp.Blocked, "%s", needed.Error())
	}
	value := []byte("{")
	if call.Revision.ResultType {
		value = append(value, `"resultType":"complete",`...)
	}
	value = wire.AppendQuote(append(value, `"isError":true,"content":[{"type":"text","text":`...), needed.Error())
	return reply.Done(ctx, mcp.Own(append(value, "}]}"...)))
}
