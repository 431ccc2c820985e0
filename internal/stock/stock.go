// Package stock is what there is to be used: a catalogue for each kind of clients, kept true, and what calls name found in it.
package stock

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Patience is how long a list waits for servers that have not been tried yet.
const Patience = 10 * time.Second

// Options are what a Stock works with. None may be nil.
type Options struct {
	// Lists asks a server for what it offers to an audience, and returns what of that may be offered.
	Lists func(ctx context.Context, server string, to mcp.Audience) (*mcp.Listing, error)
	// Catalog are the options of the catalogue for an audience.
	Catalog func(to mcp.Audience) catalog.Options
	// Naming returns the form of names that clients are shown unless their keys say which; empty leaves it to what they say they are.
	Naming func() mcp.Naming
	// Known reports whether the log tells already why a server gives no lists.
	Known func(error) bool
	// Given is told that somebody is about to be shown what there is.
	Given func()
	// Refused reports whether a name belongs to a server that is not connected to, which those are told who may use the name.
	Refused func(name string) bool
	// Built is told of each new catalogue, and Changed of each kind of which clients of an audience were given another list.
	Built   func(*catalog.Catalog)
	Changed func(to mcp.Audience, kind mcp.Kind)
	// Log takes why a server gives no lists.
	Log *slog.Logger
}

// A Stock holds a shelf for each audience: servers of the legacy era offer more to those that they can ask something, and those of
// both eras describe things to each era in its own way. Its methods may be called concurrently.
type Stock struct {
	Options
	shelves [mcp.Audiences]shelf
}

// A shelf holds the catalogue for one audience.
type shelf struct {
	keeper  *catalog.Keeper
	catalog atomic.Pointer[catalog.Catalog]
	to      mcp.Audience
	// shown says that a client was given the catalogue, so that changes are news.
	shown atomic.Bool
}

// Open returns a Stock that has nothing yet. All shelves but the first are empty until the first client of their kind comes, and hold
// until a server has answered what it gave for the first. Close ends it.
func Open(ctx context.Context, o Options) *Stock {
	st := &Stock{Options: o}
	empty := catalog.Build(nil, o.Catalog(mcp.Anyone))
	for i := range st.shelves {
		to, s := mcp.Audience(i), &st.shelves[i]
		s.to = to
		s.catalog.Store(empty)
		s.keeper = catalog.NewKeeper(ctx, catalog.KeeperOptions{
			Log: o.Log, Asleep: to != mcp.Anyone, Known: o.Known,
			Lists:   func(ctx context.Context, server string) (*mcp.Listing, error) { return o.Lists(ctx, server, to) },
			Changed: func(sources []catalog.Source) { st.rebuild(s, sources) },
		})
	}
	return st
}

// Close ends the asking and waits for it. A nil Stock has nothing to end.
func (st *Stock) Close() {
	if st == nil {
		return
	}
	for i := range st.shelves {
		st.shelves[i].keeper.Close()
	}
}

// Update takes over the servers of a configuration: those that were changed are asked again.
func (st *Stock) Update(sources []catalog.Source, changed map[string]bool) {
	for i := range st.shelves {
		st.shelves[i].keeper.Update(sources, func(server string) bool { return changed[server] })
	}
}

// Publish makes the catalogues anew of what is known, as names may be others now.
func (st *Stock) Publish() {
	for i := range st.shelves {
		st.shelves[i].keeper.Publish()
	}
}

// Refresh has a server's lists asked for again, or with an empty name those of all.
func (st *Stock) Refresh(server string) {
	for i := range st.shelves {
		st.shelves[i].keeper.Refresh(server)
	}
}

// Renew asks a server for its lists again, and waits until every client is shown them, or ctx ends.
func (st *Stock) Renew(ctx context.Context, server string) {
	var all sync.WaitGroup
	for i := range st.shelves {
		all.Go(func() { st.shelves[i].keeper.Renew(ctx, server) })
	}
	all.Wait()
}

// Keeper is that of the shelf which is always kept.
func (st *Stock) Keeper() *catalog.Keeper { return st.shelves[mcp.Anyone].keeper }

// Plain is the catalogue of that shelf, as it is now.
func (st *Stock) Plain() *catalog.Catalog { return st.shelves[mcp.Anyone].catalog.Load() }

// Whole is Plain once every server has been tried, or ctx has ended.
func (st *Stock) Whole(ctx context.Context) *catalog.Catalog {
	st.Keeper().Settle(ctx)
	return st.Plain()
}

// rebuild makes a shelf's catalogue of what the servers offer now and announces
// what has really changed.
func (st *Stock) rebuild(s *shelf, sources []catalog.Source) {
	known := sources[:0:0]
	for _, source := range sources {
		if source.Listing == nil && s.to != mcp.Anyone {
			source.Listing = st.Keeper().Listing(source.Server)
		}
		if source.Listing != nil {
			known = append(known, source)
		}
	}
	next := catalog.Build(known, st.Catalog(s.to))
	old := s.catalog.Swap(next)
	st.Built(next)
	if !s.shown.Load() {
		return
	}
	for _, kind := range []mcp.Kind{mcp.Tool, mcp.Prompt, mcp.Resource} {
		if !old.Same(kind, next) {
			st.Changed(s.to, kind)
		}
	}
}

// shelf returns the one for the client of a call.
func (st *Stock) shelf(call *mcp.Call) *shelf {
	s := &st.shelves[mcp.AudienceOf(call)]
	s.keeper.Wake()
	return s
}

// Now returns the catalogue for the client of a call, without waiting for anything.
func (st *Stock) Now(call *mcp.Call) *catalog.Catalog {
	s := st.shelf(call)
	st.Given()
	return s.catalog.Load()
}

// Settle waits until every server has been tried, within a bound, so that the
// first list is whole, and returns the catalogue for the client.
func (st *Stock) Settle(ctx context.Context, call *mcp.Call) *catalog.Catalog {
	s := st.shelf(call) //nolint:contextcheck // asking for lists goes on when the call is over
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	s.keeper.Settle(ctx)
	s.shown.Store(true)
	st.Given()
	return s.catalog.Load()
}
