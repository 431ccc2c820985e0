package advisory

import (
	"slices"
	"sync"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// Sources are the sources of a configuration, paths absolute.
func Sources(c *config.Config) (all []string) {
	for _, source := range c.Trust.Advisories {
		if !isURL(source) {
			source = document.Absolute(c.Dir, source)
		}
		all = append(all, source)
	}
	return all
}

// A Watch holds the servers of a gateway against a shelf. Its methods may be called concurrently; a nil Watch finds nothing.
type Watch struct {
	// Shelf has the records.
	Shelf *Shelf
	// Tell is told of each server that is known to be vulnerable, once for each record. It is not told of what only may be so.
	Tell func(server string, f trust.Finding)

	mu      sync.Mutex // guards what follows
	servers map[string]*watched
	told    map[string]bool // by fingerprint
}

// watched is what is known of one server.
type watched struct {
	packages          []Package
	software, version string
}

// Configured takes over which servers there are.
func (w *Watch) Configured(c *config.Config) {
	if w == nil {
		return
	}
	w.mu.Lock()
	next := map[string]*watched{}
	for i := range c.Servers {
		s := &c.Servers[i]
		if s.Disabled {
			continue
		}
		next[s.Name] = &watched{}
		if was := w.servers[s.Name]; was != nil {
			*next[s.Name] = *was
		}
		next[s.Name].packages = nil
		if s.Command != "" {
			next[s.Name].packages = Packages(s.Command, s.Args...)
		}
	}
	w.servers = next
	w.mu.Unlock()
	w.Again()
}

// Seen takes over what a server says of itself.
func (w *Watch) Seen(server string, l *mcp.Listing) {
	if w == nil {
		return
	}
	software, _ := wire.Unquote(wire.Get(l.Info, "name"))
	version, _ := wire.Unquote(wire.Get(l.Info, "version"))
	w.mu.Lock()
	s := w.servers[server]
	news := s != nil && (s.software != software || s.version != version)
	if news {
		s.software, s.version = software, version
	}
	w.mu.Unlock()
	if news {
		w.tell(server)
	}
}

// Again holds all servers against the shelf once more.
func (w *Watch) Again() {
	w.mu.Lock()
	var names []string
	for name := range w.servers {
		names = append(names, name)
	}
	w.mu.Unlock()
	slices.Sort(names)
	for _, name := range names {
		w.tell(name)
	}
}

// tell tells of what is new about a server.
func (w *Watch) tell(server string) {
	for _, f := range w.Findings(server) {
		if f.Band == trust.BandInfo {
			continue
		}
		w.mu.Lock()
		known := w.told[f.Fingerprint]
		if w.told == nil {
			w.told = map[string]bool{}
		}
		w.told[f.Fingerprint] = true
		w.mu.Unlock()
		if !known && w.Tell != nil {
			w.Tell(server, f)
		}
	}
}

// Findings are what the records tell of a server.
func (w *Watch) Findings(server string) []trust.Finding {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	s := w.servers[server]
	var is watched
	if s != nil {
		is = *s
	}
	w.mu.Unlock()
	return slices.Collect(w.Shelf.Book().Findings(server, is.packages, is.software, is.version))
}

// Close ends keeping the shelf up to date.
func (w *Watch) Close() {
	if w != nil {
		w.Shelf.Close()
	}
}
