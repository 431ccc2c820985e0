// Package pins remembers what each tool looked like when it was first seen, and says when it no longer does. Nothing is held back here:
// a tool that has drifted is flagged.
package pins

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// maxTools is how many tools of one server are remembered: what lists new names forever must not fill the store.
	maxTools = 10_000
	// maxBytes is how much of the definitions of one server's tools is stored; of what comes then, only checksum and digest.
	maxBytes = 16 << 20
	// maxForms is how many forms of a tool are known without looking again: one for each audience, and a few that were.
	maxForms = 8
	// tellAtOnce is how many drifts of a server are told of at once, and tellEvery how often one more.
	tellAtOnce = 200
	tellEvery  = 10 * time.Second
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
	// Changed is told of each new drift, once in the life of the process, by the goroutine that called Observe or by one of ours. Of a
	// server that drifts without end it is told one in ten seconds. It may be nil.
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
	// tells bounds how many drifts are told of; muted says that the log tells of more.
	tells *rate.Limiter
	muted bool
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

// Pin returns the pin of a tool, and whether the tool, an element of tools/list that has been scanned, has drifted from it. It is not ok
// if there is none: the tool was never observed, or is one that cannot be pinned.
func (p *Pins) Pin(server string, tool []byte) (pin Pin, drifted, ok bool) {
	s, ok := sight(tool)
	if !ok {
		return Pin{}, false, false
	}
	own := false
	p.mu.RLock()
	t := p.find(server, s.name)
	if t != nil {
		pin, own = t.pin, t.own
		s.form = t.known(s.sum)
	}
	p.mu.RUnlock()
	if t == nil || s.form == (Form{}) && !s.look() {
		return Pin{}, false, false
	}
	return pin, !own && s.form != pin.Form, true
}

// find returns what is known of a tool, nil if nothing is. The lock is held.
func (p *Pins) find(server, tool string) *tool {
	if s := p.servers[server]; s != nil {
		return s.tools[tool]
	}
	return nil
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
		s = &server{tools: map[string]*tool{}, tells: rate.NewLimiter(rate.Every(tellEvery), tellAtOnce)}
		p.servers[name] = s
	}
	return s
}
