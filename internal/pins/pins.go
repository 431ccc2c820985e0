// Package pins remembers what each tool looked like when it was first seen, and says when it no longer does. Nothing is held back here:
// a tool that has drifted is flagged.
package pins

import (
	"cmp"
	"context"
	"crypto/sha256"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxTools is how many tools of one server are remembered: what lists new names forever must not fill the store.
	maxTools = 10_000
	// maxBytes is how much of the definitions of one server's tools is stored; of what comes then, only checksum and digest.
	maxBytes = 16 << 20
	// maxForms is how many forms of a tool are known without looking again: one for each audience, and a few that were.
	maxForms = 8
)

// A Form is what a tool looks like: two forms are equal exactly if the tools are.
type Form struct {
	// Checksum is that of the inputSchema ([trust.Checksum]).
	Checksum string
	// Digest is that of the tool ([trust.Digest]).
	Digest string
}

// A Pin is the form of a tool when it was first seen.
type Pin struct {
	Server, Tool string
	Form
	// Definition is the tool as the server listed it, its inputSchema within. It is for the store alone.
	Definition []byte
	// Version is that of the program, for a tool of its own; empty for all others.
	Version string
	// FirstSeen is when, to the second.
	FirstSeen time.Time
}

// A Drift says that a tool is not any more what it was when it was first seen.
type Drift struct {
	Pin Pin
	Now Form
}

// Options is what Pins work with.
type Options struct {
	// Store keeps the pins. Without one they end with the process.
	Store Store
	// Version is that of the program: own tools are pinned again with it.
	Version string
	// Changed is told of each new drift, once in the life of the process, by the goroutine that called Observe or by one of ours. It
	// may be nil.
	Changed func(Drift)
	// Log takes drifts, and what the store cannot do.
	Log *slog.Logger
}

// Pins are the pins of all tools of all servers. Their methods may be called concurrently.
type Pins struct {
	Options

	// end ends the goroutine that writes; woken tells it that there is something to write.
	end     context.CancelFunc
	running sync.WaitGroup
	woken   chan struct{}
	// loaded says that the pins of the store are known. It belongs to New, then to that goroutine.
	loaded bool

	// mu guards what follows. No I/O is done under it.
	mu      sync.RWMutex
	servers map[string]*server
	// pending are the pins that the store does not have yet.
	pending map[id]*Pin
}

// An id is what a pin is of.
type id struct{ server, tool string }

// A server holds what is known of the tools of one.
type server struct {
	tools map[string]*tool
	// bytes is the size of the definitions that are pinned since the start.
	bytes int
	// full says that the log tells of too many tools.
	full bool
}

// A tool is what is known of one.
type tool struct {
	pin Pin
	own bool
	// forms are the forms in which it was seen last, oldest first; told are those that were told of as drifts.
	forms []sighting
	told  []Form
}

// New returns what the store knows. What it cannot say now is asked again. Close ends it.
func New(ctx context.Context, o Options) *Pins {
	p := &Pins{Options: o, servers: map[string]*server{}, pending: map[id]*Pin{}, woken: make(chan struct{}, 1)}
	ctx, p.end = context.WithCancel(ctx)
	if o.Store != nil {
		err := p.load(ctx)
		p.running.Go(func() { p.keep(ctx, err) })
	}
	return p
}

// Close tries once more to store what is not stored yet, and ends.
func (p *Pins) Close() {
	p.end()
	p.running.Wait()
}

// Observe takes note of the tools that a server lists: those that are new are pinned, the others compared. Own says that they are part
// of this program, and change with it: they are pinned again instead. It does not wait for the store, and costs a hash of each tool
// when none has changed. The tools are elements of tools/list that have been scanned; nothing of them is kept.
func (p *Pins) Observe(server string, tools [][]byte, own bool) {
	unknown := p.unknown(server, tools)
	if len(unknown) == 0 {
		return
	}
	var drifts []Drift
	p.mu.Lock()
	for i := range unknown {
		if drift := p.take(server, &unknown[i], own); drift != nil {
			drifts = append(drifts, *drift)
		}
	}
	p.mu.Unlock()
	p.tell(drifts)
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// Pin returns the pin of a tool, and whether the tool, an element of tools/list that has been scanned, has drifted from it. It is not ok
// if there is none: the tool was never observed, or is one that cannot be pinned.
func (p *Pins) Pin(server string, tool []byte) (pin Pin, drifted, ok bool) {
	s, ok := sight(tool)
	if !ok {
		return Pin{}, false, false
	}
	p.mu.RLock()
	t := p.find(server, s.name)
	if t != nil {
		pin = t.pin
		s.form = t.known(s.sum)
	}
	p.mu.RUnlock()
	if t == nil || s.form == (Form{}) && !s.look() {
		return Pin{}, false, false
	}
	return pin, s.form != pin.Form, true
}

// find returns what is known of a tool, nil if nothing is. The lock is held.
func (p *Pins) find(server, tool string) *tool {
	if s := p.servers[server]; s != nil {
		return s.tools[tool]
	}
	return nil
}

// unknown returns those tools that have not been seen in this form lately, with it.
func (p *Pins) unknown(server string, tools [][]byte) []sighting {
	var all, unknown []sighting
	for _, raw := range tools {
		if s, ok := sight(raw); ok {
			all = append(all, s)
		}
	}
	p.mu.RLock()
	all = slices.DeleteFunc(all, func(s sighting) bool {
		t := p.find(server, s.name)
		return t != nil && t.known(s.sum) != Form{}
	})
	p.mu.RUnlock()
	for _, s := range all {
		if s.look() {
			unknown = append(unknown, s)
		}
	}
	return unknown
}

// known returns the form of the tool with that hash, none if it was not seen lately.
func (t *tool) known(sum [sha256.Size]byte) Form {
	for i := range t.forms {
		if t.forms[i].sum == sum {
			return t.forms[i].form
		}
	}
	return Form{}
}

// of returns what is known of a server. The lock is held.
func (p *Pins) of(name string) *server {
	s := p.servers[name]
	if s == nil {
		s = &server{tools: map[string]*tool{}}
		p.servers[name] = s
	}
	return s
}

// take takes note of a form of a tool, and returns the drift if that is news. The lock is held.
func (p *Pins) take(name string, s *sighting, own bool) *Drift {
	from := p.of(name)
	t := from.tools[s.name]
	if t == nil {
		if len(from.tools) >= maxTools {
			if !from.full {
				p.Log.Warn("a server has listed more tools than are pinned", slog.String("server", name), slog.Int("pinned", maxTools))
			}
			from.full = true
			return nil
		}
		t = &tool{}
		from.tools[s.name] = t
	}
	t.own = own
	if t.pin.Digest == "" || own && t.pin.Form != s.form {
		t.pin = Pin{Server: name, Tool: s.name, Form: s.form, FirstSeen: time.Now().Truncate(time.Second)}
		if own {
			t.pin.Version = cmp.Or(p.Version, "unknown")
		}
		p.write(from, t.pin, s.raw)
	}
	t.remember(s)
	return t.drift(s.form)
}

// write has a pin stored. The lock is held.
func (p *Pins) write(from *server, pin Pin, definition []byte) {
	if p.Store == nil {
		return
	}
	if from.bytes += len(definition); from.bytes <= maxBytes {
		pin.Definition = slices.Clone(definition)
	}
	p.pending[id{pin.Server, pin.Tool}] = &pin
}

func (t *tool) remember(s *sighting) {
	if len(t.forms) == maxForms {
		t.forms = slices.Delete(t.forms, 0, 1)
	}
	t.forms = append(t.forms, sighting{sum: s.sum, form: s.form})
}

// drift returns that a form is not the one that is pinned, nil if it is or if that was told before.
func (t *tool) drift(now Form) *Drift {
	if now == t.pin.Form || t.own || slices.Contains(t.told, now) {
		return nil
	}
	if len(t.told) == maxForms {
		t.told = slices.Delete(t.told, 0, 1)
	}
	t.told = append(t.told, now)
	return &Drift{t.pin, now}
}

// adopt takes over a pin that the store has, and returns the drifts from it that are news. Own tools stay as they are.
func (p *Pins) adopt(pin *Pin) []Drift {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := p.of(pin.Server)
	t := from.tools[pin.Tool]
	if t == nil {
		t = &tool{}
		from.tools[pin.Tool] = t
	}
	if t.own {
		return nil
	}
	t.pin = *pin
	delete(p.pending, id{pin.Server, pin.Tool})
	var drifts []Drift
	for i := range t.forms {
		if drift := t.drift(t.forms[i].form); drift != nil {
			drifts = append(drifts, *drift)
		}
	}
	return drifts
}

// tell tells of drifts. The lock is not held.
func (p *Pins) tell(drifts []Drift) {
	for _, d := range drifts {
		p.Log.Warn("a tool is not what it was when it was first seen",
			slog.String("server", d.Pin.Server), slog.String("tool", short(d.Pin.Tool)), slog.Time("first_seen", d.Pin.FirstSeen),
			slog.Bool("schema_changed", d.Now.Checksum != d.Pin.Checksum), slog.String("was", d.Pin.Digest), slog.String("is", d.Now.Digest))
		if p.Changed != nil {
			p.Changed(d)
		}
	}
}

// short returns the beginning of a name that may be long.
func short(name string) string {
	const most = 200
	if len(name) > most {
		return strings.ToValidUTF8(name[:most], "") + "…"
	}
	return name
}
