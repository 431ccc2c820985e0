package registry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/pgtest"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/trust"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }

// engines runs a test with each engine that can be had.
func engines(t *testing.T, test func(t *testing.T, at string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "sumun.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.Database(t, "")) })
}

// open opens the registry of one instance.
func open(t *testing.T, at string, o registry.Options) *registry.Registry {
	t.Helper()
	kept, err := store.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	o.Store = kept
	r, err := registry.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// here returns a registry of its own.
func here(t *testing.T, o registry.Options) *registry.Registry {
	t.Helper()
	return open(t, "sqlite:"+filepath.Join(t.TempDir(), "sumun.db"), o)
}

// of returns a configuration with a server at a URL, one with two replicas, and a program.
func of(outside string, listed ...string) *config.Config {
	c := config.Default()
	web, many, program := config.NewServer("web"), config.NewServer("many"), config.NewServer("program")
	web.Type, web.URL = "http", "https://web.example/mcp"
	many.Type, many.URL, many.Replicas = "http", "https://one.example/mcp", []string{"https://two.example/mcp"}
	program.Type, program.Command, program.Args, program.Cwd = "stdio", "npx", []string{"-y", "@example/server@1"}, "/srv"
	c.Servers = []config.Server{web, many, program}
	c.Trust.Outside, c.Trust.Registry = outside, listed
	return c
}

func do(t *testing.T, r *registry.Registry, q registry.Request) *registry.Answer {
	t.Helper()
	a, err := r.Do(t.Context(), "op", &q)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// listed returns the names and targets of the servers of an answer that somebody has added.
func listed(a *registry.Answer) []string {
	var all []string
	for _, s := range a.Servers {
		if s.Listed {
			all = append(all, s.Name+" "+s.Target)
		}
	}
	slices.Sort(all)
	return all
}

// TestDo changes the list at one instance, and reads it at another; of two decisions on one state the second is refused.
func TestDo(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		cfg := of(belief.Warn)
		o := registry.Options{Config: func() *config.Config { return cfg }}
		one := open(t, at, o)
		a := do(t, one, registry.Request{Add: []registry.Addition{
			{Server: "many", Why: "reviewed"}, {Command: "./run.sh", Dir: "/srv", Name: "mine"}, {URL: "HTTPS://Other.example:443/", Name: "other", Signer: "abc def"},
		}})
		want := []string{"many https://one.example/mcp", "many https://two.example/mcp", "mine /srv/run.sh", "other https://other.example"}
		if diff := cmp.Diff(want, listed(a)); diff != "" || a.Revision != 1 {
			t.Errorf("revision %d (-want +got)\n%s", a.Revision, diff)
		}
		two := open(t, at, o)
		b := do(t, two, registry.Request{Filter: registry.Filter{Name: "many", History: true}})
		if len(b.Servers) != 2 || b.Servers[0].By != "op" || b.Servers[0].Why != "reviewed" || len(b.Servers[0].History) != 1 || b.Servers[0].History[0].What != "added" {
			t.Errorf("%+v", b)
		}
		do(t, two, registry.Request{Remove: []registry.Removal{{Server: "https://one.example:443/mcp/"}}, IfRevision: new(int64(1))})
		_, err := one.Do(t.Context(), "op", &registry.Request{Remove: []registry.Removal{{Server: "mine"}}, IfRevision: new(int64(1))})
		if told := mcp.AsError(err); told == nil || told.Reason != mcp.Conflict || string(told.Data) != `{"revision":2}` {
			t.Errorf("%v", err)
		}
		c := do(t, one, registry.Request{Add: []registry.Addition{{Server: "web"}}, Remove: []registry.Removal{{Server: "mine", Forget: true}}, IfRevision: new(int64(2))})
		want = []string{"many https://two.example/mcp", "other https://other.example", "web https://web.example/mcp"}
		if diff := cmp.Diff(want, listed(c)); diff != "" || c.Revision != 3 {
			t.Errorf("revision %d (-want +got)\n%s", c.Revision, diff)
		}
		if left := do(t, one, registry.Request{Filter: registry.Filter{Name: "mine"}}); len(left.Servers) != 0 {
			t.Errorf("what was forgotten is there: %+v", left.Servers)
		}
		if left := do(t, one, registry.Request{Filter: registry.Filter{Name: "https://one.example/mcp"}}); len(left.Servers) != 1 || left.Servers[0].Listed {
			t.Errorf("what was removed is not known any more, or is listed: %+v", left.Servers)
		}
	})
}

// TestDoRefuses refuses what makes no sense, and changes nothing.
func TestDoRefuses(t *testing.T) {
	r := here(t, registry.Options{Config: func() *config.Config { return of("off") }})
	tests := []struct {
		q    registry.Request
		want mcp.Reason
	}{
		{registry.Request{Add: []registry.Addition{{}}}, mcp.InvalidArguments},
		{registry.Request{Add: []registry.Addition{{Server: "web", URL: "https://a.example"}}}, mcp.InvalidArguments},
		{registry.Request{Add: []registry.Addition{{URL: "a.example"}}}, mcp.InvalidArguments},
		{registry.Request{Add: []registry.Addition{{URL: "https://*.example"}}}, mcp.InvalidArguments},
		{registry.Request{Add: []registry.Addition{{Server: "web"}, {Server: "nobody"}}}, mcp.NotFound},
		{registry.Request{Add: []registry.Addition{{Server: "web"}}, Remove: []registry.Removal{{Server: "nobody"}}}, mcp.NotFound},
		{registry.Request{IfRevision: new(int64(3))}, mcp.Conflict},
	}
	for i, tt := range tests {
		_, err := r.Do(t.Context(), "op", &tt.q)
		if told := mcp.AsError(err); told == nil || told.Reason != tt.want {
			t.Errorf("request %d: %v, want %s", i, err, tt.want)
		}
	}
	if a := do(t, r, registry.Request{}); len(a.Servers) != 0 || a.Revision != 0 {
		t.Errorf("%+v", a)
	}
}

// TestAtOnce has two instances decide at the same time, each on what it has read: every decision is made once, on the state that it was meant for.
func TestAtOnce(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		one, two := open(t, at, registry.Options{}), open(t, at, registry.Options{})
		var all sync.WaitGroup
		for n := range 20 {
			r := one
			if n%2 == 1 {
				r = two
			}
			all.Go(func() {
				for {
					a, err := r.Do(t.Context(), "op", &registry.Request{})
					if err != nil {
						t.Error(err)
						return
					}
					q := registry.Request{Add: []registry.Addition{{URL: fmt.Sprintf("https://s%d.example", n)}}, IfRevision: &a.Revision}
					_, err = r.Do(t.Context(), "op", &q)
					told := mcp.AsError(err)
					if err == nil {
						return
					}
					if told == nil || told.Reason != mcp.Conflict {
						t.Error(err)
						return
					}
					_ = r.Record(t.Context(), &trust.Subject{Target: "https://scanned.example"}, trust.Verdict{}) // it reads what the other one has written
				}
			})
		}
		all.Wait()
		if a := do(t, open(t, at, registry.Options{}), registry.Request{}); a.Revision != 20 || len(listed(a)) != 20 {
			t.Errorf("revision %d, %d servers", a.Revision, len(listed(a)))
		}
	})
}

// TestRecord keeps what scans say, with what has changed since the scan before.
func TestRecord(t *testing.T) {
	r := here(t, registry.Options{})
	tool := func(name string) []byte { return []byte(`{"name":"` + name + `"}`) }
	s := &trust.Subject{
		Name: "web", Target: "https://WEB.example/mcp/", Transport: "http", TLS: true, Authentication: trust.AuthStatic, Software: "srv", Version: "1", Signed: []string{"k1"},
		Tools: []jsonOf{tool("b"), tool("a")},
	}
	record := func(findings ...trust.Finding) {
		t.Helper()
		if err := r.Record(t.Context(), s, trust.Grade(s, findings)); err != nil {
			t.Fatal(err)
		}
	}
	record()
	record() // nothing new: no event
	s.Version, s.Signed, s.Tools = "2", nil, []jsonOf{tool("a"), tool("c")}
	record(trust.Finding{Rule: "behaviour/telemetry", Band: trust.BandBlock, Severity: trust.High, Message: "orders"})
	a := do(t, r, registry.Request{Filter: registry.Filter{Name: "https://web.example/mcp", History: true}})
	if len(a.Servers) != 1 {
		t.Fatalf("%+v", a)
	}
	got := a.Servers[0]
	if !got.Malicious || got.Score > 10 || got.Basis != registry.ByScan || got.Version != "2" || !slices.Equal(got.Tools, []string{"a", "c"}) || got.Judged.IsZero() || got.Seen.IsZero() {
		t.Errorf("%+v", got)
	}
	if len(got.History) != 2 || got.History[1].Changes != nil || got.History[0].What != "scanned" || got.History[1].Score != 95 {
		t.Fatalf("%+v", got.History)
	}
	want := []string{"score: 95 → 10", "signed by: k1 → none", "tier: Tier 3 → Tier 2-Malicious", "tools added: c", "tools removed: b", "version: 1 → 2"}
	if diff := cmp.Diff(want, got.History[0].Changes); diff != "" {
		t.Errorf("changes (-want +got)\n%s", diff)
	}
}

type jsonOf = json.RawMessage

// TestFilter takes what is asked for, the best first.
func TestFilter(t *testing.T) {
	r := here(t, registry.Options{})
	for name, s := range map[string]*trust.Subject{
		"good": {Target: "https://good.example", TLS: true, Authentication: trust.AuthStrong, Signed: []string{"k"}},
		"fair": {Target: "https://fair.example", TLS: true, Authentication: trust.AuthStatic},
		"poor": {Target: "http://poor.example", Authentication: trust.AuthNone},
	} {
		s.Name, s.Tools = name, []jsonOf{[]byte(`{"name":"search"}`), []byte(`{"name":"` + name + `"}`)}
		if err := r.Record(t.Context(), s, trust.Grade(s, nil)); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		filter registry.Filter
		want   string
	}{
		{registry.Filter{}, "good fair poor"},
		{registry.Filter{Name: "*o*"}, "good poor"},
		{registry.Filter{Name: registry.IDOf("https://fair.example")}, "fair"},
		{registry.Filter{Tier: new(trust.Tier(2))}, "fair"},
		{registry.Filter{Tier: new(trust.Tier(0))}, ""},
		{registry.Filter{Score: 60}, "good fair"},
		{registry.Filter{Tool: "search", Score: 95}, "good"},
		{registry.Filter{Tool: "fair"}, "fair"},
		{registry.Filter{Tool: "sear"}, ""},
		{registry.Filter{Listed: true}, ""},
	}
	for _, tt := range tests {
		var got []string
		for _, s := range do(t, r, registry.Request{Filter: tt.filter}).Servers {
			got = append(got, s.Name)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v takes %s, want %s", tt.filter, got, tt.want)
		}
	}
}

// TestBest never chooses a malicious server, nor one outside of the list where that is strict.
func TestBest(t *testing.T) {
	shown := func(name string, malicious, allowed bool) registry.Shown {
		return registry.Shown{Entry: registry.Entry{Name: name}, Verdict: trust.Verdict{Malicious: malicious}, Allowed: allowed}
	}
	all := []registry.Shown{shown("bad", true, true), shown("stranger", false, false), shown("known", false, true)}
	for outside, want := range map[string]string{"off": "stranger", "warn": "known", "block": "known"} {
		if got := (&registry.Answer{Outside: outside, Servers: all}).Best(); got == nil || got.Name != want {
			t.Errorf("%s: %+v, want %s", outside, got, want)
		}
	}
	if got := (&registry.Answer{Servers: all[:1]}).Best(); got != nil {
		t.Errorf("%+v", got)
	}
}

// TestScreen disables servers that are not on the list, tells of each once, and lets them in again when they are on it.
func TestScreen(t *testing.T) {
	var mu sync.Mutex
	var told []string
	cfg := of(belief.Block, "https://one.example/mcp")
	var in []string
	r := here(t, registry.Options{Config: func() *config.Config { return cfg }, Inside: func(alert string) { in = append(in, alert) }, Outside: func(o registry.Outsider) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(o.Server, " ", o.Target, " ", o.Blocked))
	}})
	blocked := func() string {
		var all []string
		for _, s := range r.Screen(cfg).Servers {
			if s.Disabled {
				all = append(all, s.Name)
			}
		}
		return strings.Join(all, " ")
	}
	if got := blocked(); got != "web many program" { // many has a second address
		t.Errorf("blocked: %s", got)
	}
	_ = blocked()
	want := []string{"many https://two.example/mcp true", "program npx -y @example/server@1 true", "web https://web.example/mcp true"}
	if slices.Sort(told); !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
	refusal := mcp.AsError(r.Refusal("web.tool"))
	if refusal == nil || refusal.Reason != mcp.Blocked || !strings.Contains(string(refusal.Data), `"alert":"outside-`) {
		t.Fatalf("%v", refusal)
	}
	if r.Refusal("webb.tool") != nil || r.Refusal("web") != nil || !strings.Contains(r.Trouble("web"), "blocked") || r.State("web", "disabled") != "blocked" || r.State("x", "ready") != "ready" {
		t.Error("what is told of blocked servers is not right")
	}
	do(t, r, registry.Request{Add: []registry.Addition{{Server: "web"}, {URL: "https://two.example/mcp"}, {Command: "npx", Args: []string{"-y", "@example/server@1"}}}})
	if got := blocked(); got != "" || r.Refusal("web.tool") != nil || r.Trouble("web") != "" {
		t.Errorf("blocked: %s", got)
	}
	if len(in) != 4 || !slices.ContainsFunc(in, func(alert string) bool { return strings.Contains(string(refusal.Data), alert) }) { // one at first, then all that were outside
		t.Errorf("let in: %q", in)
	}
	cfg.Servers[0].URL = "https://evil.example/mcp" // the same name, another server
	if got := blocked(); got != "web" {
		t.Errorf("blocked: %s", got)
	}
	cfg.Trust.Outside = belief.Warn
	if got := blocked(); got != "" || !strings.HasPrefix(r.Trouble("web"), "not in the registry") || r.Refusal("web.tool") != nil {
		t.Errorf("blocked: %s, %s", got, r.Trouble("web"))
	}
	cfg.Trust.Outside = belief.Off
	if got := blocked(); got != "" || r.Trouble("web") != "" {
		t.Errorf("blocked: %s", got)
	}
	if cfg.Servers[0].Disabled {
		t.Error("the configuration itself was changed")
	}
	var none *registry.Registry
	if none.Screen(cfg) != cfg || none.Refusal("x.y") != nil || none.Trouble("x") != "" || none.State("x", "y") != "y" || none.ReplicaScore("x") != 100 {
		t.Error("a bridge has no registry, and blocks")
	}
}

// TestSigner holds a server to the key that it was added with.
func TestSigner(t *testing.T) {
	cfg := of(belief.Block, "many", "program")
	cfg.Servers[0].Trust.Signature = belief.Required
	var mu sync.Mutex
	by := []string{"good"}
	r := here(t, registry.Options{Config: func() *config.Config { return cfg }, Signers: func(string) []string {
		mu.Lock()
		defer mu.Unlock()
		return by
	}})
	listing := &mcp.Listing{Tools: [][]byte{[]byte(`{"name":"t"}`)}}
	do(t, r, registry.Request{Add: []registry.Addition{{Server: "web", Signer: "good"}}})
	if out := r.Outsiders(cfg); len(out) != 0 {
		t.Errorf("it is not let in to show its signature: %+v", out)
	}
	if got := r.Offered("web", listing); len(got.Tools) != 1 {
		t.Error("it offers nothing although the right key has signed it")
	}
	mu.Lock()
	by = []string{"thief"}
	mu.Unlock()
	if got := r.Offered("web", listing); len(got.Tools) != 0 {
		t.Error("it offers something although another key has signed it")
	}
	if got := r.Offered("many", listing); len(got.Tools) != 1 {
		t.Error("a server without such a key offers nothing")
	}
	r.Begin(t.Context())
	r.Seen("web", listing)
	until(t, func() bool { return strings.Contains(r.Outsiders(cfg)["web"].Why, "signed with thief") })
	lax := of(belief.Block, "many", "program")
	if out := r.Outsiders(lax); !strings.Contains(out["web"].Why, "signatures are not looked at") {
		t.Errorf("%+v", out)
	}
}

// until waits until something holds.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("it does not come to hold")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestSeen gives a server behind the gateway a score without a scan, by what the gateway sees of it.
func TestSeen(t *testing.T) {
	cfg := of("off")
	cfg.Servers[0].Headers = map[string]string{"Authorization": "Bearer x"}
	var mu sync.Mutex
	var worries []registry.Worry
	r := here(t, registry.Options{Config: func() *config.Config { return cfg }, Signers: func(string) []string { return []string{"k"} }, Worries: func(string) []registry.Worry {
		mu.Lock()
		defer mu.Unlock()
		return worries
	}})
	r.Begin(t.Context())
	show := func(version string) {
		r.Seen("web", &mcp.Listing{Info: []byte(`{"name":"srv","version":"` + version + `"}`), Tools: [][]byte{[]byte(`{"name":"t"}`)}})
	}
	get := func() registry.Shown {
		a, err := r.Do(t.Context(), "", &registry.Request{Filter: registry.Filter{Name: "web", History: true}})
		if err != nil || len(a.Servers) != 1 {
			return registry.Shown{}
		}
		return a.Servers[0]
	}
	show("1")
	until(t, func() bool { return get().Version == "1" })
	first := get()
	if first.Basis != registry.BySight || first.Tier != 3 || first.Score != 85 || !slices.Equal(first.Signers, []string{"k"}) || !slices.Equal(first.Tools, []string{"t"}) {
		t.Errorf("%+v", first)
	}
	if score := r.Score("https://web.example/mcp"); score != 85 || r.ReplicaScore("web") != 85 || r.ReplicaScore("many/2") >= 85 || r.ReplicaScore("many/3") != 0 {
		t.Errorf("score %d", score)
	}
	mu.Lock()
	worries = []registry.Worry{{Kind: "drift", Text: "the tool t has changed", Severity: trust.High, At: time.Now().Add(time.Hour)}}
	mu.Unlock()
	show("2")
	until(t, func() bool { return get().Version == "2" })
	second := get()
	if second.Score != 65 || !second.Steady.After(first.Steady) || len(second.History) != 2 || !slices.Contains(second.History[0].Changes, "version: 1 → 2") {
		t.Errorf("%+v", second)
	}
	if err := r.Record(t.Context(), &trust.Subject{Name: "web", Target: "https://web.example/mcp", Version: "2", Signed: []string{"k"}, Tools: []jsonOf{[]byte(`{"name":"t"}`)}},
		trust.Verdict{Tier: 3, Score: 100, Label: "Tier 3"}); err != nil {
		t.Fatal(err)
	}
	if third := get(); third.Basis != registry.ByScan || third.Score != 80 { // the open alert counts beside the scan
		t.Errorf("%+v", third)
	}
}

// TestFollow has an instance take over what another one decides, and tell that the list is another one.
func TestFollow(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		cfg := of(belief.Block)
		changed := make(chan struct{}, 100)
		var one *registry.Registry
		one = open(t, at, registry.Options{Config: func() *config.Config { return cfg }, Changed: func() {
			one.Screen(cfg)
			changed <- struct{}{}
		}})
		one.Screen(cfg)
		one.Begin(t.Context())
		two := open(t, at, registry.Options{Config: func() *config.Config { return cfg }})
		do(t, two, registry.Request{Add: []registry.Addition{{Server: "web"}}})
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			t.Fatal("nothing is told")
		}
		if one.Refusal("web.t") != nil || one.Refusal("program.t") == nil {
			t.Error("the list is not the one of the other instance")
		}
		if err := two.Record(t.Context(), &trust.Subject{Target: "https://unrelated.example"}, trust.Verdict{}); err != nil {
			t.Fatal(err)
		}
		until(t, func() bool { return one.Score("https://unrelated.example") == 0 })
		if len(changed) != 0 {
			t.Error("a verdict on a server is told as another list")
		}
	})
}

// TestFull keeps no more servers than may be kept.
func TestFull(t *testing.T) {
	r := here(t, registry.Options{})
	if err := r.Store.ChangeRegistry(t.Context(), nil, func(change *registry.Change) error {
		for n := range registry.MaxServers {
			id := registry.IDOf(strconv.Itoa(n))
			change.Entries[id] = &registry.Entry{ID: id, Target: strconv.Itoa(n)}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := r.Record(t.Context(), &trust.Subject{Target: "https://new.example"}, trust.Verdict{}); !errors.Is(err, registry.ErrFull) {
		t.Errorf("%v", err)
	}
	if err := r.Record(t.Context(), &trust.Subject{Target: "17"}, trust.Verdict{}); err != nil {
		t.Errorf("one that is there: %v", err)
	}
}
