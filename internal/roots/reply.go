package roots

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/memory"
	"github.com/sumun-mcp/sumun/internal/sampling"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Ask puts questions to the client: those to a model with the parameters in force, and those for its roots, where it
// cannot be asked, answered by the root's URI. When the root is closed meanwhile, the call ends.
func (v *visit) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	if v.root != nil {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(v.root.ctx, func() { //nolint:contextcheck // it is the root that ends
			v.cancel(context.Cause(v.root.ctx))
			cancel(context.Cause(v.root.ctx))
		})()
	}
	answers, err := v.Reply.Ask(ctx, v.sampled(questions))
	if errors.Is(err, mcp.ErrUnsupported) {
		if own := v.ownRoots(questions); own != nil {
			return own, nil
		}
	}
	return answers, err
}

// ownRoots answers questions that are all for roots; nil if there is another, or the root has no URI.
func (v *visit) ownRoots(questions []mcp.Question) []mcp.Answer {
	other := func(q mcp.Question) bool { return q.Method != mcp.MethodRoots }
	if v.uri() == "" || slices.ContainsFunc(questions, other) {
		return nil
	}
	value := wire.AppendQuote([]byte(`{"roots":[{"uri":`), v.uri())
	if v.root != nil && v.root.record.Name != "" {
		value = wire.AppendQuote(append(value, `,"name":`...), v.root.record.Name)
	}
	value = append(value, "}]}"...)
	return slices.Repeat([]mcp.Answer{{Result: value}}, len(questions))
}

// sampled returns the questions with the parameters in force in those that are for a model.
func (v *visit) sampled(questions []mcp.Question) []mcp.Question {
	if v.sampling.IsZero() {
		return questions
	}
	out := slices.Clone(questions)
	for i, q := range out {
		if q.Method == mcp.MethodSample && len(q.Params) > 0 && q.Params[0] == '{' {
			out[i].Params = v.sampling.Into(q.Params)
		}
	}
	return out
}

// Done takes out of the result what is of use for what follows, and passes it on.
func (v *visit) Done(ctx context.Context, result *mcp.Result) error {
	switch {
	case wire.IsString(wire.Get(result.Value, "resultType"), "input_required"):
		result = v.asking(result)
	case v.call.Method == mcp.MethodToolsCall:
		v.goesOn = wire.Get(result.Value, "content") == nil
		v.keep(result)
		if said := resultMeta(result, mcp.MetaSampling); said != nil && v.target.Trusted {
			v.steered(ctx, said)
		}
	case v.call.Method == mcp.MethodPromptsGet:
		result = v.prompted(result)
	}
	return v.Reply.Done(ctx, result)
}

// asking returns a result by which a server of the modern era asks the client something, with the parameters in force in
// the questions that are for a model.
func (v *visit) asking(result *mcp.Result) *mcp.Result {
	requests := wire.Get(result.Value, "inputRequests")
	if v.sampling.IsZero() || len(requests) == 0 || requests[0] != '{' {
		return result
	}
	changed := []byte("{")
	for key, request := range wire.Members(requests) {
		if params := wire.Get(request, "params"); wire.IsString(wire.Get(request, "method"), mcp.MethodSample) && len(params) > 0 && params[0] == '{' {
			request = sampling.WithMember(request, "params", v.sampling.Into(params))
		}
		if len(changed) > 1 {
			changed = append(changed, ',')
		}
		changed = append(append(append(append(changed, '"'), key...), `":`...), request...)
	}
	return &mcp.Result{
		Value: sampling.WithMember(result.Value, "inputRequests", append(changed, '}')), Revision: result.Revision, Shared: result.Shared,
	}
}

// steered changes the parameters as a tool says. A tool that says it wrongly has done its work all the same.
func (v *visit) steered(ctx context.Context, said []byte) {
	said = slices.Clone(said)
	err := error(nil)
	if v.lazy {
		v.spot, err = v.x.locate(ctx, v.call, v.Reply, v.spot.place)
		v.lazy = err != nil
	}
	if err == nil {
		err = v.x.steer(ctx, v.spot, said)
	}
	if err != nil {
		v.x.o.Log.WarnContext(ctx, "what a tool says of sampling is not taken over",
			slog.String("call", v.call.ID), slog.String("tool", v.call.Name), slog.Any("error", err))
	}
}

// keep puts the call into the memory of its root.
func (v *visit) keep(result *mcp.Result) {
	if v.root == nil || v.root.memory == nil {
		return
	}
	e := memory.Remember(v.call.Name, v.call.Member("arguments"), result.Value, time.Now())
	if e == nil {
		return
	}
	if v.key != "" && result.Revision != nil {
		e.Answers(v.key, result.Value, result.Revision)
	}
	r, w := v.root, v.x.writer
	r.memory.Add(e, v.age, func(e *memory.Call, gone int64) {
		r.later(w, Change{Entry: &Entry{Seq: e.Seq, Data: encode(e)}, Trim: gone})
	})
}

// prompted tells with a prompt which parameters are in force for it: those of its place, over them the prompt's own,
// over them the call's. A client that speaks the standard is told so only of prompts of our own.
func (v *visit) prompted(result *mcp.Result) *mcp.Result {
	if v.sampling.IsZero() || !v.target.Trusted && v.call.Dialect == "" || wire.Get(result.Value, "messages") == nil {
		return result
	}
	var own sampling.Edit
	if err := (members{other: own.Take, lax: true}).read(resultMeta(result, mcp.MetaSampling), below("/_meta", mcp.MetaSampling)); err != nil {
		return result
	}
	inForce := v.spot.sampling.Over(own.Set).Over(v.sampling)
	return &mcp.Result{
		Value: withMeta(result.Value, mcp.MetaSampling, encode(inForce)), Revision: result.Revision, Shared: result.Shared,
	}
}
