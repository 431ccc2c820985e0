package http1

import (
	"bufio"
	"net"
	"slices"
	"sync"
	"time"
)

// A pool holds the idle connections with an origin. Its methods may be called concurrently.
type pool struct {
	idleTimeout time.Duration
	most        int

	mu       sync.Mutex
	idle     []*conn // the longest idle first
	sweeper  *time.Timer
	sweeping bool // the sweeper is going to run
}

// take returns a connection that can be used again, nil if there is none. The one that was used last is the likeliest.
func (p *pool) take() *conn {
	for {
		c := p.pop()
		if c == nil {
			return nil
		}
		if time.Since(c.since) < p.idleTimeout && c.quiet() {
			c.reused = true
			return c
		}
		c.close()
	}
}

func (p *pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	c := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return c
}

// put takes a connection whose last answer was read to its end.
func (p *pool) put(c *conn) {
	c.since = time.Now()
	p.mu.Lock()
	full := len(p.idle) >= p.most
	if !full {
		p.idle = append(p.idle, c)
		p.watch(p.idleTimeout)
	}
	p.mu.Unlock()
	if full {
		c.close()
	}
}

// watch has the sweeper run after a while, unless it is going to. The caller holds the lock.
func (p *pool) watch(after time.Duration) {
	switch {
	case p.sweeping:
		return
	case p.sweeper == nil:
		p.sweeper = time.AfterFunc(after, p.sweep)
	default:
		p.sweeper.Reset(after)
	}
	p.sweeping = true
}

// sweep closes what has been idle for too long. It runs again while anything is idle.
func (p *pool) sweep() {
	p.mu.Lock()
	now := time.Now()
	old := slices.IndexFunc(p.idle, func(c *conn) bool { return now.Sub(c.since) < p.idleTimeout })
	if old < 0 {
		old = len(p.idle)
	}
	closing := slices.Clone(p.idle[:old])
	p.idle = slices.Delete(p.idle, 0, old)
	p.sweeping = false
	if len(p.idle) > 0 {
		p.watch(p.idleTimeout - now.Sub(p.idle[0].since))
	}
	p.mu.Unlock()
	for _, c := range closing {
		c.close()
	}
}

// closeAll closes all that is idle.
func (p *pool) closeAll() {
	p.mu.Lock()
	closing := p.idle
	p.idle = nil
	if p.sweeping && p.sweeper.Stop() {
		p.sweeping = false
	}
	p.mu.Unlock()
	for _, c := range closing {
		c.close()
	}
}

// readBuffer is the size of a connection's buffer: a small answer comes with one read, and a large body passes it by.
const readBuffer = 8 << 10

// earlyAnswer is how long a server's answer is waited for after the request could not be sent to its end.
const earlyAnswer = time.Second

// A conn is one connection. It belongs to one exchange, or to the pool.
type conn struct {
	net.Conn          // what requests are written to
	raw      net.Conn // what lies below TLS, or the same
	in       *bufio.Reader
	head     []byte // the head of an answer, while it is read
	pool     *pool
	peek     peeker
	since    time.Time // when it became idle
	reused   bool      // it has carried an answer already
}

func newConn(p *pool, c, raw net.Conn) *conn {
	return &conn{Conn: c, raw: raw, in: bufio.NewReaderSize(c, readBuffer), pool: p, peek: newPeeker(raw)}
}

// quiet reports whether nothing has come since the last answer, not even the end. What lies ready was not asked for.
func (c *conn) quiet() bool { return c.in.Buffered() == 0 && c.peek.quiet() }

// close closes the connection.
func (c *conn) close() { _ = c.Close() }

// hurry bounds what may still be read.
func (c *conn) hurry() { _ = c.SetReadDeadline(time.Now().Add(earlyAnswer)) }
