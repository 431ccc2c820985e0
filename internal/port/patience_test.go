package port_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/port"
)

// accepted returns both ends of a connection through a patient listener.
func accepted(t *testing.T) (server, client net.Conn) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := port.Patient(inner)
	t.Cleanup(func() { listener.Close() })
	if client, err = net.Dial("tcp", inner.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server, client
}

// read reads one byte and returns how that ended.
func read(conn net.Conn) <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		ended <- err
	}()
	return ended
}

func TestPatience(t *testing.T) {
	t.Parallel()
	server, client := accepted(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	must(server.SetReadDeadline(began.Add(100 * time.Millisecond)))
	if err := <-read(server); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) < 100*time.Millisecond {
		t.Errorf("with a deadline ahead the read ended after %v with %v", time.Since(began), err)
	}
	must(server.SetReadDeadline(time.Now().Add(time.Hour))) // takes back what has passed
	ended := read(server)
	must(server.SetReadDeadline(time.Unix(1, 0)))
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("with a deadline in the past the read ended with %v", err)
	}
	must(server.SetReadDeadline(time.Time{}))
	ended = read(server)
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("without a deadline: %v", err)
	}
	must(server.SetDeadline(time.Now().Add(time.Millisecond)))
	if err := <-read(server); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("with a deadline for both: %v", err)
	}
}

// TestPatienceAfterClose keeps deadlines of a connection that outlives its listener, as when a server drains.
func TestPatienceAfterClose(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := port.Patient(inner)
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := <-read(server); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the read ended with %v", err)
	}
}
