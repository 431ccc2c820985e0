package courier

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/dial"
)

// A file is the path of one that a line is appended to.
type file string

// send appends a line, which is on the disk when it returns.
func (f file) send(_ context.Context, line []byte) error {
	to, err := os.OpenFile(string(f), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = to.Write(append(bytes.Clone(line), '\n'))
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}

// A poster posts lines to a URL.
type poster struct {
	url     string
	headers map[string]string
	dialer  *dial.Dialer
}

// named returns a dialer to the one host that the operator has named, which may have any
// address but those that have to be named themselves.
func named(host, port string) (*dial.Dialer, error) {
	host = net.JoinHostPort(host, port)
	return dial.New(dial.Policy{Hosts: []string{host}, Private: []string{host}, Redirects: -1})
}

func newPoster(to *url.URL, headers map[string]string) (*poster, error) {
	port := to.Port()
	switch {
	case port == "" && to.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	d, err := named(to.Hostname(), port)
	return &poster{to.String(), headers, d}, err
}

// send posts a line. Any status of 200 to 299 says that it has arrived.
func (p *poster) send(ctx context.Context, line []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(line))
	if err != nil {
		return errors.New("the URL cannot be understood")
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range p.headers {
		r.Header.Set(name, value)
	}
	answer, err := p.dialer.Client().Do(r)
	if err != nil {
		if told, ok := errors.AsType[*url.Error](err); ok { // which would name all of the URL
			err = told.Err
		}
		return err
	}
	defer func() { _ = answer.Body.Close() }() // nothing of it is needed
	_, _ = io.CopyN(io.Discard, answer.Body, 4<<10)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return fmt.Errorf("it says %s", answer.Status)
	}
	return nil
}

// A collector takes messages of syslog (RFC 5424).
type collector struct {
	network, address string // unix, udp, tcp or tls
	dialer           *dial.Dialer
	host             string
	// roots are the certificates that tls is checked against; nil for those of the system.
	tls *tls.Config
}

func newCollector(address string) (*collector, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("it cannot be understood")
	}
	c := &collector{network: u.Scheme, address: u.Host, host: hostname()}
	switch u.Scheme {
	case "unix":
		c.address = u.Path
	case "tcp", "tls":
		c.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
		c.dialer, err = named(u.Hostname(), u.Port())
	}
	return c, err
}

// hostname is this machine's name as syslog can have it.
func hostname() string {
	name, err := os.Hostname()
	printable := func(r rune) bool { return r > ' ' && r < 0x7f }
	if err != nil || name == "" || len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return !printable(r) }) {
		return "-"
	}
	return name
}

// priority is that of a message: the facility 13 (log audit), severity 5 (notice).
const priority = 13<<3 | 5

// message is a line as a message of RFC 5424.
func (c *collector) message(line []byte, at time.Time) []byte {
	b := fmt.Appendf(nil, "<%d>1 %s %s sumun %d checkpoint - ", priority, at.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), c.host, os.Getpid())
	return append(b, line...)
}

// send sends a message: a datagram over UDP (RFC 5426) and to a local socket, with its
// length before it over TCP (RFC 6587) and TLS (RFC 5425).
func (c *collector) send(ctx context.Context, line []byte) error {
	conn, stream, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // what matters has been written, or not
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end)
	}
	b := c.message(line, time.Now())
	switch {
	case stream && c.network == "unix":
		b = append(b, '\n')
	case stream:
		b = append(fmt.Appendf(nil, "%d ", len(b)), b...)
	}
	if _, err = conn.Write(b); err != nil || !stream {
		return err
	}
	return hear(conn)
}

// connect connects, and reports whether messages go on a stream.
func (c *collector) connect(ctx context.Context) (conn net.Conn, stream bool, err error) {
	var plain net.Dialer
	switch c.network {
	case "udp":
		conn, err = plain.DialContext(ctx, "udp", c.address)
		return conn, false, err
	case "unix":
		if conn, err = plain.DialContext(ctx, "unixgram", c.address); err == nil {
			return conn, false, nil
		}
		conn, err = plain.DialContext(ctx, "unix", c.address)
		return conn, true, err
	}
	if conn, err = c.dialer.DialContext(ctx, "tcp", c.address); err != nil || c.network == "tcp" {
		return conn, true, err
	}
	secure := tls.Client(conn, c.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, true, errors.Join(err, conn.Close())
	}
	return secure, true, nil
}

// hear ends our side of a stream and waits a moment for the other's end: syslog has no
// answer, but a collector that will not have the message may break the connection.
func hear(conn net.Conn) error {
	const moment = time.Second
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return err
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(moment))
	_, err := conn.Read(make([]byte, 1))
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
