package credential

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A token is what the store keeps of a login, or of a grant to the gateway itself.
type token struct {
	Access  string
	Refresh string `json:",omitempty"`
	// Got is when the access token came, Expires when it ends; zero if that is not known.
	Got, Expires time.Time
	Scopes       []string
	// Server is the endpoint that it is shown to, and Resource what it was asked for; TokenURL and RevokeURL are where it is renewed and given
	// back, by Client.
	Server, Resource, Issuer, TokenURL, RevokeURL string
	Client                                        client
}

const (
	// margin is how long before its end a token is renewed, at most; of one that lives for a short time it is a fifth of that.
	margin = 30 * time.Second
	// turnTime is how long an instance may take to renew a token before another one tries, and renewTime how long it takes at most. The
	// difference is for clocks that do not agree.
	turnTime  = 40 * time.Second
	renewTime = 20 * time.Second
	// turnPause is how long who has no turn waits before looking again.
	turnPause = 50 * time.Millisecond
)

// due reports whether the token should be renewed.
func (t *token) due(now time.Time) bool {
	return !t.Expires.IsZero() && now.Add(min(margin, t.Expires.Sub(t.Got)/5)).After(t.Expires)
}

// over reports whether the token has ended.
func (t *token) over(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// A holder holds one token in memory. What the store says counts, and is asked again after a while.
type holder struct {
	k   *Keeper
	key Key

	mu      sync.Mutex
	token   *token
	checked time.Time // when the store last had it
	flight  *flight   // what is under way to get or renew it; nil for nothing
}

// A flight is one attempt to get or renew a token, which all wait for who want it.
type flight struct {
	done  chan struct{}
	token *token
	err   error
}

// scopes returns those of the token that is held.
func (h *holder) scopes() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.token == nil {
		return nil
	}
	return slices.Clone(h.token.Scopes)
}

// get returns a token that is good for a while, and not the refused one. It is renewed if it has to be.
func (h *holder) get(ctx context.Context, refused string) (*token, error) {
	for range 3 { // a flight that others have begun may know nothing of the refusal
		h.mu.Lock()
		if t, now := h.token, time.Now(); t != nil && t.Access != refused && !t.due(now) && now.Sub(h.checked) < recheck {
			h.mu.Unlock()
			return t, nil
		}
		f := h.flight
		if f == nil {
			f = h.launch(ctx, refused)
		}
		h.mu.Unlock()
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if f.err != nil || f.token.Access != refused {
			return f.token, f.err
		}
	}
	return nil, h.k.needed(h.key, "the server refuses the login that there is")
}

// launch begins a flight. It goes on when ctx ends: a refresh token may be good only once, so that what it gave must be kept. The lock is
// held.
func (h *holder) launch(ctx context.Context, refused string) *flight {
	f := &flight{done: make(chan struct{})}
	h.flight = f
	ctx = context.WithoutCancel(ctx)
	h.k.work.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, turnTime)
		defer cancel()
		f.token, f.err = h.renew(ctx, refused)
		h.mu.Lock()
		h.flight, h.token = nil, f.token
		h.mu.Unlock()
		close(f.done)
	})
	return f
}

// renew returns the token as the store has it, or in its place a new one.
func (h *holder) renew(ctx context.Context, refused string) (*token, error) {
	s, err := h.k.server(h.key.Of)
	if err != nil {
		return nil, err
	}
	for {
		var t token
		r, err := h.k.get(ctx, h.key, &t)
		r.Key = h.key
		now := time.Now()
		switch {
		case errors.Is(err, ErrNone), errors.Is(err, errSealed):
			return h.begin(ctx, s, r, err)
		case err != nil:
			return h.graced(refused, err)
		case t.Server != s.resource.String():
			return h.begin(ctx, s, r, errMoved)
		case t.Access != refused && !t.due(now), t.Refresh == "" && s.oauth.Grant == config.GrantLogin && t.Access != refused && !t.over(now):
			h.confirm(now)
			return &t, nil
		case s.oauth.Grant == config.GrantClient:
			return h.begin(ctx, s, r, nil)
		case t.Refresh == "":
			return nil, h.forget(ctx, r, "the login has ended, and cannot be renewed")
		}
		got, done, err := h.exchange(ctx, s, renewal{r, &t, refused})
		if done {
			return got, err
		}
	}
}

// errMoved says that a token is for another resource than the server now is.
var errMoved = errors.New("the server has another address than when the login was made")

// confirm notes that the store has what is held.
func (h *holder) confirm(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checked = now
}

// graced returns the token that is held although the store cannot be asked, as long as the configuration lets what is known count.
func (h *holder) graced(refused string, err error) (*token, error) {
	h.k.mu.Lock()
	grace := h.k.grace
	h.k.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if t := h.token; t != nil && t.Access != refused && !t.over(now) && now.Sub(h.checked) < recheck+grace {
		return t, nil
	}
	h.k.o.Log.Error("the credentials cannot be read", slog.String("server", h.key.Of), slog.Any("error", err))
	return nil, unavailable(err)
}

// begin gets a token where there is none that can be used, which only a client with a secret can; why says what is wrong with the one that
// there is.
func (h *holder) begin(ctx context.Context, s *server, r Record, why error) (*token, error) {
	if s.oauth.Grant != config.GrantClient {
		text := "there is none yet"
		if why != nil && !errors.Is(why, ErrNone) {
			text = "the one that there is cannot be used, since " + why.Error()
		}
		return nil, h.k.needed(h.key, text)
	}
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	t, err := s.granted(ctx)
	if err != nil {
		h.k.o.Log.WarnContext(ctx, "no token for a server", slog.String("server", h.key.Of), slog.Any("error", err))
		return nil, failure(h.key.Of, err)
	}
	if err := h.k.put(ctx, &r, t); err != nil && !errors.Is(err, ErrChanged) { // another instance has one too
		return nil, unavailable(err)
	}
	h.confirm(time.Now())
	return t, nil
}

// A renewal is a token to be renewed, as it lies in the store; refused is an access token that the server does not take.
type renewal struct {
	record  Record
	token   *token
	refused string
}

// exchange uses the refresh token, in turn with other instances. Done is false if the store has to be looked at again.
func (h *holder) exchange(ctx context.Context, s *server, of renewal) (_ *token, done bool, _ error) {
	mine, err := h.k.o.Store.TurnCredential(ctx, of.record, time.Now().Add(turnTime))
	if err != nil {
		t, err := h.graced(of.refused, err)
		return t, true, err
	}
	if !mine {
		return nil, !pause(ctx, turnPause), unavailable(errors.New("another instance takes long to renew it"))
	}
	asking, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	next, err := s.refresh(asking, of.token)
	switch {
	case err == nil:
		return h.renewed(ctx, of.record, next)
	case isFinal(err):
		err = h.forget(ctx, of.record, "the authorization server does not renew the login ("+err.Error()+")")
		return nil, true, err
	}
	h.k.o.Log.WarnContext(ctx, "a token was not renewed", slog.String("server", h.key.Of), slog.Any("error", err))
	_, back := h.k.o.Store.TurnCredential(ctx, of.record, time.Time{})
	if t, now := of.token, time.Now(); back == nil && t.Access != of.refused && !t.over(now) {
		h.confirm(now)
		return t, true, nil
	}
	return nil, true, failure(h.key.Of, err)
}

// renewed keeps a token that has come for a refresh token, which is not good any more: a store that is away for a moment is waited for.
func (h *holder) renewed(ctx context.Context, r Record, next *token) (_ *token, done bool, _ error) {
	for {
		err := h.k.put(ctx, &r, next)
		switch {
		case err == nil:
			h.confirm(time.Now())
			return next, true, nil
		case errors.Is(err, ErrChanged): // somebody has logged in meanwhile, or out
			return nil, false, nil
		case !pause(ctx, 10*turnPause):
			h.k.event(ctx, Event{Kind: EventRefreshFailed, Server: h.key.Of, Owner: h.key.Owner, Detail: "the renewed token could not be stored"})
			return nil, true, unavailable(err)
		}
	}
}

// forget drops a login that is good for nothing any more, and says what to do.
func (h *holder) forget(ctx context.Context, r Record, why string) error {
	err := h.k.o.Store.DropCredential(ctx, r)
	if errors.Is(err, ErrChanged) {
		return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "the login at server %q has just changed; try again", h.key.Of)
	}
	if err != nil {
		return unavailable(err)
	}
	h.k.event(ctx, Event{Kind: EventRefreshFailed, Server: h.key.Of, Owner: h.key.Owner, Detail: why})
	h.k.work.Go(func() { h.k.changed(h.key.Of, h.key.Owner) })
	return h.k.needed(h.key, why)
}

// failure returns the error of a request to an authorization server.
func failure(server string, err error) error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "no token for server %q: %v", server, err)
}

// pause waits; it reports false if ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
