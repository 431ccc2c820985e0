package ingress

import (
	"net/http"
	"time"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// writeTimeout is how long a client may take to read one event.
const writeTimeout = 30 * time.Second

// An eventWriter writes Server-Sent Events to one HTTP answer, each at once.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     []byte
}

// openEvents begins the stream. A modern one tells proxies not to hold it back.
func openEvents(w http.ResponseWriter, modern bool) *eventWriter {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	if modern {
		h.Set("X-Accel-Buffering", "no")
	}
	w.WriteHeader(http.StatusOK)
	return &eventWriter{w: w, control: http.NewResponseController(w)}
}

// event writes one message; id is empty in a stream that cannot be resumed.
func (e *eventWriter) event(id string, data []byte) error {
	e.buf = wire.AppendEvent(e.buf[:0], wire.Event{ID: id, HasID: id != "", Data: data})
	return e.flush()
}

// comment writes a line that keeps the connection alive and says nothing.
func (e *eventWriter) comment() error {
	e.buf = wire.AppendComment(e.buf[:0], "")
	return e.flush()
}

func (e *eventWriter) flush() error {
	// A writer that knows no deadlines is one of a test.
	_ = e.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := e.w.Write(e.buf); err != nil {
		return err
	}
	err := e.control.Flush()
	_ = e.control.SetWriteDeadline(time.Time{})
	return err
}
