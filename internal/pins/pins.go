// Package pins holds servers to the set of things that somebody has approved: what a server offered when it was first used, what its
// signed manifest says, and what a person has approved since. It tells how an offer differs from that, and what of it is held back.
//
// A pin is one form of one thing. Tools, prompts, templates and instructions are pinned one by one. Resources come and go by their
// nature, so that the places where they lie are pinned (see PlaceOf), and one by one only those whose words give orders.
package pins

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/trust"
)

const (
	// maxThings is how many things of one server are pinned when it is first used: what lists new names forever must not fill the store.
	maxThings = 10_000
	// maxDrifts is how many drifts of a server are told of one by one.
	maxDrifts = 500
	// floating is how long the first use of a server lasts at most, if nobody is shown anything of it.
	floating = time.Second
	// newcomer is how long after its first use a server may still show another kind of clients something of their own.
	newcomer = 24 * time.Hour
	// patience is how long the store may take for a step.
	patience = 5 * time.Second
	// follow is how often the store is asked for what other instances have changed.
	follow = time.Second
)

// KindPlace is the kind of a place of resources; the others are those of trust.
const KindPlace = "place"

// A Pin is one form of one thing that is approved.
type Pin struct {
	Server, Kind, Name string
	// Digest is that of the thing ([trust.Digest], [trust.ItemDigest]), Checksum that of a tool's inputSchema ([trust.Checksum]).
	Digest, Checksum string
	// Definition is the thing as the server listed it. It is for the store alone.
	Definition []byte
	// By says who has approved it: ByFirstUse, ByManifest, ByProgram, or a person.
	By string
	// Audience is the kind of clients that it was shown to then.
	Audience mcp.Audience
	// Since is when, to the second.
	Since time.Time
}

// Who approves besides people: the first use of a server, its signed manifest, the program whose own tools they are.
const (
	ByFirstUse = "first use"
	ByManifest = "manifest"
	ByProgram  = "program"
)

// A Snapshot is what the store knows of servers.
type Snapshot struct {
	// Now counts the changes of all pins so far.
	Now int64
	// Servers are those asked for: when each was first used by which kind of clients. One without pins stands here too.
	Servers map[string]map[mcp.Audience]time.Time
	// Pins are all of theirs, without their definitions.
	Pins []Pin
}

// Store is what keeps pins. Several instances may share one.
type Store interface {
	// Pins returns the servers of which something was changed after that count, each whole.
	Pins(ctx context.Context, since int64) (*Snapshot, error)
	// FirstUse notes that a server is used by a kind of clients for the first time, and stores the pins. It reports false, and does
	// nothing, if that was noted before.
	FirstUse(ctx context.Context, server string, to mcp.Audience, add []Pin) (bool, error)
	// ChangePins stores pins and drops others, all or none. One that is there already stays.
	ChangePins(ctx context.Context, server string, add, drop []Pin) error
	// Definition returns the definition of a pin.
	Definition(ctx context.Context, pin *Pin) ([]byte, error)
}

// Options is what Pins work with. None may be nil but Changed.
type Options struct {
	Store Store
	// Suspect reports whether the words of a resource, an element of resources/list, give orders.
	Suspect func(resource []byte) bool
	// Changed is told that something was approved: of one server, or of all at once with an empty name. It is called by the goroutine
	// that approves, or by one of ours.
	Changed func(server string)
	// Log takes first uses, and what the store cannot do.
	Log *slog.Logger
}

// Pins are those of all servers. Their methods may be called concurrently.
type Pins struct {
	Options
	end     context.CancelFunc
	running sync.WaitGroup
	// afloat says that the first use of some server may last.
	afloat atomic.Bool

	// store orders what is read from the store and written to it, so that an older state never comes over a newer one.
	store sync.Mutex
	// loaded says that the pins of the store are known, up to the change number now. Both belong to store.
	loaded bool
	now    int64

	// mu guards what follows. No I/O is done under it.
	mu      sync.RWMutex
	servers map[string]*server
}

// A server is what is known of one.
type server struct {
	// turn is taken by who compares its offer, so that first uses and drifts come one after the other.
	turn sync.Mutex
	// used is when it was first used, by the kind of clients.
	used map[mcp.Audience]time.Time
	// floats is until when its first use lasts; zero once somebody was shown what it offers.
	floats time.Time
	things map[thing]*known
	// drifts are those that were told of since the pins were read.
	drifts map[string]bool
	// looked are the resources that were looked at, by their hash, and whether their words give orders.
	looked map[sum]bool
}

// A thing is what a pin is of.
type thing struct{ kind, name string }

// A known is what is known of a thing.
type known struct {
	pins []Pin // the newest last
	memo []form
	seen map[mcp.Audience]string // the digest that each was shown last
}

// New returns what the store knows. What it cannot say now is asked again. Close ends it.
func New(ctx context.Context, o Options) *Pins {
	p := &Pins{Options: o, servers: map[string]*server{}}
	ctx, p.end = context.WithCancel(ctx)
	if _, err := p.read(ctx); err != nil {
		o.Log.ErrorContext(ctx, "what was approved of servers cannot be read from the store; nothing of them is offered until it can", slog.Any("error", err))
	}
	p.running.Go(func() { p.follow(ctx) })
	return p
}

// Close ends it.
func (p *Pins) Close() {
	p.end()
	p.running.Wait()
}

// follow takes over what other instances approve.
func (p *Pins) follow(ctx context.Context) {
	tick := time.NewTicker(follow)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		changed, err := p.read(ctx)
		if err != nil {
			p.Log.DebugContext(ctx, "the pins of other instances cannot be read", slog.Any("error", err))
		}
		for _, name := range changed {
			p.tell(name)
		}
	}
}

func (p *Pins) tell(server string) {
	if p.Changed != nil {
		p.Changed(server)
	}
}

// read takes over what has changed in the store, and returns of which servers; an empty name stands for all.
func (p *Pins) read(ctx context.Context) ([]string, error) {
	p.store.Lock()
	defer p.store.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	since := p.now
	if !p.loaded {
		since = -1
	}
	s, err := p.Store.Pins(ctx, since)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var changed []string
	for name, used := range s.Servers {
		p.of(name).replace(used)
		changed = append(changed, name)
	}
	for i := range s.Pins {
		p.of(s.Pins[i].Server).pin(s.Pins[i])
	}
	if !p.loaded {
		changed = []string{""}
	}
	p.loaded, p.now = true, s.Now
	return changed, nil
}

// replace begins anew with what the store says of a server. The forms of things stay, and what is shown.
func (s *server) replace(used map[mcp.Audience]time.Time) {
	s.used = used
	clear(s.drifts)
	for _, k := range s.things {
		k.pins = nil
	}
}

// of returns what is known of a server. The lock is held.
func (p *Pins) of(name string) *server {
	s := p.servers[name]
	if s == nil {
		s = &server{used: map[mcp.Audience]time.Time{}, things: map[thing]*known{}, drifts: map[string]bool{}, looked: map[sum]bool{}}
		p.servers[name] = s
	}
	return s
}

// thing returns what is known of a thing, for writing.
func (s *server) thing(kind, name string) *known {
	k := s.things[thing{kind, name}]
	if k == nil {
		k = &known{seen: map[mcp.Audience]string{}}
		s.things[thing{kind, name}] = k
	}
	return k
}

func (s *server) pin(pin Pin) {
	k := s.thing(pin.Kind, pin.Name)
	pin.Definition = nil
	k.pins = slices.DeleteFunc(k.pins, func(other Pin) bool { return other.Digest == pin.Digest })
	k.pins = append(k.pins, pin)
	slices.SortStableFunc(k.pins, func(a, b Pin) int { return a.Since.Compare(b.Since) })
}

func (s *server) unpin(pin *Pin) {
	k := s.thing(pin.Kind, pin.Name)
	k.pins = slices.DeleteFunc(k.pins, func(other Pin) bool { return other.Digest == pin.Digest })
}

// approved reports whether a form of a thing is pinned.
func (s *server) approved(kind, name, digest string) bool {
	k := s.things[thing{kind, name}]
	return k != nil && slices.ContainsFunc(k.pins, func(p Pin) bool { return p.Digest == digest })
}

// change stores and takes over.
func (p *Pins) change(ctx context.Context, server string, add, drop []Pin) error {
	p.store.Lock()
	defer p.store.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.Store.ChangePins(ctx, server, add, drop); err != nil {
		return err
	}
	p.take(server, add, drop)
	return nil
}

// take takes over what was stored.
func (p *Pins) take(name string, add, drop []Pin) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.of(name)
	for i := range drop {
		s.unpin(&drop[i])
	}
	for i := range add {
		s.pin(add[i])
	}
}

// Held returns the id of the alert for which a thing is held back, an element of a list that has been scanned; empty if it is approved.
// What was never observed is held back too.
func (p *Pins) Held(server, kind, name string, raw []byte) string {
	if kind == trust.KindResource {
		return p.heldResource(server, name, raw)
	}
	f := p.form(server, kind, name, raw)
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := p.servers[server]
	if s != nil && s.approved(kind, name, f.digest) {
		return ""
	}
	return s.id(server, kind, name, f.digest)
}

// heldResource is Held of a resource.
func (p *Pins) heldResource(server, uri string, raw []byte) string {
	of := sumOf(raw)
	p.mu.RLock()
	s := p.servers[server]
	var suspect, looked bool
	if s != nil {
		suspect, looked = s.looked[of]
	}
	p.mu.RUnlock()
	if !looked {
		suspect = p.Suspect(raw)
	}
	if id := p.HeldPlace(server, uri); id != "" || !suspect {
		return id
	}
	f := p.form(server, trust.KindResource, uri, raw)
	p.mu.RLock()
	defer p.mu.RUnlock()
	if s := p.servers[server]; s.approved(trust.KindResource, uri, f.digest) {
		return ""
	}
	return p.servers[server].id(server, trust.KindResource, uri, f.digest)
}

// HeldPlace returns the id of the alert for which whatever lies where a URI lies is held back; empty if the place is approved.
func (p *Pins) HeldPlace(server, uri string) string {
	place := PlaceOf(uri)
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := p.servers[server]
	if s != nil && s.approved(KindPlace, place, place) {
		return ""
	}
	return s.id(server, KindPlace, place, place)
}

// Pin returns the approved form of a thing: the one that it has, or the newest. It is not ok if there is none.
func (p *Pins) Pin(server, kind, name string, raw []byte) (pin Pin, drifted, ok bool) {
	f := p.form(server, kind, name, raw)
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := p.servers[server]
	if s == nil {
		return Pin{}, false, false
	}
	k := s.things[thing{kind, name}]
	if k == nil || len(k.pins) == 0 {
		return Pin{}, false, false
	}
	for _, pin := range k.pins {
		if pin.Digest == f.digest {
			return pin, false, true
		}
	}
	return k.pins[len(k.pins)-1], true, true
}

// Names returns the approved things of a kind, and since when the newest is.
func (p *Pins) Names(server, kind string) (names []string, newest time.Time) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := p.servers[server]
	if s == nil {
		return nil, newest
	}
	for of, k := range s.things {
		if of.kind == kind && len(k.pins) > 0 {
			names = append(names, of.name)
			if at := k.pins[len(k.pins)-1].Since; at.After(newest) {
				newest = at
			}
		}
	}
	slices.Sort(names)
	return names, newest
}

// Approve makes a form of a thing the pin, in the place of those that nobody is shown any more; or, for one that was removed, lets go of
// all its pins.
func (p *Pins) Approve(ctx context.Context, d *Drift, by string) error {
	p.mu.RLock()
	var drop []Pin
	if s := p.servers[d.Server]; s != nil {
		if k := s.things[thing{d.Kind, d.Name}]; k != nil {
			for _, pin := range k.pins {
				if d.What == trust.Removed || pin.Digest != d.Digest && !k.shown(pin.Digest) {
					drop = append(drop, pin)
				}
			}
		}
	}
	p.mu.RUnlock()
	var add []Pin
	if d.What != trust.Removed {
		add = []Pin{{
			Server: d.Server, Kind: d.Kind, Name: d.Name, Digest: d.Digest, Checksum: d.Checksum, Definition: d.Definition,
			By: by, Audience: d.Audience, Since: time.Now().Truncate(time.Second),
		}}
	}
	if err := p.change(ctx, d.Server, add, drop); err != nil {
		return fmt.Errorf("storing what was approved: %w", err)
	}
	p.mu.Lock()
	delete(p.of(d.Server).drifts, d.ID)
	p.mu.Unlock()
	p.tell(d.Server)
	return nil
}

// shown reports whether some clients are shown that form now.
func (k *known) shown(digest string) bool {
	for _, seen := range k.seen {
		if seen == digest {
			return true
		}
	}
	return false
}

// Given ends the first use of all servers: somebody is about to be shown what they offer.
func (p *Pins) Given() {
	if !p.afloat.Swap(false) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.servers {
		s.floats = time.Time{}
	}
}

// Offered reports whether clients of a kind are shown a thing now, in whatever form.
func (p *Pins) Offered(server, kind, name string, to mcp.Audience) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	s := p.servers[server]
	if s == nil {
		return false
	}
	k := s.things[thing{kind, name}]
	return k != nil && k.seen[to] != ""
}
