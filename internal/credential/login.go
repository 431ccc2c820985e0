package credential

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

const (
	// loginTime is how long a login may take from its beginning to the browser's return.
	loginTime = 10 * time.Minute
	// mostLogins is how many logins one caller may begin within that.
	mostLogins = 20
	// look is how often who waits for a login looks whether it is done: another instance may be the one to which the browser returns.
	look = 250 * time.Millisecond
)

// A login is one under way, as it lies in the store: what the browser has with it are only the ticket, the state and a cookie.
type login struct {
	Server string
	// Owner is whose login it will be, Actor who has begun it.
	Owner, Actor string
	Scopes       []string
	Began        time.Time

	// Nonce and Cookie are digests of what the browser brings back, Verifier is that of PKCE. They are there once the browser was sent to the
	// authorization server, and Nonce goes when it has returned: a login returns once.
	Nonce, Cookie, Verifier string
	// Issuer and the others are what the authorization server has said of itself.
	Issuer, TokenURL, RevokeURL, Resource, Redirect string
	NamesItself                                     bool
	Client                                          client

	// Outcome is doneOutcome, or why it failed; empty for as long as it is under way.
	Outcome string
}

const doneOutcome = "done"

// A Ticket is a login that has begun.
type Ticket struct {
	// ID is by what one can wait for it. It is a secret of who has begun the login.
	ID string
	// URL is where the person goes with a browser.
	URL string
	// Ends is until when.
	Ends time.Time
}

// Begin begins a login of a caller at a server, for those scopes besides what the configuration and the server want. A login that all
// callers share is for those who run the gateway.
func (k *Keeper) Begin(ctx context.Context, caller *mcp.Caller, name string, scopes []string) (Ticket, error) {
	s, err := k.server(name)
	if err != nil {
		return Ticket{}, err
	}
	switch {
	case s.oauth.Grant != config.GrantLogin:
		return Ticket{}, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "server %q needs no login: its tokens come by client_credentials", name)
	case s.shared && !runsGate(caller):
		return Ticket{}, s.forbidden()
	}
	owner := s.owner(caller.ID)
	base := k.base()
	k.mu.Lock()
	scopes = append(slices.Clone(k.wanted[Key{Kind: tokenKind, Owner: owner, Of: name}]), scopes...)
	few := k.mayBegin(caller.ID)
	k.mu.Unlock()
	if !few {
		return Ticket{}, mcp.Errorf(mcp.CodeInternal, mcp.RateLimited, "%d logins were begun within %v; finish one of them, or wait", mostLogins, loginTime)
	}
	if base == "" {
		return Ticket{}, mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "a browser cannot come back to this gateway, which does not listen; run sumun serve")
	}
	id := rand.Text()
	ends := time.Now().Add(loginTime)
	l := &login{Server: name, Owner: owner, Actor: caller.ID, Scopes: scopes, Began: time.Now()}
	if err := k.replace(ctx, loginKey(id), ends, l); err != nil {
		return Ticket{}, unavailable(err)
	}
	return Ticket{ID: id, URL: base + "/oauth/login/" + id, Ends: ends}, nil
}

// runsGate reports whether a caller is one of those who run the gateway.
func runsGate(caller *mcp.Caller) bool {
	return caller.Admin || slices.Contains(caller.Scopes, mcp.ScopeGate)
}

// forbidden says that a login is for those who run the gateway.
func (s *server) forbidden() error {
	e := mcp.Errorf(mcp.CodeInvalidRequest, mcp.Forbidden,
		"all callers share the login at server %q; it needs the scope %s, which the key local has", s.config.Name, mcp.ScopeGate)
	e.Data = []byte(`{"reason":"` + string(mcp.Forbidden) + `"}`)
	return e
}

// mayBegin counts a login of an actor; it reports false if there are too many. The lock is held.
func (k *Keeper) mayBegin(actor string) bool {
	over := time.Now().Add(-loginTime)
	for who, times := range k.begun {
		times = slices.DeleteFunc(times, over.After)
		if k.begun[who] = times; len(times) == 0 {
			delete(k.begun, who)
		}
	}
	if len(k.begun[actor]) >= mostLogins {
		return false
	}
	k.begun[actor] = append(k.begun[actor], time.Now())
	return true
}

// loginKey is where a login lies.
func loginKey(id string) Key { return Key{Kind: loginKind, Owner: digest(id)} }

// errNoLogin says that a ticket or state belongs to no login.
var errNoLogin = errors.New("this login is not known any more: it was used, or took too long; begin it again")

// open reads a login that is under way.
func (k *Keeper) openLogin(ctx context.Context, key Key) (*login, Record, error) {
	var l login
	r, err := k.get(ctx, key, &l)
	switch {
	case errors.Is(err, ErrNone), errors.Is(err, errSealed), err == nil && !time.Now().Before(r.Ends):
		return nil, r, errNoLogin
	case err != nil:
		k.o.Log.ErrorContext(ctx, "a login cannot be read", slog.Any("error", err))
		return nil, r, unavailable(err)
	}
	return &l, r, nil
}

// Await waits until a login is done, and reports false if it is still under way when ctx ends. The error says why it failed.
func (k *Keeper) Await(ctx context.Context, caller *mcp.Caller, id string) (bool, error) {
	for {
		l, _, err := k.openLogin(ctx, loginKey(id))
		switch {
		case ctx.Err() != nil:
			return false, nil //nolint:nilerr // it was waited for long enough
		case err == nil && l.Actor != caller.ID:
			err = errNoLogin
		case err == nil && l.Outcome == doneOutcome:
			return true, nil
		case err == nil && l.Outcome != "":
			err = errors.New(l.Outcome)
		}
		if errors.Is(err, errNoLogin) || err != nil && mcp.AsError(err) == nil {
			return false, mcp.Errorf(mcp.CodeInternal, mcp.Blocked, "the login failed: %v", err)
		}
		if err != nil {
			return false, err
		}
		if !pause(ctx, look) {
			return false, nil
		}
	}
}

// depart prepares a login for the browser to leave, and returns where to, and the cookie that it brings back.
func (k *Keeper) depart(ctx context.Context, key Key) (to, cookie string, err error) {
	l, r, err := k.openLogin(ctx, key)
	if err != nil {
		return "", "", err
	}
	if l.Outcome != "" {
		return "", "", errNoLogin
	}
	s, err := k.server(l.Server)
	if err != nil {
		return "", "", err
	}
	found, err := s.discover(ctx)
	if err == nil {
		err = s.enrol(ctx, k, l, found)
	}
	if err != nil {
		return "", "", k.failed(ctx, l, r, err)
	}
	nonce, verifier := rand.Text(), rand.Text()+rand.Text()
	cookie = rand.Text()
	l.Nonce, l.Cookie, l.Verifier = digest(nonce), digest(cookie), verifier
	if err := k.put(ctx, &r, l); err != nil {
		return "", "", unavailable(err)
	}
	return l.address(found, s.scopes(l, found), key.Owner+"."+nonce), cookie, nil
}

// enrol finds out as what client the gateway is known, and notes in the login what there is to know for its end.
func (s *server) enrol(ctx context.Context, k *Keeper, l *login, f *found) error {
	switch {
	case f.issuer.AuthorizeURL == "":
		return errors.New("the authorization server lets nobody log in: it names no authorization endpoint")
	case !slices.Contains(f.issuer.ChallengeTypes, "S256"):
		return errors.New("the authorization server does not say that it knows PKCE with S256, without which a login is not safe")
	}
	l.Redirect = k.redirect(s.config.Name)
	l.Issuer, l.TokenURL, l.RevokeURL, l.NamesItself = f.issuer.Issuer, f.issuer.TokenURL, f.issuer.RevokeURL, f.issuer.NamesItself
	l.Resource = f.resource
	var err error
	l.Client, err = k.client(ctx, s, f, l.Redirect)
	return err
}

// scopes are what a login asks for.
func (s *server) scopes(l *login, f *found) []string {
	scopes := s.oauth.Scopes
	if len(scopes) == 0 {
		scopes = f.scopes
	}
	scopes = append(slices.Clone(scopes), l.Scopes...)
	if slices.Contains(f.issuer.Scopes, "offline_access") { // without which some give no refresh token
		scopes = append(scopes, "offline_access")
	}
	var once []string
	for _, scope := range scopes {
		if !slices.Contains(once, scope) {
			once = append(once, scope)
		}
	}
	return once
}

// address returns where the browser goes (RFC 6749 section 4.1.1, RFC 7636, RFC 8707).
func (l *login) address(f *found, scopes []string, state string) string {
	u, _ := url.Parse(f.issuer.AuthorizeURL) // it was read before
	sum := sha256.Sum256([]byte(l.Verifier))
	q := u.Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": l.Client.ID, "redirect_uri": l.Redirect, "state": state, "resource": l.Resource,
		"code_challenge": base64.RawURLEncoding.EncodeToString(sum[:]), "code_challenge_method": "S256", "scope": strings.Join(scopes, " "),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if slices.Contains(scopes, "offline_access") {
		q.Set("prompt", "consent") // OpenID Connect Core section 11
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// A comeback is what a browser brings back from an authorization server (RFC 6749 section 4.1.2, RFC 9207).
type comeback struct {
	server, state, cookie, code, issuer, failure string
}

// arrive ends a login, which is then done or has failed.
func (k *Keeper) arrive(ctx context.Context, b comeback) (*login, error) {
	owner, nonce, _ := strings.Cut(b.state, ".")
	l, r, err := k.openLogin(ctx, Key{Kind: loginKind, Owner: owner})
	if err != nil {
		return nil, err
	}
	if l.Nonce == "" || l.Outcome != "" || l.Server != b.server || !same(l.Nonce, nonce) || !same(l.Cookie, b.cookie) {
		return nil, errNoLogin // of another browser, or another server; the login itself goes on
	}
	l.Nonce = ""
	if err := k.put(ctx, &r, l); errors.Is(err, ErrChanged) {
		return nil, errNoLogin
	} else if err != nil {
		return nil, unavailable(err)
	}
	t, err := k.redeem(ctx, l, b)
	if err != nil {
		return l, k.failed(ctx, l, r, err)
	}
	if err := k.keep(ctx, l, r, t); err != nil {
		return l, err
	}
	return l, nil
}

// same reports whether a text has that digest.
func same(want, text string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(digest(text))) == 1
}

// redeem returns the token that comes for the code that the browser has brought.
func (k *Keeper) redeem(ctx context.Context, l *login, b comeback) (*token, error) {
	s, err := k.server(l.Server)
	if err != nil {
		return nil, err
	}
	switch {
	case b.issuer != "" && b.issuer != l.Issuer, b.issuer == "" && l.NamesItself:
		return nil, errors.New("the answer comes from another authorization server than the one that was asked")
	case b.failure != "":
		if !errorCode.MatchString(b.failure) {
			b.failure = "an error"
		}
		return nil, fmt.Errorf("the authorization server answers: %s", b.failure)
	case b.code == "":
		return nil, errors.New("the authorization server answers without a code")
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {b.code}, "redirect_uri": {l.Redirect}, "code_verifier": {l.Verifier}, "resource": {l.Resource},
	}
	t, err := s.fetch.grant(ctx, l.TokenURL, l.Client, form)
	if err != nil {
		if e, ok := errors.AsType[*grantError](err); ok && e.Code == "invalid_client" && s.oauth.ClientID == "" {
			k.unenrol(ctx, l) // so that the next login registers anew
		}
		return nil, err
	}
	t.Server, t.Resource, t.Issuer, t.TokenURL, t.RevokeURL, t.Client = s.resource.String(), l.Resource, l.Issuer, l.TokenURL, l.RevokeURL, l.Client
	if s.oauth.ClientID != "" {
		t.Client.Secret = "" // it is in the configuration
	}
	return t, nil
}

// keep stores the token of a login, and notes that the login is done.
func (k *Keeper) keep(ctx context.Context, l *login, r Record, t *token) error {
	key := Key{Kind: tokenKind, Owner: l.Owner, Of: l.Server}
	if len(t.Scopes) == 0 {
		t.Scopes = l.Scopes
	}
	if err := k.replace(ctx, key, time.Time{}, t); err != nil {
		return k.failed(ctx, l, r, unavailable(err))
	}
	k.mu.Lock()
	delete(k.holders, key)
	delete(k.wanted, key)
	k.mu.Unlock()
	k.event(ctx, Event{Kind: EventLogin, Actor: l.Actor, Server: l.Server, Owner: l.Owner, Detail: "at " + shorten(l.Issuer)})
	l.Outcome, l.Verifier = doneOutcome, ""
	if err := k.put(ctx, &r, l); err != nil {
		return unavailable(err)
	}
	k.arrived(l.Server)
	return nil
}

// arrived tells of a login at a server that is watched with that of nobody, or with one that all share.
func (k *Keeper) arrived(name string) {
	k.mu.Lock()
	s := k.servers[name]
	watched := k.stewards[name] != ""
	k.mu.Unlock()
	if k.o.Changed != nil && s != nil && (s.shared || !watched) {
		k.o.Changed(name)
	}
}

// failed notes why a login has failed, and returns that.
func (k *Keeper) failed(ctx context.Context, l *login, r Record, why error) error {
	l.Outcome, l.Verifier, l.Nonce = cmp.Or(shorten(why.Error()), "it failed"), "", ""
	k.o.Log.WarnContext(ctx, "a login failed", slog.String("server", l.Server), slog.String("caller", l.Actor), slog.Any("error", why))
	if err := k.put(ctx, &r, l); err != nil && !errors.Is(err, ErrChanged) {
		return errors.Join(why, err)
	}
	return why
}

// Logout forgets the login of a caller at a server, and gives its token back as far as the authorization server takes it. A login that all
// callers share is for those who run the gateway.
func (k *Keeper) Logout(ctx context.Context, caller *mcp.Caller, name string) error {
	s, err := k.server(name)
	if err != nil {
		return err
	}
	if s.shared && !runsGate(caller) {
		return s.forbidden()
	}
	key := Key{Kind: tokenKind, Owner: s.owner(caller.ID), Of: name}
	var t token
	_, err = k.get(ctx, key, &t)
	if errors.Is(err, ErrNone) {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "there is no login at server %q", name)
	}
	if dropped := k.o.Store.DropCredential(ctx, Record{Key: key}); dropped != nil && !errors.Is(dropped, ErrNone) {
		return unavailable(dropped)
	}
	k.mu.Lock()
	delete(k.holders, key)
	k.mu.Unlock()
	detail := "given back"
	if err == nil {
		if s.oauth.ClientID != "" {
			t.Client.Secret = s.oauth.ClientSecret
		}
		if err = s.revoke(ctx, &t); err != nil || t.RevokeURL == "" {
			detail = "forgotten"
		}
	}
	k.event(ctx, Event{Kind: EventLogout, Actor: caller.ID, Server: name, Owner: key.Owner, Detail: detail})
	k.changed(name, key.Owner)
	return nil
}
