package session

import (
	"bytes"
	"cmp"
	"container/list"
	"slices"
	"sync"
	"time"
)

// How much is kept for resumption.
const (
	maxEvents    = 1024        // of a stream
	maxIdle      = 32          // streams of a session to which nothing is added any more
	sessionBytes = 8 << 20     // of a session
	storeBytes   = 256 << 20   // of a store whose options do not say
	eventBytes   = 64          // is what an event takes besides its data
	linger       = time.Minute // is how long a stream is kept that was read to its end
)

// A rank says how much a stream is missed when it is forgotten.
type rank int

const (
	read rank = iota // closed, and written to a connection to its end
	idle             // closed, or without a connection that would make it go on
	busy             // events may still be added
	ranks
)

// A shelf keeps the events of all streams of a store within one budget. What it
// has no room for is forgotten: first streams that were read, then those that are
// idle, then the events of busy ones, those that changed longest ago before others.
type shelf struct {
	max int

	// mu guards the shelf, its folders, and what the streams in them keep. It is
	// taken last, and never held while anything is written.
	mu   sync.Mutex
	size int
	// streams holds those that keep an event, the one that changed longest ago first.
	streams [ranks]list.List
}

// A folder is a session's part of the shelf.
type folder struct {
	shelf *shelf
	// spool and session are for the archive; spool is nil where there is none.
	spool   *spool
	session string
	// archived says that the archive has a stream of the folder.
	archived bool

	size   int
	opened int
	// streams are those that can be resumed, oldest first.
	streams []*Stream
}

// open adds a stream to the folder. The oldest idle one makes room for it when
// there are too many.
func (f *folder) open() *Stream {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	f.opened++
	s := &Stream{folder: f, number: f.opened, first: 1, rank: busy, filed: true}
	f.streams = append(f.streams, s)
	return s
}

// find returns the stream of that number, nil if it is forgotten.
func (f *folder) find(number int) *Stream {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	i, ok := slices.BinarySearchFunc(f.streams, number, func(s *Stream, n int) int { return cmp.Compare(s.number, n) })
	if !ok {
		return nil
	}
	return f.streams[i]
}

// keep keeps an event, which has the number after the last one. One that is larger
// than a session's budget takes what is before it along. It returns its copy of the
// event; nil of one that is too large.
func (f *folder) keep(s *Stream, data []byte) []byte {
	var event []byte
	fits := len(data)+eventBytes <= sessionBytes
	if fits {
		event = bytes.Clone(data)
	}
	h := f.shelf
	h.mu.Lock()
	defer h.mu.Unlock()
	if !fits || !s.filed {
		h.strip(s)
		s.first++
		return event
	}
	s.events = append(s.events, event)
	h.resize(s, len(event)+eventBytes)
	h.place(s)
	if len(s.events) > maxEvents {
		h.shift(s)
	}
	f.shrink()
	h.shrink()
	return event
}

// kept returns the events of a stream for the archive, and how large they are.
func (f *folder) kept(s *Stream) ([]Event, int) {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	f.archived = true
	events := make([]Event, len(s.events))
	for i, data := range s.events {
		events[i] = Event{StreamID{f.session, s.number}, s.first + i, data}
	}
	return events, s.size
}

// event returns the event of that number; false if it is forgotten or not there yet.
func (f *folder) event(s *Stream, number int) ([]byte, bool) {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	if i := number - s.first; i >= 0 && i < len(s.events) {
		return s.events[i], true
	}
	return nil, false
}

// follows reports whether all events after that number are kept.
func (f *folder) follows(s *Stream, number int) bool {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	return number >= s.first-1 && number < s.first+len(s.events)
}

// setRank notes how much a stream is missed from now on.
func (f *folder) setRank(s *Stream, r rank) {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	if s.rank == r || !s.filed {
		return
	}
	s.rank, s.since = r, time.Now()
	f.shelf.place(s)
	f.thin()
}

// thin forgets the oldest idle stream when there are too many.
func (f *folder) thin() {
	count := 0
	var oldest *Stream
	for _, s := range f.streams {
		if s.rank == busy {
			continue
		}
		count++
		oldest = cmp.Or(oldest, s)
	}
	if count > maxIdle {
		f.shelf.forget(oldest)
	}
}

// shrink forgets what exceeds the session's budget.
func (f *folder) shrink() {
	for f.size > sessionBytes {
		if s := f.expendable(); s != nil {
			f.shelf.forget(s)
			continue
		}
		oldest := slices.IndexFunc(f.streams, func(s *Stream) bool { return len(s.events) > 0 })
		f.shelf.shift(f.streams[oldest])
	}
}

// expendable returns the largest stream that was read, or else the oldest idle one.
func (f *folder) expendable() *Stream {
	var largest, oldest *Stream
	for _, s := range f.streams {
		switch {
		case s.size == 0:
		case s.rank == read && (largest == nil || s.size > largest.size):
			largest = s
		case s.rank == idle:
			oldest = cmp.Or(oldest, s)
		}
	}
	return cmp.Or(largest, oldest)
}

// forget forgets a stream.
func (f *folder) forget(s *Stream) {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	if s.filed {
		f.shelf.forget(s)
	}
}

// drop takes the folder's streams out of the archive, if they are there.
func (f *folder) drop() {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	if f.archived {
		f.spool.drop(f.session)
	}
}

// clear forgets every stream of the folder and returns them.
func (f *folder) clear() []*Stream {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	streams := slices.Clone(f.streams)
	for _, s := range streams {
		f.shelf.forget(s)
	}
	return streams
}

// shrink forgets what exceeds the store's budget.
func (h *shelf) shrink() {
	for r := range h.streams {
		for h.size > h.max && h.streams[r].Len() > 0 {
			s := h.streams[r].Front().Value.(*Stream) //nolint:errcheck // the list holds nothing else
			if s.rank == busy {
				h.strip(s)
			} else {
				h.forget(s)
			}
		}
	}
}

// tidy forgets the streams that were read to their end before that time.
func (h *shelf) tidy(before time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for e := h.streams[read].Front(); e != nil; e = h.streams[read].Front() {
		s := e.Value.(*Stream) //nolint:errcheck // the list holds nothing else
		if s.since.After(before) {
			return
		}
		h.forget(s)
	}
}

// place puts a stream behind those that changed before it.
func (h *shelf) place(s *Stream) {
	peers := &h.streams[s.rank]
	switch {
	case len(s.events) == 0:
	case s.list == peers:
		peers.MoveToBack(s.element)
	default:
		h.unlist(s)
		s.list, s.element = peers, peers.PushBack(s)
	}
}

func (h *shelf) unlist(s *Stream) {
	if s.element != nil {
		s.list.Remove(s.element)
		s.list, s.element = nil, nil
	}
}

// shift forgets the oldest event of a stream.
func (h *shelf) shift(s *Stream) {
	h.resize(s, -len(s.events[0])-eventBytes)
	s.events[0] = nil
	s.events = s.events[1:]
	s.first++
	if len(s.events) == 0 {
		h.strip(s)
	}
}

// strip forgets all events of a stream, which goes on.
func (h *shelf) strip(s *Stream) {
	h.resize(s, -s.size)
	s.first += len(s.events)
	s.events = nil
	h.unlist(s)
}

// forget takes a stream out of its folder. What is added to it is no longer kept.
func (h *shelf) forget(s *Stream) {
	h.strip(s)
	s.filed = false
	f := s.folder
	i := slices.Index(f.streams, s)
	f.streams = slices.Delete(f.streams, i, i+1)
}

func (h *shelf) resize(s *Stream, by int) {
	s.size += by
	s.folder.size += by
	h.size += by
}
