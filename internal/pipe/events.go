package pipe

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// sessionParam is the parameter, in the URL that messages are posted to, that names
// the conversation over HTTP+SSE.
const sessionParam = "session"

// A stream is a conversation over HTTP+SSE (2024-11-05, basic/transports): we speak
// in the events of one long answer, and each message of the client is a request.
type stream struct {
	*pipe
	events *dialogue.EventWriter
	caller *mcp.Caller
	// writing orders events and comments.
	writing sync.Mutex

	mu sync.Mutex // lets one message be taken after the other
	// speaker is who sent the message that is being taken.
	speaker *mcp.Caller
	// over says that nothing is taken any more.
	over bool
}

// Events answers a request for the stream and serves it until it is lost, which ends
// the conversation. Path is where the client's messages go. An error says that
// nothing was answered yet.
func (l *Lines) Events(w http.ResponseWriter, r *http.Request, caller *mcp.Caller, path string) *mcp.Error {
	if err := l.enter(caller); err != nil {
		return err
	}
	defer l.leave(caller)
	ctx, cancel := l.context(r, caller)
	defer cancel()
	s := &stream{caller: caller, speaker: caller}
	s.pipe = newPipe(ctx, l.Options, line{
		transport: "sse", remote: r.RemoteAddr, workspace: r.Header.Get(mcp.RootHeader), legacy: true,
		who: func() (*mcp.Caller, *mcp.Error) { return s.speaker, nil },
		send: func(message []byte) error {
			err := s.write("message", message)
			if err != nil {
				cancel() // a client that does not read has no line any more
			}
			return err
		},
	})
	token := rand.Text()
	s.events = dialogue.OpenEvents(w, true)
	s.events.Patience = l.WriteTimeout
	l.join(token, s)
	endpoint := path + "?" + url.Values{sessionParam: {token}}.Encode()
	if s.write("endpoint", []byte(endpoint)) == nil {
		s.hold(ctx, l)
	}
	cancel()
	l.part(token, s)
	s.close(0)
	return nil
}

// Message takes one message of a conversation over HTTP+SSE, which is answered on
// the stream. It keeps nothing of body.
func (l *Lines) Message(session string, caller *mcp.Caller, body []byte) *mcp.Error {
	l.mu.Lock()
	s := l.streams[session]
	l.mu.Unlock()
	switch {
	case s == nil:
		return errNoStream
	case s.caller.ID != caller.ID:
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Forbidden, "the session belongs to another caller")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return errNoStream
	}
	s.speaker = caller
	s.take(bytes.Clone(body))
	return nil
}

var errNoStream = mcp.Errorf(mcp.CodeInvalidRequest, mcp.NotFound, "there is no such session, or its stream has ended; open a new one")

func (l *Lines) join(token string, s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams[token] = s
}

// part lets nothing more be said in a conversation.
func (l *Lines) part(token string, s *stream) {
	l.mu.Lock()
	delete(l.streams, token)
	l.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// hold keeps the stream alive until it is lost, or the house closes and nothing is in
// flight any more.
func (s *stream) hold(ctx context.Context, l *Lines) {
	drained := make(chan struct{})
	var draining sync.WaitGroup
	defer draining.Wait()
	defer s.calls.End()
	house, tick := l.drained, time.NewTicker(l.KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-drained:
			return
		case <-house:
			house = nil
			draining.Go(func() {
				defer close(drained)
				s.drain()
			})
		case <-tick.C:
			if s.comment() != nil {
				return
			}
		}
	}
}

func (s *stream) write(name string, data []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.events.Named(name, data)
}

func (s *stream) comment() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.events.Comment()
}
