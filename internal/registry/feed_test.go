package registry_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

var feedTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func signer(t *testing.T) *signature.Signer {
	t.Helper()
	s, err := signature.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// feed returns a feed of acme that holds for a day.
func feed(issue int64, servers ...registry.Scored) *registry.Feed {
	return &registry.Feed{Format: registry.FeedType, Issuer: "acme", Issue: issue, Issued: feedTime, Expires: feedTime.Add(24 * time.Hour), Servers: servers}
}

func scored(target string, score int) registry.Scored {
	return registry.Scored{Target: target, Verdict: trust.Verdict{Tier: 2, Label: "Tier 2", Score: score, Reasons: []trust.Reason{}}}
}

func sign(t *testing.T, f *registry.Feed, with ...*signature.Signer) []byte {
	t.Helper()
	text, err := f.Sign(with...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// trusting returns what a feed has to be that keys sign.
func trusting(at time.Time, keys ...*signature.Signer) *registry.Demand {
	d := &registry.Demand{Keys: map[string]signature.Key{}, Now: at}
	for _, k := range keys {
		d.Keys[k.ID] = k.Key
	}
	return d
}

// reasonOf is why a feed was refused.
func reasonOf(err error) signature.Reason {
	refused, ok := errors.AsType[*signature.Error](err)
	if !ok {
		return ""
	}
	return refused.Reason
}

// payload replaces the payload of a JWS.
func payload(t *testing.T, text []byte, change func(string) string) []byte {
	t.Helper()
	var f map[string]any
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(f["payload"].(string))
	if err != nil {
		t.Fatal(err)
	}
	f["payload"] = base64.RawURLEncoding.EncodeToString([]byte(change(string(raw))))
	text, err = json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestFeedRefused refuses each feed that does not hold, with its own reason.
func TestFeedRefused(t *testing.T) {
	owner, thief, gone := signer(t), signer(t), signer(t)
	gone.Revoked = feedTime.Add(-time.Hour)
	good := sign(t, feed(3, scored("https://a.example", 40)), owner)
	manifest, err := signature.Seal("mcp-manifest+jws", []byte(`{}`), owner)
	if err != nil {
		t.Fatal(err)
	}
	odd, err := signature.Seal("mcp-trust-feed+jws", []byte(`{"format":"sumun.feed/v1","issuer":"acme","issue":1,"issued":"2026-11-22T12:00:00Z","expires":"2026-11-23T12:00:00Z","servers":[],"more":1}`), owner)
	if err != nil {
		t.Fatal(err)
	}
	issuer := trusting(feedTime, owner)
	issuer.Issuer = "someone else"
	tests := []struct {
		name   string
		text   []byte
		demand *registry.Demand
		want   signature.Reason
	}{
		{"good", good, trusting(feedTime, owner), ""},
		{"two signers, one known", sign(t, feed(1), thief, owner), trusting(feedTime, owner), ""},
		{"forged", payload(t, good, func(s string) string { return strings.Replace(s, `"score":40`, `"score":99`, 1) }), trusting(feedTime, owner), signature.Wrong},
		{"wrong key", good, trusting(feedTime, thief), signature.UnknownKey},
		{"one of two signatures forged", sign(t, feed(1), thief), trusting(feedTime, owner), signature.UnknownKey},
		{"revoked key", sign(t, feed(1), gone), trusting(feedTime, gone), signature.Revoked},
		{"expired", good, trusting(feedTime.Add(24*time.Hour), owner), signature.Expired},
		{"early", good, trusting(feedTime.Add(-time.Hour), owner), signature.Early},
		{"wrong issuer", good, issuer, registry.OtherIssuer},
		{"another document", manifest, trusting(feedTime, owner), signature.Malformed},
		{"truncated", good[:len(good)/2], trusting(feedTime, owner), signature.Malformed},
		{"not canonical", payload(t, good, func(s string) string { return " " + s }), trusting(feedTime, owner), signature.Malformed},
		{"nothing", []byte(`{}`), trusting(feedTime, owner), signature.Malformed},
		{"no signature", []byte(`{"payload":"e30","signatures":[]}`), trusting(feedTime, owner), signature.Malformed},
		{"a member that is not known", odd, trusting(feedTime, owner), signature.Malformed},
		{"a member twice", []byte(strings.Replace(string(good), `"payload"`, `"payload":"e30","payload"`, 1)), trusting(feedTime, owner), signature.Malformed},
		{"not JSON", []byte("feed"), trusting(feedTime, owner), signature.Malformed},
	}
	for _, tt := range tests {
		_, _, err := tt.demand.Read(tt.text)
		if got := reasonOf(err); got != tt.want || (err == nil) != (tt.want == "") {
			t.Errorf("%s: %v, reason %q, want %q", tt.name, err, got, tt.want)
		}
	}
}

// TestFeedNonsense signs nothing that makes no sense.
func TestFeedNonsense(t *testing.T) {
	owner := signer(t)
	for name, change := range map[string]func(f *registry.Feed){
		"format":   func(f *registry.Feed) { f.Format = "sumun.feed/v2" },
		"issuer":   func(f *registry.Feed) { f.Issuer = " " },
		"number":   func(f *registry.Feed) { f.Issue = 0 },
		"times":    func(f *registry.Feed) { f.Expires = f.Issued },
		"for ever": func(f *registry.Feed) { f.Expires = f.Issued.AddDate(2, 0, 0) },
		"twice":    func(f *registry.Feed) { f.Servers = append(f.Servers, f.Servers[0]) },
		"target":   func(f *registry.Feed) { f.Servers[0].Target = "https://A.example/" },
		"score":    func(f *registry.Feed) { f.Servers[0].Score = 101 },
	} {
		f := feed(1, scored("https://a.example", 1))
		change(f)
		if _, err := f.Sign(owner); err == nil {
			t.Errorf("%s: it was signed", name)
		}
	}
}

// TestTake weighs what feeds say, says so, and takes no older ones.
func TestTake(t *testing.T) {
	owner, now := signer(t), time.Now()
	r := here(t, registry.Options{})
	s := &trust.Subject{Name: "web", Target: "https://web.example", Version: "1"}
	if err := r.Record(t.Context(), s, trust.Verdict{Score: 80, Label: "Tier 2", Reasons: []trust.Reason{{Points: -20, Text: "x"}}}); err != nil {
		t.Fatal(err)
	}
	take := func(issue int64, score int, lasts time.Duration, weight int) error {
		f := feed(issue, scored("https://web.example", score))
		f.Issued, f.Expires = now.UTC().Truncate(time.Second), now.Add(lasts).UTC().Truncate(time.Second)
		_, err := r.Take(t.Context(), sign(t, f, owner), trusting(now, owner), registry.Taken{Weight: weight})
		return err
	}
	show := func() registry.Shown { return do(t, r, registry.Request{}).Servers[0] }
	if err := take(5, 40, time.Hour, 25); err != nil {
		t.Fatal(err)
	}
	got := show()
	if got.Score != 70 || len(got.Reasons) != 2 || got.Reasons[1].Text != "feed acme gives it 40 (Tier 2), which counts for 25 %" || got.Reasons[1].Points != -10 {
		t.Errorf("%+v", got.Verdict)
	}
	for issue, want := range map[int64]signature.Reason{4: signature.Replayed, 5: registry.Forked} {
		if err := take(issue, 100, time.Hour, 100); reasonOf(err) != want {
			t.Errorf("number %d: %v, want %s", issue, err, want)
		}
	}
	if err := take(6, 100, 3*time.Second, 100); err != nil {
		t.Fatal(err)
	}
	if got := show(); got.Score != 100 || got.Reasons[len(got.Reasons)-1].Points != 20 {
		t.Errorf("%+v", got.Verdict)
	}
	until(t, func() bool { return show().Score == 80 }) // it has ended
	if err := take(5, 100, time.Hour, 100); reasonOf(err) != signature.Replayed {
		t.Errorf("an older one after the end of the last: %v", err)
	}
	if err := r.Store.DropFeed(t.Context(), "key:"+owner.ID); err != nil {
		t.Fatal(err)
	}
	if err := take(1, 60, time.Hour, 50); err != nil {
		t.Errorf("after it was forgotten: %v", err)
	}
	if got := do(t, r, registry.Request{}).Feeds; len(got) != 1 || got[0].Issue != 1 || got[0].Weight != 50 || got[0].Servers != 1 {
		t.Errorf("%+v", got)
	}
}

// TestExport tells others what we think ourselves, of servers that mean something to them.
func TestExport(t *testing.T) {
	r := here(t, registry.Options{})
	for _, target := range []string{
		"https://public.example/mcp", "npx -y @example/server@1", "https://10.0.0.1/mcp", "http://localhost:8080", "https://intranet/mcp", "https://a.internal", "node /home/me/s.js", "https://8.8.8.8/mcp",
	} {
		if err := r.Record(t.Context(), &trust.Subject{Target: target}, trust.Verdict{Score: 50}); err != nil {
			t.Fatal(err)
		}
	}
	do(t, r, registry.Request{Add: []registry.Addition{{URL: "https://unseen.example"}}})
	head := registry.Feed{Issuer: "me", Issue: 1, Issued: feedTime, Expires: feedTime.Add(time.Hour)}
	var got []string
	for _, s := range r.Feed(head, false).Servers {
		got = append(got, s.Target)
	}
	if want := "https://8.8.8.8/mcp|https://public.example/mcp|npx -y @example/server@1"; strings.Join(got, "|") != want {
		t.Errorf("%q", got)
	}
	if all := r.Feed(head, true); len(all.Servers) != 8 {
		t.Errorf("%d servers", len(all.Servers))
	}
	owner := signer(t)
	text := sign(t, r.Feed(head, true), owner)
	other := here(t, registry.Options{})
	if _, err := other.Take(t.Context(), text, trusting(feedTime, owner), registry.Taken{Weight: 10}); err != nil {
		t.Error(err)
	}
}

// TestRefresh fetches feeds of mcp.yaml from files and URLs, asks only for what has changed, and keeps the last good one.
func TestRefresh(t *testing.T) {
	owner, now := signer(t), time.Now().UTC().Truncate(time.Second)
	dir := t.TempDir()
	set, err := (&signature.Set{Keys: []signature.Key{owner.Key}}).JSON()
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made := func(issue int64, score int) []byte {
		f := feed(issue, scored("https://web.example", score))
		f.Issued, f.Expires = now, now.Add(time.Hour)
		return sign(t, f, owner)
	}
	write("keys.json", set)
	var same atomic.Int64
	var gone atomic.Bool
	first := made(1, 20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case gone.Load():
			http.NotFound(w, r)
		case r.URL.Path == "/away":
			http.Redirect(w, r, "http://127.0.0.1:1/feed", http.StatusFound)
		case r.Header.Get("If-None-Match") == `"1"`:
			same.Add(1)
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", `"1"`)
			_, _ = w.Write(first)
		}
	}))
	defer server.Close()
	var cfg atomic.Pointer[config.Config]
	heed := func(f belief.Feed) {
		c := config.Default()
		c.Dir, c.Trust.Feeds = dir, []belief.Feed{f}
		cfg.Store(c)
	}
	web := belief.Feed{URL: server.URL + "/feed", Key: "keys.json", Weight: 50}
	heed(web)
	r := here(t, registry.Options{Config: cfg.Load})
	if err := r.Record(t.Context(), &trust.Subject{Name: "web", Target: "https://web.example"}, trust.Verdict{Score: 80}); err != nil {
		t.Fatal(err)
	}
	r.Begin(t.Context())
	until(t, func() bool { return r.Score("https://web.example") == 50 })
	if _, err := r.Fetch(t.Context(), dir, web); err != nil || same.Load() != 1 {
		t.Errorf("%v, %d times it had not changed", err, same.Load())
	}
	gone.Store(true)
	if _, err := r.Fetch(t.Context(), dir, web); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
	if score := r.Score("https://web.example"); score != 50 {
		t.Errorf("the last good one is gone: %d", score)
	}
	write("feed.json", made(2, 100))
	file := belief.Feed{URL: "feed.json", Key: "keys.json", Weight: 10, Issuer: "other"}
	if _, err := r.Fetch(t.Context(), dir, file); reasonOf(err) != registry.OtherIssuer {
		t.Error(err)
	}
	for _, bad := range []belief.Feed{
		{URL: "http://feeds.example/feed", Key: "keys.json"}, {URL: server.URL + "/away", Key: "keys.json"}, {URL: "absent.json", Key: "keys.json"}, {URL: "feed.json", Key: "absent"},
	} {
		if _, err := r.Fetch(t.Context(), dir, bad); err == nil {
			t.Errorf("%s was fetched", bad.URL)
		}
	}
	file.Issuer = ""
	heed(file) // the other one counts no more
	if _, err := r.Fetch(t.Context(), dir, file); err != nil {
		t.Fatal(err)
	}
	if score := r.Score("https://web.example"); score != 82 {
		t.Errorf("score %d", score)
	}
}

// FuzzFeed reads anything without harm.
func FuzzFeed(f *testing.F) {
	s, err := signature.Generate()
	if err != nil {
		f.Fatal(err)
	}
	text, err := feed(1, scored("https://a.example", 3)).Sign(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"payload":"e30","signatures":[{"protected":"e30","signature":""}]}`))
	d := &registry.Demand{Keys: map[string]signature.Key{s.ID: s.Key}, Now: feedTime}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, by, err := d.Read(text); err == nil && (len(by) == 0 || got.Issuer != "acme") {
			t.Errorf("%+v by %v was taken", got, by)
		} else if err != nil && reasonOf(err) == "" {
			t.Errorf("%v has no reason", err)
		}
	})
}
