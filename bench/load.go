package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// grace is how long the last answers of a run may take beyond its end.
const grace = 15 * time.Second

// giveUp is after how many failures in a row a seat stops asking.
const giveUp = 20

// A seat is one client at one connection: it sends a request, waits for the answer, checks it, and sends the next one.
// Not safe for concurrent use.
type seat struct {
	addr    string
	conn    net.Conn
	answers *answerReader
	msg     *message
	id      uint64
	session string
	atLeast int // bytes that an answer's body must have
	tally   tally
}

// A tally is what the clients of a run have seen.
type tally struct {
	Calls   int64         // answered correctly
	Failed  int64         // answered wrongly
	Dropped int64         // connections that the other side closed
	Elapsed time.Duration // of the run
	First   error         // the first thing that went wrong
	latency histogram
}

// merge adds what another client has seen.
func (t *tally) merge(other *tally) {
	t.Calls += other.Calls
	t.Failed += other.Failed
	t.Dropped += other.Dropped
	if t.First == nil {
		t.First = other.First
	}
	t.latency.merge(&other.latency)
}

// A task is the request that the seats of a run repeat.
type task struct {
	script  script
	atLeast int                           // bytes that an answer's body must have
	request func(session string) *message // called once a seat
}

// openSeats connects n clients, and opens a session for each where the era has sessions.
func openSeats(ctx context.Context, t task, n int) ([]*seat, error) {
	var seats []*seat
	for i := range n {
		s := &seat{addr: t.script.addr, atLeast: t.atLeast, id: firstID + uint64(i)*5_000_000}
		if err := s.open(ctx, t); err != nil {
			closeSeats(seats, t.script)
			return nil, fmt.Errorf("opening client %d of %d at %s: %w", i+1, n, t.script.addr, err)
		}
		seats = append(seats, s)
	}
	return seats, nil
}

// open dials and, in the legacy era, shakes hands.
func (s *seat) open(ctx context.Context, t task) error {
	if err := s.dial(ctx); err != nil {
		return err
	}
	if !t.script.shape.Modern {
		session, err := handshake(s.conn, s.answers, t.script)
		if err != nil {
			return errors.Join(err, s.conn.Close())
		}
		s.session = session
	}
	s.msg = t.request(s.session)
	return nil
}

// dial makes a new connection.
func (s *seat) dial(ctx context.Context) error {
	d := net.Dialer{Timeout: grace}
	conn, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	s.conn, s.answers = conn, newAnswerReader(conn)
	return conn.SetDeadline(time.Now().Add(grace))
}

// handshake opens a legacy session on a connection and returns its id.
func handshake(conn io.Writer, answers *answerReader, sc script) (string, error) {
	a, err := exchange(conn, answers, sc.initialize())
	if err != nil {
		return "", fmt.Errorf("initialize: %w", err)
	}
	if a.status != 200 || !bytes.Contains(a.body, []byte(`"result":`)) {
		return "", fmt.Errorf("initialize: status %d: %.200s", a.status, a.body)
	}
	session := string(a.session)
	a, err = exchange(conn, answers, sc.initialized(session))
	if err == nil && a.status != 202 {
		err = fmt.Errorf("status %d: %.200s", a.status, a.body)
	}
	if err != nil {
		return "", fmt.Errorf("notifications/initialized: %w", err)
	}
	return session, nil
}

// exchange sends one request and reads its answer.
func exchange(conn io.Writer, answers *answerReader, m *message) (answer, error) {
	if _, err := conn.Write(m.bytes); err != nil {
		return answer{}, err
	}
	return answers.next()
}

// closeSeats ends the sessions and closes the connections. A peer that has gone is no failure here.
func closeSeats(seats []*seat, sc script) {
	for _, s := range seats {
		if s.session != "" && s.conn.SetDeadline(time.Now().Add(grace)) == nil {
			_, _ = exchange(s.conn, s.answers, sc.end(s.session))
		}
		_ = s.conn.Close()
	}
}

// drive lets all seats work at once for a time, or until they have done a number of calls together (0: no such limit),
// and returns what they have seen.
func drive(ctx context.Context, seats []*seat, d time.Duration, calls int64) tally {
	start := time.Now()
	var taken atomic.Int64
	more := func() bool {
		return time.Since(start) < d && ctx.Err() == nil && (calls == 0 || taken.Add(1) <= calls)
	}
	var wg sync.WaitGroup
	for _, s := range seats {
		wg.Go(func() { s.work(ctx, start.Add(d+grace), more) })
	}
	wg.Wait()
	var all tally
	for _, s := range seats {
		all.merge(&s.tally)
	}
	all.Elapsed = time.Since(start)
	return all
}

// work repeats the seat's request as long as there is more to do and the other side is still of use.
func (s *seat) work(ctx context.Context, deadline time.Time, more func() bool) {
	s.tally = tally{}
	if s.tally.First = s.conn.SetDeadline(deadline); s.tally.First != nil {
		return
	}
	for inRow := 0; inRow < giveUp && more(); {
		err := s.once()
		if err == nil {
			inRow = 0
			continue
		}
		inRow++
		if s.tally.First == nil {
			s.tally.First = err
		}
		if s.reopen(ctx, deadline, err) != nil {
			return
		}
	}
}

// once makes one call, checks the answer and counts it.
func (s *seat) once() error {
	s.id++
	s.msg.setID(s.id)
	began := time.Now()
	a, err := exchange(s.conn, s.answers, s.msg)
	if err != nil {
		return err
	}
	took := time.Since(began)
	if err := s.check(a); err != nil {
		s.tally.Failed++
		return err
	}
	s.tally.latency.add(took)
	s.tally.Calls++
	if a.closes {
		return errClosing
	}
	return nil
}

// errClosing says that a correct answer was the last one of its connection.
var errClosing = errors.New("the server closes the connection")

// check reports what is wrong with an answer.
func (s *seat) check(a answer) error {
	switch {
	case a.status != 200:
		return fmt.Errorf("status %d: %.200s", a.status, a.body)
	case !bytes.Contains(a.body, s.msg.idMember()):
		return fmt.Errorf("the answer lacks %s: %.200s", s.msg.idMember(), a.body)
	case !bytes.Contains(a.body, []byte(`"result":`)):
		return fmt.Errorf("no result: %.200s", a.body)
	case len(a.body) < s.atLeast:
		return fmt.Errorf("an answer of %d bytes, expected at least %d: %.200s", len(a.body), s.atLeast, a.body)
	}
	return nil
}

// reopen counts a lost connection and makes a new one; other failures leave the connection as it is.
func (s *seat) reopen(ctx context.Context, deadline time.Time, cause error) error {
	switch {
	case errors.Is(cause, errClosing) || dropped(cause):
		s.tally.Dropped++
	case errors.As(cause, new(net.Error)):
		s.tally.Failed++
	default:
		return nil // a wrong answer, already counted
	}
	_ = s.conn.Close()
	if err := s.dial(ctx); err != nil {
		return err
	}
	return s.conn.SetDeadline(deadline)
}

// dropped reports whether an error means that the other side has closed the connection.
func dropped(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
