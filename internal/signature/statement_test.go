package signature

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func rotate(t *testing.T, from, to *Signer) json.RawMessage {
	t.Helper()
	said, err := Rotate(from, to, noon)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func revoke(t *testing.T, with *Signer, list ...Revocation) json.RawMessage {
	t.Helper()
	said, err := Revoke(with, noon, list...)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// inForce returns the ids of keys with which something issued an hour after noon holds.
func inForce(keys map[string]Key) map[string]bool {
	force := map[string]bool{}
	for id, k := range keys {
		if revoked(k, noon.Add(time.Hour)) == nil {
			force[id] = true
		}
	}
	return force
}

func TestFollow(t *testing.T) {
	a, b, c, stranger := generate(t), onP256(t), generate(t), generate(t)
	ab, bc := rotate(t, a, b), rotate(t, b, c)
	half := func() json.RawMessage { // the new key has not agreed
		var f signed
		if err := json.Unmarshal(ab, &f); err != nil {
			t.Fatal(err)
		}
		f.Signatures = f.Signatures[:1]
		text, _ := json.Marshal(f)
		return text
	}
	forged := func() json.RawMessage {
		var f signed
		if err := json.Unmarshal(ab, &f); err != nil {
			t.Fatal(err)
		}
		raw, _ := base64.RawURLEncoding.DecodeString(f.Payload)
		f.Payload = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(raw), "2026", "2025", 1)))
		text, _ := json.Marshal(f)
		return text
	}
	for name, tt := range map[string]struct {
		statements []json.RawMessage
		force      []*Signer
	}{
		"nothing":                         {nil, []*Signer{a}},
		"a successor":                     {[]json.RawMessage{ab}, []*Signer{b}},
		"two, in any order":               {[]json.RawMessage{bc, ab}, []*Signer{c}},
		"a stranger's successor":          {[]json.RawMessage{rotate(t, stranger, c)}, []*Signer{a}},
		"signed by the old one only":      {[]json.RawMessage{half()}, []*Signer{a}},
		"changed after it was signed":     {[]json.RawMessage{forged()}, []*Signer{a}},
		"revoked by itself":               {[]json.RawMessage{revoke(t, a, Revocation{a.ID, noon, Compromised})}, nil},
		"retired":                         {[]json.RawMessage{revoke(t, a, Revocation{a.ID, noon, Retired})}, nil},
		"revoked by a stranger":           {[]json.RawMessage{revoke(t, stranger, Revocation{a.ID, noon, Compromised})}, []*Signer{a}},
		"a stolen key names no successor": {[]json.RawMessage{ab, revoke(t, a, Revocation{a.ID, noon, Compromised})}, nil},
		"garbage":                         {[]json.RawMessage{json.RawMessage(`{"payload":"e30","signatures":[{}]}`), json.RawMessage(`7`)}, []*Signer{a}},
		"the same one twice":              {[]json.RawMessage{ab, ab}, []*Signer{b}},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := Follow(map[string]Key{a.ID: a.Key}, tt.statements)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, s := range tt.force {
				want[s.ID] = true
			}
			if diff := cmp.Diff(want, inForce(keys)); diff != "" {
				t.Errorf("in force (-want +got)\n%s", diff)
			}
		})
	}
}

// TestForked has one key name two successors.
func TestForked(t *testing.T) {
	a, b, thief := generate(t), generate(t), generate(t)
	_, err := Follow(map[string]Key{a.ID: a.Key}, []json.RawMessage{rotate(t, a, b), rotate(t, a, thief)})
	if refused, ok := errors.AsType[*Error](err); !ok || refused.Reason != Forked {
		t.Errorf("two successors: %v", err)
	}
}

// TestRotated verifies manifests before and after a rotation, and backdated by a thief.
func TestRotated(t *testing.T) {
	a, b := generate(t), generate(t)
	before := strings.Replace(manifest, "2026-11-01", "2026-10-01", 1)
	after := strings.NewReplacer("2026-11-01", "2026-11-22", "T00:00:00Z\",\"expires", "T12:30:00Z\",\"expires").Replace(manifest)
	try := func(text string, by *Signer, said ...json.RawMessage) Reason {
		keys, err := Follow(map[string]Key{a.ID: a.Key}, said)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Verify([]byte(text), sign(t, text, by), &Expectation{Keys: keys, Now: noon.Add(time.Hour)})
		if refused, ok := errors.AsType[*Error](err); ok {
			return refused.Reason
		}
		return ""
	}
	ab, gone := rotate(t, a, b), revoke(t, a, Revocation{a.ID, noon, Compromised})
	got := []Reason{try(before, a, ab), try(after, a, ab), try(after, b, ab), try(after, b), try(before, a, gone)}
	if diff := cmp.Diff([]Reason{"", Revoked, "", UnknownKey, Revoked}, got); diff != "" {
		t.Errorf("reasons (-want +got)\n%s", diff)
	}
}

func TestSet(t *testing.T) {
	a, b := generate(t), onP256(t)
	text, err := (&Set{Keys: []Key{a.Key, b.Key}, Statements: []json.RawMessage{rotate(t, a, b)}}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	pemA, _ := a.Key.PEM()
	pemB, _ := b.Key.PEM()
	for name, tt := range map[string]struct {
		text string
		keys int
	}{"a set": {string(text), 2}, "PEM": {string(pemA) + "\n" + string(pemB), 2}, "nothing": {"", -1}, "twice": {`{"keys":[],"keys":[]}`, -1}, "garbage": {"hello", -1}} {
		got, err := ParseSet([]byte(tt.text))
		if tt.keys < 0 && err == nil || tt.keys >= 0 && (err != nil || len(got.Keys) != tt.keys || got.Keys[0].ID != a.ID) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestSameURI(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"https://mcp.example.com/mcp", "https://MCP.example.com:443/mcp/", true},
		{"https://mcp.example.com/mcp", "http://mcp.example.com/mcp", false},
		{"https://mcp.example.com/mcp", "https://mcp.example.com/MCP", false},
		{"https://mcp.example.com/a%2fb", "https://mcp.example.com/a/b", false},
		{"https://mcp.example.com@evil.example/mcp", "https://mcp.example.com/mcp", false},
	} {
		if got := SameURI(tt.a, tt.b); got != tt.want {
			t.Errorf("SameURI(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}],"statements":[{"payload":"e30","signatures":[]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseSet(text)
		if err != nil {
			return
		}
		if _, err := Trusting(s); err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Error(err)
			}
		}
	})
}
