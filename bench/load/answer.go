package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// maxLine and maxBody bound what an answer may make us buffer.
const (
	maxLine = 64 << 10
	maxBody = 64 << 20
)

// An answer is one HTTP/1.1 response with its body decoded. Its bytes belong to the answerReader and hold until the
// next answer is read.
type answer struct {
	status  int
	session []byte // Mcp-Session-Id
	body    []byte
	closes  bool // the server closes the connection after this answer
	length  int  // Content-Length, or -1
	chunked bool
}

// An answerReader reads HTTP/1.1 answers from one keep-alive connection. It knows what a load generator needs and no
// more: Content-Length, chunked, and bodies that end with the connection (RFC 9112, section 6). Not safe for concurrent use.
type answerReader struct {
	src     io.Reader
	buf     []byte // buf[r:w] is read but not consumed
	r, w    int
	body    []byte
	session []byte
}

// newAnswerReader returns a reader of the answers that arrive on src.
func newAnswerReader(src io.Reader) *answerReader {
	return &answerReader{src: src, buf: make([]byte, 32<<10)}
}

// next reads one final answer, passing over interim ones (1xx). It returns io.EOF when the connection ended between
// answers and io.ErrUnexpectedEOF when it ended inside one.
func (r *answerReader) next() (answer, error) {
	for {
		a, err := r.head()
		if err != nil {
			return a, err
		}
		if a.status < 200 {
			continue
		}
		a.body, err = r.readBody(&a)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return a, err
	}
}

// head reads the status line and the header fields.
func (r *answerReader) head() (answer, error) {
	a := answer{length: -1}
	line, err := r.line()
	if err != nil {
		return a, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return a, fmt.Errorf("not an HTTP/1.1 status line: %.40q", line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil || a.status < 100 {
		return a, fmt.Errorf("no status in %.40q", line)
	}
	for {
		if line, err = r.line(); err != nil {
			return a, unexpected(err)
		}
		if len(line) == 0 {
			return a, nil
		}
		if err := r.field(&a, line); err != nil {
			return a, err
		}
	}
}

// field takes from one header line what the reader needs.
func (r *answerReader) field(a *answer, line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return fmt.Errorf("header line without a colon: %.40q", line)
	}
	value = bytes.TrimSpace(value)
	switch {
	case is(name, "content-length"):
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 || n > maxBody {
			return fmt.Errorf("bad Content-Length %.40q", value)
		}
		a.length = n
	case is(name, "transfer-encoding"):
		a.chunked = is(value, "chunked")
	case is(name, "connection"):
		a.closes = is(value, "close")
	case is(name, "mcp-session-id"):
		r.session = append(r.session[:0], value...)
		a.session = r.session
	}
	return nil
}

// readBody reads the body in the framing that the head has named.
func (r *answerReader) readBody(a *answer) ([]byte, error) {
	r.body = r.body[:0]
	switch {
	case a.status == 204 || a.status == 304:
		return nil, nil
	case a.chunked:
		return r.chunks()
	case a.length >= 0:
		err := r.take(a.length)
		return r.body, err
	}
	a.closes = true
	for {
		if err := r.take(max(r.w-r.r, 1)); err != nil {
			if errors.Is(err, io.EOF) {
				return r.body, nil
			}
			return r.body, err
		}
		if len(r.body) > maxBody {
			return nil, errors.New("the body does not end")
		}
	}
}

// chunks reads a chunked body and its trailers.
func (r *answerReader) chunks() ([]byte, error) {
	for {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		digits, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(digits)), 16, 31)
		if err != nil || len(r.body)+int(n) > maxBody {
			return nil, fmt.Errorf("bad chunk size %.40q", line)
		}
		if n == 0 {
			return r.body, r.trailers()
		}
		if err := r.take(int(n)); err != nil {
			return nil, err
		}
		if line, err = r.line(); err != nil || len(line) != 0 {
			return nil, cmpErr(err, "a chunk is longer than its size says")
		}
	}
}

// trailers passes over the fields after the last chunk.
func (r *answerReader) trailers() error {
	for {
		line, err := r.line()
		if err != nil || len(line) == 0 {
			return err
		}
	}
}

// take appends the next n bytes of the connection to the body.
func (r *answerReader) take(n int) error {
	for n > 0 {
		if r.r == r.w {
			if err := r.fill(); err != nil {
				return err
			}
		}
		part := min(n, r.w-r.r)
		r.body = append(r.body, r.buf[r.r:r.r+part]...)
		r.r += part
		n -= part
	}
	return nil
}

// line returns the next line without its line end; it holds until the next read.
func (r *answerReader) line() ([]byte, error) {
	for seen := r.r; ; {
		if i := bytes.IndexByte(r.buf[seen:r.w], '\n'); i >= 0 {
			line := r.buf[r.r : seen+i]
			r.r = seen + i + 1
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		if r.w-r.r >= maxLine {
			return nil, errors.New("a header line does not end")
		}
		had := r.w - r.r
		if err := r.fill(); err != nil {
			if had > 0 {
				err = unexpected(err)
			}
			return nil, err
		}
		seen = r.r + had
	}
}

// fill reads more bytes behind those not yet consumed.
func (r *answerReader) fill() error {
	if r.r == r.w {
		r.r, r.w = 0, 0
	}
	if r.w == len(r.buf) {
		if r.r == 0 {
			r.buf = append(r.buf, make([]byte, len(r.buf))...)
		} else {
			r.w = copy(r.buf, r.buf[r.r:r.w])
			r.r = 0
		}
	}
	n, err := r.src.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// is reports whether a header's name or value equals a word, whatever its case.
func is(b []byte, word string) bool {
	return len(b) == len(word) && bytes.EqualFold(b, []byte(word))
}

// unexpected turns the end of the connection into its end inside an answer.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cmpErr returns err, or an error with the given text when there is none.
func cmpErr(err error, text string) error {
	if err != nil {
		return err
	}
	return errors.New(text)
}
