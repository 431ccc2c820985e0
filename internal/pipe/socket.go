package pipe

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Subprotocol is what clients of MCP may offer in the handshake of a WebSocket.
const Subprotocol = "mcp"

// A socket is a WebSocket (RFC 6455) with one message in each text frame.
type socket struct {
	*pipe
	ws *websocket.Conn
	// cancel ends the connection and everything that waits for it.
	cancel context.CancelFunc
	// heard counts what was read, so that a long message is a sign of life.
	heard atomic.Int64
	// over is done once the line is lost or closed.
	over context.Context //nolint:containedctx // the life of the line
}

// Socket makes a WebSocket of a request and serves it until it ends. An error says
// that nothing was answered yet.
func (l *Lines) Socket(w http.ResponseWriter, r *http.Request, caller *mcp.Caller) *mcp.Error {
	if err := l.enter(caller); err != nil {
		return err
	}
	defer l.leave(caller)
	s := &socket{}
	ctx, cancel := l.context(r, caller)
	defer cancel()
	s.over, s.cancel = ctx, cancel
	s.pipe = newPipe(ctx, l.Options, line{
		transport: "websocket", remote: r.RemoteAddr, workspace: r.Header.Get(mcp.RootHeader), who: l.again(r, caller), send: l.sender(s),
	})
	var err error
	// The door has looked at the Origin.
	s.ws, err = websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Subprotocol}, InsecureSkipVerify: true})
	if err != nil { // and the client was told
		s.note(mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "%v", err))
		s.close(0)
		return nil
	}
	s.ws.SetReadLimit(-1) // next has its own
	var watching sync.WaitGroup
	watching.Go(func() { s.keepAlive(l.KeepAlive, l.WriteTimeout) })
	watching.Go(func() { s.closeWhenDrained(l.drained) })
	s.readAll()
	cancel()
	s.close(0)
	watching.Wait()
	_ = s.ws.CloseNow() // closed before, in most cases
	return nil
}

// again authenticates the client of a line once more.
func (l *Lines) again(r *http.Request, first *mcp.Caller) func() (*mcp.Caller, *mcp.Error) {
	return func() (*mcp.Caller, *mcp.Error) {
		caller, err := l.Authenticate(r)
		if err == nil && caller.ID != first.ID {
			err = mcp.Errorf(mcp.CodeInvalidRequest, mcp.Forbidden, "the connection belongs to another caller")
		}
		return caller, err
	}
}

// sender writes messages. A client that does not read them in time has no line any more.
func (l *Lines) sender(s *socket) func([]byte) error {
	return func(message []byte) error {
		ctx, cancel := context.WithTimeout(s.over, l.WriteTimeout)
		defer cancel()
		err := s.ws.Write(ctx, websocket.MessageText, message)
		if err != nil {
			s.cancel()
		}
		return err
	}
}

// readAll takes messages until the line is lost.
func (s *socket) readAll() {
	for {
		kind, r, err := s.ws.Reader(s.over)
		if err != nil {
			s.Log.DebugContext(s.over, "a WebSocket ended", slog.Any("error", err))
			return
		}
		if kind != websocket.MessageText {
			s.shut(websocket.StatusUnsupportedData, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "messages are text frames, not binary ones"))
			return
		}
		most := s.MessageBytes()
		data, err := wire.AppendAll(nil, counted{r, &s.heard}, -1, most)
		switch {
		case errors.Is(err, wire.ErrTooLong):
			s.shut(websocket.StatusMessageTooBig, tooLong(most))
			return
		case err != nil:
			return
		}
		s.take(data)
	}
}

// shut ends the line because of what the client has sent, and puts that on record.
func (s *socket) shut(status websocket.StatusCode, why *mcp.Error) {
	s.note(why)
	_ = s.ws.Close(status, why.Message)
}

// keepAlive asks the client for a sign of life now and then, and ends the line when
// none comes.
func (s *socket) keepAlive(every, patience time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		heard := s.heard.Load()
		select {
		case <-s.over.Done():
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(s.over, patience)
		err := s.ws.Ping(ctx)
		cancel()
		if err != nil && s.heard.Load() == heard {
			s.cancel()
			return
		}
	}
}

// closeWhenDrained answers what is in flight and says goodbye when the house closes.
func (s *socket) closeWhenDrained(drained <-chan struct{}) {
	select {
	case <-s.over.Done():
	case <-drained:
		s.drain()
		_ = s.ws.Close(websocket.StatusGoingAway, "the gateway is closing")
	}
}

// counted counts what is read.
type counted struct {
	io.Reader
	heard *atomic.Int64
}

// Read reads.
func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.heard.Add(int64(n))
	return n, err
}
