package guard

import (
	"context"
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/redact"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// check looks at what a server has said, and returns what is passed on in its place, nil if it is passed on as it is. Refused says why it
// must not be.
func (w *watch) check(ctx context.Context, side *side, value []byte, p part) (clean []byte, refused *mcp.Error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begin()
	clean = w.value(side, value, p)
	w.conclude("/"+p.name, side.secrets == replace)
	w.tell(ctx)
	if w.report.Refused > 0 {
		return nil, w.refusal("the "+p.name+" is withheld", mcp.CodeInternal, mcp.Upstream)
	}
	return clean, nil
}

// Done passes a result on, without what must not be in it.
func (w *watch) Done(ctx context.Context, result *mcp.Result) error {
	side := &w.sides.results
	p := part{name: "result", values: side.ruled() && promised(result.Value) && !about(w.call.Method)}
	if w.call.Method == mcp.MethodTaskGet && side.ruled() {
		inlined, refused := w.inlined(ctx, result)
		if refused != nil {
			return effective(refused)
		}
		result = inlined
	}
	clean, refused := w.check(ctx, side, result.Value, p)
	if refused != nil {
		return effective(refused)
	}
	if clean != nil {
		cleaned, err := result.With(w.guard.scanner, clean)
		if err != nil {
			return mcp.Errorf(mcp.CodeInternal, mcp.Blocked, "the result is withheld: it holds secrets where they cannot be taken out")
		}
		result = cleaned
	}
	return w.reply.Done(ctx, result)
}

// about reports whether the results of a method are not those of what is addressed, but tell of it.
func about(method string) bool {
	switch method {
	case mcp.MethodComplete, mcp.MethodTaskGet, mcp.MethodTaskUpdate, mcp.MethodTaskCancel:
		return true
	}
	return false
}

// inlined holds the result of a tool that stands in the state of its task, as the modern era has it, to what is said of single values.
func (w *watch) inlined(ctx context.Context, result *mcp.Result) (*mcp.Result, *mcp.Error) {
	inner := wire.Get(result.Value, "result")
	if inner == nil || !promised(inner) {
		return result, nil
	}
	rules := side{values: w.sides.results.values, schemas: w.sides.results.schemas}
	clean, refused := w.check(ctx, &rules, inner, part{name: "result", values: true})
	if clean == nil {
		return result, refused
	}
	var o wire.Object
	for key, member := range wire.Members(result.Value) {
		if string(key) == "result" {
			member = clean
		}
		name, _ := wire.Unquote(append(append([]byte{'"'}, key...), '"'))
		o = o.Member(name, member)
	}
	held := *result
	held.Value, held.Message, held.Sum = o.End(), nil, nil
	return &held, refused
}

// effective adds to the error of a call whose result is withheld that it has been done.
func effective(e *mcp.Error) *mcp.Error {
	if last := len(e.Data) - 1; last > 0 {
		e.Data = slices.Concat(e.Data[:last], []byte(`,"`+mcp.MayHaveRun+`":true}`))
	}
	return e
}

// Notify passes a notice on, without what must not be in it. One that must not be passed on is dropped: nobody waits for it.
func (w *watch) Notify(ctx context.Context, notice *wire.Message) error {
	params := notice.Bytes(notice.Params)
	if params == nil {
		return w.reply.Notify(ctx, notice)
	}
	clean, refused := w.check(ctx, &w.sides.results, params, part{name: "notice"})
	if refused != nil {
		return nil //nolint:nilerr // dropped
	}
	if clean != nil {
		changed, err := mcp.Amended(w.guard.scanner, notice, notice.Params, clean)
		if err != nil {
			return nil //nolint:nilerr // it holds secrets where they cannot be taken out
		}
		notice = changed
	}
	return w.reply.Notify(ctx, notice)
}

// Ask passes questions and their answers on, without what must not be in them.
func (w *watch) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	asked := make([]mcp.Question, len(questions))
	for i, q := range questions {
		if q.Params != nil {
			clean, refused := w.check(ctx, &w.sides.results, q.Params, part{name: "question"})
			if refused != nil {
				return nil, refused
			}
			if clean != nil {
				q.Params = clean
			}
		}
		asked[i] = q
	}
	answers, err := w.reply.Ask(ctx, asked)
	if err != nil || w.sides.arguments.idle() {
		return answers, err
	}
	for i := range answers {
		if answers[i].Result == nil {
			continue
		}
		clean, refused := w.check(ctx, &w.sides.arguments, answers[i].Result, part{name: "answer"})
		if refused != nil {
			return nil, refused
		}
		if clean != nil {
			answers[i].Result = clean
		}
	}
	return answers, nil
}

// failure returns the error with which the call has ended, without what must not be in it.
func (w *watch) failure(ctx context.Context, err error) error {
	e := mcp.AsError(err)
	if e == nil || w.sides.results.secrets == pass {
		return err
	}
	said := e.Raw
	if said == nil {
		said = wire.Object(nil).Text("message", e.Message).Member("data", e.Data).End()
	}
	side := side{secrets: w.sides.results.secrets}
	clean, refused := w.check(ctx, &side, said, part{name: "error"})
	switch {
	case refused != nil:
		return mcp.Errorf(e.Code, mcp.Blocked, "the server's error is withheld: it holds a secret")
	case clean == nil:
		return err
	}
	out := &mcp.Error{Code: e.Code, Reason: e.Reason, Revision: e.Revision, Scopes: e.Scopes}
	rules := w.settings.secrets
	out.Message, out.Data = rules.Clean(e.Message), e.Data
	if e.Data != nil {
		out.Data = rules.CleanJSON(e.Data)
	}
	if e.Raw != nil {
		out.Raw = clean
	}
	return out
}

// Redact returns a JSON value without secrets, whatever else is done with them: what is kept has none.
func (s *Settings) Redact(value []byte) []byte { return s.secrets.CleanJSON(value) }

// Rules returns what a secret is now.
func (g *Guard) Rules() *redact.Rules {
	if s := g.settings.Load(); s != nil {
		return s.secrets
	}
	return nil
}
