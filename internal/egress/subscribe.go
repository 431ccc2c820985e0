package egress

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"

	"github.com/sumun-mcp/sumun/internal/changes"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// Subscribe asks the server to tell of changes of a resource, which go to Events; it asks once, however often it is called. The
// subscription outlives the session with the server, and the server itself where one of the same name takes its place, unless
// they refuse it. What is done for one resource must be done in turn.
func (p *Pool) Subscribe(ctx context.Context, name, uri string) error {
	return p.settled(ctx, name, func(s *server) error { return s.subscribe(ctx, uri) })
}

// Unsubscribe undoes Subscribe at every server. Servers that have no session now are not told.
func (p *Pool) Unsubscribe(ctx context.Context, uri string) error {
	var errs []error
	for _, s := range p.forget(uri) {
		if session := s.home.current(); session != nil {
			errs = append(errs, s.subs.Tell(ctx, session, mcp.MethodUnsubscribe, uri))
		}
	}
	return errors.Join(errs...)
}

// forget takes a resource out of the subscriptions and returns the servers that had it there. No server is replaced meanwhile.
func (p *Pool) forget(uri string) []*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	var had []*server
	for _, s := range p.servers {
		if s.subs.Remove(uri) {
			had = append(had, s)
		}
	}
	return had
}

// SubscribeOwn asks a server to tell the client of a call of changes of a resource, or no longer, if the server has a session for
// that client alone: then updates come through that session, to Clients. It reports false if there is none.
func (p *Pool) SubscribeOwn(ctx context.Context, d mcp.Destination, call *mcp.Call) (own bool, err error) {
	err = p.settled(ctx, d.Server, func(s *server) error {
		own, err = s.subscribeOwn(ctx, d.Name, call)
		return err
	})
	return own, err
}

// settled does something at a server, and again at the one that has taken its place meanwhile.
func (p *Pool) settled(ctx context.Context, name string, do func(*server) error) error {
	for {
		s, err := p.server(name)
		if err != nil {
			return err
		}
		if err = s.begin(); err == nil {
			err = do(s)
			s.calls.Done()
		}
		if now, _ := p.server(name); now == s || ctx.Err() != nil {
			return err
		}
	}
}

func (s *server) subscribe(ctx context.Context, uri string) error {
	if s.subs.Has(uri) {
		return nil
	}
	if s.config.Credentials == config.PerCaller {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Unsupported, "server %q knows each caller apart; its resources can be read, not watched", s.config.Name)
	}
	session, err := s.ready(ctx)
	if err != nil {
		return err
	}
	s.subs.Add(uri)
	if err = s.subs.Tell(ctx, session, mcp.MethodSubscribe, uri); err != nil {
		s.subs.Remove(uri)
	}
	return err
}

func (s *server) subscribeOwn(ctx context.Context, uri string, call *mcp.Call) (own bool, err error) {
	if key, lease := s.owner(transport.Legacy, call); lease || call.Session == nil || key != clientKey(call.Session.ID) {
		return false, nil
	}
	at, err := s.choose(ctx, call)
	if err != nil {
		return false, err
	}
	defer at.back(true)
	if at.link.shared || at.session.Revision().Stateless {
		return false, nil
	}
	if err := changes.Ask(ctx, at.session, call.Method, uri); err != nil {
		return true, err
	}
	at.link.follow(uri, call.Method == mcp.MethodSubscribe)
	return true, nil
}

// inPlaceOf takes over what clients are subscribed to at the server whose place this one takes, if there is one. The pool's lock
// is held, and nobody calls this server yet.
func (s *server) inPlaceOf(old *server) *server {
	if old == nil {
		return s
	}
	s.subs.TakeOver(old.subs, s.home.current())
	old.mu.Lock()
	defer old.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, l := range old.clients {
		own, _ := l.hello.Unsolicited.(ownSink)
		l.mu.Lock()
		if len(l.follows) > 0 && s.config.Isolation == old.config.Isolation {
			next := s.ownLink(l.hello, own.session)
			next.follows, next.floor = maps.Clone(l.follows), l.floor
			s.clients[key] = next
		}
		l.mu.Unlock()
	}
	return s
}

// revive opens the sessions of clients that are subscribed to something and have lost theirs.
func (s *server) revive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.clients {
		l.mu.Lock()
		fine := len(l.follows) == 0 || l.alive() != nil
		l.mu.Unlock()
		if fine {
			continue
		}
		s.work.Go(func() {
			if _, err := l.get(s.root); err != nil {
				s.log.WarnContext(s.root, "subscriptions of a client lost", slog.Any("error", err))
			}
		})
	}
}

// follow notes that the link's client is subscribed to a resource, or no longer, so that the session is kept and the
// subscription taken over to the next one.
func (l *link) follow(uri string, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !on {
		delete(l.follows, uri)
		return
	}
	if l.follows == nil {
		l.follows = map[string]struct{}{}
	}
	l.follows[uri] = struct{}{}
}

// refollow subscribes again on a new session.
func (l *link) refollow(session *transport.Session) {
	l.mu.Lock()
	uris := slices.Sorted(maps.Keys(l.follows))
	l.mu.Unlock()
	l.server.subs.Resubscribe(session, uris, func(uri string) { l.follow(uri, false) })
}
