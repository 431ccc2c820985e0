package port_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/port"
)

// as returns an HTTP client that shows a certificate, or none.
func (p *pki) as(t *testing.T, name string, tickets tls.ClientSessionCache) *http.Client {
	t.Helper()
	config := &tls.Config{RootCAs: p.server.pool(), ServerName: "localhost", ClientSessionCache: tickets}
	if name != "" {
		pair := pairOf(t, p.dir, name)
		// It is shown whatever the server says of who it believes.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// ask returns what the server says.
func ask(client *http.Client, address string) (string, error) {
	answer, err := client.Get("https://" + address + "/")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

func TestClients(t *testing.T) {
	t.Parallel()
	p, good, bad := files(t, "server"), newCA(t, "good"), newCA(t, "bad")
	good.write(t, p.dir, "anna", 11)
	good.life = [2]time.Duration{-2 * time.Hour, -time.Hour}
	good.write(t, p.dir, "late", 12)
	bad.write(t, p.dir, "eve", 13)
	o := p.clients(t, good)
	for _, optional := range []bool{false, true} {
		o.Optional = optional
		address := secured(t, o)
		for name, want := range map[string]string{"anna": "anna", "": "nobody", "eve": "!", "late": "!"} {
			if name == "" && !optional {
				want = "!"
			}
			got, err := ask(p.as(t, name, nil), address)
			if want == "!" && err == nil || want != "!" && got != want {
				t.Errorf("optional %t, %q: %q, %v", optional, name, got, err)
			}
		}
	}
}

// hold opens an answer that lasts, and returns what is closed at its end.
func hold(t *testing.T, client *http.Client, address string) <-chan struct{} {
	t.Helper()
	client = &http.Client{Transport: client.Transport}
	answer, err := client.Get("https://" + address + "/hold") //nolint:bodyclose // by who reads it
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer answer.Body.Close()
		_, _ = io.ReadAll(answer.Body)
	}()
	return over
}

// ends wants a channel to be closed soon.
func ends(t *testing.T, what string, over <-chan struct{}) {
	t.Helper()
	select {
	case <-over:
	case <-time.After(5 * time.Second):
		t.Errorf("%s: the connection stays", what)
	}
}

// TestTrustEnds ends what clients have open when nobody vouches for them any more: their authority is gone, their
// certificate is over or revoked. Others stay, and a session's ticket does not help.
func TestTrustEnds(t *testing.T) {
	t.Parallel()
	p, one, two := files(t, "server"), newCA(t, "one"), newCA(t, "two")
	one.write(t, p.dir, "anna", 11)
	two.write(t, p.dir, "bob", 12)
	two.write(t, p.dir, "carl", 13)
	two.life[1] = time.Second
	two.write(t, p.dir, "dora", 14)
	o := p.clients(t, one, two)
	o.CRLFile = filepath.Join(p.dir, "crl.pem")
	two.revoke(t, o.CRLFile, time.Now().Add(time.Hour), 99)
	address := secured(t, o)
	tickets := tls.NewLRUClientSessionCache(4)
	anna, bob, carl, dora := p.as(t, "anna", tickets), p.as(t, "bob", nil), p.as(t, "carl", nil), p.as(t, "dora", nil)
	for name, client := range map[string]*http.Client{"anna": anna, "bob": bob, "carl": carl, "dora": dora} {
		if got, err := ask(client, address); got != name {
			t.Fatalf("%s is %q, %v", name, got, err)
		}
	}
	annas, bobs, carls, doras := hold(t, anna, address), hold(t, bob, address), hold(t, carl, address), hold(t, dora, address)
	p.trust(t, two)
	ends(t, "authority removed", annas)
	two.revoke(t, o.CRLFile, time.Now().Add(time.Hour), 99, 12)
	ends(t, "revoked", bobs)
	ends(t, "expired", doras)
	for name, client := range map[string]*http.Client{"anna": anna, "anna again": p.as(t, "anna", tickets), "bob": bob, "dora": dora} {
		if got, err := ask(client, address); err == nil {
			t.Errorf("%s is let in again as %q", name, got)
		}
	}
	select {
	case <-carls:
		t.Error("a connection has ended whose certificate holds")
	default:
	}
	if got, err := ask(carl, address); got != "carl" {
		t.Errorf("carl is %q, %v", got, err)
	}
	two.revoke(t, o.CRLFile, time.Now().Add(time.Second), 99) // whose renewal does not come
	ends(t, "list too old", carls)
}

// TestBadFiles wants each fault of a file told with the file.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	p, one, other := files(t, "server"), newCA(t, "one"), newCA(t, "one")
	one.write(t, p.dir, "anna", 11)
	at := func(name string) string { return filepath.Join(p.dir, name) }
	put(t, at("empty.pem"), nil)
	put(t, at("half.pem"), append(one.pem(), one.pem()[:40]...))
	other.revoke(t, at("foreign.pem"), time.Now().Add(time.Hour))
	one.revoke(t, at("own.pem"), time.Now().Add(time.Hour))
	o := p.clients(t, one)
	for _, c := range []struct{ file, want string }{
		{"CertFile absent.pem", "no such file"},
		{"KeyFile anna.key", "private key does not match"},
		{"CertFile empty.pem", "failed to find any PEM data"},
		{"ClientCAFile empty.pem", "it has no certificate"},
		{"ClientCAFile half.pem", "it may not be written to the end yet"},
		{"ClientCAFile anna.crt", "is not the certificate of an authority"},
		{"CRLFile foreign.pem", "signed by nobody who vouches"},
		{"CRLFile empty.pem", "x509"},
		{"CRLFile clients.pem", "it has no list"},
		{"CRLFile own.pem", ""},
	} {
		bad := o
		field, name, _ := strings.Cut(c.file, " ")
		*map[string]*string{"CertFile": &bad.CertFile, "KeyFile": &bad.KeyFile, "ClientCAFile": &bad.ClientCAFile, "CRLFile": &bad.CRLFile}[field] = at(name)
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, err = port.Secure(t.Context(), inner, bad)
		inner.Close()
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.file, err)
			}
			continue
		}
		told, ok := errors.AsType[*port.FileError](err)
		if !ok || told.Remedy == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.file, err, c.want)
		}
	}
}
