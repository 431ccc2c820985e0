package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/plugin/folder"
	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

const (
	// moving is when files are read again that were changed while they were read.
	moving = 100 * time.Millisecond
	// again is when a version is tried again that failed for a reason outside of its source: what it needs may be there by then.
	again = time.Minute
	// patience is how long a version may be tried after a newer one is there.
	patience = 3 * time.Second
)

// A plugin is one by its name, and follows its files.
type plugin struct {
	plugins *Plugins
	name    string
	root    context.Context //nolint:containedctx // ends when it is not there any more
	end     context.CancelFunc
	wake    chan struct{} // its files may have changed; holds one wish
	tried   chan struct{} // closed when a version was tried, before anybody is told that it works

	// Of follow alone: the stamp of the files that were read last, and the digest of the version that was tried last.
	stamp, last string

	mu      sync.Mutex
	wanted  folder.Plugin
	current *version       // in force; nil if none is
	force   *config.Server // what is in force of it, as others were told
	state   State
	uses    map[string]*version // versions of which something may run yet, by digest
}

func (ps *Plugins) newPlugin(name string) *plugin {
	p := &plugin{
		plugins: ps, name: name, wake: make(chan struct{}, 1), tried: make(chan struct{}), uses: map[string]*version{},
		state: State{Name: name, State: Loading, Since: time.Now()},
	}
	p.root, p.end = context.WithCancel(ps.root)
	return p
}

// look has the plugin look at its files.
func (p *plugin) look(f folder.Plugin) {
	p.mu.Lock()
	p.wanted = f
	p.state.Path, p.state.Kind = f.Path, f.Kind
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *plugin) want() folder.Plugin {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wanted
}

// server returns the version in force.
func (p *plugin) server() (config.Server, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.force == nil {
		return config.Server{}, false
	}
	return *p.force, true
}

// adopted notes the version in force; it reports whether there was none before.
func (p *plugin) adopted(s config.Server) (first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first = p.force == nil
	p.force = &s
	p.markTried()
	return first
}

// markTried notes that a version was tried. It is called with the lock held.
func (p *plugin) markTried() {
	if p.isPending() {
		close(p.tried)
	}
}

func (p *plugin) isPending() bool {
	select {
	case <-p.tried:
		return false
	default:
		return true
	}
}

// follow tries each new version, until the plugin is not there any more.
func (p *plugin) follow() {
	var later <-chan time.Time
	for {
		select {
		case <-p.root.Done():
			p.gone()
			return
		case <-p.wake:
			if stamp := p.want().Stamp(); stamp == p.stamp {
				continue
			}
		case <-later:
			p.last = ""
		}
		later = nil
		if wait := p.refresh(); wait > 0 {
			later = time.After(wait)
		}
	}
}

// gone ends a plugin that is not there any more, unless all end.
func (p *plugin) gone() {
	if p.plugins.root.Err() != nil {
		return
	}
	p.mu.Lock()
	had := p.force != nil
	p.current, p.force = nil, nil
	p.mu.Unlock()
	p.plugins.Remove(p.name)
	if had {
		p.plugins.Log.Info("a plugin was removed", slog.String("plugin", p.name))
	}
}

// refresh tries the version that the files are now, unless it is the one that was tried last. It returns when to try again, 0 for not
// before the files change.
func (p *plugin) refresh() time.Duration {
	wanted := p.want()
	p.stamp = wanted.Stamp()
	snap, err := wanted.Snap()
	if folder.IsMoved(err) {
		p.stamp = ""
		return moving
	}
	if err == nil {
		if snap.Digest == p.last {
			return 0
		}
		p.last = snap.Digest
		err = p.try(snap)
	}
	switch {
	case p.root.Err() != nil:
		return 0
	case folder.IsMoved(err):
		p.stamp, p.last = "", ""
		return moving
	}
	p.settle(err)
	if _, located := errors.AsType[*recipe.Error](err); err == nil || located {
		return 0
	}
	return again
}

// try makes a version of a snapshot and puts it in force.
func (p *plugin) try(snap *folder.Snapshot) error {
	if p.current != nil && p.current.digest == snap.Digest { // only follow changes it
		return nil
	}
	ctx, cancel := context.WithCancel(p.root)
	var hurrying sync.WaitGroup
	hurrying.Go(func() { p.hurry(ctx, cancel) })
	defer hurrying.Wait()
	defer cancel()
	select {
	case p.plugins.turn <- struct{}{}:
		defer func() { <-p.plugins.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	v, err := p.version(ctx, snap)
	if err != nil {
		return err
	}
	began := time.Now()
	gone, err := p.adopt(ctx, v.server)
	if err != nil {
		p.release(v)
		return Located(err)
	}
	p.replace(v, gone)
	p.plugins.Log.InfoContext(ctx, "a plugin was loaded", slog.String("plugin", p.name), slog.String("version", v.short()), slog.Duration("took", time.Since(began)))
	for _, notice := range v.notices {
		p.plugins.Log.WarnContext(ctx, "a plugin works, but", slog.String("plugin", p.name), slog.String("notice", notice))
	}
	return nil
}

// adopt has a version put in force.
func (p *plugin) adopt(ctx context.Context, s config.Server) (<-chan struct{}, error) {
	p.plugins.mu.Lock()
	c := p.plugins.config
	p.plugins.mu.Unlock()
	if isConfigured(c, p.name) {
		return nil, fmt.Errorf("mcp.yaml has a server called %s; rename the plugin", p.name)
	}
	s.Trust = trust(c)
	return p.plugins.Adopt(ctx, s)
}

// hurry gives up a version that takes long when a newer one is there. It returns when ctx ends.
func (p *plugin) hurry(ctx context.Context, giveUp context.CancelFunc) {
	began := p.want().Stamp()
	ticker := time.NewTicker(patience)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if p.want().Stamp() != began {
				giveUp()
				return
			}
		}
	}
}

// replace notes the version in force. The one before is removed when nothing of it runs any more.
func (p *plugin) replace(v *version, gone <-chan struct{}) {
	p.mu.Lock()
	old := p.current
	p.current = v
	p.state.Version, p.state.Since, p.state.Notices = v.short(), time.Now(), v.notices
	p.state.Loads++
	p.mu.Unlock()
	if old == nil || gone == nil {
		return
	}
	p.plugins.work.Go(func() {
		select {
		case <-gone:
			p.release(old)
		case <-p.plugins.root.Done(): // all versions are removed at the next start
		}
	})
}

// settle notes what became of the version that was tried last.
func (p *plugin) settle(err error) {
	p.mu.Lock()
	stays := p.current != nil
	switch {
	case err == nil:
		p.state.State, p.state.Error = Running, ""
	case stays:
		p.state.State = Stale
	default:
		p.state.State = Broken
	}
	if err != nil {
		p.state.Failures++
		p.state.Error = err.Error()
	}
	path, pending := p.wanted.Path, p.isPending()
	p.markTried()
	p.mu.Unlock()
	if err == nil {
		return
	}
	p.plugins.Log.ErrorContext(p.root, "a plugin does not work", slog.String("plugin", p.name), slog.String("path", path),
		slog.Bool("version_before_stays", stays), slog.Any("error", err))
	if p.plugins.Failed != nil {
		p.plugins.Failed(p.root, Failure{Plugin: p.name, Path: path, Err: err, Stays: stays})
	}
	if !stays && pending {
		p.plugins.Remove(p.name) // who waits for it need not any more
	}
}

// fault is what a shim says of a plugin that it cannot load, within an error of the server.
var fault = regexp.MustCompile(regexp.QuoteMeta(recipe.Fault) + `([^:/]*(?:/[^:/]*)*):(\d+)(?::(\d+))?: ([^/]*(?:/[^ ][^/]*)*)`)

// Located returns an error that tells the place in the plugin's source alone, if the error has one in it.
func Located(err error) error {
	if _, ok := errors.AsType[*recipe.Error](err); ok {
		return err
	}
	m := fault.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	return &recipe.Error{File: m[1], Line: number(m[2]), Column: number(m[3]), Message: m[4]}
}
