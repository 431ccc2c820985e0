package vouch

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

func generate(t *testing.T) *signature.Signer {
	t.Helper()
	s, err := signature.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// show writes the papers of a program with one tool.
func show(t *testing.T, dir string, by *signature.Signer, epoch int64, said ...json.RawMessage) {
	t.Helper()
	m, err := trust.Describe(subjectOf(listing("fine")))
	if err != nil {
		t.Fatal(err)
	}
	m.Name, m.Issued, m.Expires, m.Epoch = "s", time.Now().Add(-time.Minute), time.Now().Add(time.Hour), epoch
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := signature.Sign(text, by)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := (&signature.Set{Keys: []signature.Key{by.Key}, Statements: said}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"manifest.json": text, "server.sig": sig, "keys.json": keys} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func listing(description string) *mcp.Listing {
	return &mcp.Listing{Tools: [][]byte{[]byte(`{"name":"t","description":"` + description + `","inputSchema":{"type":"object"}}`)}}
}

// TestGate shows a gate one thing after another; it remembers through a restart.
func TestGate(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "vouched.json")
	owner, thief, next := generate(t), generate(t), generate(t)
	rotation, err := signature.Rotate(owner, next, time.Now().Add(-2*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Name: "s", Manifest: filepath.Join(dir, "manifest.json")}
	try := func(l *mcp.Listing) string {
		g := &Gate{File: file, Log: slog.New(slog.DiscardHandler)} // a new process each time
		defer g.Close()
		offered := g.Check(t.Context(), s, l)
		state, _ := g.State("s")
		if blocked := state.Reason != ""; blocked != (len(offered.Tools) == 0) {
			t.Errorf("state %+v, and %d tools are offered", state, len(offered.Tools))
		}
		return state.Reason
	}
	got := []string{try(listing("fine"))}
	show(t, dir, owner, 3)
	got = append(got, try(listing("fine")), try(listing("poisoned")))
	show(t, dir, owner, 2)
	got = append(got, try(listing("fine")))
	show(t, dir, thief, 4)
	got = append(got, try(listing("fine")))
	show(t, dir, next, 4, rotation)
	got = append(got, try(listing("fine")))
	show(t, dir, owner, 5) // the rotation is not shown any more, and not forgotten
	got = append(got, try(listing("fine")))
	if diff := cmp.Diff([]string{"missing", "", "changed", "replayed", "unknown-key", "", "revoked"}, got); diff != "" {
		t.Errorf("reasons (-want +got)\n%s", diff)
	}
}

// TestPublisher makes manifests of our own: a new number when the lists change, and none otherwise.
func TestPublisher(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "identity"), time.Now()
	number := func(l *mcp.Listing, at time.Time) int64 {
		s := subjectOf(l)
		s.Software = "sumun"
		p, err := (&Publisher{Dir: dir}).Papers(s, "https://mcp.example.com/mcp", at)
		if err != nil {
			t.Fatal(err)
		}
		set, err := signature.ParseSet(p.Keys)
		if err != nil {
			t.Fatal(err)
		}
		keys, _ := signature.Trusting(set)
		v, _, err := (&Demand{Trusted: keys, URI: "https://mcp.example.com/mcp", Now: at}).Verify(p)
		if err != nil {
			t.Fatal(err)
		}
		return v.Manifest.Epoch
	}
	got := []int64{number(listing("a"), now), number(listing("b"), now), number(listing("b"), now.Add(25*24*time.Hour))}
	if diff := cmp.Diff([]int64{1, 2, 3}, got); diff != "" {
		t.Errorf("numbers (-want +got)\n%s", diff)
	}
}
