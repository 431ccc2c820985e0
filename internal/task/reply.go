package task

import (
	"bytes"
	"context"
	"log/slog"
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Tasks seals the ids of tasks. Its methods may be called concurrently.
type Tasks struct {
	Sealer Sealer
	// Only is the one server behind a bridge, which has sealed the ids already: they go through as they are. It is empty
	// everywhere else.
	Only string
	// Book remembers those of the legacy era.
	Book Book
	// Do sends a call to its server.
	Do func(ctx context.Context, d mcp.Destination, call *mcp.Call, reply mcp.Reply) error
	// Able reports whether a server here runs tasks of the era of a call's client. It may wait for servers that have not been tried.
	Able func(ctx context.Context, call *mcp.Call) bool
	// Log takes what goes wrong with tasks that clients are to be told of.
	Log *slog.Logger
}

// Open returns the task that a call addresses by a token. The error is ErrForged, ErrForeign or ErrGone.
func (t *Tasks) Open(call *mcp.Call, token string) (Ref, error) {
	if t.Only != "" {
		return Ref{Modern: call.Revision.Stateless, Server: t.Only, ID: token}, nil
	}
	ref, err := Open(t.Sealer, call.Caller.ID, token)
	switch {
	case err != nil:
		return ref, err
	case ref.Modern != call.Revision.Stateless,
		ref.Session != "" && (call.Session == nil || call.Session.ID != ref.Session),
		!ref.Modern && ref.Session == "" && t.Book.taken(call.Caller.ID, ref.Server, ref.ID):
		return Ref{}, ErrGone
	}
	return ref, nil
}

func (t *Tasks) seal(call *mcp.Call, ref Ref) string {
	if t.Only != "" {
		return ref.ID
	}
	return Seal(t.Sealer, call.Caller.ID, ref)
}

// Reply returns a Reply in which the ids of tasks are those that the client knows, for
// a call on its way to call.Server: one that may make a task of the tool call.Name, or
// one that addresses the task call.Task by the token call.Asked.
func (t *Tasks) Reply(call *mcp.Call, to mcp.Reply) mcp.Reply {
	r := &reply{Reply: to, tasks: t, call: call}
	if call.Session != nil {
		r.session = call.Session.ID
	}
	return r
}

// A reply puts sealed ids in the place of a server's own.
type reply struct {
	mcp.Reply

	tasks   *Tasks
	call    *mcp.Call
	session string
}

// name returns the client's name of a task of the server, if it is the client's.
func (r *reply) name(id string) (string, bool) {
	if r.call.Task != "" && id == r.call.Task {
		return r.call.Asked, true
	}
	return r.tasks.name(r.session, r.call.Server, id)
}

func (t *Tasks) name(session, server, id string) (string, bool) {
	if e := t.Book.entry(session, server, id); e != nil {
		return e.token, true
	}
	return "", false
}

// Notify passes on what is about no task, or about one of the client's: on a session
// that clients share, the stream of a call may tell of anybody's.
func (r *reply) Notify(ctx context.Context, m *wire.Message) error {
	if string(m.MethodName()) == mcp.NoticeProgress && r.call.Method == mcp.MethodTaskResult {
		return r.progress(ctx, m)
	}
	told, ok := relate(m, r.name)
	if !ok {
		return nil
	}
	return r.Reply.Notify(ctx, told)
}

// relate returns a notification with the client's name of the task that it belongs
// to; it reports false if that is not the client's.
func relate(m *wire.Message, names func(id string) (string, bool)) (*wire.Message, bool) {
	if !m.Meta(mcp.MetaRelatedTask).Ok() {
		return m, true
	}
	params, ok := rename(m.Bytes(m.Params), names, related)
	if !ok {
		return nil, false
	}
	return withParams(m, params), true
}

// withParams returns a notification with other parameters.
func withParams(m *wire.Message, params []byte) *wire.Message {
	return notice.Message(wire.AppendPatched(nil, m.Raw, wire.Patch{Span: m.Params, With: params}))
}

// progress passes on how far a task is, under the token that the client gave when it
// asked for the task: that stays good as long as the task runs.
func (r *reply) progress(ctx context.Context, m *wire.Message) error {
	token := r.call.Meta("progressToken")
	if e := r.tasks.Book.entry(r.session, r.call.Server, r.call.Task); e != nil && e.progress != nil {
		token = e.progress
	}
	at := m.Member("progressToken")
	if token == nil || !at.Ok() {
		return nil
	}
	told, ok := relate(notice.Message(wire.AppendPatched(nil, m.Raw, wire.Patch{Span: at, With: token})), r.name)
	if !ok {
		return nil
	}
	return r.Reply.Notify(ctx, told)
}

// Ask names the task in the questions as the client knows it, and in the answers as
// the server does.
func (r *reply) Ask(ctx context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	back := map[string]string{}
	questions = slices.Clone(questions)
	for i := range questions {
		questions[i].Params, _ = rename(questions[i].Params, noting(back, r.name), related)
	}
	answers, err := r.Reply.Ask(ctx, questions)
	return unname(answers, back), err
}

// noting returns names that keep what they have told, the other way round.
func noting(back map[string]string, names func(string) (string, bool)) func(string) (string, bool) {
	return func(id string) (string, bool) {
		name, ok := names(id)
		if ok {
			back[name] = id
		}
		return name, ok
	}
}

// unname puts the server's own ids back into the answers to its questions.
func unname(answers []mcp.Answer, back map[string]string) []mcp.Answer {
	if len(back) == 0 {
		return answers
	}
	for i := range answers {
		answers[i].Result, _ = rename(answers[i].Result, func(name string) (string, bool) {
			id, ok := back[name]
			return id, ok
		}, related)
	}
	return answers
}

// Done seals the id of the task in the result.
func (r *reply) Done(ctx context.Context, result *mcp.Result) error {
	value, err := r.translate(result)
	switch {
	case err != nil:
		return err
	case value == nil:
		return r.Reply.Done(ctx, result)
	}
	return r.Reply.Done(ctx, &mcp.Result{Value: value, Revision: result.Revision})
}

// translate returns the result for the client, nil if it is the server's.
func (r *reply) translate(result *mcp.Result) ([]byte, error) {
	switch {
	case r.call.Method == mcp.MethodTaskResult:
		value, _ := rename(result.Value, func(string) (string, bool) { return r.call.Asked, true }, related)
		return value, nil
	case r.call.Task != "":
		value, ok := rename(result.Value, r.name, flat)
		if !ok {
			return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q answers for another task", r.call.Server)
		}
		return value, nil
	case result.Revision == nil || r.call.Revision.Stateless && !result.Revision.Stateless:
		return nil, nil // the server was not asked for a task
	case result.Revision.Stateless:
		return r.createdModern(result.Value)
	}
	return r.createdLegacy(result.Value, result.Shared)
}

// createdModern seals the id of a task that the server has made of a call.
func (r *reply) createdModern(value []byte) ([]byte, error) {
	if !mayBeTask(value) || !wire.IsString(wire.Get(value, "resultType"), "task") {
		return nil, nil
	}
	switch {
	case !r.call.Revision.Stateless:
		return nil, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q has begun a task, which the client cannot follow", r.call.Server)
	case !Declares(r.call.Capabilities):
		return nil, ErrUndeclared()
	}
	id, ok := idAt(value, flat)
	if !ok || id == "" || len(id) > maxID {
		return nil, r.nameless()
	}
	token := r.tasks.seal(r.call, r.ref(id))
	value, _ = rename(value, func(string) (string, bool) { return token, true }, flat)
	return value, nil
}

// mayBeTask reports whether a result may have the type of a task; nearly all others
// are told apart without reading their members.
func mayBeTask(value []byte) bool {
	return bytes.Contains(value, []byte(`"task"`)) || bytes.Contains(value, []byte(`\u00`))
}

// createdLegacy seals the id of a task that the client has asked for, and remembers it.
func (r *reply) createdLegacy(value []byte, shared bool) ([]byte, error) {
	if r.call.Member("task") == nil || find(value, created[:1]) == (wire.Span{}) {
		if wire.Get(wire.Get(value, "_meta"), mcp.MetaRelatedTask) == nil {
			return nil, nil
		}
		value, _ = rename(value, r.name, related)
		return value, nil
	}
	id, ok := idAt(value, created)
	if !ok || id == "" || len(id) > maxID {
		return nil, r.nameless()
	}
	ref := r.ref(id)
	if !shared {
		ref.Session = r.session
	}
	e := &entry{session: r.session, caller: r.call.Caller.ID, ref: ref, progress: slices.Clone(r.call.Meta("progressToken"))}
	token := r.tasks.Book.note(e, func() string { return r.tasks.seal(r.call, ref) })
	value, _ = rename(value, func(string) (string, bool) { return token, true }, created, related)
	return value, nil
}

func (r *reply) ref(id string) Ref {
	return Ref{Modern: r.call.Revision.Stateless, Server: r.call.Server, ID: id, Tool: r.call.Name}
}

func (r *reply) nameless() error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q names its task by nothing that can be used", r.call.Server)
}
