package courier

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config"
)

const checkpoint = "sumun-audit/X\n12\nroot=\ntime 2026-11-22T17:20:49Z\n\n\u2014 sumun-audit/X abc=\n"

// A post takes lines, or fails.
type post struct {
	mu    sync.Mutex
	lines []string
	fail  error
}

func (p *post) send(_ context.Context, line []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.lines = append(p.lines, string(line))
	return nil
}

func (p *post) setFail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

// TestNewestWins sends at most one checkpoint in a time, the newest; what failed is tried
// again ever more rarely, told once, and does not keep anybody waiting.
func TestNewestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		p := &post{}
		r := newRoute(p, "there", time.Minute, slog.New(slog.NewTextHandler(&said, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() { defer close(over); r.run(ctx) }()
		n := 0
		take := func(times int) {
			for range times {
				n++
				r.take(fmt.Append(nil, n))
				time.Sleep(time.Second)
			}
		}
		take(1) // at once; then a minute later the newest by then, and a minute later again
		time.Sleep(time.Second / 2)
		take(90)
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []string{"1", "60", "91"}
		if diff := cmp.Diff(want, p.lines); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		p.setFail(errors.New("away"))
		take(3600)
		synctest.Wait()
		c := &Courier{routes: []*route{r}}
		if s := c.Shipments()[0]; !s.Late || s.Sent != 3 || s.Failed < 10 || s.Failed > 25 {
			t.Errorf("after an hour: %+v", s)
		}
		p.setFail(nil)
		time.Sleep(lastRetry + time.Second)
		synctest.Wait()
		if got := p.lines[len(p.lines)-1]; got != "3691" || len(p.lines) != 4 {
			t.Errorf("sent %v", p.lines)
		}
		if errs, again := strings.Count(said.String(), "level=ERROR"), strings.Count(said.String(), "arrive again"); errs != 1 || again != 1 {
			t.Errorf("told: %s", said.String())
		}
		r.take([]byte("last"))
		cancel()
		<-over
		if got := p.lines[len(p.lines)-1]; got != "last" {
			t.Errorf("at the end %q was sent last", got)
		}
	})
}

// shipped has a courier take the checkpoint to a place.
func shipped(t *testing.T, to config.Ship) {
	t.Helper()
	var said strings.Builder
	to.Every = time.Minute
	c, err := New(t.Context(), Options{To: []config.Ship{to}, Log: slog.New(slog.NewTextHandler(&said, nil))})
	if err != nil {
		t.Fatal(err)
	}
	c.Take([]byte(checkpoint))
	c.Close()
	if s := c.Shipments()[0]; s.Sent != 1 {
		t.Errorf("%+v: %s", s, said.String())
	}
}

// told returns the checkpoint in a line, which must be of ASCII.
func told(t *testing.T, line string) string {
	t.Helper()
	var o map[string]string
	if err := json.Unmarshal([]byte(line), &o); err != nil {
		t.Errorf("%q: %v", line, err)
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("more than ASCII: %q", line)
	}
	return o["checkpoint"]
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kept")
	shipped(t, config.Ship{File: path})
	shipped(t, config.Ship{File: path})
	data, err := os.ReadFile(path)
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if err != nil || len(lines) != 2 || told(t, lines[0]) != checkpoint || told(t, lines[1]) != checkpoint {
		t.Errorf("%q, %v", data, err)
	}
}

func TestURL(t *testing.T) {
	var got []string
	status := http.StatusNoContent
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization")+" "+told(t, string(body)))
		w.WriteHeader(status)
	}))
	defer s.Close()
	to := config.Ship{URL: s.URL + "/c?key=secret", Headers: map[string]string{"Authorization": "Bearer x"}}
	shipped(t, to)
	if want := "POST /c?key=secret Bearer x " + checkpoint; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
	sends, name, err := newSender(to)
	if err != nil || strings.Contains(name, "secret") {
		t.Errorf("%s, %v", name, err)
	}
	for _, status = range []int{http.StatusFound, http.StatusForbidden, http.StatusInternalServerError} {
		if err := sends.send(t.Context(), []byte("{}")); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: error = %v", status, err)
		}
	}
	s.Close()
	if err := sends.send(t.Context(), []byte("{}")); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("closed: error = %v", err)
	}
}

// rfc5424 is what a message has to look like.
var rfc5424 = regexp.MustCompile(`^<109>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [!-~]{1,255} sumun \d+ checkpoint - (\{.*\})$`)

func wantMessage(t *testing.T, message string) {
	t.Helper()
	parts := rfc5424.FindStringSubmatch(message)
	if parts == nil || told(t, parts[1]) != checkpoint {
		t.Errorf("the message is %q", message)
	}
}

// TestDatagrams sends one to a UDP port, and to a local socket.
func TestDatagrams(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "log")
	for network, at := range map[string]string{"udp": "127.0.0.1:0", "unixgram": socket} {
		l, err := net.ListenPacket(network, at)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		to := "udp://" + l.LocalAddr().String()
		if network != "udp" {
			to = "unix://" + socket
		}
		shipped(t, config.Ship{Syslog: to})
		b := make([]byte, 4096)
		n, _, err := l.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		wantMessage(t, string(b[:n]))
	}
}

// counted reads a message behind its length.
func counted(t *testing.T, conn net.Conn) string {
	t.Helper()
	r := bufio.NewReader(conn)
	var n int
	if _, err := fmt.Fscanf(r, "%d ", &n); err != nil {
		t.Error(err)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Error(err)
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("behind it: %q", rest)
	}
	return string(b)
}

// accept hands the first connection's message on.
func accept(t *testing.T, l net.Listener, read func(*testing.T, net.Conn) string) <-chan string {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		got <- read(t, conn)
	}()
	return got
}

func listen(t *testing.T, network, at string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestStreams(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	got := accept(t, l, counted)
	shipped(t, config.Ship{Syslog: "tcp://" + l.Addr().String()})
	wantMessage(t, <-got)

	socket := filepath.Join(t.TempDir(), "log")
	got = accept(t, listen(t, "unix", socket), func(t *testing.T, conn net.Conn) string {
		t.Helper()
		b, err := io.ReadAll(conn)
		if err != nil || !strings.HasSuffix(string(b), "\n") {
			t.Errorf("%q, %v", b, err)
		}
		return strings.TrimSuffix(string(b), "\n")
	})
	shipped(t, config.Ship{Syslog: "unix://" + socket})
	wantMessage(t, <-got)
}

// TestTLS sends to a collector whose certificate holds, and to no other.
func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(nil) // for its certificate
	s.StartTLS()
	defer s.Close()
	l := tls.NewListener(listen(t, "tcp", "127.0.0.1:0"), s.TLS)
	c, err := newCollector("tls://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	go func() { // who does not trust it ends the handshake
		if conn, err := l.Accept(); err == nil {
			_ = conn.(*tls.Conn).Handshake()
			conn.Close()
		}
	}()
	if _, ok := errors.AsType[*tls.CertificateVerificationError](c.send(t.Context(), []byte("{}"))); !ok {
		t.Error("sent to a collector that nobody vouches for")
	}
	c.tls.RootCAs = x509.NewCertPool()
	c.tls.RootCAs.AddCert(s.Certificate())
	got := accept(t, l, counted)
	if err := c.send(t.Context(), Line([]byte(checkpoint))); err != nil {
		t.Error(err)
	}
	wantMessage(t, <-got)
}

func TestNowhere(t *testing.T) {
	if _, err := New(t.Context(), Options{To: []config.Ship{{}}}); err == nil {
		t.Error("took nothing for a place")
	}
	var none *Courier
	none.Take(nil)
	none.Close()
	if none.Shipments() != nil {
		t.Error("nobody ships something")
	}
}
