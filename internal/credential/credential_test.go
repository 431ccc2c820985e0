package credential_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/credential"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

const (
	callers = "credentials: caller"
	shared  = "credentials: service, oauth: {}"
)

// TestCallers has two callers log in, as two users: each is taken for its own, and one who has not logged in for nobody.
func TestCallers(t *testing.T) {
	t.Parallel()
	g := newGate(t, newWorld(t), newMemory(), callers, "")
	if e := g.wantLogin("ann-key"); e.Owner != "ann-key" || e.Shared || !strings.Contains(e.Error(), "sumun server login mail") {
		t.Errorf("what is said: %+v %v", e, e)
	}
	g.wantLogin("") // the one that finds out what the server has
	g.login(person("ann-key"), "ann")
	g.want("ann-key", "ann")
	g.wantLogin("bob-key")
	g.login(person("bob-key"), "bob")
	g.want("bob-key", "bob")
	g.want("ann-key", "ann")
	g.want("", "bob")
	if n := g.world.count("register"); n != 1 {
		t.Errorf("registered %d times", n)
	}
	want := []string{"credential.login mail ann-key", "credential.login mail bob-key"}
	if diff := cmp.Diff(want, g.kinds()); diff != "" {
		t.Errorf("on the record (-want +got)\n%s", diff)
	}
}

// TestShared is about a login that all callers share, which only who runs the gateway may make.
func TestShared(t *testing.T) {
	t.Parallel()
	g := newGate(t, newWorld(t), newMemory(), shared, "")
	if e := g.wantLogin("anyone"); !e.Shared {
		t.Errorf("what is said: %+v", e)
	}
	if _, err := g.Begin(t.Context(), person("anyone"), "mail", nil); mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.Forbidden {
		t.Errorf("anyone begins a login: %v", err)
	}
	g.login(&mcp.Caller{ID: "other", Scopes: []string{mcp.ScopeGate}}, "others")
	g.login(operator(), "team")
	g.want("anyone", "team")
	g.want("", "team")
	if err := g.Logout(t.Context(), person("anyone"), "mail"); mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.Forbidden {
		t.Errorf("anyone logs out: %v", err)
	}
	if err := g.Logout(t.Context(), operator(), "mail"); err != nil {
		t.Error(err)
	}
	g.wantLogin("anyone")
	if g.world.count("revoke") != 1 {
		t.Error("the token was not given back")
	}
	if diff := cmp.Diff([]string{"mail", "mail", "mail"}, g.changes); diff != "" {
		t.Errorf("changes (-want +got)\n%s", diff)
	}
}

// TestRequest looks at what an authorization server is asked.
func TestRequest(t *testing.T) {
	t.Parallel()
	g := newGate(t, newWorld(t), newMemory(), callers, "")
	g.login(person("ann-key"), "ann", "mail.send")
	asked := g.world.forms[0]
	if got := asked.Get("scope"); got != "mail.read mail.send offline_access" {
		t.Errorf("scope %q", got)
	}
	if got := asked.Get("redirect_uri"); got != g.pages.URL+"/oauth/callback/mail" {
		t.Errorf("redirect_uri %q", got)
	}
	if len(asked.Get("state")) < 40 || len(asked.Get("code_challenge")) != 43 {
		t.Errorf("what cannot be guessed: %v", asked)
	}
}

// TestRefresh renews tokens before they end: once, however many ask, and at however many instances.
func TestRefresh(t *testing.T) {
	t.Parallel()
	w, store := newWorld(t), newMemory()
	w.life = 0.5
	const key = "credentialsKey: 0123456789abcdef0123456789abcdef"
	one, other := newGate(t, w, store, callers, key), newGate(t, w, store, callers, key)
	one.login(person("ann-key"), "ann")
	other.want("ann-key", "ann")
	for range 2 {
		time.Sleep(450 * time.Millisecond) // due, but not over
		before := w.count("refresh_token")
		var all sync.WaitGroup
		for i := range 16 {
			all.Go(func() { []*gate{one, other}[i%2].want("ann-key", "ann") })
		}
		all.Wait()
		if n := w.count("refresh_token") - before; n != 1 {
			t.Errorf("%d refreshes", n)
		}
	}
}

// TestRefused renews a token that the server does not take any more, once, and asks for a login when that does not help.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGate(t, w, newMemory(), callers, "")
	g.login(person("ann-key"), "ann")
	g.want("ann-key", "ann")
	w.expire()
	g.want("ann-key", "ann")
	if n := w.count("refresh_token"); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	w.set(func() { clear(w.live); clear(w.refresh) })
	if e := g.wantLogin("ann-key"); !strings.Contains(e.Why, "invalid_grant") {
		t.Errorf("what is said: %v", e)
	}
	g.wantLogin("ann-key")
	if n := w.count("refresh_token"); n != 2 {
		t.Errorf("%d refreshes", n)
	}
	if got := g.kinds(); !slices.Contains(got, "credential.refresh-failed mail ann-key") {
		t.Errorf("on the record: %v", got)
	}
	g.login(person("ann-key"), "ann")
	g.want("ann-key", "ann")
}

// TestOutage goes on with a token that has not ended while the authorization server is out of order, and forgets nothing.
func TestOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.life = 0.5
	g := newGate(t, w, newMemory(), callers, "")
	g.login(person("ann-key"), "ann")
	w.set(func() { w.status = http.StatusBadGateway })
	time.Sleep(420 * time.Millisecond)
	g.want("ann-key", "ann")
	time.Sleep(100 * time.Millisecond)
	if _, err := g.ask("ann-key"); mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.Unavailable || !strings.Contains(err.Error(), "HTTP 502") {
		t.Errorf("without a token: %v", err)
	}
	w.set(func() { w.status = 0 })
	g.want("ann-key", "ann")
}

// TestStepUp asks for the scopes that a server misses.
func TestStepUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGate(t, w, newMemory(), callers, "")
	g.login(person("ann-key"), "ann")
	w.set(func() { w.need = "mail.send" })
	if e := g.wantLogin("ann-key"); !strings.Contains(e.Why, "mail.send") {
		t.Errorf("what is said: %v", e)
	}
	g.login(person("ann-key"), "ann")
	g.want("ann-key", "ann")
}

// TestClientCredentials gets tokens without anybody's help.
func TestClientCredentials(t *testing.T) {
	t.Parallel()
	for name, oauth := range map[string]string{"described": "", "by hand": ", tokenURL: WORLD/as/token, scopes: [mail.read]"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.life = 0.3
			w.clients["gate"] = "s3cr3t-of-the-gate"
			w.secrets = append(w.secrets, "s3cr3t-of-the-gate")
			g := newGate(t, w, newMemory(), "oauth: {clientId: gate, clientSecret: s3cr3t-of-the-gate"+strings.ReplaceAll(oauth, "WORLD", w.URL)+"}", "")
			g.want("anyone", "service")
			g.want("other", "service")
			if n := w.count("client_credentials"); n != 1 {
				t.Errorf("%d grants", n)
			}
			time.Sleep(300 * time.Millisecond)
			g.want("anyone", "service")
			w.expire()
			g.want("anyone", "service")
			if n := w.count("client_credentials"); n != 3 {
				t.Errorf("%d grants", n)
			}
			if _, err := g.Begin(t.Context(), operator(), "mail", nil); err == nil {
				t.Error("a login is begun")
			}
			w.set(func() { w.need = "mail.send" })
			if _, err := g.ask("anyone"); err == nil || !strings.Contains(err.Error(), "oauth.scopes") {
				t.Errorf("a missing scope: %v", err)
			}
			w.set(func() { clear(w.live); w.need = ""; w.refuse = "invalid_client" })
			if _, err := g.ask("anyone"); err == nil || !strings.Contains(err.Error(), "invalid_client") || !strings.Contains(err.Error(), "oauth.clientSecret") {
				t.Errorf("a client that is not known any more: %v", err)
			}
		})
	}
}

// TestRestart keeps logins over a restart, as long as the key and the server's address stay.
func TestRestart(t *testing.T) {
	t.Parallel()
	w, store := newWorld(t), newMemory()
	const key = "credentialsKey: 0123456789abcdef0123456789abcdef"
	newGate(t, w, store, callers, key).login(person("ann-key"), "ann")
	newGate(t, w, store, callers, key).want("ann-key", "ann")
	if e := newGate(t, w, store, callers, "credentialsKey: another-0123456789abcdef01234567").wantLogin("ann-key"); !strings.Contains(e.Why, "another key") {
		t.Errorf("with another key: %v", e)
	}
	other := newWorld(t) // a server that takes the place of the first must not see its tokens
	if e := newGate(t, other, store, callers, key).wantLogin("ann-key"); !strings.Contains(e.Why, "another address") {
		t.Errorf("at another address: %v", e)
	}
	if n := other.count("POST /mcp"); n != 0 {
		t.Error("the other server was asked")
	}
	// What is sealed for one cannot be put in the place of another's.
	from, to := credential.Key{Kind: "token", Owner: "ann-key", Of: "mail"}, credential.Key{Kind: "token", Owner: "bob-key", Of: "mail"}
	r := store.rows[from]
	r.Key = to
	store.rows[to] = r
	newGate(t, w, store, callers, key).wantLogin("bob-key")
}

// TestKeyFile makes the key once, for its owner only.
func TestKeyFile(t *testing.T) {
	t.Parallel()
	g := newGate(t, newWorld(t), newMemory(), callers, "")
	path := filepath.Join(g.cfg.Dir, "credentials.key")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() < 32 {
		t.Fatalf("%v, %v", info, err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := credential.New(t.Context(), credential.Options{Store: newMemory(), KeyFile: path})
	defer k.Close()
	if err := k.Update(g.cfg); err == nil || !strings.Contains(err.Error(), "no key of credentials") {
		t.Errorf("a file that is none: %v", err)
	}
}

// TestStoreAway refuses while the store cannot be asked, but for the grace of what is known.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	g := newGate(t, newWorld(t), newMemory(), callers, "")
	g.login(person("ann-key"), "ann")
	g.want("ann-key", "ann")
	away := func(on bool) {
		g.store.mu.Lock()
		defer g.store.mu.Unlock()
		g.store.away = on
	}
	away(true)
	g.want("ann-key", "ann") // it was there a moment ago
	if _, err := g.ask("bob-key"); mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.Unavailable || strings.Contains(err.Error(), "needs a login") {
		t.Errorf("of one who is not known: %v", err)
	}
	time.Sleep(1100 * time.Millisecond)
	if _, err := g.ask("ann-key"); mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.Unavailable {
		t.Errorf("after a second: %v", err)
	}
	away(false)
	g.want("ann-key", "ann")
}

// TestLogoutElsewhere ends a login at another instance within a second or so.
func TestLogoutElsewhere(t *testing.T) {
	t.Parallel()
	w, store := newWorld(t), newMemory()
	const key = "credentialsKey: 0123456789abcdef0123456789abcdef"
	one, other := newGate(t, w, store, callers, key), newGate(t, w, store, callers, key)
	one.login(person("ann-key"), "ann")
	other.want("ann-key", "ann")
	if err := one.Logout(t.Context(), person("ann-key"), "mail"); err != nil {
		t.Fatal(err)
	}
	one.wantLogin("ann-key")
	time.Sleep(1050 * time.Millisecond)
	other.wantLogin("ann-key")
	if err := one.Logout(t.Context(), person("ann-key"), "mail"); err == nil {
		t.Error("who is not logged in logs out")
	}
}

// TestStandard sends a request as net/http knows it, with a body that has to be sent twice.
func TestStandard(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGate(t, w, newMemory(), callers, "")
	g.login(person("ann-key"), "ann")
	carrier := http1.For(w.URL, nil)
	defer carrier.CloseIdleConnections()
	client := &http.Client{Transport: carrier.As(g.Authority("mail", "ann-key"))}
	for range 2 {
		if _, got := read(t)(client.Post(w.URL+"/mcp", "application/json", strings.NewReader(`{"a":1}`))); got != "ann" { //nolint:bodyclose // read does
			t.Errorf("taken for %q", got)
		}
		w.expire()
	}
	if g.Authority("other", "x") != nil {
		t.Error("a server that needs nothing is shown something")
	}
}

// TestAnswer asks as the command line does.
func TestAnswer(t *testing.T) {
	t.Parallel()
	g := newGate(t, newWorld(t), newMemory(), callers, "")
	ask := func(method, params string) (map[string]any, error) {
		t.Helper()
		call, reply := newCall(t, method, params, "{}", mcp.Latest()), &answers{}
		err := g.Answer(t.Context(), call, reply)
		var out map[string]any
		if err == nil {
			err = json.Unmarshal(reply.value, &out)
		}
		return out, err
	}
	begun, err := ask(mcp.MethodLogin, `{"server":"mail","scopes":["mail.send"]}`)
	if err != nil {
		t.Fatal(err)
	}
	visit(t, browser(t, ""), fmt.Sprint(begun["url"]))
	if out, err := ask(mcp.MethodAwaitLogin, fmt.Sprintf(`{"login":%q}`, begun["login"])); err != nil || out["done"] != true {
		t.Errorf("waiting: %v, %v", out, err)
	}
	g.want("ann-key", "ann")
	if _, err := ask(mcp.MethodLogout, `{"server":"mail"}`); err != nil {
		t.Error(err)
	}
	g.wantLogin("ann-key")
	for params, method := range map[string]string{
		`{"server":"none"}`: mcp.MethodLogin, `{}`: mcp.MethodLogin, `{"server":"mail","scopes":["a b"]}`: mcp.MethodLogin,
		`{"server":"mail","scopes":3}`: mcp.MethodLogin, `{"login":"x"}`: mcp.MethodAwaitLogin, `{"server":"mail"}`: mcp.MethodLogout, `{"server":1}`: "mcp.credential.x",
	} {
		if out, err := ask(method, params); mcp.AsError(err) == nil {
			t.Errorf("%s %s: %v, %v", method, params, out, err)
		}
	}
}

// TestConcurrentLogin has a login end while its token is being renewed: the login wins.
func TestConcurrentLogin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGate(t, w, newMemory(), callers, "")
	g.login(person("ann-key"), "ann")
	w.expire()
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for ctx.Err() == nil {
				w.expire()
				_, _ = g.ask("ann-key") //nolint:contextcheck // the test's own will do
			}
		})
	}
	for _, user := range []string{"bob", "cat", "dan"} {
		g.login(person("ann-key"), user)
	}
	cancel()
	asking.Wait()
	g.want("ann-key", "dan")
}
