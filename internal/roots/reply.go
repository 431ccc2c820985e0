package roots

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
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
	if v.sampling.isZero() {
		return questions
	}
	out := slices.Clone(questions)
	for i, q := range out {
		if q.Method == mcp.MethodSample && len(q.Params) > 0 && q.Params[0] == '{' {
			out[i].Params = v.sampling.into(q.Params)
		}
	}
	return out
}

// into returns the parameters of sampling/createMessage with s merged in. What the server asks for stands within the
// caller's limits: maxTokens is the lower of the two; stop sequences are those of both; temperature is the server's
// where it gives one. topP and topK, for which the standard has no name, stand in metadata unless the server has put
// something of that name there.
func (s Sampling) into(params []byte) []byte {
	if s.Temperature != nil && isAbsent(wire.Get(params, "temperature")) {
		params = withMember(params, "temperature", encode(s.Temperature))
	}
	if s.MaxTokens != nil {
		var theirs float64
		err := json.Unmarshal(wire.Get(params, "maxTokens"), &theirs)
		if err != nil || theirs > float64(*s.MaxTokens) || theirs < 1 {
			params = withMember(params, "maxTokens", encode(s.MaxTokens))
		}
	}
	if len(s.StopSequences) > 0 {
		var stops []string
		_ = json.Unmarshal(wire.Get(params, "stopSequences"), &stops) // what is no list of strings is none
		for _, stop := range s.StopSequences {
			if !slices.Contains(stops, stop) {
				stops = append(stops, stop)
			}
		}
		params = withMember(params, "stopSequences", encode(stops))
	}
	metadata := wire.Get(params, "metadata")
	if isAbsent(metadata) {
		metadata = []byte("{}")
	}
	if (s.TopP == nil && s.TopK == nil) || metadata[0] != '{' {
		return params
	}
	if s.TopP != nil && wire.Get(metadata, "topP") == nil {
		metadata = withMember(metadata, "topP", encode(s.TopP))
	}
	if s.TopK != nil && wire.Get(metadata, "topK") == nil {
		metadata = withMember(metadata, "topK", encode(s.TopK))
	}
	return withMember(params, "metadata", metadata)
}

func isAbsent(value []byte) bool { return value == nil || string(value) == "null" }

// withMember returns a copy of a JSON object in which the member of that name has the value.
func withMember(object []byte, name string, value []byte) []byte {
	empty := true
	for m := range wire.MemberSpans(object) {
		empty = false
		if wire.KeyEqual(object[m.Key.Start:m.Key.End], name) {
			return wire.AppendPatched(nil, object, wire.Patch{Span: m.Value, With: value})
		}
	}
	at := slices.Index(object, '{') + 1
	with := append(append(wire.AppendQuote(nil, name), ':'), value...)
	if !empty {
		with = append(with, ',')
	}
	return wire.AppendPatched(nil, object, wire.Patch{Span: wire.Span{Start: at, End: at}, With: with})
}

// Done takes out of the result what is of use for what follows, and passes it on.
func (v *visit) Done(ctx context.Context, result *mcp.Result) error {
	switch {
	case wire.IsString(wire.Get(result.Value, "resultType"), "input_required"):
		result = v.asking(result)
	case v.call.Method == mcp.MethodToolsCall:
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
	if v.sampling.isZero() || len(requests) == 0 || requests[0] != '{' {
		return result
	}
	changed := []byte("{")
	for key, request := range wire.Members(requests) {
		if params := wire.Get(request, "params"); wire.IsString(wire.Get(request, "method"), mcp.MethodSample) && len(params) > 0 && params[0] == '{' {
			request = withMember(request, "params", v.sampling.into(params))
		}
		if len(changed) > 1 {
			changed = append(changed, ',')
		}
		changed = append(append(append(append(changed, '"'), key...), `":`...), request...)
	}
	return &mcp.Result{
		Value: withMember(result.Value, "inputRequests", append(changed, '}')), Revision: result.Revision, Shared: result.Shared,
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
	e := remember(v.call.Name, v.call.Member("arguments"), result.Value, time.Now())
	if e == nil {
		return
	}
	if v.key != "" && len(result.Value) <= resultBytes && result.Revision != nil {
		e.Key, e.Result, e.Revision = v.key, slices.Clone(result.Value), result.Revision.Name
	}
	r, w := v.root, v.x.writer
	r.memory.add(e, v.age, func(e *remembered, gone int64) {
		r.later(w, Change{Entry: &Entry{Seq: e.seq, Data: encode(e)}, Trim: gone})
	})
}

// prompted tells with a prompt which parameters are in force for it: those of its place, over them the prompt's own,
// over them the call's. A client that speaks the standard is told so only of prompts of our own.
func (v *visit) prompted(result *mcp.Result) *mcp.Result {
	if v.sampling.isZero() || !v.target.Trusted && v.call.Dialect == "" || wire.Get(result.Value, "messages") == nil {
		return result
	}
	var own edit
	if err := (members{other: own.take, lax: true}).read(resultMeta(result, mcp.MetaSampling), below("/_meta", mcp.MetaSampling)); err != nil {
		return result
	}
	inForce := v.spot.sampling.over(own.set).over(v.sampling)
	return &mcp.Result{
		Value: withMeta(result.Value, mcp.MetaSampling, encode(inForce)), Revision: result.Revision, Shared: result.Shared,
	}
}
