// Package plugin makes servers of what lies in folders: each file or directory there is a plugin, whose tools and resources are offered
// while it is there. A change makes a new version, which runs beside the old one until it has proved itself; one that does not work
// leaves the old one in its place.
//
// Each version is a copy of its own below the state directory, so that nothing running is edited. What a plugin is started with is
// described as any other server is; who starts it, and in what box, is the affair of others.
package plugin

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/plugin/folder"
	"github.com/sumun-mcp/sumun/internal/plugin/wasm"
	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// Options is what Plugins work with. None may be nil but Failed and Install.
type Options struct {
	// Dir is where versions and what belongs to them lie, below the state directory. Nobody else writes there.
	Dir string
	// Adopt starts a version, has it prove itself, and puts it in the place of the one before. Gone is closed when nothing of that one
	// runs any more. An error says that everything is as it was.
	Adopt func(ctx context.Context, server config.Server) (gone <-chan struct{}, err error)
	// Remove is told of a plugin that is not there any more, or was none in the end.
	Remove func(name string)
	// Failed is told of a version that does not work.
	Failed func(ctx context.Context, f Failure)
	// Install installs what a lock file names.
	Install func(ctx context.Context, lock string) (Installed, error)
	// Log takes what becomes of plugins.
	Log *slog.Logger
}

// Installed is what a lock file names, installed.
type Installed struct {
	// Modules are packages of Node.js, Python the interpreter that has those of Python and Site where they lie, GoCache the module cache of
	// Go; as the lock file is of one or another.
	Modules, Python, Site, GoCache string
	// Read are the directories that a program needs for that.
	Read []string
	// Notices are what the author should hear.
	Notices []string
}

// A Failure is a version that does not work.
type Failure struct {
	Plugin, Path string
	// Err says why: FILE:LINE: MESSAGE where that is known.
	Err error
	// Stays says that the version before goes on.
	Stays bool
}

// ErrNone says that a plugin has no version that works. Why is in the log already.
var ErrNone = errors.New("the plugin does not work; `sumun plugin list` tells why")

// Plugins are those of some folders. Its methods may be called concurrently.
type Plugins struct {
	Options
	root context.Context //nolint:containedctx // of everything that the plugins own
	end  context.CancelFunc
	work sync.WaitGroup
	turn chan struct{} // who prepares a version holds one
	wasm *wasm.Engine

	mu     sync.Mutex
	config *config.Config
	dirs   []string
	stop   context.CancelFunc // of the watch
	all    map[string]*plugin
	faulty []folder.Plugin // what looks like a plugin and is none
	closed bool
}

// atOnce is how many versions are prepared at the same time.
const atOnce = 4

// New returns Plugins of no folder. They must be closed; they outlive ctx.
func New(ctx context.Context, o Options) *Plugins {
	ps := &Plugins{Options: o, all: map[string]*plugin{}, stop: func() {}, turn: make(chan struct{}, atOnce), wasm: wasm.New(filepath.Join(o.Dir, cacheDir))}
	ps.root, ps.end = context.WithCancel(context.WithoutCancel(ctx))
	return ps
}

// Command returns what stands for the program of a plugin that runs in this process; it reports false for all other servers.
func (ps *Plugins) Command(s *config.Server) (*sandbox.Command, bool) {
	if ps == nil || s.Command != wasmCommand || len(s.Args) != 1 {
		return nil, false
	}
	return ps.wasm.Command(wasm.Module{Path: s.Args[0], Name: s.Name, Env: s.Env, Memory: int64(s.Memory)}), true
}

// Close ends the following, and waits for it. The servers of plugins are ended by whoever runs them. Nil Plugins have nothing to end.
func (ps *Plugins) Close() {
	if ps == nil {
		return
	}
	ps.mu.Lock()
	ps.closed = true
	ps.mu.Unlock()
	ps.end()
	ps.work.Wait()
}

// Set takes over the folders of a configuration. It does not wait until their plugins run; those that it finds are known when it returns.
func (ps *Plugins) Set(c *config.Config) {
	if ps == nil {
		return
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.config = c
	dirs := c.Plugins
	if slices.Equal(dirs, ps.dirs) || ps.closed {
		return
	}
	ps.stop()
	first := ps.dirs == nil
	ps.dirs = slices.Clone(dirs)
	if first {
		ps.sweep()
	}
	ps.take(folder.Find(dirs))
	ctx, stop := context.WithCancel(ps.root)
	ps.stop = stop
	ps.work.Go(func() { folder.Watch(ctx, dirs, ps.Log, func() { ps.look(ctx, dirs) }) })
}

// sweep removes the versions of an earlier run. Data of plugins stay.
func (ps *Plugins) sweep() {
	versions, err := filepath.Glob(filepath.Join(ps.Dir, "*", versionPrefix+"*"))
	for _, dir := range versions {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		ps.Log.Warn("old versions of plugins are not removed", slog.Any("error", err))
	}
}

// look finds out what there is now.
func (ps *Plugins) look(ctx context.Context, dirs []string) {
	found := folder.Find(dirs)
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ctx.Err() == nil {
		ps.take(found)
	}
}

// take has each plugin look at its files, and those end that are not there any more. It is called with the lock held.
func (ps *Plugins) take(found []folder.Plugin) {
	ps.faulty = nil
	there := map[string]bool{}
	for _, f := range found {
		if f.Fault != "" {
			ps.faulty = append(ps.faulty, f)
			continue
		}
		there[f.Name] = true
		p := ps.all[f.Name]
		if p == nil {
			p = ps.newPlugin(f.Name)
			ps.all[f.Name] = p
			ps.work.Go(p.follow)
		}
		p.look(f)
	}
	for name, p := range ps.all {
		if !there[name] {
			delete(ps.all, name)
			p.end()
		}
	}
}

// Beside returns a configuration with the plugins as further servers: those in force, and with pending those too of which no version has
// been tried yet, by their names alone.
func (ps *Plugins) Beside(c *config.Config, pending bool) *config.Config {
	if ps == nil {
		return c
	}
	all := *c
	all.Servers = slices.Clone(c.Servers)
	for _, p := range ps.list() {
		s, ok := p.server()
		if !ok && pending && p.isPending() {
			s, ok = config.NewServer(p.name), true
		}
		if ok && !isConfigured(c, p.name) {
			s.Trust = trust(c)
			all.Servers = append(all.Servers, s)
		}
	}
	return &all
}

// isConfigured reports whether a server of mcp.yaml has that name.
func isConfigured(c *config.Config, name string) bool {
	return slices.ContainsFunc(c.Servers, func(s config.Server) bool { return s.Name == name })
}

// trust says what of plugins is believed: nobody has signed them, and whoever puts them into the folder has approved them, unless it is
// written that everything has to be approved.
func trust(c *config.Config) belief.Trust {
	own := belief.Trust{Pins: belief.Off, Signature: belief.Off}
	if c.Trust.Pins == belief.Enforce {
		own.Pins = belief.Enforce
	}
	return c.Trust.For(own)
}

// Adopted notes the version of a plugin that is in force from now on; it reports whether there was none before.
func (ps *Plugins) Adopted(s config.Server) (first bool) {
	ps.mu.Lock()
	p := ps.all[s.Name]
	ps.mu.Unlock()
	return p != nil && p.adopted(s)
}

// list returns the plugins in the order of their names.
func (ps *Plugins) list() []*plugin {
	if ps == nil {
		return nil
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	all := make([]*plugin, 0, len(ps.all))
	for _, p := range ps.all {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *plugin) int { return cmp.Compare(a.name, b.name) })
	return all
}

// Has reports whether a plugin has that name.
func (ps *Plugins) Has(name string) bool {
	if ps == nil {
		return false
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.all[name] != nil
}

// Await waits until a version of the plugin has been tried, if it is one. The error is ErrNone if none works.
func (ps *Plugins) Await(ctx context.Context, name string) error {
	if ps == nil {
		return nil
	}
	ps.mu.Lock()
	p := ps.all[name]
	ps.mu.Unlock()
	if p == nil {
		return nil
	}
	select {
	case <-p.tried:
	case <-p.root.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if _, ok := p.server(); !ok {
		return ErrNone
	}
	return nil
}
