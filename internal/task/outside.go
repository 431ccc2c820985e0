package task

import (
	"context"
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// This file is about what a server of the legacy era says of tasks outside of a call.

// Status returns whom a server tells how a task is, or how far, and the notification for that client.
// Session is the one that the server's own session belongs to; where clients share
// one it is empty, and the owner is looked up. It reports false if the task is
// nobody's, or not the session's.
func (t *Tasks) Status(server, session string, m *wire.Message) (owner string, told *wire.Message, ok bool) {
	place := flat
	if string(m.MethodName()) == mcp.NoticeProgress {
		place = related
	}
	params := m.Bytes(m.Params)
	id, ok := idAt(params, place)
	if !ok {
		return "", nil, false
	}
	e := t.Book.owner(server, id)
	if session != "" {
		e = t.Book.entry(session, server, id)
	}
	if e == nil {
		return "", nil, false
	}
	if at := m.Member("progressToken"); at.Ok() {
		if e.progress == nil {
			return "", nil, false
		}
		m = notice.Message(wire.AppendPatched(nil, m.Raw, wire.Patch{Span: at, With: e.progress}))
		params = m.Bytes(m.Params)
	}
	params, ok = rename(params, func(other string) (string, bool) { return e.token, other == id }, flat, related)
	if !ok {
		return "", nil, false
	}
	return e.session, withParams(m, params), true
}

// Named returns what a server of the modern era tells of a task, under the client's
// name of it; it reports false if tokens, by the server's own ids, has none.
func Named(m *wire.Message, tokens map[string]string) (*wire.Message, bool) {
	params, ok := rename(m.Bytes(m.Params), func(id string) (string, bool) {
		token, ok := tokens[id]
		return token, ok
	}, flat)
	if !ok || !find(params, flat).Ok() {
		return nil, false
	}
	return withParams(m, params), true
}

// Notice returns what a server says to one session, with that session's name of the
// task that it belongs to; it reports false if that is not the session's.
func (t *Tasks) Notice(server, session string, m *wire.Message) (*wire.Message, bool) {
	return relate(m, func(id string) (string, bool) { return t.name(session, server, id) })
}

// Ask puts a server's questions to one session by ask, with that session's names of
// the tasks that they belong to.
func (t *Tasks) Ask(ctx context.Context, server, session string, questions []mcp.Question, ask Asker) ([]mcp.Answer, error) {
	back := map[string]string{}
	questions = slices.Clone(questions)
	names := noting(back, func(id string) (string, bool) { return t.name(session, server, id) })
	for i := range questions {
		questions[i].Params, _ = rename(questions[i].Params, names, related)
	}
	answers, err := ask(ctx, session, questions)
	return unname(answers, back), err
}

// An Asker puts questions to one session.
type Asker func(ctx context.Context, session string, questions []mcp.Question) ([]mcp.Answer, error)

// Listed returns those tasks of a page of a server's list that are the session's, as
// the client names them. What others have is not told.
func (t *Tasks) Listed(server, session string, page []byte) [][]byte {
	var listed [][]byte
	for one := range wire.Elements(wire.Get(page, "tasks")) {
		if task, ok := rename(one, func(id string) (string, bool) { return t.name(session, server, id) }, flat); ok && find(one, flat).Ok() {
			listed = append(listed, slices.Clone(task))
		}
	}
	return listed
}
