package egress

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Sinks for what a server says outside of a call. A question that fits no single client is refused and counted.

// homeSink is for the home session: it tells what has changed.
type homeSink struct{ s *server }

// Notice passes changes on. Everything else belongs to somebody who is not known, and is dropped; log messages are counted.
func (h homeSink) Notice(m *wire.Message) {
	switch string(m.MethodName()) {
	case mcp.NoticeTools, mcp.NoticePrompts, mcp.NoticeResources:
		h.s.changed()
	case mcp.NoticeMessage:
		h.s.unheard.Add(1)
	case mcp.NoticeUpdated:
		if uri, ok := wire.Unquote(m.Bytes(m.Member("uri"))); ok && h.s.pool.opts.Events != nil {
			h.s.pool.opts.Events.Updated(h.s.config.Name, uri, m)
		}
	case mcp.NoticeTaskStatus, mcp.NoticeProgress:
		h.s.task("", m)
	}
}

// Question refuses.
func (h homeSink) Question(_ context.Context, m *wire.Message) ([]byte, *mcp.Error) {
	return h.s.refuse(m)
}

// quietSink is for a second home: the first one tells what has changed.
type quietSink struct{ s *server }

// Notice tells of tasks, drops everything else, and counts what is of the log.
func (q quietSink) Notice(m *wire.Message) {
	switch string(m.MethodName()) {
	case mcp.NoticeMessage:
		q.s.unheard.Add(1)
	case mcp.NoticeTaskStatus, mcp.NoticeProgress:
		q.s.task("", m)
	}
}

// Question refuses.
func (q quietSink) Question(_ context.Context, m *wire.Message) ([]byte, *mcp.Error) {
	return q.s.refuse(m)
}

// ownSink is for a session that belongs to one client alone: to a client session if that is not empty.
type ownSink struct {
	link    *link
	session string
}

// Notice passes on what is for the client, updates of resources that it is subscribed to here among it; which lists have
// changed is told by the home.
func (o ownSink) Notice(m *wire.Message) {
	switch string(m.MethodName()) {
	case mcp.NoticeTools, mcp.NoticePrompts, mcp.NoticeResources:
		return
	case mcp.NoticeTaskStatus, mcp.NoticeProgress:
		if o.session != "" {
			o.link.server.task(o.session, m)
		}
		return
	case mcp.NoticeMessage, mcp.NoticeElicited:
		if o.session == "" && !o.link.serving.Tell(m) {
			o.link.server.unheard.Add(1)
		}
		if !o.link.loud(m) {
			return
		}
	}
	if clients := o.link.server.pool.opts.Clients; clients != nil && o.session != "" {
		clients.Tell(o.link.server.config.Name, o.session, m)
	}
}

// Question puts the question to the client through the stream on which it listens. One that does not listen is asked in the
// only call that it has made: on a pipe nothing tells that a question belongs to that. What is asked for a task never does.
func (o ownSink) Question(ctx context.Context, m *wire.Message) ([]byte, *mcp.Error) {
	s := o.link.server
	if !translate.Answers(o.link.hello.Capabilities, question(m)) {
		return s.refuse(m)
	}
	clients := s.pool.opts.Clients
	reachable := clients != nil && o.session != ""
	if !reachable || !m.Meta(mcp.MetaRelatedTask).Ok() && !clients.Listens(o.session) {
		if result, err, ok := o.link.serving.Ask(ctx, m); ok {
			return result, err
		}
	}
	if !reachable {
		return s.refuse(m)
	}
	answers, err := clients.Ask(ctx, s.config.Name, o.session, []mcp.Question{question(m)})
	return s.answer(m, answers, err)
}

// task tells how a task is now, or how far; progress of anything else belongs to a call that is over.
func (s *server) task(session string, m *wire.Message) {
	if string(m.MethodName()) == mcp.NoticeProgress && !m.Meta(mcp.MetaRelatedTask).Ok() {
		return
	}
	if events := s.pool.opts.Events; events != nil {
		events.Task(s.config.Name, session, m)
	}
}

// question returns the question in a server's request.
func question(m *wire.Message) mcp.Question {
	return mcp.Question{Key: "1", Method: string(m.MethodName()), Params: m.Bytes(m.Params)}
}

// answer returns what a server is told after its question was put to a client.
func (s *server) answer(m *wire.Message, answers []mcp.Answer, err error) ([]byte, *mcp.Error) {
	switch {
	case err == nil && len(answers) == 1:
		return answers[0].Result, answers[0].Err
	case err == mcp.ErrDeclined && isElicitation(m): //nolint:errorlint // the sentinels are returned as they are
		return []byte(`{"action":"decline"}`), nil
	case err == mcp.ErrDeclined: //nolint:errorlint // as above
		const rejected = -1 // by the user (client/sampling, "Error Handling")
		return nil, mcp.Errorf(rejected, mcp.Cancelled, "the user declined to answer")
	}
	return s.refuse(m)
}

// refuse returns what a server is told whose question can be put to nobody.
func (s *server) refuse(m *wire.Message) ([]byte, *mcp.Error) {
	s.refused.Add(1)
	if isElicitation(m) {
		return []byte(`{"action":"cancel"}`), nil
	}
	return nil, mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "the client cannot be asked")
}

func isElicitation(m *wire.Message) bool { return string(m.MethodName()) == mcp.MethodElicit }

var _ = [...]transport.Sink{homeSink{}, quietSink{}, ownSink{}, &flow{}}
