package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
)

// writePair writes a certificate of some days from now on, and its key.
func writePair(t *testing.T, now time.Time, days int) config.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Duration(days) * 24 * time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, form, form, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := config.TLS{Enabled: true, CertFile: filepath.Join(t.TempDir(), "s.crt"), KeyFile: filepath.Join(t.TempDir(), "s.key")}
	err = errors.Join(os.WriteFile(files.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(files.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestCertificate looks at certificates on some days of their life.
func TestCertificate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, tt := range []struct {
		life, day int
		want      string
	}{
		{365, -1, "in force from"},
		{365, 1, ""},
		{365, 350, ""},
		{365, 352, "ends soon"},
		{365, 366, "has ended"},
		{10, 1, ""},
		{10, 7, ""},
		{10, 9, "ends soon"},
	} {
		r := certificate(&config.Config{TLS: writePair(t, now, tt.life)}, now.Add(time.Duration(tt.day)*24*time.Hour))
		if r.OK != (tt.want == "") || !strings.Contains(r.Found, tt.want) || r.OK != (r.Remedy == "") {
			t.Errorf("day %d of %d: %+v", tt.day, tt.life, r)
		}
	}
	if r := certificate(&config.Config{TLS: config.TLS{CertFile: "nowhere.crt", KeyFile: "nowhere.key"}}, now); r.OK || r.Remedy == "" {
		t.Errorf("no files: %+v", r)
	}
}

// TestIssuers asks issuers for their keys: one that has some, one that has none, and one that is away.
func TestIssuers(t *testing.T) {
	t.Parallel()
	const key = `{"kty":"OKP","crv":"Ed25519","kid":"a","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"keys":[%s]}`, map[string]string{"/some": key}[r.URL.Path])
	}))
	t.Cleanup(web.Close)
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	var all config.OAuth
	for _, jwks := range []string{web.URL + "/some", web.URL + "/none", away.URL} {
		all.Issuers = append(all.Issuers, config.Issuer{Name: "it", Issuer: "http://127.0.0.1", JWKS: jwks})
	}
	var got []bool
	for r := range issuers(t.Context(), &config.Config{OAuth: &all}) {
		got = append(got, r.OK)
		if r.OK != (r.Remedy == "") || r.Found == "" {
			t.Errorf("%+v", r)
		}
	}
	if fmt.Sprint(got) != "[true false false]" {
		t.Errorf("%v", got)
	}
}
