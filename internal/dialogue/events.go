package dialogue

import (
	"cmp"
	"net/http"
	"time"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// WriteTimeout is how long a client may take to read one message.
const WriteTimeout = 30 * time.Second

// KeepAlive is how often a silent line or stream says that it is still there.
const KeepAlive = 25 * time.Second

// An EventWriter writes Server-Sent Events to one HTTP answer, each at once.
type EventWriter struct {
	// Patience is how long the client may take to read one event: WriteTimeout unless
	// it is set.
	Patience time.Duration

	w       http.ResponseWriter
	control *http.ResponseController
	buf     []byte
}

// OpenEvents begins the stream. Prompt tells proxies not to hold it back.
func OpenEvents(w http.ResponseWriter, prompt bool) *EventWriter {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	if prompt {
		h.Set("X-Accel-Buffering", "no")
	}
	w.WriteHeader(http.StatusOK)
	return &EventWriter{w: w, control: http.NewResponseController(w)}
}

// Event writes one message; id is empty in a stream that cannot be resumed.
func (e *EventWriter) Event(id string, data []byte) error {
	e.buf = wire.AppendEvent(e.buf[:0], wire.Event{ID: id, HasID: id != "", Data: data})
	return e.flush()
}

// Named writes one event with a name, in a stream that cannot be resumed.
func (e *EventWriter) Named(name string, data []byte) error {
	e.buf = wire.AppendEvent(e.buf[:0], wire.Event{Name: name, Data: data})
	return e.flush()
}

// Comment writes a line that keeps the connection alive and says nothing.
func (e *EventWriter) Comment() error {
	e.buf = wire.AppendComment(e.buf[:0], "keep-alive")
	return e.flush()
}

func (e *EventWriter) flush() error {
	// A writer that knows no deadlines is one of a test.
	_ = e.control.SetWriteDeadline(time.Now().Add(cmp.Or(e.Patience, WriteTimeout)))
	if _, err := e.w.Write(e.buf); err != nil {
		return err
	}
	err := e.control.Flush()
	_ = e.control.SetWriteDeadline(time.Time{})
	return err
}
