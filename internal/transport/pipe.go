package transport

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// An inlet brings the messages of a server, one after the other.
type inlet interface {
	// Next returns the next message, which is valid until the next call; wire.ErrTooLong for one that was skipped.
	Next() ([]byte, error)
	// Close ends the line, which also ends Next and Send, and is bounded in time.
	Close()
	// Epitaph tells why the line has ended by itself. It may wait a moment to find out.
	Epitaph() string
}

// A duplex also takes messages, one after the other, which it does not keep.
type duplex interface {
	inlet
	Send(message []byte) error
}

// mostQueued bounds what waits to be written, and what waits for who takes unasked messages.
const mostQueued = 256

// A pipe carries many calls over one line, told apart by our ids.
type pipe struct {
	s        *Session
	line     inlet
	start    func()                       // the goroutines, once there is a conn for what they answer
	revision atomic.Pointer[mcp.Revision] // set while the reader reads

	out     chan *wire.Buffer // to the writer, which owns the line's other end
	written chan struct{}     // closed when the writer has ended; nil if who embeds the pipe sends
	unasked chan *Answer      // to who takes notifications that belong to no call
	work    sync.WaitGroup
	after   func() // what is left to do when the line is closed

	lose sync.Once
	gone chan struct{}
	why  error // set before gone is closed
}

// newPipe returns a pipe that reads and writes the line as soon as the handshake begins.
func newPipe(s *Session, l duplex) *pipe {
	p := newReader(s, l)
	p.out, p.written = make(chan *wire.Buffer, mostQueued), make(chan struct{})
	p.also(func() { p.write(l) })
	return p
}

// also starts another goroutine with the others. It is called before the handshake.
func (p *pipe) also(run func()) {
	others := p.start
	p.start = sync.OnceFunc(func() {
		others()
		p.work.Go(run)
	})
}

// newReader returns a pipe that reads the line. How messages are sent is left to who embeds the pipe.
func newReader(s *Session, l inlet) *pipe {
	p := &pipe{s: s, line: l, gone: make(chan struct{}), unasked: make(chan *Answer, mostQueued), after: func() {}}
	p.start = sync.OnceFunc(func() {
		p.work.Go(p.read)
		p.work.Go(p.tell)
	})
	return p
}

func (p *pipe) speak(r *mcp.Revision) {
	p.revision.Store(r)
	p.start()
}

func (p *pipe) opened()               {}
func (p *pipe) done() <-chan struct{} { return p.gone }

func (p *pipe) err() error {
	select {
	case <-p.gone:
		return p.why
	default:
		return nil
	}
}

// lost notes why the line is gone.
func (p *pipe) lost(why error) {
	p.lose.Do(func() {
		p.why = why
		close(p.gone)
	})
}

func (p *pipe) close(context.Context) {
	p.lost(lost(false, "the session with server %q was closed", p.s.target.Name))
	p.flush()
	p.line.Close()
	p.s.calls.Wait()
	p.work.Wait()
	p.after()
}

// flush waits until what is queued has been written, for a while: calls that were cancelled just now are among it.
func (p *pipe) flush() {
	const patience = 500 * time.Millisecond
	if p.written == nil {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.written:
	case <-timer.C:
	}
}

// call writes a request and waits for the answer.
func (p *pipe) call(ctx context.Context, c *exchange, body *wire.Buffer) (*Answer, error) {
	p.expect(c)
	defer p.s.table.take(c.id)
	if err := p.send(ctx, c.method, body); err != nil {
		return nil, err
	}
	a, err := p.await(ctx, c, nil)
	if err != nil && ctx.Err() != nil {
		p.cancelled(c)
	}
	return a, err
}

// expect prepares for the messages that belong to a call. Who calls it takes the call from the table at the end.
func (p *pipe) expect(c *exchange) {
	c.wake = make(chan struct{}, 1)
	p.s.table.add(c)
}

// await waits for the answer, or for an error of who sends the request meanwhile.
func (p *pipe) await(ctx context.Context, c *exchange, sent <-chan error) (*Answer, error) {
	for {
		select {
		case <-c.wake:
			if a := p.deliver(c); a != nil {
				return a, nil
			}
		case err := <-sent:
			if sent = nil; err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-p.gone:
			if a := p.deliver(c); a != nil {
				return a, nil
			}
			select {
			case err := <-sent:
				if err != nil {
					return nil, err
				}
			default:
			}
			return nil, p.lostIn(true)
		}
	}
}

// lostIn returns why the line is gone as the error of a call that had or had not been sent.
func (p *pipe) lostIn(sent bool) error {
	if e, ok := errors.AsType[*LostError](p.why); ok {
		return &LostError{Sent: sent, Err: e.Err}
	}
	return p.why
}

// deliver gives what has come for the call to its sink, and returns the answer if that has come.
func (p *pipe) deliver(c *exchange) (answer *Answer) {
	for _, a := range c.pull() {
		switch {
		case a.Message.Kind == wire.Request || a.Message.Kind == wire.Notification:
			p.s.receive(c, a)
		case answer == nil:
			answer = a
		default:
			p.s.astray(a)
		}
	}
	return answer
}

// cancelled tells the server that nobody waits for c any more, if that can be said without waiting.
func (p *pipe) cancelled(c *exchange) {
	p.s.table.forget(c.id)
	if c.method == mcp.MethodInitialize {
		return
	}
	b := p.s.cancellation(c.id)
	select {
	case p.out <- b:
	default:
		b.Release()
	}
}

func (p *pipe) send(ctx context.Context, _ string, body *wire.Buffer) error {
	select {
	case <-p.gone:
	default:
		select {
		case p.out <- body:
			return nil
		case <-p.gone:
		case <-ctx.Done():
			body.Release()
			return ctx.Err()
		}
	}
	body.Release()
	return p.lostIn(false)
}

// write is the goroutine that owns the writing end of the line.
func (p *pipe) write(l duplex) {
	defer close(p.written)
	for {
		select {
		case b := <-p.out:
			if err := sendAndRelease(l, b); err != nil {
				p.lost(p.obituary(err))
				return
			}
		case <-p.gone:
			p.writeRest(l)
			return
		}
	}
}

// writeRest writes what was queued before the line was closed.
func (p *pipe) writeRest(l duplex) {
	for {
		select {
		case b := <-p.out:
			if sendAndRelease(l, b) != nil {
				return
			}
		default:
			return
		}
	}
}

func sendAndRelease(l duplex, b *wire.Buffer) error {
	defer b.Release()
	return l.Send(b.Bytes)
}

// read is the goroutine that owns the reading end of the line. It never waits for anyone.
func (p *pipe) read() {
	for {
		data, err := p.line.Next()
		switch {
		case err == nil:
			p.s.split(p.revision.Load(), data, p.message)
		case errors.Is(err, wire.ErrTooLong):
			p.tooLong()
		default:
			p.lost(p.obituary(err))
			return
		}
	}
}

// obituary tells why the line has ended.
func (p *pipe) obituary(err error) error {
	if why := p.line.Epitaph(); why != "" {
		return lost(true, "server %q has ended: %s", p.s.target.Name, why)
	}
	return lost(true, "the line to server %q broke: %v", p.s.target.Name, err)
}

// message deals with one message.
func (p *pipe) message(data []byte) {
	a := newAnswer()
	a.buf = append(a.buf[:0], data...)
	if err := a.scan(scanner); err != nil {
		a.Release()
		p.s.foul(data, err)
		p.spoiled(data, err)
		return
	}
	m := &a.Message
	if m.Kind == wire.Result || m.Kind == wire.Failure {
		p.answer(a)
		return
	}
	c := p.s.table.owner(m)
	switch {
	case isUrgent(m):
		p.s.receive(nil, a)
	case c != nil:
		if !c.push(a) {
			p.s.drop(a)
		}
	case m.Kind == wire.Request:
		p.s.receive(nil, a)
	default:
		select {
		case p.unasked <- a:
		default:
			p.s.drop(a)
		}
	}
}

// isUrgent reports whether the session itself deals with the message.
func isUrgent(m *wire.Message) bool {
	method := string(m.MethodName())
	return method == mcp.MethodPing || method == mcp.NoticeCancelled
}

// answer hands an answer to its call. An error without an id can only be meant for the one call in flight.
func (p *pipe) answer(a *Answer) {
	var c *exchange
	if m := &a.Message; m.ID.Ok() {
		c = p.s.table.take(wire.OwnID(m.Bytes(m.ID)))
	} else if c = p.s.table.only(); c != nil {
		c = p.s.table.take(c.id)
	}
	if c == nil || !c.push(a) {
		p.s.astray(a)
	}
}

// spoiled ends the call whose answer is not acceptable, where that is sure: no other answer will come.
func (p *pipe) spoiled(data []byte, why error) {
	e, ok := errors.AsType[*wire.Error](why)
	if !ok || !e.ID.Ok() || wire.Get(data, "method") != nil { // a question, whose ids are the server's
		return
	}
	if c := p.s.table.find(wire.OwnID(data[e.ID.Start:e.ID.End])); c != nil {
		p.fail(c, upstream("server %q answered with what is not a JSON-RPC message: %v", p.s.target.Name, why))
	}
}

// tooLong ends the one call in flight, whose answer an over-long message must be; if several are, nobody knows whose it was.
func (p *pipe) tooLong() {
	p.s.foul(nil, wire.ErrTooLong)
	c := p.s.table.only()
	if c == nil {
		return
	}
	p.fail(c, upstream("server %q answered with more than %d bytes", p.s.target.Name, p.s.target.MaxMessage))
}

// fail answers a call in the server's place.
func (p *pipe) fail(c *exchange, e *mcp.Error) {
	a := newAnswer()
	a.buf = wire.AppendInt(append(a.buf[:0], `{"jsonrpc":"2.0","id":`...), c.id)
	a.buf = append(mcp.AppendError(append(a.buf, `,"error":`...), e), '}')
	if err := a.scan(scanner); err != nil {
		a.Release()
		return
	}
	p.answer(a)
}

// tell is the goroutine that hands on what belongs to no call.
func (p *pipe) tell() {
	for {
		select {
		case a := <-p.unasked:
			p.s.receive(nil, a)
		case <-p.gone:
			return
		}
	}
}

// drop counts a message that nobody takes. It owns a.
func (s *Session) drop(a *Answer) {
	defer a.Release()
	if n := s.dropped.Add(1); n&(n-1) == 0 {
		s.log.LogAttrs(s.root, slog.LevelDebug, "message dropped", slog.String("server", s.target.Name),
			slog.String("method", string(a.Message.MethodName())), slog.Int64("dropped", n))
	}
}
