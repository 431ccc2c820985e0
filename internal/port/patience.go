// Package port has the listening sockets that clients connect to, and the server of
// HTTP on them: how it ends, the names under which it answers, connections
// that take deadlines lightly, and certificates that are renewed while they are used.
package port

import (
	"net"
	"sync"
	"time"
)

// lateness is how much later than its deadline a read may end.
const lateness = 500 * time.Millisecond

// Patient returns a listener whose connections take deadlines of reads lightly:
// one that lies ahead is only noted, and looked at now and then. net/http sets
// several for each request, nearly all of which are moved before they come, and
// each move of a real one can wake the network poller. A deadline in the past
// takes effect at once, as net/http needs it to end its own reads.
func Patient(l net.Listener) net.Listener {
	return &patient{Listener: l, conns: map[*patientConn]struct{}{}}
}

type patient struct {
	net.Listener

	mu sync.Mutex
	// conns are the connections that are open.
	conns map[*patientConn]struct{}
	// next looks at them again; nil while none is open.
	next *time.Timer
}

// Accept returns the next connection.
func (p *patient) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &patientConn{Conn: conn, of: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = struct{}{}
	if p.next == nil {
		p.next = time.AfterFunc(lateness, p.look)
	}
	return c, nil
}

// look ends the reads whose deadline has come, as long as connections are open.
func (p *patient) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for c := range p.conns {
		c.expire(now)
	}
	if len(p.conns) == 0 {
		p.next = nil
		return
	}
	p.next.Reset(lateness)
}

// A patientConn is a connection whose deadline of reads is looked at now and then.
type patientConn struct {
	net.Conn
	of *patient

	mu sync.Mutex
	// due is when a read is to end; zero for never.
	due time.Time
	// over says that the deadline of the connection itself lies in the past.
	over bool
}

// SetReadDeadline sets when reads end: at most half a second after t, and at once
// where t has passed.
func (c *patientConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !t.IsZero() && time.Until(t) <= 0 {
		c.due, c.over = time.Time{}, true
		return c.Conn.SetReadDeadline(t)
	}
	c.due = t
	if !c.over {
		return nil
	}
	c.over = false
	return c.Conn.SetReadDeadline(time.Time{})
}

// SetDeadline sets when reads and writes end.
func (c *patientConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *patientConn) expire(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.due.IsZero() || now.Before(c.due) {
		return
	}
	c.due, c.over = time.Time{}, true
	// A connection that is closed meanwhile reads nothing any more.
	_ = c.Conn.SetReadDeadline(now)
}

// CloseWrite tells the client that nothing more comes. net/http does so before it
// closes a connection whose request it has not read to the end, so that the answer
// arrives.
func (c *patientConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close closes the connection.
func (c *patientConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
