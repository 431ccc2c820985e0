package port_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/port"
)

// secured serves the names of clients over TLS until the test ends.
func secured(t *testing.T, o port.TLS) (address string) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Again = 50 * time.Millisecond
	listener, err := port.Secure(t.Context(), port.Patient(inner), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	server := port.Server{
		Handler: http.HandlerFunc(whoami), Drain: func() {}, Wait: func(context.Context) error { return nil }, Cut: func() {}, Log: o.Log,
	}
	go func() { served <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return inner.Addr().String()
}

// whoami answers with the client's name; below /hold it does so only when its certificate is over or the client has left.
func whoami(w http.ResponseWriter, r *http.Request) {
	peer := port.PeerOf(r.Context())
	if peer == nil {
		return
	}
	name := "nobody"
	if c := peer.Certificate(); c != nil {
		name = c.Subject.CommonName
	}
	_, _ = io.WriteString(w, name)
	if r.URL.Path == "/hold" {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-peer.Over():
		case <-r.Context().Done():
		}
	}
}

// shown returns the serial number of the certificate that the next connection is shown.
func shown(t *testing.T, address string) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// becomes waits until the certificate shown has that serial number.
func becomes(t *testing.T, address string, want int64) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); shown(t, address) != want; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("serial number %d is not shown", want)
		}
	}
}

// A lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestOldVersions refuses TLS 1.1, and takes 1.2 and 1.3.
func TestOldVersions(t *testing.T) {
	t.Parallel()
	o := files(t, "server").tls()
	address := secured(t, o)
	for _, version := range []uint16{tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version})
		if err == nil {
			conn.Close()
		}
		if taken := err == nil; taken != (version >= tls.VersionTLS12) {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
}

// TestSwaps renews a certificate by each way in which files are replaced.
func TestSwaps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ca := newCA(t, "server")
	folder := func(name string, serial int64) {
		must(os.Mkdir(filepath.Join(dir, name), 0o700))
		ca.write(t, filepath.Join(dir, name), "s", serial)
	}
	folder("..one", 1)
	must(os.Symlink("..one", filepath.Join(dir, "..data")))
	must(os.Symlink(filepath.Join("..data", "s.crt"), filepath.Join(dir, "s.crt")))
	must(os.Symlink(filepath.Join("..data", "s.key"), filepath.Join(dir, "s.key")))
	log := &lines{}
	o := port.TLS{CertFile: filepath.Join(dir, "s.crt"), KeyFile: filepath.Join(dir, "s.key"), Log: slog.New(slog.NewTextHandler(log, nil))}
	address := secured(t, o)
	becomes(t, address, 1)

	folder("..two", 2) // as Kubernetes does it
	must(os.Symlink("..two", filepath.Join(dir, "..next")))
	must(os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")))
	becomes(t, address, 2)

	folder("half", 3) // a key that is still to come, and a certificate that was written in part
	cert, err := os.ReadFile(filepath.Join(dir, "half", "s.crt"))
	must(err)
	must(os.WriteFile(filepath.Join(dir, "..two", "s.crt"), cert, 0o600))
	saw := func(text string) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); !strings.Contains(log.String(), text); time.Sleep(20 * time.Millisecond) {
			if shown(t, address) != 2 || time.Now().After(end) {
				t.Fatalf("with a pair that does not fit: %s, want %s", log.String(), text)
			}
		}
	}
	saw("private key does not match public key")
	must(os.WriteFile(filepath.Join(dir, "..two", "s.crt"), append(cert, cert[:len(cert)/2]...), 0o600))
	saw("it may not be written to the end yet")
	must(os.Rename(filepath.Join(dir, "half", "s.crt"), filepath.Join(dir, "..two", "s.crt")))
	must(os.Rename(filepath.Join(dir, "half", "s.key"), filepath.Join(dir, "..two", "s.key")))
	becomes(t, address, 3)
}

// TestExpired does not change a certificate that holds for one that does not.
func TestExpired(t *testing.T) {
	t.Parallel()
	f := files(t, "server")
	log := &lines{}
	o := f.tls()
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	address := secured(t, o)
	was := shown(t, address)
	f.server.life = [2]time.Duration{-2 * time.Hour, -time.Hour}
	f.server.write(t, f.dir, "server", 99)
	for end := time.Now().Add(5 * time.Second); !strings.Contains(log.String(), "it is in force from"); time.Sleep(20 * time.Millisecond) {
		if shown(t, address) != was || time.Now().After(end) {
			t.Fatalf("an expired certificate is shown: %s", log.String())
		}
	}
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("it is told %d times", n)
	}
}

// TestReplacedUnderLoad replaces a certificate twenty times while it is used by connections that stay and by new ones.
func TestReplacedUnderLoad(t *testing.T) {
	t.Parallel()
	f := files(t, "server")
	address := secured(t, f.tls())
	var over, asked sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	asked.Add(3)
	for _, fresh := range []bool{false, false, true} {
		over.Go(func() {
			transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: f.server.pool(), ServerName: "localhost"}, DisableKeepAlives: fresh}
			defer transport.CloseIdleConnections()
			for n := 0; ctx.Err() == nil; n++ {
				if n == 1 {
					asked.Done()
				}
				answer, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Get("https://" + address + "/")
				if err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
				if answer.Body.Close(); answer.StatusCode != http.StatusOK {
					t.Errorf("request %d: %s", n, answer.Status)
				}
			}
		})
	}
	asked.Wait()
	for i := range int64(20) {
		f.server.write(t, f.dir, "server", 100+i)
		becomes(t, address, 100+i)
	}
	stop()
	over.Wait()
}

// pairOf returns a client's certificate.
func pairOf(t *testing.T, dir, name string) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
