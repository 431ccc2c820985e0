package wire

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"time"
)

// An Event is one event of an event stream (WHATWG HTML, section 9.2).
type Event struct {
	ID    string
	HasID bool   // an id was given, though it may be empty, which forgets the last one
	Name  string // empty means "message"
	// Data is nil if the event has no data field. Such an event is nothing for an application; only its id and retry
	// time hold. An event with an empty data field, as servers send to tell an id first, has Data that is empty, not nil.
	Data  []byte
	Retry time.Duration // to wait before connecting again, in whole milliseconds; zero if it was not told
}

// An EventReader reads an event stream. It is not safe for concurrent use.
type EventReader struct {
	lines    lines
	max      int
	begun    bool   // the first line, which may have a byte order mark, was read
	dropping bool   // what comes is the rest of an event that was too long
	name     string // of the last event that had one: most have the same
	data     []byte // of the event being read
	size     int    // of the event being read
}

// NewEventReader returns a reader of events of at most maxEvent bytes, counting the lines of their fields without the ends.
func NewEventReader(r io.Reader, maxEvent int) *EventReader {
	e := new(EventReader)
	e.Reset(r, maxEvent)
	return e
}

// Reset makes r read another stream from its beginning, as NewEventReader does, in the space that r has, unless that has grown
// large. A nil src lets go of the last stream.
func (r *EventReader) Reset(src io.Reader, maxEvent int) {
	r.lines.reset(src, maxEvent)
	r.lines.cr = true
	r.max, r.begun, r.dropping = maxEvent, false, false
	r.restart()
}

// Next returns the next event that has data, an id or a retry time. Its Data is valid until the next call. An event that is
// too long is reported as [ErrTooLong] as soon as that is known; the call after that drops the rest of it. An event that is
// not finished when the stream ends is dropped, as the standard wants, and Next returns the error of the stream: [io.EOF].
func (r *EventReader) Next() (Event, error) {
	r.restart()
	var e Event
	for {
		line, err := r.line()
		switch {
		case errors.Is(err, ErrTooLong) && r.dropping:
			continue
		case err != nil:
			r.dropping = r.dropping || errors.Is(err, ErrTooLong)
			return Event{}, err
		case len(line) == 0 && e.Data == nil && !e.HasID && e.Retry == 0:
			r.restart()
			r.dropping, e = false, Event{}
		case len(line) == 0:
			return e, nil
		case !r.dropping:
			r.field(&e, line)
		}
	}
}

// restart prepares for the next event. It does not keep the space of a large one.
func (r *EventReader) restart() {
	if cap(r.data) > largeBuffer {
		r.data = nil
	}
	r.data, r.size = r.data[:0], 0
}

// line returns the next line and counts it.
func (r *EventReader) line() ([]byte, error) {
	line, err := r.lines.next()
	if err != nil {
		return nil, err
	}
	if !r.begun {
		r.begun = true
		line = bytes.TrimPrefix(line, []byte(byteOrderMark))
	}
	if len(line) == 0 || line[0] == ':' { // comments may come for ever, to keep a stream alive
		return line, nil
	}
	if r.size += len(line); r.size > r.max {
		return nil, ErrTooLong
	}
	return line, nil
}

// field adds one line to the event. Comments have an empty name and are, like unknown fields, ignored.
func (r *EventReader) field(e *Event, line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		if e.Data != nil {
			r.data = append(r.data, '\n')
		} else if r.data == nil {
			r.data = make([]byte, 0, max(len(value), smallBuffer/8)) // most events have one line
		}
		r.data = append(r.data, value...)
		e.Data = r.data
	case "event":
		if string(value) != r.name {
			r.name = string(value)
		}
		e.Name = r.name
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			e.ID, e.HasID = string(value), true
		}
	case "retry":
		if ms, ok := milliseconds(value); ok {
			e.Retry = ms
		}
	}
}

// milliseconds reads the value of a retry field: digits only.
func milliseconds(digits []byte) (time.Duration, bool) {
	const most = math.MaxInt64 / int64(time.Millisecond)
	var ms int64
	for _, c := range digits {
		if ms = ms*10 + int64(c-'0'); !isDigit(c) || ms > most {
			return 0, false
		}
	}
	return time.Duration(ms) * time.Millisecond, len(digits) > 0
}

// AppendEvent appends an event as an [EventReader] reads it. Data goes into a data field per line, whichever way its lines
// end; nil has none. An id is written if it has one, even an empty one. Names are cut at a line break, and ids also at a NUL.
func AppendEvent(dst []byte, e Event) []byte {
	if name := cutAt(e.Name, "\r\n"); name != "" {
		dst = append(append(append(dst, "event: "...), name...), '\n')
	}
	if e.HasID || e.ID != "" {
		dst = append(append(append(dst, "id: "...), cutAt(e.ID, "\r\n\x00")...), '\n')
	}
	if ms := e.Retry.Milliseconds(); ms > 0 {
		dst = append(AppendInt(append(dst, "retry: "...), ms), '\n')
	}
	if e.Data != nil {
		dst = appendLines(dst, "data: ", e.Data)
	}
	return append(dst, '\n')
}

// AppendComment appends a comment, which a reader ignores: it keeps a quiet stream alive.
func AppendComment(dst []byte, text string) []byte {
	return append(appendLines(dst, ": ", []byte(text)), '\n')
}

// appendLines appends each line of text behind the prefix.
func appendLines(dst []byte, prefix string, text []byte) []byte {
	for {
		n := lineEnd(text)
		dst = append(append(append(dst, prefix...), text[:n]...), '\n')
		if n == len(text) {
			return dst
		}
		if text[n] == '\r' && n+1 < len(text) && text[n+1] == '\n' {
			n++
		}
		text = text[n+1:]
	}
}

func cutAt(s, breaks string) string {
	if i := strings.IndexAny(s, breaks); i >= 0 {
		return s[:i]
	}
	return s
}
