package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Keys that tests sign with. Each is made once.
var (
	rsaKey   = sync.OnceValue(newRSA)
	otherRSA = sync.OnceValue(newRSA)
	ecKey    = sync.OnceValue(func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return k
	})
	edKey = sync.OnceValue(func() ed25519.PrivateKey {
		_, k, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		return k
	})
)

func newRSA() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

// A signer signs what stands before the second dot.
type signer func([]byte) []byte

func rs256(k *rsa.PrivateKey) signer {
	return func(text []byte) []byte {
		sum := sha256.Sum256(text)
		return must(rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:]))
	}
}

func ps256(k *rsa.PrivateKey) signer {
	return func(text []byte) []byte {
		sum := sha256.Sum256(text)
		return must(rsa.SignPSS(rand.Reader, k, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
	}
}

func es256(k *ecdsa.PrivateKey) signer {
	return func(text []byte) []byte {
		sum := sha256.Sum256(text)
		r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
		if err != nil {
			panic(err)
		}
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out
	}
}

func eddsa(k ed25519.PrivateKey) signer {
	return func(text []byte) []byte { return ed25519.Sign(k, text) }
}

func hs256(secret []byte) signer {
	return func(text []byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(text)
		return h.Sum(nil)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// mint makes a token of a header and claims, which are written as they are.
func mint(header, claims string, sign signer) string {
	text := b64([]byte(header)) + "." + b64([]byte(claims))
	return text + "." + b64(sign([]byte(text)))
}

const (
	workURL  = "https://login.example.com/realms/work"
	otherURL = "https://login.example.org"
	resource = "https://mcp.example.com/mcp"
)

// claimsOf returns claims of a good token, with some changed: a nil takes one away.
func claimsOf(change map[string]any) string {
	now := time.Now().Unix()
	all := map[string]any{"iss": workURL, "sub": "alice", "aud": resource, "exp": now + 600, "iat": now, "scope": "read:docs openid"}
	for name, value := range change {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

const rsHeader = `{"alg":"RS256","typ":"at+jwt","kid":"rsa"}`

// good returns a token that is good, with some claims changed.
func good(change map[string]any) string { return mint(rsHeader, claimsOf(change), rs256(rsaKey())) }

// An internet answers requests of tests, without a network.
type internet struct {
	mu    sync.Mutex
	pages map[string]string
	down  bool
	asked atomic.Int32 // how often a key set was asked for
}

// RoundTrip implements http.RoundTripper.
func (n *internet) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/keys") {
		n.asked.Add(1)
	}
	if n.down {
		return nil, io.ErrUnexpectedEOF
	}
	page, ok := n.pages[r.URL.String()]
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(page)), Request: r}, nil
}

func (n *internet) set(url, page string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pages[url] = page
}

func (n *internet) cut(down bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = down
}

// keySetOf returns a key set of public keys by their names.
func keySetOf(keys map[string]any) string {
	var set jose.JSONWebKeySet
	for id, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{KeyID: id, Key: k, Use: "sig"})
	}
	text, err := json.Marshal(set)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// newInternet returns an internet with two issuers.
func newInternet() *internet {
	return &internet{pages: map[string]string{
		workURL + "/.well-known/openid-configuration": fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q,"more":[1]}`, workURL, workURL+"/keys"),
		workURL + "/keys": keySetOf(map[string]any{"rsa": &rsaKey().PublicKey, "ec": &ecKey().PublicKey, "ed": edKey().Public()}),
		otherURL + "/.well-known/oauth-authorization-server": fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, otherURL, otherURL+"/keys"),
		otherURL + "/keys": keySetOf(map[string]any{"other": &otherRSA().PublicKey}),
	}}
}

// configuration is what most tests run with.
const configuration = `
publicURL: https://mcp.example.com
scopes:
  read:docs: [docs.*]
  invoke:pay: {names: [payment.*], stepUp: true}
  invoke:mail: {names: [mail.*], stepUp: true}
  deny:secret: ["*secret*"]
roles:
  staff: [read:docs, invoke:mail]
  root: [admin:gate]
oauth:
  issuers:
    work:
      issuer: https://login.example.com/realms/work
    other:
      issuer: https://login.example.org
      claims:
        - {claim: scope, is: pay, scopes: ["invoke:pay"]}
        - {claim: groups, is: staff, roles: [staff]}
`

func load(tb testing.TB, text string) *config.Config {
	tb.Helper()
	c, err := config.Parse("mcp.yaml", "", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// holders make callers as access does.
type holders struct{}

func (holders) TokenHolder(id string, scopes, roles []string, claims []byte) mcp.Caller {
	for _, r := range roles {
		scopes = append(scopes, "role "+r)
	}
	return mcp.Caller{ID: id, Scopes: scopes, Claims: claims}
}

// open returns a Verifier by a configuration, on an internet of the test's own.
func open(tb testing.TB, text string, net *internet) (*Issuers, *Verifier) {
	tb.Helper()
	i := Open(tb.Context(), slog.New(slog.DiscardHandler))
	i.dial = func(*config.Issuer) (*http.Client, func(), error) {
		return &http.Client{Transport: net}, func() {}, nil
	}
	tb.Cleanup(i.Close)
	return i, verifier(tb, i, text)
}

func verifier(tb testing.TB, i *Issuers, text string) *Verifier {
	tb.Helper()
	v, err := i.Verifier(load(tb, text), holders{})
	if err != nil {
		tb.Fatal(err)
	}
	return v
}
