package line

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// An InProcess is the line to a server of the official SDK in this process. It is one end of it; insideEnd is the other.
type InProcess struct {
	server  *sdk.ServerSession
	in, out chan jsonrpc.Message // to the server, from the server
	ended   chan struct{}
	end     sync.Once
}

// Attach connects to a server, over a line of its own. The server may have many. The line outlives ctx.
func Attach(ctx context.Context, server *sdk.Server) (*InProcess, error) {
	const mostQueued = 256 // messages that the server may be ahead of us
	l := &InProcess{in: make(chan jsonrpc.Message), out: make(chan jsonrpc.Message, mostQueued), ended: make(chan struct{})}
	session, err := server.Connect(context.WithoutCancel(ctx), insideEnd{l}, nil)
	if err != nil {
		return nil, err
	}
	l.server = session
	return l, nil
}

// Next returns what the server said.
func (l *InProcess) Next() ([]byte, error) {
	select {
	case m := <-l.out:
		return jsonrpc.EncodeMessage(m)
	case <-l.ended:
		return nil, io.EOF
	}
}

// Send hands a message to the server.
func (l *InProcess) Send(message []byte) error {
	m, err := jsonrpc.DecodeMessage(message)
	if err != nil {
		return err
	}
	select {
	case l.in <- m:
		return nil
	case <-l.ended:
		return io.ErrClosedPipe
	}
}

// Close ends the line. The SDK cancels what its handlers do; for one that does not obey it does not wait.
func (l *InProcess) Close() {
	l.shut()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = l.server.Wait()
	}()
	timer := time.NewTimer(courtesy)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
	}
}

func (l *InProcess) shut() { l.end.Do(func() { close(l.ended) }) }

// Epitaph returns nothing: such a server ends with us.
func (l *InProcess) Epitaph() string { return "" }

// insideEnd is the end of an inproc that the SDK holds: its transport and its connection.
type insideEnd struct{ l *InProcess }

// Connect returns the end itself.
func (e insideEnd) Connect(context.Context) (sdk.Connection, error) { return e, nil }

// Read returns what we sent.
func (e insideEnd) Read(ctx context.Context) (jsonrpc.Message, error) {
	select {
	case m := <-e.l.in:
		return m, nil
	case <-e.l.ended:
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Write takes what the server sends.
func (e insideEnd) Write(ctx context.Context, m jsonrpc.Message) error {
	select {
	case e.l.out <- m:
		return nil
	case <-e.l.ended:
		return sdk.ErrConnectionClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the line.
func (e insideEnd) Close() error {
	e.l.shut()
	return nil
}

// SessionID returns the empty string: there is no session to name.
func (e insideEnd) SessionID() string { return "" }
