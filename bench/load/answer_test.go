package load

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestAnswerReader(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	tests := []struct {
		name, in     string
		status       int
		body, sess   string
		closes       bool
		wantErr      error // when the answer cannot be read
		wantAnyError bool
	}{
		{name: "length", in: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nMcp-Session-Id:  a b \r\n\r\nhi", status: 200, body: "hi", sess: "a b"},
		{name: "chunked", in: "HTTP/1.1 200 OK\r\ntransfer-encoding: CHUNKED\r\n\r\n2;x=y\r\nhi\r\n3\r\n, t\r\n0\r\nX: y\r\n\r\n", status: 200, body: "hi, t"},
		{name: "interim first", in: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", status: 202},
		{name: "no content", in: "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", status: 204, closes: true},
		{name: "until the end", in: "HTTP/1.0 200 OK\r\n\r\nall of it", status: 200, body: "all of it", closes: true},
		{name: "longer than the buffer", in: "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + long, status: 200, body: long},
		{name: "nothing", in: "", wantErr: io.EOF},
		{name: "half a head", in: "HTTP/1.1 200 OK\r\nContent-", wantErr: io.ErrUnexpectedEOF},
		{name: "half a body", in: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", wantErr: io.ErrUnexpectedEOF},
		{name: "half a chunk", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhi", wantErr: io.ErrUnexpectedEOF},
		{name: "chunk too long", in: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n", wantAnyError: true},
		{name: "negative length", in: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", wantAnyError: true},
		{name: "no HTTP", in: "SSH-2.0-OpenSSH\r\n", wantAnyError: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
				a, err := newAnswerReader(src).next()
				if tt.wantAnyError || tt.wantErr != nil {
					if err == nil || tt.wantErr != nil && !errors.Is(err, tt.wantErr) {
						t.Errorf("error = %v, want %v", err, tt.wantErr)
					}
					continue
				}
				if err != nil || a.status != tt.status || string(a.body) != tt.body || string(a.session) != tt.sess || a.closes != tt.closes {
					t.Errorf("got %d %.20q session %q closes %v, error %v", a.status, a.body, a.session, a.closes, err)
				}
			}
		})
	}
}

func TestAnswerReaderKeepsTheConnection(t *testing.T) {
	one := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"
	two := "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"
	r := newAnswerReader(strings.NewReader(one + two + one))
	for _, want := range []string{"one", "two", "one"} {
		if a, err := r.next(); err != nil || string(a.body) != want {
			t.Fatalf("body = %q, error %v, want %q", a.body, err, want)
		}
	}
	if _, err := r.next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last answer: %v, want EOF", err)
	}
}

func FuzzAnswerReader(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
	f.Add("HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx")
	f.Fuzz(func(t *testing.T, in string) {
		whole := newAnswerReader(strings.NewReader(in))
		bytewise := newAnswerReader(iotest.OneByteReader(strings.NewReader(in)))
		for range 10 {
			a, errA := whole.next()
			b, errB := bytewise.next()
			if (errA == nil) != (errB == nil) || errA == nil && (a.status != b.status || string(a.body) != string(b.body)) {
				t.Fatalf("read at once: %d %q %v; byte by byte: %d %q %v", a.status, a.body, errA, b.status, b.body, errB)
			}
			if errA != nil {
				return
			}
		}
	})
}
