package oauth

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what is asked of an issuer.
const (
	// refresh is how old the keys that are known may be before they are asked for again.
	refresh = 5 * time.Minute
	// gap is the time from one question to the next, whatever keys callers name.
	gap = 5 * time.Second
	// again is the time until an issuer that did not answer is asked again by itself.
	again = 15 * time.Second
	// patience is how long a question may take, and a caller waits for the answer.
	patience = 5 * time.Second
)

// A source is the signing keys of one issuer: what is known of them, and where to ask. Questions are asked at the start, when a token needs
// a key that is not known, and while tokens are in use now and then besides: one at a time.
type source struct {
	issuer, jwks string // as configured; no jwks means that the issuer's metadata say where
	http         *http.Client
	hangUp       func() // lets go of connections that nothing uses
	log          *slog.Logger
	started      time.Time // what times are counted from, by a clock that nobody can set
	owner        *Issuers

	set     atomic.Pointer[keySet]
	failing atomic.Bool  // the last question was not answered
	used    atomic.Int64 // when a token was last checked, since started

	mu    sync.Mutex
	round chan struct{} // closed once the question that is asked now is answered, or not; nil if none is
	asked time.Time     // when the last one was asked
	where string        // where the metadata said that the keys are
	timer *time.Timer
	// dropped says that no configuration has the issuer any more.
	dropped bool
}

// A keySet is the keys of an issuer as it has published them at one time.
type keySet struct {
	keys []*key
	at   time.Duration // when they were asked for, since the source was started
}

// find returns the keys that a token may have been signed with: by the name that it says, or if it says none the only one that fits.
func (s *keySet) find(h *header) []*key {
	if s == nil {
		return nil
	}
	var found []*key
	for _, k := range s.keys {
		if k.fits(h.Algorithm) && (h.KeyID == "" || k.id == h.KeyID) {
			found = append(found, k)
		}
	}
	if h.KeyID == "" && len(found) > 1 {
		return nil
	}
	return found[:min(len(found), 4)]
}

// signer returns the key that has signed the token; nil if none has.
func (s *keySet) signer(t *token) *key {
	for _, k := range s.find(&t.header) {
		if k.signed(t) && !k.gone.Load() {
			return k
		}
	}
	return nil
}

// age is how old is what is known of the keys; very old, if nothing is.
func (s *source) age() time.Duration {
	set := s.set.Load()
	if set == nil {
		return 1<<63 - 1
	}
	return time.Since(s.started) - set.at
}

// touch notes that a token is in use, and asks for the keys when they are due. It does not wait.
func (s *source) touch() {
	s.used.Store(int64(time.Since(s.started)))
	if s.age() > refresh {
		s.ask()
	}
}

// ask asks for the keys, and returns what is closed when that is over. If they were asked for a moment ago, it asks nothing and returns nil.
func (s *source) ask() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.round != nil {
		return s.round
	}
	if !s.asked.IsZero() && time.Since(s.asked) < gap {
		return nil
	}
	round := make(chan struct{})
	if !s.owner.run(func(ctx context.Context) { s.answer(ctx, round) }) {
		return nil
	}
	s.round, s.asked = round, time.Now()
	return round
}

// wait asks for the keys and waits for the answer, for as long as callers are patient.
func (s *source) wait() {
	round := s.ask()
	if round == nil {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-round:
	case <-timer.C:
	}
}

// answer asks, and takes over what is answered.
func (s *source) answer(ctx context.Context, round chan struct{}) {
	asked := time.Since(s.started)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	keys, err := s.fetch(ctx)
	if err == nil {
		s.take(keys, asked)
	}
	s.tell(ctx, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round = nil
	close(round)
	s.plan()
}

// tell says when the issuer stops answering, and when it answers again.
func (s *source) tell(ctx context.Context, err error) {
	switch was := s.failing.Swap(err != nil); {
	case err != nil && !was && s.owner.open():
		s.log.ErrorContext(ctx, "the issuer's signing keys cannot be had; soon its tokens are refused", slog.String("issuer", s.issuer), slog.Any("error", err))
	case err == nil && was:
		s.log.InfoContext(ctx, "the issuer's signing keys can be had again", slog.String("issuer", s.issuer))
	}
}

// take puts keys in the place of those that were known. One that stays is the same one; one that is gone ends its tokens.
func (s *source) take(keys []*key, asked time.Duration) {
	old := s.set.Load()
	if old == nil {
		old = &keySet{}
	}
	for i, k := range keys {
		if at := slices.IndexFunc(old.keys, k.equal); at >= 0 {
			keys[i] = old.keys[at]
		}
	}
	s.set.Store(&keySet{keys: keys, at: asked})
	for _, k := range old.keys {
		if !slices.Contains(keys, k) {
			k.end()
		}
	}
}

// plan has the keys asked for again: soon if the issuer did not answer, and else while their tokens are in use, so that a key that the
// issuer has withdrawn ends what goes on.
func (s *source) plan() {
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.dropped || !s.owner.open() {
		return
	}
	next := refresh + time.Second
	if s.failing.Load() {
		next = again
	} else if idle := time.Since(s.started)-time.Duration(s.used.Load()) > refresh; idle && !slices.ContainsFunc(s.set.Load().keys, (*key).open) {
		return
	}
	s.timer = time.AfterFunc(next, func() { s.ask() })
}

// drop ends all tokens of the issuer.
func (s *source) drop() {
	s.mu.Lock()
	s.dropped = true
	if s.timer != nil {
		s.timer.Stop()
	}
	s.mu.Unlock()
	if set := s.set.Swap(nil); set != nil {
		for _, k := range set.keys {
			k.end()
		}
	}
	s.hangUp()
}
