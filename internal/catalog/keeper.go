package catalog

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// How the keeper asks servers for their lists.
const (
	listTimeout = time.Minute
	firstRetry  = time.Second
	lastRetry   = time.Minute
	// relist is after how long a server is asked again that has said nothing: not all tell of changes.
	relist = 5 * time.Minute
)

// A Keeper keeps a catalogue true: it asks each server for its lists, again
// when they change, and says what is known of all. A server that fails keeps the
// lists it last gave and is asked again. Its methods may be called concurrently.
type Keeper struct {
	KeeperOptions

	// ctx ends with the keeper, which waits for every asking goroutine.
	ctx     context.Context
	end     context.CancelFunc
	running sync.WaitGroup
	// settled says that every server has been tried, so that nobody need wait.
	settled atomic.Bool
	// awake says that Wake was called.
	awake atomic.Bool

	mu sync.Mutex
	// asleep says that nobody needs the lists yet; waiting is what to keep then.
	asleep  bool
	waiting []Source
	// kept holds what is known of each server, by its name.
	kept map[string]*kept
}

// KeeperOptions is what a Keeper works with.
type KeeperOptions struct {
	// Lists asks a server for its lists.
	Lists func(ctx context.Context, server string) (*mcp.Listing, error)
	// Changed is told what is known of all servers, in order; one call at a time.
	Changed func(sources []Source)
	// Known reports whether the log tells of an error already.
	Known func(error) bool
	// Asleep has nobody asked until Wake is called.
	Asleep bool
	// Log takes why a server gives no lists.
	Log *slog.Logger
}

// kept is what is known of one server.
type kept struct {
	// server is its name, and own whether it is ours. Both stay; the rest is guarded by the keeper's lock.
	server string
	own    bool
	source Source
	// err is why the server gave no lists when it was last asked.
	err error
	// again asks for the lists once more; it holds at most one wish.
	again chan struct{}
	// renewed are closed when the lists have been asked for once more, from their beginning on.
	renewed []chan struct{}
	// tried is closed when the server has been asked once, with whatever outcome.
	tried chan struct{}
	// ended is closed when the server is kept no longer.
	ended <-chan struct{}
	end   context.CancelFunc
}

// NewKeeper returns a Keeper that keeps no server yet. It must be closed.
func NewKeeper(ctx context.Context, o KeeperOptions) *Keeper {
	ctx, end := context.WithCancel(ctx)
	return &Keeper{KeeperOptions: o, ctx: ctx, end: end, asleep: o.Asleep, kept: map[string]*kept{}}
}

// Wake has a keeper that is asleep begin.
func (k *Keeper) Wake() {
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

// Update takes over the servers of a configuration. Lists of servers that stay
// are kept; those that have changed are asked again.
func (k *Keeper) Update(sources []Source, asked func(server string) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asleep {
		k.waiting = sources
		return
	}
	k.take(sources, asked)
}

// take is Update with the lock held.
func (k *Keeper) take(sources []Source, asked func(server string) bool) {
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

func (k *Keeper) start(source Source) *kept {
	ctx, end := context.WithCancel(k.ctx)
	s := &kept{server: source.Server, own: source.Own, source: source, again: make(chan struct{}, 1), tried: make(chan struct{}), ended: ctx.Done(), end: end}
	k.running.Go(func() { k.ask(ctx, s) })
	return s
}

// ask asks one server for its lists until the keeper or the server's part in it ends.
func (k *Keeper) ask(ctx context.Context, s *kept) {
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
		} else if retry = firstRetry; !s.own {
			later = time.After(relist)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.again:
		case <-later:
		}
	}
}

func (k *Keeper) fetch(ctx context.Context, s *kept) error {
	asking, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	k.mu.Lock()
	renewed := s.renewed
	s.renewed = nil
	k.mu.Unlock()
	defer func() {
		for _, done := range renewed {
			close(done)
		}
	}()
	listing, err := k.Lists(asking, s.server)
	k.mu.Lock()
	s.err = err
	k.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil && !k.Known(err) {
			k.Log.WarnContext(ctx, "a server gives no lists", slog.String("server", s.server), slog.Any("error", err))
		}
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s.source.Listing = listing
	if k.kept[s.server] == s {
		k.publish()
	}
	return nil
}

// publish hands on what is known of all servers. It is called with the lock held,
// so that a newer state never comes before an older one.
func (k *Keeper) publish() {
	sources := make([]Source, 0, len(k.kept))
	for _, s := range k.kept {
		sources = append(sources, s.source)
	}
	slices.SortFunc(sources, func(a, b Source) int { return a.Order - b.Order })
	k.Changed(sources)
}

// Publish hands on what is known of all servers, as after a change.
func (k *Keeper) Publish() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.publish()
}

// Refresh asks a server for its lists again, or with an empty name all of them.
func (k *Keeper) Refresh(server string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for name, s := range k.kept {
		if server != "" && name != server {
			continue
		}
		select {
		case s.again <- struct{}{}:
		default:
		}
	}
}

// Renew asks a server for its lists again and waits until they are in force, or cannot be had, or ctx ends.
func (k *Keeper) Renew(ctx context.Context, server string) {
	k.mu.Lock()
	s := k.kept[server]
	if s == nil {
		k.mu.Unlock()
		return
	}
	done := make(chan struct{})
	s.renewed = append(s.renewed, done)
	k.mu.Unlock()
	select { // with one wish there the lists are asked for yet
	case s.again <- struct{}{}:
	default:
	}
	select {
	case <-done:
	case <-s.ended:
	case <-ctx.Done():
	}
}

// Settle waits until every server has been tried, or until ctx ends.
func (k *Keeper) Settle(ctx context.Context) {
	if k.settled.Load() {
		return
	}
	k.await(ctx, func(Source) bool { return true })
	k.mu.Lock()
	defer k.mu.Unlock()
	k.settled.Store(k.triedAll())
}

// SettleOwn waits until our own servers have been tried, or until ctx ends. They
// answer at once, and their names win: until they have, a name might mean another's.
func (k *Keeper) SettleOwn(ctx context.Context) {
	k.await(ctx, func(s Source) bool { return s.Own })
}

// await waits until those servers have been tried that are meant.
func (k *Keeper) await(ctx context.Context, meant func(Source) bool) {
	k.mu.Lock()
	all := slices.Collect(maps.Values(k.kept))
	all = slices.DeleteFunc(all, func(s *kept) bool { return !meant(s.source) })
	k.mu.Unlock()
	for _, s := range all {
		select {
		case <-s.tried:
		case <-s.ended:
		case <-ctx.Done():
			return
		}
	}
}

// Tried reports whether every server has been tried.
func (k *Keeper) Tried() bool {
	if k.settled.Load() {
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.triedAll()
}

// triedAll is Tried with the lock held.
func (k *Keeper) triedAll() bool {
	for _, s := range k.kept {
		select {
		case <-s.tried:
		default:
			return false
		}
	}
	return true
}

// Trouble returns why a server gave no lists when it was last asked, nil if it gave them.
func (k *Keeper) Trouble(server string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.kept[server]; s != nil {
		return s.err
	}
	return nil
}

// Listing returns what a server offers, nil if that is not known.
func (k *Keeper) Listing(server string) *mcp.Listing {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.kept[server]; s != nil {
		return s.source.Listing
	}
	return nil
}

// Listed returns the servers that gave their lists, in the order of the file.
func (k *Keeper) Listed() []string {
	return k.names(func(s *kept) bool { return s.source.Listing != nil })
}

// Missing returns the servers that never gave their lists.
func (k *Keeper) Missing() []string {
	return k.names(func(s *kept) bool { return s.source.Listing == nil })
}

func (k *Keeper) names(which func(*kept) bool) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var sources []Source
	for _, s := range k.kept {
		if which(s) {
			sources = append(sources, s.source)
		}
	}
	slices.SortFunc(sources, func(a, b Source) int { return a.Order - b.Order })
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Server
	}
	return names
}

// Close ends the asking and waits for it.
func (k *Keeper) Close() {
	k.end()
	k.running.Wait()
}
