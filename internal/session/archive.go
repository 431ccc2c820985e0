package session

import (
	"context"
	"io"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

const (
	// archiveAge is how long the archive keeps a stream to which nothing is added.
	archiveAge = time.Hour
	// archiveBytes bounds what the archive keeps of all streams.
	archiveBytes = 256 << 20
	// touching is how often an instance says in the archive that its streams go on,
	// and silence how long one may go without that before it counts as dead.
	touching, silence = 30 * time.Second, 100 * time.Second
	// polling is how often the archive is asked for what comes next.
	polling = time.Second
)

// A StreamID names a stream in the archive.
type StreamID struct {
	// Session is the ID of the stream's session.
	Session string
	// Number is the stream's number in it.
	Number int
}

// An Event is one event of a stream in the archive.
type Event struct {
	StreamID
	// Seq is the event's number in its stream, from 1.
	Seq int
	// Data is never nil.
	Data []byte
}

// ID is the event's id, as the client sees it.
func (e *Event) ID() string { return eventID(e.Number, e.Seq) }

// A Batch is what happened to the streams of one instance.
type Batch struct {
	// Owner is the instance, and At the time.
	Owner string
	At    time.Time
	// Events were added.
	Events []Event
	// Ended are the streams to which nothing is added any more.
	Ended []StreamID
	// Dropped are the IDs of sessions whose streams nobody will ask for.
	Dropped []string
}

// A StreamState is what the archive knows of a stream besides its events.
type StreamState struct {
	// Ended says that nothing is added any more.
	Ended bool
	// Touched is when its owner last said that the stream goes on; zero where there
	// is no such stream.
	Touched time.Time
}

// An Archive keeps the events of streams whose clients have left while the call
// went on, where other instances, and this one after a restart, find them. Of a
// client that never left nothing is written there.
type Archive interface {
	// WriteEvents does all that a batch says, in the order of its fields, or nothing,
	// and touches the streams of its owner that have not ended. An event that is there
	// already stays as it is.
	WriteEvents(ctx context.Context, b *Batch) error
	// ReadEvents returns events of a stream that follow the one of that number, in
	// order and not necessarily all, and what is known of the stream.
	ReadEvents(ctx context.Context, id StreamID, after int) ([]Event, StreamState, error)
	// TrimEvents forgets the streams that were touched last before that time, and then
	// those that were touched longest ago, until the others have that many bytes.
	TrimEvents(ctx context.Context, before time.Time, bytes int64) error
}

// A Replay is the reading of a stream from the archive. It is for one goroutine.
type Replay struct {
	archive Archive
	id      StreamID
	// stop is closed when the store of sessions is drained.
	stop <-chan struct{}
	// seen is the number of the last event that was returned.
	seen int
	// events are read and not yet returned.
	events []Event
	// over says that nothing follows.
	over bool
}

// Replay finds what the archive has of a stream of a session, after the event that
// the client saw last. The token may be another instance's. The error is that of
// Get for a bad token, ErrForgotten where nothing is to be had, or the archive's.
func (s *Store) Replay(ctx context.Context, token string, caller *mcp.Caller, lastEventID string) (*Replay, error) {
	t, err := s.verify(token, caller)
	if err != nil {
		return nil, err
	}
	number, seq, ok := parseEventID(lastEventID)
	if s.spool == nil || !ok {
		return nil, ErrForgotten
	}
	r := &Replay{archive: s.options.Archive, id: StreamID{t.id, number}, stop: s.stop, seen: seq}
	if err := r.read(ctx); err != nil {
		return nil, err
	}
	if r.over && len(r.events) == 0 {
		return nil, ErrForgotten
	}
	return r, nil
}

// Next returns the events that come next, or none when there are none for that
// long. The error is io.EOF when nothing follows or the store of sessions is drained,
// that of ctx, or the archive's.
func (r *Replay) Next(ctx context.Context, patience time.Duration) ([]Event, error) {
	tick := time.NewTicker(polling)
	defer tick.Stop()
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for {
		if events := r.events; len(events) > 0 {
			r.events = nil
			return events, nil
		}
		if r.over {
			return nil, io.EOF
		}
		if err := r.read(ctx); err != nil {
			return nil, err
		}
		if r.over || len(r.events) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-r.stop:
			return nil, io.EOF
		case <-enough.C:
			return nil, nil
		case <-tick.C:
		}
	}
}

// read reads what follows. After a gap, nothing does.
func (r *Replay) read(ctx context.Context) error {
	events, state, err := r.archive.ReadEvents(ctx, r.id, r.seen)
	if err != nil {
		return err
	}
	for i := range events {
		if events[i].Seq != r.seen+1 {
			r.over = true
			return nil
		}
		r.seen++
		r.events = append(r.events, events[i])
	}
	if len(events) == 0 {
		r.over = state.Ended || time.Since(state.Touched) > silence
	}
	return nil
}
