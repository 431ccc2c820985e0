package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/client/internal/value"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// eventPrefix begins the methods of a Sumun's events.
const eventPrefix = "mcp.event."

// mostEvents is how many events may wait for who takes them.
const mostEvents = 256

// An Event is something that has happened in a Sumun (design of the dialect, "Events").
type Event struct {
	// Type is resourceUpdated, toolsChanged, securityAlert, samplingUpdated or rootClosed.
	Type string
	// Data is a JSON object that says what.
	Data json.RawMessage
}

// ErrTooSlow ends Events when more events wait than are kept.
var ErrTooSlow = errors.New("events came faster than they were taken")

// An eventStream is one call of Events.
type eventStream struct {
	types  []string
	events chan Event
	once   sync.Once
	full   chan struct{} // closed when an event was lost

	session *transport.Session // on whose line it listens; nil over HTTP
}

// Events listens to the events of a Sumun, by the dialect (mcp.event.subscribe), and hands those of the types that are named, or all
// if none is, to f one after the other. It returns when ctx ends, the Client is closed or the line breaks, with the reason. F may use
// the Client.
func (c *Client) Events(ctx context.Context, f func(Event), types ...string) error {
	q := request{method: methodEvents}
	ctx, end, err := c.begin(ctx, &q)
	if err != nil {
		return err
	}
	defer end()
	session, err := c.current(ctx)
	if err != nil {
		return failure(ctx, methodEvents, nil, err)
	}
	stream := &eventStream{types: types, events: make(chan Event, mostEvents), full: make(chan struct{})}
	listening, cancel := context.WithCancelCause(ctx)
	ended := make(chan error, 1)
	var work sync.WaitGroup
	work.Go(func() { ended <- c.listen(listening, session, stream) })
	err = stream.serve(f, ended)
	cancel(err)
	work.Wait()
	if errors.Is(err, ErrTooSlow) {
		return fmt.Errorf("%s: %w", methodEvents, err)
	}
	return c.failed(ctx, session, &q, err)
}

// The methods of the dialect that begin and end a stream of events.
const (
	methodEvents   = "mcp.event.subscribe"
	methodNoEvents = "mcp.event.unsubscribe"
)

// listen asks for events until ctx ends, and returns why they have ended.
func (c *Client) listen(ctx context.Context, s *transport.Session, stream *eventStream) error {
	if !c.posts(s) {
		return c.share(ctx, s, stream)
	}
	params, err := value.Object("the types of events", struct {
		Types []string `json:"types,omitempty"`
	}{stream.types})
	if err != nil {
		return err
	}
	return c.hear(ctx, params, stream)
}

// share has a stream take part in the events that come on a line, unasked, once somebody has asked for all of them: who asked twice
// would be told twice.
func (c *Client) share(ctx context.Context, s *transport.Session, stream *eventStream) error {
	stream.session = s
	leave, err := c.enter(ctx)
	if err != nil {
		return err
	}
	if c.sharing(s, stream, true) == 1 {
		err = call(ctx, s, methodEvents)
	}
	leave()
	if err == nil {
		select {
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-s.Done():
			err = s.Err()
		}
	}
	c.unshare(ctx, s, stream)
	return err
}

// unshare ends it, and tells the server when nobody listens any more.
func (c *Client) unshare(ctx context.Context, s *transport.Session, stream *eventStream) {
	const courtesy = 2 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), courtesy)
	defer cancel()
	leave, err := c.enter(ctx)
	last := c.sharing(s, stream, false) == 0
	if err != nil {
		return // the Client ends, and the line with it
	}
	defer leave()
	if last && !isDone(s.Done()) {
		_ = call(ctx, s, methodNoEvents) // what still comes finds nobody
	}
}

// sharing adds a stream or takes it away, and returns how many there are on the session then.
func (c *Client) sharing(s *transport.Session, stream *eventStream, add bool) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if delete(c.streams, stream); add {
		c.streams[stream] = struct{}{}
	}
	n := 0
	for other := range c.streams {
		if other.session == s {
			n++
		}
	}
	return n
}

// posts reports whether each request gets an answer of its own over HTTP.
func (c *Client) posts(s *transport.Session) bool {
	return isHTTP(c.target.URL) && !s.Events()
}

// call makes a request of the dialect of which only success matters.
func call(ctx context.Context, s *transport.Session, method string) error {
	a, err := s.Call(ctx, transport.Request{Method: method, Params: []byte("{}"), Enveloped: true}, nil)
	if err != nil {
		return err
	}
	defer a.Release()
	if told := a.Err(s.Revision()); told != nil {
		return told
	}
	return nil
}

// serve hands events over until no more come.
func (s *eventStream) serve(f func(Event), ended <-chan error) error {
	for {
		select {
		case e := <-s.events:
			f(e)
		case <-s.full:
			return ErrTooSlow
		case err := <-ended:
			for len(s.events) > 0 {
				f(<-s.events)
			}
			return err
		}
	}
}

// note makes an event known, if it is of the types that are wanted.
func (s *eventStream) note(e Event) {
	if len(s.types) > 0 && !slices.Contains(s.types, e.Type) && !slices.Contains(s.types, eventPrefix+e.Type) {
		return
	}
	select {
	case s.events <- e:
	default:
		s.once.Do(func() { close(s.full) })
	}
}

// happened tells of an event: to the stream that it came on, or else to those that listen on the line.
func (c *Client) happened(stream *eventStream, method string, params []byte) {
	e := Event{Type: strings.TrimPrefix(method, eventPrefix), Data: bytes.Clone(params)}
	if stream != nil {
		stream.note(e)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.streams {
		s.note(e)
	}
}
