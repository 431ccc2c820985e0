package port_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/port"
)

// writePair writes a new certificate with that serial number into dir.
func writePair(t *testing.T, dir string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "c.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	write(t, filepath.Join(dir, "k.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		cert, key := filepath.Join(dir, "live", "c.pem"), filepath.Join(dir, "live", "k.pem")
		for _, d := range []string{"one", "two"} {
			if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		point := func(to string) {
			next := filepath.Join(dir, "next")
			if err := os.Symlink(to, next); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(next, filepath.Join(dir, "live")); err != nil {
				t.Fatal(err)
			}
		}
		writePair(t, filepath.Join(dir, "one"), 1)
		writePair(t, filepath.Join(dir, "two"), 2)
		point("one")
		c, err := port.LoadCertificate(cert, key, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		serial := func() int64 {
			time.Sleep(2 * time.Second)
			pair, err := c.Get(&tls.ClientHelloInfo{})
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(pair.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			return leaf.SerialNumber.Int64()
		}
		if n := serial(); n != 1 {
			t.Errorf("at first serial %d", n)
		}
		point("two")
		if n := serial(); n != 2 {
			t.Errorf("after a swap of directories serial %d", n)
		}
		write(t, filepath.Join(dir, "two", "k.pem"), []byte("half a file"))
		if n := serial(); n != 2 {
			t.Errorf("with a broken key serial %d", n)
		}
		writePair(t, filepath.Join(dir, "two"), 3)
		if n := serial(); n != 3 {
			t.Errorf("after it was mended serial %d", n)
		}
	})
}
