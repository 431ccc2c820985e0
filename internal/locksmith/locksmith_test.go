package locksmith

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/store"
)

func open(t *testing.T) *Locksmith {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "sumun.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	cfg, err := config.Parse("mcp.yaml", t.TempDir(), []byte("scopes:\n  read:file: [file.read]\nroles:\n  reader: [read:file]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return &Locksmith{Store: s, Config: cfg}
}

// TestRecord has what is done with keys on record, without secrets; nobody is given a key that is not.
func TestRecord(t *testing.T) {
	l, ctx := open(t), t.Context()
	var said []string
	var fail error
	l.Record = func(_ context.Context, e audit.Event) error {
		said = append(said, fmt.Sprint(e.Kind, " ", e.Subject, " ", e.Detail["name"], " ", e.Detail["scopes"]))
		return fail
	}
	made, err := l.Create(ctx, Order{Name: "ci", Scopes: []string{"read:file"}, Expires: "90d"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.Rotate(ctx, "ci", 0, "")
	if err == nil {
		_, err = l.Revoke(ctx, "ci")
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"key.created " + made.ID + " ci [read:file]", "key.rotated " + made.ID + " ci [read:file]", "key.revoked " + made.ID + " ci [read:file]"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("on record (-want +got):\n%s", diff)
	}
	for _, secret := range []string{made.Key, again.Key} {
		if strings.Contains(strings.Join(said, " "), strings.TrimPrefix(secret, made.ID)) {
			t.Error("the record has a secret")
		}
	}
	fail = errors.New("the record is away")
	if made, err := l.Create(ctx, Order{Name: "other", Scopes: []string{"read:file"}}); !errors.Is(err, fail) || made.Key != "" {
		t.Errorf("not on record, but made: %+v, %v", made, err)
	}
	if _, err := l.Revoke(ctx, "other"); !errors.Is(err, fail) {
		t.Errorf("error = %v", err)
	}
	if keys, err := l.List(ctx, false); err != nil || len(keys) != 0 {
		t.Errorf("revoking waits for the record: %+v, %v", keys, err)
	}
}

func TestLife(t *testing.T) {
	l, ctx := open(t), t.Context()
	made, err := l.Create(ctx, Order{Name: "ci", Scopes: []string{"read:file"}, Roles: []string{"reader"}, Expires: "90d"})
	if err != nil || !keyring.IsIssued(made.Key) || !strings.Contains(made.Key, made.ID) || made.ExpiresAt == nil {
		t.Fatalf("made = %+v, %v", made, err)
	}
	if d := time.Until(*made.ExpiresAt); d < 89*24*time.Hour || d > 90*24*time.Hour {
		t.Errorf("it ends in %v", d)
	}
	again, err := l.Rotate(ctx, "ci", time.Hour, "")
	if err != nil || again.Key == made.Key || again.ID != made.ID {
		t.Errorf("rotated = %+v, %v", again, err)
	}
	listed, err := l.List(ctx, false)
	if err != nil || len(listed) != 1 || listed[0].State != "valid" || listed[0].Overlap == nil || listed[0].LastUsed != nil {
		t.Errorf("listed = %+v, %v", listed, err)
	}
	if k, err := l.Revoke(ctx, made.ID); err != nil || k.State != "revoked" || k.Overlap != nil {
		t.Errorf("revoked = %+v, %v", k, err)
	}
	if listed, err = l.List(ctx, false); err != nil || len(listed) != 0 {
		t.Errorf("listed after that = %+v, %v", listed, err)
	}
	if listed, err = l.List(ctx, true); err != nil || len(listed) != 1 {
		t.Errorf("all after that = %+v, %v", listed, err)
	}
	if _, err := l.Create(ctx, Order{Name: "ci", Scopes: []string{"*"}}); !errors.Is(err, keyring.ErrTaken) {
		t.Errorf("the name of a revoked key is given again: %v", err)
	}
	if _, err := l.Rotate(ctx, "ci", 0, ""); !errors.Is(err, keyring.ErrOver) {
		t.Errorf("a revoked key is rotated: %v", err)
	}
}

func TestBadOrders(t *testing.T) {
	l := open(t)
	scope := []string{"read:file"}
	for want, o := range map[string]Order{
		"needs a scope or a role":       {Name: "a"},
		"read:flie is not among":        {Name: "a", Scopes: []string{"read:flie"}},
		`"raeder" is not among roles`:   {Name: "a", Roles: []string{"raeder"}},
		"a name of the gateway's own":   {Name: "local", Scopes: scope},
		"cannot be the name":            {Name: "a b", Scopes: scope},
		"is no time at which":           {Name: "a", Scopes: scope, Expires: "soon"},
		"is over already":               {Name: "a", Scopes: scope, Expires: "2020-01-01"},
		"more than a hundred years":     {Name: "a", Scopes: scope, Expires: "9999-01-01"},
		`"" cannot be the name of a ke`: {Scopes: scope},
	} {
		if o.Name == "" && o.Scopes == nil {
			continue
		}
		_, err := l.Create(context.WithoutCancel(t.Context()), o)
		if _, ok := errors.AsType[*OrderError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	if _, err := l.Rotate(t.Context(), "a", -time.Hour, ""); err == nil {
		t.Error("an overlap that is none is taken")
	}
}

func FuzzParseExpiry(f *testing.F) {
	for _, s := range []string{"", "90d", "12h", "0s", "-1h", "2030-01-31", "2030-01-31T10:00:00+02:00", "99999999999d", "1d1d"} {
		f.Add(s)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		end, err := parseExpiry(s, now)
		if err == nil && s != "" && (end.Before(now) || end.After(now.Add(longest))) {
			t.Errorf("%q ends at %v", s, end)
		}
	})
}
