package vouch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

// A shelf is where the papers of a program lie, and a gate that is opened anew for each look at them.
type shelf struct {
	t      *testing.T
	server *Server
	file   string
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	return &shelf{t: t, server: &Server{Name: "s", Manifest: filepath.Join(t.TempDir(), "manifest.json")}, file: filepath.Join(t.TempDir(), "vouched.json")}
}

// look returns why the server is blocked.
func (s *shelf) look() string {
	g := &Gate{File: s.file, Log: slog.New(slog.DiscardHandler)}
	defer g.Close()
	g.Check(s.t.Context(), s.server, listing("fine"))
	state, _ := g.State("s")
	return state.Reason
}

// shown shows papers by a key, with these keys and statements beside them, and looks.
func (s *shelf) shown(by *signature.Signer, keys []*signature.Signer, said ...json.RawMessage) string {
	s.t.Helper()
	dir := filepath.Dir(s.server.Manifest)
	show(s.t, dir, by, 1)
	s.keys(filepath.Join(dir, "keys.json"), keys, said...)
	return s.look()
}

func (s *shelf) keys(name string, keys []*signature.Signer, said ...json.RawMessage) {
	s.t.Helper()
	set := &signature.Set{Statements: said}
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Key)
	}
	text, err := set.JSON()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func must(t *testing.T) func(json.RawMessage, error) json.RawMessage {
	t.Helper()
	return func(said json.RawMessage, err error) json.RawMessage {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
}

func wants(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons (-want +got)\n%s", diff)
	}
}

// TestNamedKeys follows what the owner of a named key says at the server's own place: a successor is trusted, and a revocation is not
// forgotten when it is not shown any more, although nothing has held since.
func TestNamedKeys(t *testing.T) {
	owner, next, thief := generate(t), generate(t), generate(t)
	then := time.Now().Add(-2 * time.Minute)
	rotation := must(t)(signature.Rotate(owner, next, then))
	revoked := must(t)(signature.Revoke(next, time.Now(), signature.Revocation{Key: next.ID, Revoked: time.Now(), Reason: signature.Compromised}))
	s := newShelf(t)
	s.server.Keys = filepath.Join(t.TempDir(), "owner.pub")
	s.keys(s.server.Keys, []*signature.Signer{owner})
	all := []*signature.Signer{owner, next}
	wants(t, []string{
		s.shown(thief, []*signature.Signer{thief}), s.shown(next, all), s.shown(next, all, rotation), s.shown(next, all),
		s.shown(next, all, rotation, revoked), s.shown(next, all, rotation), s.shown(next, nil),
	}, "unknown-key", "unknown-key", "", "", "revoked", "revoked", "revoked")
}

// TestForkedLater has whoever has an old key name another successor, earlier than the owner has, once the owner's is known.
func TestForkedLater(t *testing.T) {
	owner, next, thief := generate(t), generate(t), generate(t)
	honest := must(t)(signature.Rotate(owner, next, time.Now().Add(-time.Hour)))
	forged := must(t)(signature.Rotate(owner, thief, time.Now().Add(-2*time.Hour)))
	s := newShelf(t)
	wants(t, []string{
		s.shown(owner, []*signature.Signer{owner}), s.shown(next, []*signature.Signer{owner, next}, honest), s.shown(thief, []*signature.Signer{owner, thief}, forged),
	}, "", "", "forked")
}

// TestFirstKeys trusts of the keys that are seen first those that have signed: their fingerprints are what people compare. One that was slipped in beside
// them is a stranger's.
func TestFirstKeys(t *testing.T) {
	owner, thief := generate(t), generate(t)
	s := newShelf(t)
	wants(t, []string{s.shown(owner, []*signature.Signer{owner, thief}), s.shown(thief, []*signature.Signer{owner, thief}), s.shown(owner, nil)}, "", "unknown-key", "")
}

// TestForeignStatements shows statements of strangers, others each time: none is kept, so that they cannot fill up what is.
func TestForeignStatements(t *testing.T) {
	owner, stranger := generate(t), generate(t)
	s := newShelf(t)
	for round := range 3 {
		var said []json.RawMessage
		for i := range 30 {
			said = append(said, must(t)(signature.Revoke(stranger, time.Now(), signature.Revocation{Key: fmt.Sprint(round, i), Revoked: time.Now(), Reason: signature.Retired})))
		}
		if reason := s.shown(owner, []*signature.Signer{owner}, said...); reason != "" {
			t.Fatalf("round %d: %s", round, reason)
		}
	}
	if text, err := os.ReadFile(s.file); err != nil || len(text) > 2000 {
		t.Errorf("%d bytes are remembered: %v", len(text), err)
	}
}

// TestMissingAlike gives the same reason each time for a server that shows no papers, so that people are told once.
func TestMissingAlike(t *testing.T) {
	s := newShelf(t)
	said := map[string]bool{}
	for range 20 {
		g := &Gate{Log: slog.New(slog.DiscardHandler)}
		g.Check(t.Context(), s.server, listing("fine"))
		state, _ := g.State("s")
		said[state.Refused] = true
		g.Close()
	}
	if len(said) != 1 {
		t.Errorf("told %v", said)
	}
}

// TestNamedPGP holds a server to a manifest that its owner has signed with OpenPGP.
func TestNamedPGP(t *testing.T) {
	s := newShelf(t)
	dir := filepath.Dir(s.server.Manifest)
	owner, err := openpgp.NewEntity("owner", "", "owner@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	var keys bytes.Buffer
	w, err := armor.Encode(&keys, openpgp.PublicKeyType, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Serialize(w); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	s.server.Keys = filepath.Join(t.TempDir(), "owner.asc")
	if err := os.WriteFile(s.server.Keys, keys.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got := []string{s.shown(generate(t), nil)} // a JWS of somebody else
	manifest, err := os.ReadFile(s.server.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := trust.Canonical(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var sig bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&sig, owner, bytes.NewReader(canonical), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "server.sig.asc"), sig.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	got = append(got, s.look())
	show(t, dir, generate(t), 2) // another manifest: the signature is not its
	wants(t, append(got, s.look()), "unknown-key", "", "wrong")
}
