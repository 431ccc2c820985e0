package http1

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// firstWrite is how many bytes of a request are written at once, before anything is read. They find room in the buffers of the
	// system, so that a server that answers without reading cannot hold up the one who would read its answer.
	firstWrite = 64 << 10
	// mostKept is the size above which a buffer is left to the garbage collector.
	mostKept = 128 << 10
)

// An output is the beginning of a request as it is written, or all of it.
type output struct{ bytes []byte }

// outputs is a free list: it holds no state of its own.
var outputs = sync.Pool{New: func() any { return new(output) }}

func newOutput() *output {
	o := outputs.Get().(*output) //nolint:errcheck // it holds nothing else
	o.bytes = o.bytes[:0]
	return o
}

// free gives the output back.
func (o *output) free() {
	if cap(o.bytes) <= mostKept {
		outputs.Put(o)
	}
}

// userAgent is what a request without a User-Agent is sent with; it is that of net/http, which may carry the next one.
const userAgent = "Go-http-client/1.1"

// writeHead writes the head of a request. It reports false if that cannot be written, or asks for more than one request and one
// answer; net/http then sends it, or tells what is wrong.
func (o *output) writeHead(req *http.Request) bool {
	if !o.begin(req.Method, req.URL) || !o.fields(req.Header, nil) {
		return false
	}
	if req.Close {
		o.field("Connection", "close")
	}
	o.finish(req.Method, req.ContentLength)
	return true
}

// begin writes the first lines.
func (o *output) begin(method string, u *url.URL) bool {
	target := u.RequestURI()
	if !isToken(method) || !isTarget(target) {
		return false
	}
	b := append(append(append(append(o.bytes, method...), ' '), target...), " HTTP/1.1\r\nHost: "...)
	o.bytes = append(append(b, u.Host...), "\r\n"...)
	return true
}

// fields writes field lines. More replaces what header has of the same names.
func (o *output) fields(header http.Header, more []Field) bool {
	agent := false
	for name, values := range header {
		switch name {
		case "Host", "Content-Length":
			continue // the request's own fields count
		case "Connection", "Expect", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Keep-Alive", "Proxy-Connection":
			return false
		case "User-Agent":
			agent = true
			if len(values) == 0 || values[0] == "" {
				continue // so that none is sent
			}
		}
		if slices.ContainsFunc(more, func(f Field) bool { return f.Name == name }) {
			continue
		}
		for _, value := range values {
			if !o.field(name, value) {
				return false
			}
		}
	}
	for _, f := range more {
		if !o.field(f.Name, f.Value) {
			return false
		}
	}
	return agent || o.field("User-Agent", userAgent)
}

// field writes one field line. It reports false if that would not be one.
func (o *output) field(name, value string) bool {
	if !isToken(name) || !isValue(value) {
		return false
	}
	o.bytes = append(append(append(append(o.bytes, name...), ": "...), value...), "\r\n"...)
	return true
}

// finish writes the end of a head, for a body of so many bytes.
func (o *output) finish(method string, length int64) {
	b := o.bytes
	if length > 0 || method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), length, 10), "\r\n"...)
	}
	b = append(b, "\r\n"...)
	o.bytes = b
}

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

// errBody says that a body is not as long as its request says.
var errBody = errors.New("the request's body is not as long as its ContentLength says")

// fill writes the body behind the head, as far as it belongs to the first write. It returns the rest of the body, nil if there is
// none, and closes the body if it does not return it.
func (o *output) fill(req *http.Request) (io.ReadCloser, error) {
	if !hasBody(req) {
		closeBody(req.Body)
		return nil, nil
	}
	head := len(o.bytes)
	size := int(min(req.ContentLength, int64(max(firstWrite-head, 0))))
	o.bytes = slices.Grow(o.bytes, size+1)[:head+size]
	if _, err := io.ReadFull(req.Body, o.bytes[head:]); err != nil {
		_ = req.Body.Close()
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errBody
		}
		return nil, fmt.Errorf("reading the request's body: %w", err)
	}
	if int64(size) < req.ContentLength {
		return req.Body, nil
	}
	n, _ := req.Body.Read(o.bytes[head+size : head+size+1])
	_ = req.Body.Close()
	if n > 0 {
		return nil, errBody
	}
	return nil, nil
}

// An upload writes the rest of a large request while the answer is waited for.
type upload struct {
	body io.ReadCloser
	done chan struct{}
	err  error // set before done is closed
}

// write writes the rest of the body, so many bytes, and closes the body. When that fails the connection is read for a while only:
// a server that refuses a request may have said so.
func (u *upload) write(c *conn, left int64) {
	defer close(u.done)
	n, err := io.Copy(c.Conn, io.LimitReader(u.body, left))
	if err == nil && n < left {
		err = errBody
	}
	if err == nil {
		var one [1]byte
		if more, _ := u.body.Read(one[:]); more > 0 {
			err = errBody
		}
	}
	_ = u.body.Close()
	if err != nil {
		u.err = fmt.Errorf("sending the request: %w", err)
		c.hurry()
	}
}

// wait reports whether all was written. The answer may have been read before the writer has seen the end of its work.
func (u *upload) wait() bool {
	const lately = 50 * time.Millisecond
	soon := time.NewTimer(lately)
	defer soon.Stop()
	select {
	case <-u.done:
		return u.err == nil
	case <-soon.C:
		return false
	}
}

// end waits for the writer. The connection is closed, or all was written.
func (u *upload) end() {
	select {
	case <-u.done:
	default:
		_ = u.body.Close() // it may wait for its source
		<-u.done
	}
}
