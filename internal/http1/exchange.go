package http1

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

// An exchange is one request and the answer to it, and the body of that answer. It has the connection until the answer was read to
// its end or given up.
type exchange struct {
	asked
	ctx context.Context //nolint:containedctx // of the request
	raw net.Conn        // of c, for whoever gives the exchange up

	// over says that the connection has been given back or closed. Whoever sets it decides which, and nobody else does.
	over   atomic.Bool
	stop   func() bool // ends the watch on ctx; may be nil
	upload *upload     // what is still being sent; may be nil

	unsent bool // nothing of the request was sent
	silent bool // nothing of an answer has come
	again  bool // after a failure: the request can be sent once more

	mu     sync.Mutex // held while the answer is read; guards what follows
	c      *conn
	keep   bool // the connection can carry another exchange
	framed framing
	left   int64     // of a sized body
	chunks io.Reader // of a chunked one
	err    error     // that reading has met, io.EOF at the end

	resp  http.Response
	slots [12]string // the values of its header, as far as they find room
}

// An asked is what an exchange has to know of its request.
type asked struct {
	method string
	length int64         // of the body
	last   bool          // the connection is not to be kept
	req    *http.Request // may be nil
}

func newExchange(ctx context.Context, a asked, c *conn) *exchange {
	return &exchange{asked: a, ctx: ctx, raw: c.raw, c: c}
}

// run sends the request, of which first is the beginning and more the rest or nil, and reads the head of the answer. After an error
// the exchange is over, and more is closed unless the request can be sent again.
func (x *exchange) run(first []byte, more io.ReadCloser) (*http.Response, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx.Done() != nil {
		x.stop = context.AfterFunc(x.ctx, x.abort)
	}
	n, err := x.c.Write(first)
	switch {
	case err == nil && more != nil:
		x.upload = &upload{done: make(chan struct{}), body: more}
		go x.upload.write(x.c, x.length-int64(x.bodyIn(first))) // settle waits for it
	case err != nil:
		err = fmt.Errorf("sending the request: %w", err)
		if x.unsent = n == 0; x.unsent && x.c.reused {
			return nil, x.fail(err, more)
		}
		x.c.hurry() // a server that refuses the request may have said so
	}
	failed := x.receive()
	switch {
	case failed == nil:
		x.keep = x.keep && err == nil
	case err != nil:
		return nil, x.fail(err, more)
	default:
		return nil, x.fail(failed, nil)
	}
	if err != nil {
		closeBody(more)
	}
	if x.framed == sized && x.left == 0 {
		x.err = io.EOF
		x.settle(true)
		x.resp.Body = http.NoBody
	} else {
		x.resp.Body = x
	}
	return &x.resp, nil
}

// bodyIn returns how many bytes of first belong to the body.
func (x *exchange) bodyIn(first []byte) int {
	const end = "\r\n\r\n"
	return len(first) - bytes.Index(first, []byte(end)) - len(end)
}

// fail ends the exchange and returns what the caller is told.
func (x *exchange) fail(err error, more io.ReadCloser) error {
	x.settle(false)
	if x.upload != nil && x.upload.err != nil {
		err = x.upload.err
	}
	if x.ctx.Err() != nil {
		err = context.Cause(x.ctx)
	}
	if x.again = x.repeatable(); x.upload == nil && !x.again {
		closeBody(more)
	}
	x.err = err
	return err
}

// repeatable reports whether the request of an exchange that has failed can be sent once more: nothing of it was sent on a connection
// that the server had closed, or nothing of an answer has come and sending it twice does no more than sending it once.
func (x *exchange) repeatable() bool {
	if !x.c.reused || x.ctx.Err() != nil {
		return false
	}
	switch x.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return x.unsent || x.silent && x.length == 0
	default:
		return x.unsent
	}
}

// receive reads the head of the answer.
func (x *exchange) receive() error {
	for range mostInterim + 1 {
		var err error
		x.c.head, err = readSection(x.c.in, x.c.head[:0])
		if err != nil {
			x.silent = len(x.c.head) == 0
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return fmt.Errorf("reading the answer: %w", err)
		}
		if err = x.parse(string(x.c.head)); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		switch code := x.resp.StatusCode; {
		case code == http.StatusSwitchingProtocols:
			return errors.New("the server has switched to another protocol, which it was not asked for")
		case code >= http.StatusOK:
			return nil
		}
	}
	return fmt.Errorf("more than %d interim answers", mostInterim)
}

// parse reads a head.
func (x *exchange) parse(head string) error {
	line, fields := cutLine(head)
	x.resp = http.Response{Request: x.req}
	if err := parseStatus(line, &x.resp); err != nil {
		return err
	}
	var err error
	if x.resp.Header, err = parseFields(fields, x.slots[:]); err != nil {
		return err
	}
	if x.framed, x.keep, err = frame(&x.resp, x.method); err != nil {
		return err
	}
	x.resp.Close = !x.keep
	x.keep = x.keep && !x.last
	switch {
	case x.framed == chunked:
		x.chunks = httputil.NewChunkedReader(x.c.in)
	case x.framed == sized && x.method != http.MethodHead:
		x.left = x.resp.ContentLength
	}
	return nil
}

// Read reads from the body of the answer.
func (x *exchange) Read(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err != nil {
		return 0, x.err
	}
	n, err := x.read(p)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		x.err = io.EOF
		x.settle(true)
	default:
		if x.ctx.Err() != nil {
			err = context.Cause(x.ctx)
		} else if x.over.Load() {
			err = http.ErrBodyReadAfterClose
		}
		x.err = err
		x.settle(false)
	}
	return n, x.err
}

// read returns io.EOF at the end of the body, with its last bytes where that is known.
func (x *exchange) read(p []byte) (n int, err error) {
	switch x.framed {
	case chunked:
		n, err = x.chunks.Read(p)
		if errors.Is(err, io.EOF) {
			err = x.readTrailer()
		}
		return n, err
	case open:
		return x.c.in.Read(p)
	case sized:
	}
	if int64(len(p)) > x.left {
		p = p[:x.left]
	}
	n, err = x.c.in.Read(p)
	x.left -= int64(n)
	switch {
	case x.left == 0:
		return n, io.EOF
	case errors.Is(err, io.EOF):
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// readTrailer reads what stands behind the last chunk, and returns io.EOF when all is well. Fields that would change the framing
// are refused (RFC 9110, section 6.5.1).
func (x *exchange) readTrailer() (err error) {
	x.c.head, err = readSection(x.c.in, x.c.head[:0])
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	if len(x.c.head) <= len("\r\n") {
		return io.EOF // no trailer
	}
	trailer, err := parseFields(string(x.c.head), nil)
	if err != nil {
		return err
	}
	for _, name := range [...]string{"Content-Length", "Transfer-Encoding", "Trailer"} {
		if _, there := trailer[name]; there {
			return malformed("trailer", name)
		}
	}
	x.resp.Trailer = trailer
	return io.EOF
}

// A Body is the body of an answer that came over a connection of ours.
type Body interface {
	io.ReadCloser
	// Ended reports whether the rest of the answer has come already, so that Close keeps the connection.
	Ended() bool
	// Detach lets the answer outlive the request's context: from now on only Close ends it early. It reports false if the context
	// has ended already.
	Detach() bool
}

var _ Body = (*exchange)(nil)

// Ended reports whether the rest of the answer has come already, so that Close keeps the connection.
func (x *exchange) Ended() bool {
	if !x.mu.TryLock() {
		return false
	}
	defer x.mu.Unlock()
	if x.err != nil {
		return true
	}
	ready := x.c.in.Buffered()
	switch x.framed {
	case sized:
		return int64(ready) >= x.left
	case chunked:
		rest, _ := x.c.in.Peek(ready)
		return bytes.HasSuffix(rest, []byte("0\r\n\r\n"))
	case open:
	}
	return false
}

// Detach lets the answer outlive the request's context: from now on only Close ends it early. It reports false if the context has
// ended already.
func (x *exchange) Detach() bool { return x.stop == nil || x.stop() }

// Close ends the answer. Its connection is kept if the rest has come already. Close may be called while another goroutine reads,
// which then ends with an error.
func (x *exchange) Close() error {
	if !x.mu.TryLock() {
		x.abort()
		return nil
	}
	defer x.mu.Unlock()
	if x.err == nil {
		x.err = http.ErrBodyReadAfterClose
		x.settle(x.discard())
	}
	return nil
}

// discard reads the rest of the body as far as it has come, without waiting, and reports whether that was all.
func (x *exchange) discard() bool {
	if !x.keep || x.c.in.Buffered() == 0 {
		return false
	}
	_ = x.c.SetReadDeadline(time.Unix(1, 0))
	var scrap [512]byte
	for {
		if _, err := x.read(scrap[:]); err != nil {
			return errors.Is(err, io.EOF) && x.c.SetReadDeadline(time.Time{}) == nil
		}
	}
}

// abort closes the connection under whoever reads or writes, unless the exchange is over.
func (x *exchange) abort() {
	if x.over.CompareAndSwap(false, true) {
		_ = x.raw.Close()
	}
}

// settle ends the exchange: the connection goes back if the answer was read to its end, and is closed otherwise. All that the
// exchange has started has ended then.
func (x *exchange) settle(ended bool) {
	keep := ended && x.keep && x.c.in.Buffered() == 0 && (x.upload == nil || x.upload.wait())
	if x.over.CompareAndSwap(false, true) {
		if keep {
			x.c.pool.put(x.c)
		} else {
			_ = x.raw.Close()
		}
	}
	if x.stop != nil {
		x.stop()
	}
	if x.upload != nil {
		x.upload.end()
	}
}
