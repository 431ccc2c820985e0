package devca

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/exit"
)

func must(t *testing.T, o Order) *Made {
	t.Helper()
	made, err := Make(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// refused wants an order to be refused, as one of usage, with those words.
func refused(t *testing.T, o Order, words string) {
	t.Helper()
	_, err := Make(o)
	told, ok := errors.AsType[*exit.Error](err)
	if !ok || told.Code != exit.Usage || told.Hint == "" || !strings.Contains(err.Error(), words) {
		t.Errorf("%+v: %v, want %q with a hint", o, err, words)
	}
}

func load(t *testing.T, c Certificate) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestMake makes certificates that work with each other, and keeps what was there.
func TestMake(t *testing.T) {
	o := Order{Dir: filepath.Join(t.TempDir(), "certs"), Hosts: []string{"Gate.lan", "*.gate.test", "192.168.1.2"}, Clients: []string{"anna"}}
	first := must(t, o)
	files, err := os.ReadDir(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
		if info, err := f.Info(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if want := []string{"anna.crt", "anna.key", "ca.crt", "ca.key", "server.crt", "server.key"}; !slices.Equal(names, want) {
		t.Errorf("files %q", names)
	}
	again := must(t, Order{Dir: o.Dir, Hosts: []string{"other.test"}})
	if !first.CA.Made || again.CA.Made || load(t, first.CA).Leaf.SerialNumber.Cmp(load(t, again.CA).Leaf.SerialNumber) != 0 {
		t.Error("the authority is not used again")
	}
	if want := []string{"localhost", "127.0.0.1", "::1", "gate.lan", "*.gate.test", "192.168.1.2", "other.test"}; !slices.Equal(again.Server.Hosts, want) {
		t.Errorf("hosts %q, want %q", again.Server.Hosts, want)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "gate.lan", "a.gate.test", "192.168.1.2", "other.test"} {
		if err := greet(t, again, load(t, first.Clients[0]), host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if uri := load(t, first.Clients[0]).Leaf.URIs[0].String(); uri != "spiffe://localhost/anna" || first.Clients[0].URI != uri {
		t.Errorf("anna is %s", uri)
	}
	if other := must(t, Order{Dir: o.Dir, Force: true}); !other.CA.Made || greet(t, other, load(t, first.Clients[0]), "localhost") == nil {
		t.Error("--force leaves the authority, or the new one vouches for what the old one has signed")
	}
}

// greet has a client and a server with these certificates shake hands.
func greet(t *testing.T, made *Made, client tls.Certificate, host string) error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(load(t, made.CA).Leaf)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	greeted := make(chan error, 1)
	go func() {
		server := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{load(t, made.Server)}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert})
		err := server.Handshake()
		if err == nil {
			_, err = server.Write([]byte("x"))
		}
		if err != nil {
			b.Close()
		}
		greeted <- err
	}()
	conn := tls.Client(a, &tls.Config{RootCAs: roots, ServerName: host, Certificates: []tls.Certificate{client}})
	err := conn.Handshake()
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, 1))
	}
	a.Close()
	return errors.Join(err, <-greeted)
}

// TestBounds wants an authority that cannot vouch for what others own.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	must(t, Order{Dir: dir})
	for _, host := range []string{"example.com", "8.8.8.8", "localhost.example.com", "2001:db8::1"} {
		refused(t, Order{Dir: dir, Hosts: []string{host}}, "made for other names")
		made := must(t, Order{Dir: filepath.Join(dir, host), Hosts: []string{host}})
		if !slices.Contains(made.Server.Hosts, host) {
			t.Errorf("%s is not among %q", host, made.Server.Hosts)
		}
	}
	ca, err := (&folder{dir: dir}).read(caName)
	if err != nil {
		t.Fatal(err)
	}
	between := leaf(ca.cert.NotBefore)
	between.IsCA, between.KeyUsage = true, x509.KeyUsageCertSign
	if _, err := issue(between, ca); err != nil {
		t.Fatal(err) // an authority below it is no use, as the next one shows
	}
	below, err := issue(between, ca)
	if err != nil {
		t.Fatal(err)
	}
	server, err := newServer(below, []string{"localhost"}, below.cert.NotBefore)
	if err == nil {
		roots, via := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(ca.cert)
		via.AddCert(below.cert)
		_, err = server.cert.Verify(x509.VerifyOptions{Roots: roots, Intermediates: via, DNSName: "localhost"})
	}
	if err == nil {
		t.Error("the authority makes authorities")
	}
}

// TestKept does not replace what is not the authority's own.
func TestKept(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	must(t, Order{Dir: one, Clients: []string{"anna"}})
	must(t, Order{Dir: two, Clients: []string{"anna"}})
	move := func(name string) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(two, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(one, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	move("server.crt")
	refused(t, Order{Dir: one}, "private key does not match")
	move("server.key")
	refused(t, Order{Dir: one}, "another authority has signed it")
	must(t, Order{Dir: one, Force: true})
	if err := os.Remove(filepath.Join(one, "ca.key")); err != nil {
		t.Fatal(err)
	}
	refused(t, Order{Dir: one}, "one of the two files cannot be read")
	for _, bad := range []Order{{Hosts: []string{"a b"}}, {Hosts: []string{""}}, {Hosts: []string{"a/b"}}, {Clients: []string{"ca"}}, {Clients: []string{"../x"}}, {Clients: []string{""}}} {
		bad.Dir = t.TempDir()
		refused(t, bad, "")
	}
}
