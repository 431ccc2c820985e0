package signature

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const manifest = `{"type":"sumun.manifest/v1","name":"weather","version":"1.2.0","uri":"https://mcp.example.com/mcp",
 "tools":[{"name":"forecast","digest":"sha256:00"}],"issued":"2026-11-01T00:00:00Z","expires":"2027-11-01T00:00:00Z","epoch":3}`

func generate(t *testing.T) *Signer {
	t.Helper()
	s, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func onP256(t *testing.T) *Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signer(k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t *testing.T, manifest string, with ...*Signer) []byte {
	t.Helper()
	sig, err := Sign([]byte(manifest), with...)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func trusting(keys ...*Signer) *Expectation {
	want := &Expectation{Keys: map[string]Key{}, Now: noon}
	for _, k := range keys {
		want.Keys[k.ID] = k.Key
	}
	return want
}

func TestVerify(t *testing.T) {
	author, operator, stranger := generate(t), onP256(t), generate(t)
	sig := sign(t, manifest, author, operator, stranger)
	got, err := Verify([]byte(strings.ReplaceAll(manifest, "\n", "\t")), sig, trusting(author, operator))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{author.ID, operator.ID}, {stranger.ID}}, [][]string{got.By, got.Strangers}); diff != "" {
		t.Errorf("who has signed (-want +got)\n%s", diff)
	}
	if got.Manifest.Name != "weather" || got.Manifest.Tools[0].Name != "forecast" {
		t.Errorf("manifest = %+v", got.Manifest)
	}
}

// edit changes the parts of a signature.
func edit(t *testing.T, sig []byte, change func(p []part) []part) []byte {
	t.Helper()
	var f file
	if err := json.Unmarshal(sig, &f); err != nil {
		t.Fatal(err)
	}
	f.Signatures = change(f.Signatures)
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// headed returns a change that gives the first signature another header.
func headed(format string, args ...any) func([]part) []part {
	return func(p []part) []part {
		p[0].Protected = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, format, args...))
		return p
	}
}

func TestRefused(t *testing.T) {
	author, other := generate(t), generate(t)
	sig := sign(t, manifest, author)
	both := sign(t, manifest, author, other)
	taken := trusting(author)
	taken.Keys[author.ID] = Key{ID: author.ID, Public: author.Public, Revoked: noon.AddDate(-1, 0, 0)}
	at := func(change func(*Expectation)) *Expectation {
		want := trusting(author)
		change(want)
		return want
	}
	for name, tt := range map[string]struct {
		manifest string
		sig      []byte
		want     *Expectation
		reason   Reason
	}{
		"forged": {manifest, edit(t, sig, func(p []part) []part {
			p[0].Signature = strings.Repeat("A", len(p[0].Signature))
			return p
		}), trusting(author), Wrong},
		"truncated":       {manifest, sig[:len(sig)-20], trusting(author), Malformed},
		"a shorter value": {manifest, edit(t, sig, func(p []part) []part { p[0].Signature = p[0].Signature[:40]; return p }), trusting(author), Wrong},
		"another payload": {strings.Replace(manifest, "forecast", "forecasts", 1), sig, trusting(author), Wrong},
		"a wrong key": {
			manifest, edit(t, sign(t, manifest, other), headed(`{"alg":"EdDSA","kid":%q,"typ":%q}`, author.ID, Type)),
			trusting(author), Wrong,
		},
		"nobody who is trusted": {manifest, sign(t, manifest, other), trusting(author), UnknownKey},
		"one of two is bad": {manifest, edit(t, both, func(p []part) []part {
			p[1].Signature = p[0].Signature
			return p
		}), trusting(author, other), Wrong},
		"expired":           {manifest, sig, at(func(w *Expectation) { w.Now = noon.AddDate(2, 0, 0) }), Expired},
		"early":             {manifest, sig, at(func(w *Expectation) { w.Now = noon.AddDate(-2, 0, 0) }), Early},
		"revoked":           {manifest, sig, taken, Revoked},
		"of another server": {manifest, sig, at(func(w *Expectation) { w.URI = "https://mcp.example.org/mcp" }), OtherServer},
		"replayed":          {manifest, sig, at(func(w *Expectation) { w.Epoch = 4 }), Replayed},
		"no algorithm":      {manifest, edit(t, sig, headed(`{"alg":"none","kid":%q,"typ":%q}`, author.ID, Type)), trusting(author), Algorithm},
		"a shared secret":   {manifest, edit(t, sig, headed(`{"alg":"HS256","kid":%q,"typ":%q}`, author.ID, Type)), trusting(author), Algorithm},
		"another key's":     {manifest, edit(t, sig, headed(`{"alg":"ES256","kid":%q,"typ":%q}`, author.ID, Type)), trusting(author), Algorithm},
		"critical members": {
			manifest, edit(t, sig, headed(`{"alg":"EdDSA","kid":%q,"typ":%q,"crit":["b64"],"b64":false}`, author.ID, Type)), trusting(author), Malformed,
		},
		"a key of its own": {manifest, edit(t, sig, headed(`{"alg":"EdDSA","kid":%q,"typ":%q,"jwk":"x"}`, author.ID, Type)), trusting(author), Malformed},
		"another type":     {manifest, edit(t, sig, headed(`{"alg":"EdDSA","kid":%q,"typ":"JWT"}`, author.ID)), trusting(author), Malformed},
		"a header twice":   {manifest, edit(t, sig, headed(`{"alg":"EdDSA","alg":"EdDSA","kid":%q,"typ":%q}`, author.ID, Type)), trusting(author), Malformed},
		"no signature":     {manifest, []byte(`{"signatures":[]}`), trusting(author), Malformed},
		"a payload":        {manifest, []byte(strings.Replace(string(sig), `{`, `{"payload":"e30",`, 1)), trusting(author), Malformed},
		"members twice":    {strings.Replace(manifest, `{`, `{"name":"a",`, 1), sig, trusting(author), Malformed},
		"great integers":   {strings.Replace(manifest, `"epoch":3`, `"epoch":9007199254740993`, 1), sig, trusting(author), Malformed},
		"unknown members":  {strings.Replace(manifest, `{`, `{"Name":"a",`, 1), sig, trusting(author), Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Verify([]byte(tt.manifest), tt.sig, tt.want)
			if e, ok := errors.AsType[*Error](err); !ok || e.Reason != tt.reason {
				t.Errorf("error = %v (%+v), want the reason %s", err, e, tt.reason)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	for name, s := range map[string]*Signer{"Ed25519": generate(t), "P-256": onP256(t)} {
		text, err := s.PEM()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseSigner(text)
		if err != nil || back.ID != s.ID {
			t.Errorf("%s: private key read as %v, %v", name, back, err)
		}
		if text, err = s.Key.PEM(); err != nil {
			t.Fatal(err)
		}
		if key, err := ParseKey(text); err != nil || key.ID != s.ID {
			t.Errorf("%s: public key read as %v, %v", name, key, err)
		}
	}
	for _, bad := range []string{"", "x", "{}", `{"kty":"oct","k":"AAAA"}`, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		if key, err := ParseKey([]byte(bad)); err == nil {
			t.Errorf("%q is read as the key %v", bad, key)
		}
	}
}

func FuzzVerify(f *testing.F) {
	s, err := Generate()
	if err != nil {
		f.Fatal(err)
	}
	sig, err := Sign([]byte(manifest), s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(manifest), sig)
	f.Fuzz(func(t *testing.T, m, sig []byte) {
		v, err := Verify(m, sig, trusting(s))
		if e, ok := errors.AsType[*Error](err); err != nil && (!ok || e.Reason == "") {
			t.Errorf("error without a reason: %v", err)
		}
		if err == nil && (len(v.By) != 1 || v.Manifest.Name != "weather") {
			t.Errorf("%s with %s holds", m, sig)
		}
	})
}
