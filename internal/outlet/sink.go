package outlet

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// A Visit is what a program in a box wanted of the network, where a sink stands in for it.
type Visit struct {
	// Name is a name that was asked for; empty for a connection.
	Name string
	// Host is what was connected to: a name or an address, with its port.
	Host string
	// What is what was said first, in a few words: the line of a request, TLS, or how many bytes.
	What string
	// Sent is the beginning of what was sent, as it came.
	Sent []byte
	At   time.Time
}

// What a sink takes of one connection.
const (
	sinkBytes = 64 << 10
	sinkTime  = 5 * time.Second
)

// swallow takes what is sent to where, tells of it, and answers so that the program goes on.
func (s *server) swallow(conn net.Conn, where string) {
	v := Visit{Host: where, At: time.Now()}
	_ = conn.SetDeadline(v.At.Add(sinkTime))
	var sent strings.Builder
	from := bufio.NewReader(io.TeeReader(io.LimitReader(conn, sinkBytes), &sent))
	first, err := from.Peek(1)
	switch {
	case err != nil:
		v.What = "nothing"
	case first[0] == recordHandshake:
		v.What = "TLS"
		if _, asked, err := readHello(from); err == nil {
			v.What = "TLS for " + printable(asked)
		}
	default:
		v.What = answered(conn, from)
	}
	v.Sent = []byte(sent.String())
	if v.What == "" {
		v.What = fmt.Sprintf("%d bytes", len(v.Sent))
	}
	s.sink(v)
	_ = conn.Close()
}

// answered reads a request of HTTP and answers that all is well; it returns its line, or nothing where it is none.
func answered(conn net.Conn, from *bufio.Reader) string {
	r, err := http.ReadRequest(from)
	if err != nil {
		return ""
	}
	_, _ = io.Copy(io.Discard, r.Body) // a broken end of it is told as far as it came
	_ = r.Body.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
	return r.Method + " " + printable(r.URL.RequestURI())
}
