package egress

import (
	"cmp"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/transport"
)

// A State says how a server is doing.
type State string

// The states of a server.
const (
	Starting State = "starting" // it has not been reached yet, or is being started again
	Ready    State = "ready"
	Failing  State = "failing" // it could not be reached, or ended too often, and is tried again now and then
	Stopped  State = "stopped"
	Disabled State = "disabled" // by the configuration
)

// A Status is how a server is doing, for people and instruments.
type Status struct {
	Server string `json:"server"`
	State  State  `json:"state"`
	// Transport is stdio, http, sse, websocket or inproc.
	Transport string `json:"transport"`
	// Era and Revision are those of the home session: legacy or modern, and the revision's name; empty if it is not open.
	Era      string `json:"era,omitempty"`
	Revision string `json:"revision,omitempty"`
	// Sessions and Processes are how many are open now; InFlight is how many calls wait for their answer.
	Sessions  int `json:"sessions"`
	Processes int `json:"processes"`
	InFlight  int `json:"inFlight"`
	// LastError is why the home session could last not be opened, or was lost.
	LastError string `json:"lastError,omitempty"`
	// Since is when the state began; Restarts is how often the home session was lost and opened again.
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts"`
	// Faults is what was wrong with the server's messages in the sessions that are open.
	Faults transport.Faults `json:"faults"`
	// Refused is how many questions of the server could be put to nobody.
	Refused int64 `json:"refused"`
	// Unheard is how many log messages were dropped since they may belong to any of several clients.
	Unheard int64 `json:"unheard"`
}

// Status returns the state of every server, in the order of their names.
func (p *Pool) Status() []Status {
	var all []Status
	for _, s := range p.all() {
		all = append(all, s.status())
	}
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Server, b.Server) })
	return all
}

// status returns how the server is doing.
func (s *server) status() Status {
	s.mu.Lock()
	now := s.now
	links := s.links()
	s.mu.Unlock()
	now.Refused, now.Unheard = s.refused.Load(), s.unheard.Load()
	for _, l := range links {
		open := l.current()
		if open == nil {
			continue
		}
		now.Sessions++
		now.InFlight += open.InFlight()
		f := open.Faults()
		now.Faults.Garbage += f.Garbage
		now.Faults.Stray += f.Stray
		now.Faults.Dropped += f.Dropped
		now.Faults.Refused += f.Refused
	}
	if s.config.Command != "" {
		now.Processes = now.Sessions
	}
	return now
}

// set changes the server's state, and tells.
func (s *server) set(change func(*Status)) {
	s.mu.Lock()
	before := s.now.State
	change(&s.now)
	if s.now.State != before {
		s.now.Since = time.Now()
	}
	s.mu.Unlock()
	if events := s.pool.opts.Events; events != nil && !s.aside.Load() {
		events.State(s.config.Name, s.status())
	}
}
