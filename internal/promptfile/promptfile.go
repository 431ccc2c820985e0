// Package promptfile offers the prompts that stand in files: folders of Markdown
// files with front matter and of YAML files, whose texts are templates (package
// prompt). docs/prompts.md describes the files.
//
// The files are read in three steps, each of them pure: a file becomes a file or
// faults (file.go), the files together become a library, in which prompts have
// inherited from their parents (library.go), and a prompt with variables becomes
// messages (render.go). The folders are watched (folder.go, watch.go); a library
// is never edited, but replaced. Together the prompts are one server of the
// official Go SDK, which the gateway attaches like any other behind it.
package promptfile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Options says where the prompts are.
type Options struct {
	Dirs    []string          // the folders, in the order in which a name is taken; a folder must be there
	Texts   map[string]string // prompts besides, by name: what a Markdown file of that name would hold
	Version string            // of Sumun, told to clients
	Log     *slog.Logger      // takes what is wrong with files; nil is silence
}

// Prompts is the server of the prompts in files. It may be connected to any
// number of transports, concurrently. It must be closed.
type Prompts struct {
	server  *mcp.Server
	log     *slog.Logger
	current atomic.Pointer[library]
	closed  chan struct{}
	end     func() error // closes once
	wg      sync.WaitGroup

	// mu guards what follows. It is held while the folders are read, so that
	// readings do not overlap and the server's list changes in their order.
	mu      sync.Mutex
	texts   []source
	folders []*folder
	good    map[string]*file       // by path: what is in force of each file
	told    map[string]string      // by path: the faults that were told last
	listed  map[string]*mcp.Prompt // by name: what the server lists
	scanned time.Time              // when the last reading ended
	took    time.Duration          // how long it took
}

// New reads the folders and returns the server of what stands in them. Files
// with faults are told to the log and left out; an error is about a folder, or
// about a text.
func New(o Options) (*Prompts, error) {
	p, err := open(o)
	if err != nil {
		return nil, err
	}
	w := newWatcher(p)
	p.wg.Go(func() { w.run(p.closed) })
	return p, nil
}

// open does what New says, but for watching.
func open(o Options) (*Prompts, error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p := &Prompts{
		log: log, closed: make(chan struct{}),
		good: map[string]*file{}, told: map[string]string{}, listed: map[string]*mcp.Prompt{},
	}
	p.current.Store(&library{})
	for _, dir := range o.Dirs {
		f := &folder{dir: dir}
		if err := f.read(); err != nil {
			return nil, err
		}
		p.folders = append(p.folders, f)
	}
	for _, name := range slices.Sorted(maps.Keys(o.Texts)) {
		f, err := parse(name+".md", []byte(o.Texts[name]))
		if err != nil {
			return nil, fmt.Errorf("the prompt %s: %w", name, err)
		}
		p.texts = append(p.texts, source{path: f.path, file: f})
	}
	p.end = sync.OnceValue(p.release)
	p.server = mcp.NewServer(&mcp.Implementation{Name: "sumun-prompts", Title: "Sumun prompts", Version: o.Version}, &mcp.ServerOptions{
		Logger:            slog.New(slog.DiscardHandler), // it logs sessions, which the gateway does itself
		Capabilities:      &mcp.ServerCapabilities{Prompts: &mcp.PromptCapabilities{ListChanged: true}, Completions: &mcp.CompletionCapabilities{}},
		CompletionHandler: p.complete,
		SetCacheable:      func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.CacheScope = "private" },
	})
	p.server.AddReceivingMiddleware(p.fresh)
	p.refresh()
	for _, s := range p.texts {
		if p.good[s.path] == nil {
			return nil, fmt.Errorf("the prompt %s: %s", nameOf(s.path), p.told[s.path])
		}
	}
	return p, nil
}

// Server returns the server to attach.
func (p *Prompts) Server() *mcp.Server { return p.server }

// Close stops watching the folders and waits for that. The transports are the
// caller's to close, before. A second Close does nothing.
func (p *Prompts) Close() error { return p.end() }

func (p *Prompts) release() error {
	close(p.closed)
	p.wg.Wait()
	return nil
}

// refresh reads what has changed in the folders and takes it over. It does
// nothing if the last reading has just ended: reading takes a tenth of the time at
// most, whatever calls it. It returns the time until one is due again.
func (p *Prompts) refresh() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if wait := 10*p.took - time.Since(p.scanned); wait > 0 {
		return wait
	}
	start := time.Now()
	p.take()
	p.scanned = time.Now()
	p.took = p.scanned.Sub(start)
	return 0
}

// take makes the library of the files as they are. The caller holds mu.
func (p *Prompts) take() {
	sources := slices.Clone(p.texts)
	changed := p.current.Load().prompts == nil
	for _, f := range p.folders {
		if err := f.read(); err != nil {
			p.tell(f.dir, "the prompts of this folder stay as they were", err)
		} else {
			p.tell(f.dir, "", nil)
		}
		changed = f.changed || changed
		f.changed = false
		sources = append(sources, f.sources()...)
	}
	if !changed {
		return
	}
	p.forget(sources)
	lib, faults := resolve(sources, p.good)
	for _, s := range sources {
		switch err := errors.Join(faults[s.path]...); {
		case err == nil:
			p.tell(s.path, "rendering this prompt will fail", lib.lacking(s.path))
		case lib.files[s.path] != nil:
			p.tell(s.path, "the old version of this file stays in force", err)
		default:
			p.tell(s.path, "this file is left out", err)
		}
	}
	p.good = lib.files
	p.current.Store(lib)
	p.list(lib)
}

// forget drops what was told of files that are gone. The caller holds mu.
func (p *Prompts) forget(sources []source) {
	for path := range p.told {
		isFolder := slices.ContainsFunc(p.folders, func(f *folder) bool { return f.dir == path })
		if !isFolder && !slices.ContainsFunc(sources, func(s source) bool { return s.path == path }) {
			delete(p.told, path)
		}
	}
}

// tell warns of a file or a folder, and of what follows, once for each thing that
// is wrong with it. The caller holds mu.
func (p *Prompts) tell(path, effect string, err error) {
	switch {
	case err == nil:
		delete(p.told, path)
	case p.told[path] != effect+err.Error():
		p.told[path] = effect + err.Error()
		p.log.Warn("prompts have faults", slog.String("path", path), slog.String("effect", effect), slog.Any("error", err))
	}
}

// list makes the server's list that of the library; the server tells its clients
// if that changes anything. The caller holds mu.
func (p *Prompts) list(lib *library) {
	var gone []string
	for name := range p.listed {
		if lib.prompts[name] == nil {
			gone = append(gone, name)
			delete(p.listed, name)
		}
	}
	if len(gone) > 0 {
		p.server.RemovePrompts(gone...)
	}
	for name, entry := range lib.prompts {
		next := entry.listed()
		if !reflect.DeepEqual(p.listed[name], next) {
			p.listed[name] = next
			p.server.AddPrompt(entry.listed(), p.get)
		}
	}
}

// fresh is a middleware that looks at the folders before they are listed, so that
// a list is right also where the system tells nothing of changes.
func (p *Prompts) fresh(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if method == "prompts/list" {
			p.refresh()
		}
		return next(ctx, method, req)
	}
}
