package gateway

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/egress"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// How the keeper asks servers for their lists.
const (
	listTimeout = time.Minute
	firstRetry  = time.Second
	lastRetry   = time.Minute
)

// A keeper keeps the catalogue true: it asks each server for its lists, again
// when they change, and rebuilds the catalogue. A server that fails keeps the
// lists it last gave and is asked again.
type keeper struct {
	keeperOptions

	// ctx ends with the keeper, which waits for every asking goroutine.
	ctx     context.Context
	end     context.CancelFunc
	running sync.WaitGroup
	// settled says that every server has been tried, so that nobody need wait.
	settled atomic.Bool
	// awake says that wake was called.
	awake atomic.Bool

	mu sync.Mutex
	// asleep says that nobody needs the lists yet; waiting is what to keep then.
	asleep  bool
	waiting []catalog.Source
	// kept holds what is known of each server, by its name.
	kept map[string]*kept
}

// keeperOptions is what a keeper works with.
type keeperOptions struct {
	// list asks a server for its lists.
	list func(ctx context.Context, server string) (*mcp.Listing, error)
	// changed is told what is known of all servers, in order; one call at a time.
	changed func(sources []catalog.Source)
	log     *slog.Logger
}

// kept is what is known of one server.
type kept struct {
	source catalog.Source
	// err is why the server gave no lists when it was last asked.
	err error
	// again asks for the lists once more; it holds at most one wish.
	again chan struct{}
	// tried is closed when the server has been asked once, with whatever outcome.
	tried chan struct{}
	// ended is closed when the server is kept no longer.
	ended <-chan struct{}
	end   context.CancelFunc
}

func newKeeper(ctx context.Context, o keeperOptions) *keeper {
	ctx, end := context.WithCancel(ctx)
	return &keeper{keeperOptions: o, ctx: ctx, end: end, kept: map[string]*kept{}}
}

// wake has a keeper that is asleep begin.
func (k *keeper) wake() {
	if k.awake.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asleep {
		k.asleep = false
		k.awake.Store(true)
		k.take(k.waiting, func(string) bool { return true })
		k.waiting = nil
	}
}

// update takes over the servers of a configuration. Lists of servers that stay
// are kept; those that have changed are asked again.
func (k *keeper) update(sources []catalog.Source, asked func(server string) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asleep {
		k.waiting = sources
		return
	}
	k.take(sources, asked)
}

// take is update with the lock held.
func (k *keeper) take(sources []catalog.Source, asked func(server string) bool) {
	next := map[string]*kept{}
	for _, source := range sources {
		old := k.kept[source.Server]
		if old != nil && !asked(source.Server) {
			source.Listing = old.source.Listing
			old.source = source
			next[source.Server] = old
			continue
		}
		next[source.Server] = k.start(source)
	}
	for name, old := range k.kept {
		if next[name] != old {
			old.end()
		}
	}
	k.kept = next
	k.settled.Store(k.triedAll())
	k.publish()
}

func (k *keeper) start(source catalog.Source) *kept {
	ctx, end := context.WithCancel(k.ctx)
	s := &kept{source: source, again: make(chan struct{}, 1), tried: make(chan struct{}), ended: ctx.Done(), end: end}
	k.running.Go(func() { k.ask(ctx, s) })
	return s
}

// ask asks one server for its lists until the keeper or the server's part in it ends.
func (k *keeper) ask(ctx context.Context, s *kept) {
	defer s.end()
	retry := firstRetry
	for first := true; ; first = false {
		err := k.fetch(ctx, s)
		if first {
			close(s.tried)
		}
		var later <-chan time.Time
		if err != nil {
			later = time.After(retry)
			retry = min(2*retry, lastRetry)
		} else {
			retry = firstRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-s.again:
		case <-later:
		}
	}
}

func (k *keeper) fetch(ctx context.Context, s *kept) error {
	asking, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	listing, err := k.list(asking, s.source.Server)
	k.mu.Lock()
	s.err = err
	k.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, egress.ErrUnavailable) { // the log says already that it is not there
			k.log.WarnContext(ctx, "a server gives no lists", slog.String("server", s.source.Server), slog.Any("error", err))
		}
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s.source.Listing = listing
	if k.kept[s.source.Server] == s {
		k.publish()
	}
	return nil
}

// publish hands on what is known of all servers. It is called with the lock held,
// so that a newer state never comes before an older one.
func (k *keeper) publish() {
	sources := make([]catalog.Source, 0, len(k.kept))
	for _, s := range k.kept {
		sources = append(sources, s.source)
	}
	slices.SortFunc(sources, func(a, b catalog.Source) int { return a.Order - b.Order })
	k.changed(sources)
}

// refresh asks a server for its lists again.
func (k *keeper) refresh(server string) {
	k.mu.Lock()
	s := k.kept[server]
	k.mu.Unlock()
	if s == nil {
		return
	}
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// settle waits until every server has been tried, or until ctx ends.
func (k *keeper) settle(ctx context.Context) {
	if k.settled.Load() {
		return
	}
	k.mu.Lock()
	all := slices.Collect(maps.Values(k.kept))
	k.mu.Unlock()
	for _, s := range all {
		select {
		case <-s.tried:
		case <-s.ended:
		case <-ctx.Done():
			return
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settled.Store(k.triedAll())
}

// tried reports whether every server has been tried.
func (k *keeper) tried() bool {
	if k.settled.Load() {
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.triedAll()
}

// triedAll is tried with the lock held.
func (k *keeper) triedAll() bool {
	for _, s := range k.kept {
		select {
		case <-s.tried:
		default:
			return false
		}
	}
	return true
}

// trouble returns why a server gave no lists when it was last asked, nil if it gave them.
func (k *keeper) trouble(server string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.kept[server]; s != nil {
		return s.err
	}
	return nil
}

// listing returns what a server offers, nil if that is not known.
func (k *keeper) listing(server string) *mcp.Listing {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.kept[server]; s != nil {
		return s.source.Listing
	}
	return nil
}

// listed returns the servers that gave their lists, in the order of the file.
func (k *keeper) listed() []string {
	return k.names(func(s *kept) bool { return s.source.Listing != nil })
}

// missing returns the servers that never gave their lists.
func (k *keeper) missing() []string {
	return k.names(func(s *kept) bool { return s.source.Listing == nil })
}

func (k *keeper) names(which func(*kept) bool) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var sources []catalog.Source
	for _, s := range k.kept {
		if which(s) {
			sources = append(sources, s.source)
		}
	}
	slices.SortFunc(sources, func(a, b catalog.Source) int { return a.Order - b.Order })
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Server
	}
	return names
}

func (k *keeper) close() {
	k.end()
	k.running.Wait()
}

// sources tells how the servers of a configuration appear in the catalogue; across a
// bridge they are another gateway.
func sources(c *config.Config, bridge bool) []catalog.Source {
	var all []catalog.Source
	if c.Builtin {
		all = append(all, catalog.Source{Server: builtinServer, Own: true})
	}
	for i, s := range c.Servers {
		if s.Disabled {
			continue
		}
		all = append(all, catalog.Source{
			Server: s.Name, Prefix: s.Prefix, Order: i + 1, Gateway: bridge, Allow: s.Tools.Allow, Rename: s.Tools.Rename,
			HTTP: s.URL != "", Timeout: s.Tools.Timeout, TrustAnnotations: s.Trust.Annotations,
		})
	}
	return all
}

// builtinServer is the name of our own tools' server; no configured server can have it.
const builtinServer = "built in"
