package pins

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/trust"
)

// ErrUnknown says that nobody knows what was approved, so that nothing is.
var ErrUnknown = errors.New("what was approved of it cannot be read from the store, so that nothing of it is offered")

// An Offer is what a server offers to a kind of clients.
type Offer struct {
	Server  string
	To      mcp.Audience
	Listing *mcp.Listing
	// Signed says that a signed manifest says the same, so that all of it is approved.
	Signed bool
	// Plain asks the server anew what it offers to whoever comes.
	Plain func(ctx context.Context) (*mcp.Listing, error)
}

// A Drift says that something of an offer is not what is approved.
type Drift struct {
	// ID is that of its alert.
	ID, Server string
	// What is trust.Added, trust.Changed or trust.Removed; it is empty of the one that stands for all that are too many.
	What, Kind, Name string
	// Digest, Checksum and Definition are what the thing is now.
	Digest, Checksum string
	Definition       []byte
	// Was is the form that is approved, for what was changed or removed; Before is its definition.
	Was    *Pin
	Before []byte
	// Audience is the kind of clients that is shown it.
	Audience mcp.Audience
}

// Observe compares an offer with what is approved, and returns what of it is news. When a server is first used, all that it offers is
// approved. An error says that nothing may be offered.
func (p *Pins) Observe(ctx context.Context, o *Offer) ([]Drift, error) {
	p.mu.Lock()
	s := p.of(o.Server)
	p.mu.Unlock()
	s.turn.Lock()
	defer s.turn.Unlock()
	p.store.Lock()
	loaded := p.loaded
	p.store.Unlock()
	if !loaded {
		if _, err := p.read(ctx); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
	}
	all := p.sight(o.Server, o.Listing)
	p.note(s, o.To, all)
	if err := p.approveFirst(ctx, s, o, all); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return p.compare(ctx, s, o, all), nil
}

// note remembers the forms of what is shown to a kind of clients.
func (p *Pins) note(s *server, to mcp.Audience, all []sighting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range s.things {
		delete(k.seen, to)
	}
	for i := range all {
		k := s.thing(all[i].kind, all[i].name)
		k.remember(all[i].form)
		k.seen[to] = all[i].digest
	}
	for of, k := range s.things {
		if len(k.seen) == 0 && len(k.pins) == 0 {
			delete(s.things, of)
		}
	}
}

// approveFirst approves what needs no person: all by a signed manifest, all of a server's first use, and what a kind of clients is shown
// for the first time that others are not shown.
func (p *Pins) approveFirst(ctx context.Context, s *server, o *Offer, all []sighting) error {
	p.mu.RLock()
	first, here := s.firstUse(), s.used[o.To]
	floats := time.Now().Before(s.floats)
	p.mu.RUnlock()
	switch {
	case o.Signed:
		return p.replace(ctx, s, o, all, ByManifest)
	case first.IsZero():
		return p.begin(ctx, s, o, p.unpinned(s, all))
	case floats && !here.IsZero():
		return p.replace(ctx, s, o, all, ByFirstUse)
	case here.IsZero() && o.To != mcp.Anyone && time.Since(first) < newcomer:
		return p.welcome(ctx, s, o, all)
	}
	return nil
}

// firstUse returns when the server was first used by anybody.
func (s *server) firstUse() (first time.Time) {
	for _, at := range s.used {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

// unpinned returns the things that have no pin at all.
func (p *Pins) unpinned(s *server, all []sighting) []sighting {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var some []sighting
	for i := range all {
		if k := s.things[all[i].thing]; k == nil || len(k.pins) == 0 {
			some = append(some, all[i])
		}
	}
	return some[:min(len(some), maxThings)]
}

// begin is the first use of a server.
func (p *Pins) begin(ctx context.Context, s *server, o *Offer, all []sighting) error {
	began, err := p.used(ctx, s, o, all)
	if err != nil || !began {
		return err
	}
	p.mu.Lock()
	s.floats = time.Now().Add(floating)
	p.mu.Unlock()
	p.afloat.Store(true)
	count := map[string]int{}
	for i := range all {
		count[all[i].kind]++
	}
	p.Log.InfoContext(ctx, "a server is used for the first time; what it offers is approved, later changes are not",
		slog.String("server", o.Server), slog.Int("tools", count[trust.KindTool]), slog.Int("prompts", count[trust.KindPrompt]),
		slog.Int("templates", count[trust.KindTemplate]), slog.Int("places_of_resources", count[KindPlace]))
	return nil
}

// used notes the first use by a kind of clients, with what they are shown. It reports false if another instance was first; then what that
// one has approved is known.
func (p *Pins) used(ctx context.Context, s *server, o *Offer, all []sighting) (bool, error) {
	add := o.pins(all, ByFirstUse)
	p.store.Lock()
	within, cancel := context.WithTimeout(ctx, patience)
	began, err := p.Store.FirstUse(within, o.Server, o.To, add)
	cancel()
	if err == nil && began {
		p.take(o.Server, add, nil)
		p.mu.Lock()
		s.used[o.To] = time.Now().Truncate(time.Second)
		p.mu.Unlock()
	}
	p.store.Unlock()
	if err == nil && !began {
		_, err = p.read(ctx)
	}
	return began, err
}

// pins are those that things get.
func (o *Offer) pins(all []sighting, by string) []Pin {
	pins := make([]Pin, len(all))
	for i := range all {
		a := &all[i]
		pins[i] = Pin{
			Server: o.Server, Kind: a.kind, Name: a.name, Digest: a.digest, Checksum: a.checksum, Definition: a.raw,
			By: by, Audience: o.To, Since: time.Now().Truncate(time.Second),
		}
	}
	return pins
}

// replace approves all that is offered, and nothing else any more.
func (p *Pins) replace(ctx context.Context, s *server, o *Offer, all []sighting, by string) error {
	offered := map[thing]string{}
	for i := range all {
		offered[all[i].thing] = all[i].digest
	}
	p.mu.RLock()
	var drop []Pin
	for of, k := range s.things {
		for _, pin := range k.pins {
			if offered[of] != pin.Digest && (by == ByManifest || pin.Audience == o.To) && !k.shown(pin.Digest) {
				drop = append(drop, pin)
			}
		}
	}
	add := slices.DeleteFunc(slices.Clone(all), func(a sighting) bool { return s.approved(a.kind, a.name, a.digest) })
	none := s.used[o.To].IsZero()
	p.mu.RUnlock()
	add = add[:min(len(add), maxThings)]
	if none {
		if _, err := p.used(ctx, s, o, nil); err != nil {
			return err
		}
	}
	if len(add)+len(drop) == 0 {
		return nil
	}
	return p.change(ctx, o.Server, o.pins(add, by), drop)
}

// welcome approves what a kind of clients is shown that came after the first use, as far as nobody else is shown it: a server of both eras
// may describe things to each in its own way. What whoever comes is shown too is a change like any other.
func (p *Pins) welcome(ctx context.Context, s *server, o *Offer, all []sighting) error {
	p.mu.RLock()
	own := slices.DeleteFunc(slices.Clone(all), func(a sighting) bool { return s.approved(a.kind, a.name, a.digest) })
	p.mu.RUnlock()
	if len(own) > 0 {
		plain, err := o.Plain(ctx)
		if err != nil {
			return err
		}
		shown := map[thing]string{}
		for _, a := range p.sight(o.Server, plain) {
			shown[a.thing] = a.digest
		}
		own = slices.DeleteFunc(own, func(a sighting) bool { return shown[a.thing] == a.digest })
	}
	_, err := p.used(ctx, s, o, own[:min(len(own), maxThings)])
	return err
}

// compare returns what of an offer is not approved and was not told of.
func (p *Pins) compare(ctx context.Context, s *server, o *Offer, all []sighting) []Drift {
	p.mu.Lock()
	var drifts []Drift
	offered := map[thing]bool{}
	for i := range all {
		a := &all[i]
		offered[a.thing] = true
		if s.approved(a.kind, a.name, a.digest) {
			continue
		}
		d := Drift{
			ID: ID(o.Server, a.kind, a.name, a.digest), Server: o.Server, What: trust.Added, Kind: a.kind, Name: a.name,
			Digest: a.digest, Checksum: a.checksum, Definition: a.raw, Audience: o.To,
		}
		if k := s.things[a.thing]; len(k.pins) > 0 {
			d.What, d.Was = trust.Changed, new(k.pins[len(k.pins)-1])
		}
		drifts = append(drifts, d)
	}
	drifts = append(drifts, s.removed(o, offered)...)
	drifts = s.news(o.Server, drifts)
	p.mu.Unlock()
	for i := range drifts {
		p.define(ctx, &drifts[i])
	}
	return drifts
}

// removed returns what was approved for a kind of clients and is not offered to them any more. The lock is held.
func (s *server) removed(o *Offer, offered map[thing]bool) []Drift {
	var drifts []Drift
	for of, k := range s.things {
		if len(k.pins) == 0 || offered[of] || of.kind == KindPlace || of.kind == trust.KindResource {
			continue
		}
		if was := k.pins[len(k.pins)-1]; was.Audience == o.To {
			drifts = append(drifts, Drift{
				ID: ID(o.Server, of.kind, of.name, "without "+was.Digest), Server: o.Server, What: trust.Removed, Kind: of.kind, Name: of.name,
				Was: &was, Audience: o.To,
			})
		}
	}
	slices.SortFunc(drifts, func(a, b Drift) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return drifts
}

// news returns the drifts that were not told of; of those that are too many, one for all. The lock is held.
func (s *server) news(server string, drifts []Drift) []Drift {
	var news []Drift
	for i := range drifts {
		d := drifts[i]
		if s.drifts[d.ID] {
			continue
		}
		if len(s.drifts) >= maxDrifts {
			d = Drift{ID: ID(server, "", "", ""), Server: server}
			if s.drifts[d.ID] {
				break
			}
		}
		s.drifts[d.ID] = true
		news = append(news, d)
	}
	return news
}

// define finds the definition of what was approved, if the store has it.
func (p *Pins) define(ctx context.Context, d *Drift) {
	if d.Was == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var err error
	if d.Before, err = p.Store.Definition(ctx, d.Was); err != nil {
		p.Log.DebugContext(ctx, "what a thing was cannot be read", slog.String("server", d.Server), slog.String("name", d.Name), slog.Any("error", err))
	}
}

// Own pins the tools of the program itself, which change with it and with its configuration: they are pinned anew.
func (p *Pins) Own(ctx context.Context, server string, tools [][]byte) {
	p.mu.Lock()
	s := p.of(server)
	p.mu.Unlock()
	s.turn.Lock()
	defer s.turn.Unlock()
	all := p.sight(server, &mcp.Listing{Tools: tools})
	p.note(s, mcp.Anyone, all)
	var add, drop []Pin
	p.mu.RLock()
	for i := range all {
		if a := &all[i]; !s.approved(a.kind, a.name, a.digest) {
			add = append(add, (&Offer{Server: server}).pins(all[i:i+1], ByProgram)...)
			drop = append(drop, s.things[a.thing].pins...)
		}
	}
	p.mu.RUnlock()
	if len(add) == 0 {
		return
	}
	if err := p.change(ctx, server, add, drop); err != nil {
		p.take(server, add, drop)
		p.Log.WarnContext(ctx, "own tools are pinned in memory only", slog.String("server", server), slog.Any("error", err))
	}
}
