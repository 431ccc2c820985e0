package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/client"
	"github.com/sumun-mcp/sumun/server"
)

// certificate writes a certificate for 127.0.0.1 and its key, and returns those who believe it.
func certificate(t *testing.T) (files server.TLS, believers *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files = server.TLS{CertFile: filepath.Join(dir, "crt"), KeyFile: filepath.Join(dir, "key")}
	believers = x509.NewCertPool()
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	believers.AppendCertsFromPEM(chain)
	err = os.WriteFile(files.CertFile, chain, 0o600)
	if err == nil {
		err = os.WriteFile(files.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return files, believers
}

// TestTLS encrypts, and refuses a key that does not belong to the certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	files, believers := certificate(t)
	srv := open(t, server.Options{APIKey: key, TLS: files})
	srv.RegisterPrompt("hello", "---\narguments: [{name: tone, enum: [kind, cool, keen]}]\n---\nHello!")
	url := start(t, srv)
	c, err := client.Dial(t.Context(), url, client.WithKey(key), client.WithTLSRoots(believers))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Render(t.Context(), "hello", nil)
	if err != nil || got.Messages[0].Text() != "Hello!" || !strings.HasPrefix(url, "https://127.0.0.1:") {
		t.Errorf("%s: %+v, %v", url, got, err)
	}
	raw, err := c.Request(t.Context(), "completion/complete", map[string]any{
		"ref": map[string]any{"type": "ref/prompt", "name": "hello"}, "argument": map[string]any{"name": "tone", "value": "k"},
	})
	if err != nil || !strings.Contains(string(raw), `["kind","keen"]`) {
		t.Errorf("%s, %v", raw, err)
	}
	other, _ := certificate(t)
	files.KeyFile = other.KeyFile
	if err := open(t, server.Options{TLS: files}).Start(t.Context()); err == nil || !strings.Contains(err.Error(), "private key") {
		t.Errorf("error = %v", err)
	}
}
