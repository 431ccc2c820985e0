package ingress

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/wire"
)

const (
	// bodyTimeout is how long a client may take to send a body where the options do not say.
	bodyTimeout = 30 * time.Second
	// drainTimeout and drainBytes bound how much of a refused body is still taken.
	drainTimeout = time.Second
	drainBytes   = 8 << 20
	// keptBuffer is the largest buffer that is kept for the next request.
	keptBuffer = 64 << 10
)

// An exchange is one HTTP request and what becomes of it. It is used again for
// later requests, so nothing of it may be kept.
type exchange struct {
	door *HTTP
	w    http.ResponseWriter
	r    *http.Request
	body []byte
	out  []byte
	// unread says that the client may still be sending the body.
	unread  bool
	message wire.Message
	call    mcp.Call
	modern  modernReply
}

func (d *HTTP) begin(w http.ResponseWriter, r *http.Request) *exchange {
	x := d.exchanges.Get().(*exchange) //nolint:errcheck // the pool holds nothing else
	x.w, x.r = w, r
	x.call.Transport, x.call.Remote, x.call.Workspace = "http", r.RemoteAddr, r.Header.Get(mcp.RootHeader)
	return x
}

// end makes the exchange ready for another request.
func (x *exchange) end() {
	if cap(x.body) > keptBuffer {
		x.body = nil
	}
	if cap(x.out) > keptBuffer {
		x.out = nil
	}
	x.w, x.r, x.unread = nil, nil, false
	x.call = mcp.Call{}
	x.modern.reset()
	x.message = wire.Message{}
	x.door.exchanges.Put(x)
}

// read reads the body and scans the message, unless it is an array of messages. On
// failure it returns the HTTP status of the refusal.
func (x *exchange) read() (int, *mcp.Error) {
	accept, whole := x.r.Header["Accept"], x.takesAll()
	if len(accept) > 0 && !accepts(accept, "application/json") && !accepts(accept, "text/event-stream") {
		return http.StatusNotAcceptable, errAccept
	}
	if status, err := x.readBody(); err != nil {
		return status, err
	}
	if wire.IsBatch(x.body) {
		return 0, nil
	}
	if err := dialogue.Scan(x.body, &x.message); err != nil {
		return http.StatusBadRequest, err
	}
	if !whole && !dialect.Speaks(&x.message) {
		return http.StatusNotAcceptable, errAccept
	}
	x.call.Request = &x.message
	x.call.Method = mcp.MethodName(x.message.MethodName())
	return 0, nil
}

// takesAll reports whether the client takes whatever the standard may answer.
func (x *exchange) takesAll() bool {
	accept := x.r.Header["Accept"]
	return accepts(accept, "application/json") && accepts(accept, "text/event-stream")
}

// errAccept refuses clients that cannot take what the standard may answer. Those of the
// dialect need no stream but for events.
var errAccept = mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "Accept must list application/json and text/event-stream")

// errTooLarge says that a body is over the limit.
var errTooLarge = errors.New("the body is larger than the gateway takes; see limits.bodyBytes in mcp.yaml")

// readBody reads the body, which must be JSON. On failure it returns the HTTP status
// of the refusal.
func (x *exchange) readBody() (int, *mcp.Error) {
	if !isJSON(x.r.Header.Get("Content-Type")) {
		return http.StatusUnsupportedMediaType, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed,
			"Content-Type must be application/json")
	}
	if err := x.takeBody(); err != nil {
		return bodyStatus(err), mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "reading the body: %v", err)
	}
	return 0, nil
}

func (x *exchange) takeBody() error {
	var err error
	x.body, err = wire.AppendAll(x.body[:0], x.r.Body, x.r.ContentLength, int(x.door.BodyBytes))
	switch {
	case errors.Is(err, wire.ErrTooLong):
		return errTooLarge
	case err != nil:
		return err
	}
	x.unread = false
	x.deadline(time.Time{})
	return nil
}

// hurry bounds how long the body may take, whether it is read here or, of a request
// that is refused unread, by net/http. Without one nothing is read any more.
func (x *exchange) hurry() {
	x.unread = x.r.Body != http.NoBody
	if !x.unread {
		x.deadline(time.Time{})
		return
	}
	x.deadline(time.Now().Add(x.door.BodyTimeout))
}

func (x *exchange) deadline(at time.Time) {
	// A writer that knows no deadlines is one of a test.
	_ = http.NewResponseController(x.w).SetReadDeadline(at)
}

func bodyStatus(err error) int {
	switch {
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case isTimeout(err):
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}

// refuse puts the refusal on record and answers with it.
func (x *exchange) refuse(status int, e *mcp.Error) {
	x.call.Refused = e
	// The chain's own answer to a refused call is that refusal.
	_ = x.door.Handler.Handle(x.r.Context(), &x.call, dialogue.NoReply{})
	if x.unread && !x.drain(status) && x.r.ProtoMajor == 1 {
		x.w.Header().Set("Connection", "close")
	}
	x.writeError(status, e)
}

// drain lets a client send what is left of a body that is refused, within bounds:
// many read no answer before they have sent it, and would see only that the
// connection broke. It reports whether that was all.
func (x *exchange) drain(status int) bool {
	// One that was too slow had its time, and one that expects 100-continue waits for the answer.
	if x.r.ProtoMajor != 1 || status == http.StatusRequestTimeout || x.r.Header.Get("Expect") != "" {
		return false
	}
	x.deadline(time.Now().Add(min(drainTimeout, x.door.BodyTimeout)))
	n, err := io.CopyN(io.Discard, x.r.Body, drainBytes)
	if x.unread = n == drainBytes || !errors.Is(err, io.EOF); x.unread {
		return false
	}
	x.deadline(time.Time{})
	return true
}

// id returns the client's id, or null where the message has none.
func (x *exchange) id() []byte {
	if x.message.ID.Ok() {
		return x.message.Bytes(x.message.ID)
	}
	return []byte("null")
}

func (x *exchange) writeError(status int, e *mcp.Error) {
	x.advise(status, e)
	x.out = dialect.AppendRefusal(x.out[:0], x.id(), &x.message, e)
	x.write(status, x.out)
}

// advise has the headers say what the client can do about an error: show something better, or wait.
func (x *exchange) advise(status int, e *mcp.Error) {
	if status == http.StatusUnauthorized || e.Challenge != "" {
		x.w.Header().Set("WWW-Authenticate", cmp.Or(e.Challenge, `Bearer realm="sumun"`))
	}
	if after := retryAfter(e); after != "" {
		x.w.Header().Set("Retry-After", after)
	}
}

// answer sends the result of the call as one JSON document. A long one of the
// house's own, which many calls share, is not copied.
func (x *exchange) answer(result *mcp.Result) {
	if own := result.Revision == nil && result.Message == nil; own && len(result.Value) > keptBuffer {
		x.out = translate.AppendHead(x.out[:0], x.id())
		x.write(http.StatusOK, x.out, result.Value, []byte("}"))
		return
	}
	x.out = translate.AppendAnswer(x.out[:0], x.id(), &x.call, result, x.door.ServerInfo)
	x.write(http.StatusOK, x.out)
}

// write sends a whole JSON answer.
func (x *exchange) write(status int, parts ...[]byte) {
	const small = 1 << 10 // net/http tells the length of so little by itself
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	h := x.w.Header()
	h["Content-Type"] = contentJSON
	if size > small {
		h["Content-Length"] = []string{strconv.Itoa(size)}
	}
	x.w.WriteHeader(status)
	for _, part := range parts {
		if _, err := x.w.Write(part); err != nil {
			x.door.Log.DebugContext(x.r.Context(), "answer not delivered", slog.Any("error", err))
			return
		}
	}
}

var contentJSON = []string{"application/json"}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// accepts reports whether the Accept header lists a media type (RFC 9110, section 12.5.1).
func accepts(header []string, media string) bool {
	kind, _, _ := strings.Cut(media, "/")
	for _, line := range header {
		for entry := range strings.SplitSeq(line, ",") {
			entry, _, _ = strings.Cut(entry, ";")
			entry = strings.TrimSpace(entry)
			if strings.EqualFold(entry, media) || entry == "*/*" || entry == kind+"/*" {
				return true
			}
		}
	}
	return false
}
