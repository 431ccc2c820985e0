package registry

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/trust"
)

// Options is what a Registry works with. All but Store may be nil.
type Options struct {
	Store Store
	Log   *slog.Logger
	// Config returns the configuration in force: its servers can be added by their names.
	Config func() *config.Config
	// Changed is told that other servers are on the list than when Screen was last asked.
	Changed func()
	// Outside is told of a server that is not on the list, once, and again when it has been on it in between.
	Outside func(Outsider)
	// Inside is told the id of the alert about an outsider that is none any more.
	Inside func(alert string)
	// Decided is told of each server that somebody has added to the list, or taken off it, for the record.
	Decided func(ctx context.Context, server string, e Event) error
	// Signers returns the ids of the keys that have signed what a server offers now; Worries what is open about it.
	Signers func(server string) []string
	Worries func(server string) []Worry
}

// A Worry is something about a server that people were told of and have not decided on.
type Worry struct {
	// Kind is that of the alert, such as drift; Text says what is wrong.
	Kind, Text string
	Severity   trust.Severity
	At         time.Time
}

// How often a Registry looks whether another instance has changed something, and how the servers are that it has seen.
const (
	interval = time.Second
	again    = time.Minute
)

// A Registry is the registry of one gateway. Its methods may be called concurrently; those of a nil Registry know no server.
type Registry struct {
	Options

	now atomic.Pointer[state]

	end     context.CancelFunc
	running sync.WaitGroup
	wake    chan struct{} // holds at most one wish to look at what was seen

	mu sync.Mutex
	// outside are the servers that were outside of the list when Screen was last asked, by their names, nil before; seen are the last lists of
	// servers.
	outside map[string]Outsider
	seen    map[string]*mcp.Listing
}

// A state is what a registry knows at one time. It is not changed once it is in use.
type state struct {
	Snapshot

	byID map[string]*Entry
	// opinions are those of feeds that hold, by the servers that they are about.
	opinions map[string][]opinion
}

// Open reads the registry. Begin has it follow what others change.
func Open(ctx context.Context, o Options) (*Registry, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	r := &Registry{Options: o, wake: make(chan struct{}, 1), seen: map[string]*mcp.Listing{}}
	r.now.Store(&state{Snapshot: Snapshot{Clock: -1}})
	if _, err := r.load(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Begin follows what other instances change, and writes down what is seen of servers, until Close.
func (r *Registry) Begin(ctx context.Context) {
	ctx, r.end = context.WithCancel(context.WithoutCancel(ctx))
	r.running.Go(func() { r.follow(ctx) })
	r.running.Go(func() { r.watch(ctx) })
	r.running.Go(func() { r.refresh(ctx) })
}

// Close ends what Begin has begun.
func (r *Registry) Close() {
	if r == nil || r.end == nil {
		return
	}
	r.end()
	r.running.Wait()
}

// follow reads the registry again when somebody has changed it.
func (r *Registry) follow(ctx context.Context) {
	timer, failing := time.NewTicker(interval), false
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		changed, err := r.load(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			r.Log.WarnContext(ctx, "the registry cannot be read; what is known of servers stays as it is", slog.Any("error", err))
		}
		if failing = err != nil; changed {
			r.changed()
		}
	}
}

// load reads the registry, and reports whether it has changed.
func (r *Registry) load(ctx context.Context) (bool, error) {
	s, ok, err := r.Store.Registry(ctx, r.now.Load().Clock)
	if err != nil {
		return false, fmt.Errorf("reading the registry: %w", err)
	}
	if !ok {
		return false, nil
	}
	next := &state{Snapshot: s, byID: make(map[string]*Entry, len(s.Entries)), opinions: opinionsOf(s.Feeds)}
	for i := range s.Entries {
		next.byID[s.Entries[i].ID] = &s.Entries[i]
	}
	for {
		old := r.now.Load()
		if old.Clock >= next.Clock {
			return false, nil // somebody was faster
		}
		if r.now.CompareAndSwap(old, next) {
			return true, nil
		}
	}
}

// changed tells that other servers are on the list, if that is so.
func (r *Registry) changed() {
	c := r.config()
	if r.Changed == nil || c == nil {
		return
	}
	now := r.Outsiders(c)
	r.mu.Lock()
	same := maps.Equal(now, r.outside)
	r.mu.Unlock()
	if !same {
		r.Changed()
	}
}

// change changes entries, and has this instance know at once.
func (r *Registry) change(ctx context.Context, ids []string, do func(*Change) error) error {
	if err := r.Store.ChangeRegistry(ctx, ids, do); err != nil {
		return err
	}
	changed, err := r.load(ctx)
	if changed {
		r.changed()
	}
	return err
}

// Record keeps the verdict of a scan, and what the scan has seen; a nil Registry keeps nothing. The subject's target is a URL, or a command line as [CommandTarget] writes it.
func (r *Registry) Record(ctx context.Context, s *trust.Subject, v trust.Verdict) error {
	if r == nil {
		return nil
	}
	now := time.Now().UTC().Truncate(time.Second)
	target := TargetOf(s.Target)
	err := r.change(ctx, []string{IDOf(target)}, func(c *Change) error {
		e, was, err := c.entry(Identity{Name: s.Name, Target: target, Transport: s.Transport}, now)
		if err != nil {
			return err
		}
		e.Software, e.Version, e.Signers, e.Seen = short(s.Software), short(s.Version), slices.Sorted(slices.Values(s.Signed)), now
		e.Tools = names(len(s.Tools), func(i int) []byte { return s.Tools[i] })
		e.Scanned = &Judgement{Verdict: bounded(v), At: now, Version: e.Version}
		if changes := differences(was, e); len(changes) > 0 || was.Scanned == nil {
			event := e.event(wasScanned, now)
			event.Changes = changes
			c.Events = append(c.Events, event)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping the verdict on %s: %w", s.Name, err)
	}
	return nil
}

// entry returns the entry of a server, which is made if it is not there, and what it was before.
func (c *Change) entry(id Identity, now time.Time) (is, was *Entry, err error) {
	key := IDOf(id.Target)
	if is = c.Entries[key]; is == nil {
		if c.Count >= MaxServers {
			return nil, nil, ErrFull
		}
		c.Count++
		is = &Entry{ID: key, Name: id.Name, Target: id.Target, Transport: id.Transport, First: now, Steady: now}
		c.Entries[key] = is
	}
	before := *is
	if id.Name != "" && (!is.Listed || is.Name == "") {
		is.Name = id.Name
	}
	if id.Transport != "" {
		is.Transport = id.Transport
	}
	return is, &before, nil
}

// TargetOf returns a target as identities write it: a URL, or a command line that was put together already.
func TargetOf(text string) string {
	if isURL(text) {
		return URLTarget(text)
	}
	all := words(text)
	for i := range all {
		all[i] = quoted(all[i])
	}
	return join(all)
}
