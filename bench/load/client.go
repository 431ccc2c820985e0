package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// giveUp is after how many failures in a row a client stops asking.
const giveUp = 20

// errClosing says that a correct answer was the last one of its connection.
var errClosing = errors.New("the server closes the connection")

// A client sends a request, waits for the answer, checks it, and sends the next one. Not safe for concurrent use.
type client struct {
	addr    string
	conn    net.Conn
	answers *answerReader
	session string
	msg     *Message
	id      uint64
	atLeast int // bytes that an answer's body must have
	seen    Tally
}

// open dials, shakes hands in the legacy era, and renders the request.
func (c *client) open(ctx context.Context, t Task) error {
	if err := c.dial(ctx); err != nil {
		return err
	}
	if !t.Script.Shape.Modern {
		session, err := c.handshake(t.Script)
		if err != nil {
			return errors.Join(err, c.conn.Close())
		}
		c.session = session
	}
	c.msg = t.Request(c.session)
	return nil
}

// dial makes a new connection.
func (c *client) dial(ctx context.Context) error {
	d := net.Dialer{Timeout: grace}
	conn, err := d.DialContext(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	c.conn, c.answers = conn, newAnswerReader(conn)
	return c.extend(time.Now().Add(grace))
}

// extend sets until when the peer may answer.
func (c *client) extend(until time.Time) error { return c.conn.SetDeadline(until) }

// exchange sends one request and reads its answer.
func (c *client) exchange(m *Message) (answer, error) {
	if _, err := c.conn.Write(m.bytes); err != nil {
		return answer{}, err
	}
	return c.answers.next()
}

// work repeats the client's request as long as there is more to do and the other side is still of use.
func (c *client) work(ctx context.Context, deadline time.Time, more func() bool) {
	c.seen = Tally{}
	if c.seen.First = c.extend(deadline); c.seen.First != nil {
		return
	}
	for inRow := 0; inRow < giveUp && more(); {
		err := c.once()
		if err == nil {
			inRow = 0
			continue
		}
		inRow++
		if c.seen.First == nil {
			c.seen.First = err
		}
		if c.reopen(ctx, deadline, err) != nil {
			return
		}
	}
}

// once makes one call, checks the answer and counts it.
func (c *client) once() error {
	c.id++
	c.msg.setID(c.id)
	began := time.Now()
	a, err := c.exchange(c.msg)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if err := c.check(a); err != nil {
		c.seen.Failed++
		return err
	}
	c.seen.latency.add(took)
	c.seen.Calls++
	if a.closes {
		return errClosing
	}
	return nil
}

// check reports what is wrong with an answer.
func (c *client) check(a answer) error {
	switch {
	case a.status != 200:
		return fmt.Errorf("status %d: %.200s", a.status, a.body)
	case !bytes.Contains(a.body, c.msg.idMember()):
		return fmt.Errorf("the answer lacks %s: %.200s", c.msg.idMember(), a.body)
	case !bytes.Contains(a.body, []byte(`"result":`)):
		return fmt.Errorf("no result: %.200s", a.body)
	case len(a.body) < c.atLeast:
		return fmt.Errorf("an answer of %d bytes, expected at least %d: %.200s", len(a.body), c.atLeast, a.body)
	}
	return nil
}

// reopen counts a lost connection and makes a new one. A wrong answer, which is counted already, leaves it as it is.
func (c *client) reopen(ctx context.Context, deadline time.Time, cause error) error {
	switch {
	case dropped(cause):
		c.seen.Dropped++
	case errors.As(cause, new(net.Error)):
		c.seen.Failed++
	default:
		return nil
	}
	_ = c.conn.Close()
	if err := c.dial(ctx); err != nil {
		return err
	}
	return c.extend(deadline)
}

// dropped reports whether an error means that the other side has closed the connection.
func dropped(err error) bool {
	return errors.Is(err, errClosing) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
