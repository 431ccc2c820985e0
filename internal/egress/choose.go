package egress

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/translate"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// The values of a server's isolation.
const (
	isolateShared  = "shared"
	isolateSession = "session"
	isolateCaller  = "caller"
)

// A place is where a call goes out: a session, held until the call gives it back.
type place struct {
	session *transport.Session
	link    *link
	leased  bool
	kind    string // of the lease
}

// back gives the session back. A lease is used again only if the call was answered: what a server still says of a call that was
// cancelled must not reach the next client.
func (p *place) back(answered bool) {
	if p.leased {
		p.link.server.endLease(p.kind, p.link, answered)
		return
	}
	p.link.release()
}

// choose finds the session for a call: in the call's own era if the server speaks it, and one that belongs to the client alone
// if the client can be asked and the era has sessions, or if the configuration wants it so.
func (s *server) choose(ctx context.Context, call *mcp.Call) (place, error) {
	if s.config.Credentials == config.PerCaller {
		return s.chooseOwn(ctx, call)
	}
	home, err := s.ready(ctx)
	if err != nil {
		return place{}, err
	}
	speaks, want := transport.EraOf(home.Revision()), transport.EraOf(call.Revision)
	if want != speaks && s.knows(want) != no {
		at, err := s.placeIn(ctx, want, speaks, call)
		if err == nil {
			return at, nil
		}
		if ctx.Err() != nil {
			return place{}, err
		}
		if transport.IsWrongEra(err) {
			s.learn(want, no)
		}
	}
	return s.placeIn(ctx, speaks, speaks, call)
}

// chooseOwn finds the session for a call at a server where each caller has a login of its own. It does without the home, which is
// there with the login of some caller, or not at all.
func (s *server) chooseOwn(ctx context.Context, call *mcp.Call) (at place, err error) {
	first, second := transport.Legacy, transport.Modern
	if call.Revision.Stateless {
		first, second = second, first
	}
	for _, era := range [...]transport.Era{first, second} {
		if s.knows(era) == no && s.knows(second) != no {
			continue
		}
		if at, err = s.placeIn(ctx, era, transport.AnyEra, call); !transport.IsWrongEra(err) {
			return at, err
		}
		s.learn(era, no)
	}
	return at, err
}

// placeIn finds the session for a call in the given era.
func (s *server) placeIn(ctx context.Context, era, home transport.Era, call *mcp.Call) (place, error) {
	key, lease := s.owner(era, call)
	if lease {
		return s.lease(ctx, key, call)
	}
	return s.visit(ctx, func() *link {
		switch {
		case key != "":
			return s.clientLink(key, era, call)
		case era == home:
			return s.home
		default:
			return s.otherHome(era)
		}
	})
}

// owner says whose session a call needs in that era: the key of one that belongs to a client or caller, or of a kind of which
// one is leased for the call alone; empty for the home.
func (s *server) owner(era transport.Era, call *mcp.Call) (key string, lease bool) {
	alone := era == transport.Legacy && call.Asks()
	switch isolation := s.config.Isolation; {
	case isolation == isolateShared:
		return "", false
	case isolation == isolateCaller:
		return callerKey(era, call), false
	case call.Session != nil && (alone || isolation == isolateSession):
		return clientKey(call.Session.ID), false
	case alone || isolation == isolateSession && era == transport.Legacy:
		return fingerprint(call.Capabilities, call.ClientInfo), true
	default:
		return "", false
	}
}

func clientKey(session string) string { return "session " + session }

// callerKey tells callers apart, the eras in which they are served, and what their clients can be asked.
func callerKey(era transport.Era, call *mcp.Call) string {
	return "caller " + callerOf(call) + " " + era.String() + " " + fingerprint(call.Capabilities)
}

func callerOf(call *mcp.Call) string {
	if call.Caller == nil {
		return ""
	}
	return call.Caller.ID
}

// fingerprint returns a short name for what a client says of itself.
func fingerprint(parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(wire.AppendInt(nil, int64(len(part))))
		h.Write(part)
	}
	return string(h.Sum(nil))
}

// visit opens the link that find names and holds it for a call.
func (s *server) visit(ctx context.Context, find func() *link) (place, error) {
	for range 3 { // a link may be closed for idleness before it is held
		l := find()
		if !l.hold() {
			continue
		}
		session, err := s.enter(ctx, l)
		if err != nil {
			l.release()
			return place{}, err
		}
		return place{session: session, link: l}, nil
	}
	return place{}, s.unavailable()
}

// enter returns the link's session. The home is opened by who watches it.
func (s *server) enter(ctx context.Context, l *link) (*transport.Session, error) {
	if l == s.home {
		return s.ready(ctx)
	}
	session, err := l.get(ctx)
	if err == nil {
		return session, nil
	}
	if mcp.AsError(err) == nil && ctx.Err() == nil && !transport.IsWrongEra(err) {
		s.log.WarnContext(ctx, "no session for a client", slog.Any("error", err))
		err = errors.Join(mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q gives no session: %v", s.config.Name, err), err, errNoSession)
	}
	return nil, err
}

// otherHome returns the home in the era that the watched one does not speak.
func (s *server) otherHome(era transport.Era) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.other == nil {
		s.other = &link{
			server: s, shared: true,
			hello: transport.Hello{Info: s.pool.info, Require: era, Unsolicited: quietSink{s}},
		}
	}
	return s.other
}

// clientLink returns the link that belongs to the key alone.
func (s *server) clientLink(key string, era transport.Era, call *mcp.Call) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.clients[key]
	if l == nil {
		session := ""
		if call.Session != nil && key == clientKey(call.Session.ID) {
			session = call.Session.ID
		}
		l = s.ownLink(s.introduce(call, era), session)
		l.caller = callerOf(call)
		s.clients[key] = l
	}
	return l
}

// ownLink returns a link of one client alone: of a client session, if that is not empty.
func (s *server) ownLink(hello transport.Hello, session string) *link {
	l := &link{server: s, hello: hello}
	l.hello.Unsolicited, l.opened = ownSink{l, session}, l.refollow
	return l
}

// introduce says what the client of a call says of itself.
func (s *server) introduce(call *mcp.Call, era transport.Era) transport.Hello {
	info := slices.Clone(call.ClientInfo)
	if len(info) == 0 {
		info = s.pool.info
	}
	return transport.Hello{Info: info, Capabilities: translate.Introduction(call.Capabilities, call.Revision), Require: era}
}

// lease returns a session that no other call uses until this one has ended. Sessions of the same kind are used again.
func (s *server) lease(ctx context.Context, kind string, call *mcp.Call) (place, error) {
	who := callerOf(call)
	if err := s.share(who); err != nil {
		return place{}, err
	}
	l := s.takeLease(kind, who)
	if l == nil {
		l = s.ownLink(s.introduce(call, transport.Legacy), "")
		s.mu.Lock()
		s.busy[l] = who
		s.mu.Unlock()
	}
	session, err := s.enter(ctx, l)
	if err != nil {
		s.endLease(kind, l, false)
		return place{}, err
	}
	return place{session: session, link: l, leased: true, kind: kind}, nil
}

// share refuses a caller that leases three quarters of the sessions that the server may have: calls that wait for a person hold
// theirs for minutes, and others want some too.
func (s *server) share(who string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	most, has := max(1, s.config.MaxSessions*3/4), 0
	for _, holder := range s.busy {
		if holder == who {
			has++
		}
	}
	if has < most {
		return nil
	}
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable,
		"%d calls of yours hold a session with server %q each; answer or end some of them first, or raise maxSessions", has, s.config.Name)
}

// takeLease returns a session of that kind that is open and free, nil if there is none.
func (s *server) takeLease(kind, who string) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	free := s.leased[kind]
	for len(free) > 0 {
		l := free[len(free)-1]
		free = free[:len(free)-1]
		s.leased[kind] = free
		if l.current() != nil {
			s.busy[l] = who
			return l
		}
		s.work.Go(l.close)
	}
	return nil
}

// endLease makes a leased session free for another call, unless it is not to be used again.
func (s *server) endLease(kind string, l *link, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, l)
	if again && !s.closing && l.current() != nil {
		l.mu.Lock()
		l.used = time.Now()
		l.mu.Unlock()
		s.leased[kind] = append(s.leased[kind], l)
		return
	}
	s.work.Go(l.close)
}

// knows tells whether the server speaks an era.
func (s *server) knows(era transport.Era) knowledge {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spoken[era]
}

func (s *server) learn(era transport.Era, k knowledge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spoken[era] = k
}

// own returns the link that belongs to the key alone, nil if there is none.
func (s *server) own(key string) *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clients[key]
}

// drop closes the link that belongs to the key alone. It does not wait.
func (s *server) drop(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.clients[key]; l != nil && !s.closing {
		delete(s.clients, key)
		s.work.Go(l.close)
	}
}

// links returns all links. It is called with the lock held.
func (s *server) links() []*link {
	all := []*link{s.home}
	if s.other != nil {
		all = append(all, s.other)
	}
	for _, l := range s.clients {
		all = append(all, l)
	}
	for l := range s.busy {
		all = append(all, l)
	}
	for _, free := range s.leased {
		all = append(all, free...)
	}
	return all
}

// sweep closes sessions that have been idle for too long, until the server ends. The home stays.
func (s *server) sweep() {
	limit := s.config.IdleStop
	if limit <= 0 {
		return
	}
	for s.sleep(min(max(limit/4, 10*time.Millisecond), time.Minute), nil) {
		s.mu.Lock()
		idle := s.takeIdle(func(l *link) bool {
			since, _ := l.idle()
			return time.Since(since) > limit
		}, -1)
		s.mu.Unlock()
		for _, l := range idle {
			s.work.Go(l.close)
		}
	}
}

// takeIdle forgets links that no call uses and that fit, at most n if that is not negative, and returns them to be closed. It is
// called with the lock held.
func (s *server) takeIdle(fits func(*link) bool, n int) []*link {
	var taken []*link
	take := func(l *link) bool {
		since, ok := l.idle()
		if !ok || since.IsZero() || len(taken) == n || !fits(l) {
			return false
		}
		taken = append(taken, l)
		return true
	}
	for kind, free := range s.leased {
		s.leased[kind] = slices.DeleteFunc(free, take)
		if len(s.leased[kind]) == 0 {
			delete(s.leased, kind)
		}
	}
	for key, l := range s.clients {
		if take(l) {
			delete(s.clients, key)
		}
	}
	if s.other != nil && take(s.other) {
		s.other = nil
	}
	return taken
}
