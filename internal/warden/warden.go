// Package warden decides what stands between a server's program and the machine, and has it stand there: from a server of the configuration
// it makes the command that starts it, in a box that shows it its own files and those that its arguments name, installed before, with the
// network that was declared; what is refused there becomes alerts.
package warden

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/confine"
	"github.com/sumun-mcp/sumun/internal/install"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/outlet"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// Options are what a Warden works with. All but Log may be empty.
type Options struct {
	// Boxed says that programs run in a box where nothing else is written for them.
	Boxed bool
	// Reaper is the beginning of the command line that runs sandbox.Reap, Watcher of that which runs container.Watch.
	Reaper, Watcher []string
	// State is the directory of the gateway's state and Config its configuration file, which no program gets to see.
	State, Config string
	// Log takes what people should know of how programs run.
	Log *slog.Logger
}

// The directories of the state that hold what is made for programs, and nothing of the gateway's own: installed packages and plugins.
const (
	Installed = "installed"
	Plugins   = "plugins"
)

// A Warden makes commands for servers. Its methods may be called concurrently.
type Warden struct {
	Options
	machine *machine
	has     func() offer
	now     func() time.Time
	// installer installs packages. It is opened when the first program needs it.
	installer func() (*install.Installer, error)
	ledger    *ledger

	alert func(context.Context, alert.Alert)
	calls func(server string, f func(*mcp.Call))

	work sync.WaitGroup // the networks of boxes

	mu     sync.Mutex
	said   map[[2]string]bool // what was said of each server
	opened *install.Installer // nil before one was needed
}

// New returns a Warden. It must be closed, after the programs that it made commands for.
func New(o Options) *Warden {
	private, shared := []string{}, []string{}
	if o.State != "" {
		private = append(private, o.State)
		shared = append(shared, filepath.Join(o.State, Installed), filepath.Join(o.State, Plugins))
	}
	if o.Config != "" {
		private = append(private, o.Config)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Warden{
		Options: o, machine: newMachine(private, shared), now: time.Now, ledger: newLedger(), said: map[[2]string]bool{},
		has: sync.OnceValue(func() offer {
			box.Sweep()
			tier, why := box.Available()
			return offer{tier, why}
		}),
	}
	w.installer = sync.OnceValues(func() (*install.Installer, error) {
		i, err := w.open()
		if err == nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.opened = i
		}
		return i, err
	})
	return w
}

// Attend has alerts raised from now on, with the calls that a server works on, which calls tells of. It is called before the first Command.
// Neither function may block.
func (w *Warden) Attend(raise func(context.Context, alert.Alert), calls func(server string, f func(*mcp.Call))) {
	w.alert, w.calls = raise, calls
}

// Close waits for the networks of the boxes of programs that have ended, and lets go of what was installed for them.
func (w *Warden) Close() {
	w.work.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.opened != nil {
		w.opened.Close()
	}
}

// Command returns the command that starts the program of a server, confined as is written for the server. It may take as long as an
// installation; an error says what to write where the program cannot be confined so.
func (w *Warden) Command(ctx context.Context, s config.Server) (*sandbox.Command, error) {
	tier, notice, err := choose(s.Sandbox, w.Boxed, w.has())
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", s.Name, err)
	}
	w.tell(ctx, s.Name, tier, notice)
	c := &sandbox.Command{Path: s.Command, Args: s.Args, Env: s.Env, Dir: s.Cwd, Reaper: w.Reaper}
	switch tier {
	case confine.None:
	case confine.Container:
		err = w.contain(ctx, c, &s)
	case confine.GVisor:
		err = w.emulate(ctx, c, &s)
	default:
		err = w.box(ctx, c, &s, tier == confine.BoxLite)
	}
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", s.Name, err)
	}
	return c, nil
}

// tell says once how a server runs, where that is worth a word, and raises an alert.
func (w *Warden) tell(ctx context.Context, server, tier, notice string) {
	if notice == "" || !w.first(server, notice) {
		return
	}
	w.warn(ctx, server, notice)
	if w.alert == nil || !w.Boxed {
		return
	}
	a := alert.Alert{ID: "sandbox-" + tier + "-" + server, Kind: "sandbox", Severity: alert.Low, Server: server, Subject: tier, Text: "server " + server + ": " + notice, Remedy: "sumun config explain servers." + server + ".sandbox"}
	if tier == confine.None {
		a.Severity = alert.Medium
	}
	w.alert(ctx, a)
}

// warn tells people how a server runs.
func (w *Warden) warn(ctx context.Context, server, notice string) {
	w.Log.WarnContext(ctx, "how a server runs", slog.String("server", server), slog.String("notice", notice))
}

// first reports whether that was not said of the server before.
func (w *Warden) first(server, text string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := [2]string{server, text}
	if w.said[key] || len(w.said) > mostSaid {
		return false
	}
	w.said[key] = true
	return true
}

// mostSaid bounds what is said once.
const mostSaid = 4096

// policy returns what the program of a server may reach, once it is installed; c becomes what starts it then.
func (w *Warden) policy(ctx context.Context, c *sandbox.Command, s *config.Server) (*policy, error) {
	if err := w.startsContainers(c); err != nil {
		return nil, err
	}
	own, err := w.install(ctx, s.Name, c)
	if err != nil {
		return nil, err
	}
	path, err := c.Look()
	if err != nil {
		return nil, err
	}
	dir := c.Dir
	if dir == "" {
		dir = "."
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	p := newProgram(path, c.Args, dir, func(name string) (string, error) { return (&sandbox.Command{Path: name, Env: c.Env, Dir: dir}).Look() })
	p.own = append(p.own, own...)
	if w.Config == "" || resolved(dir) != resolved(filepath.Dir(w.Config)) {
		p.own = append(p.own, dir) // it was written; the directory of the configuration is where programs are for want of another
	}
	made, err := newPolicy(w.machine, s.Confinement, p, dir)
	if err != nil {
		return nil, err
	}
	c.Path, c.Args, c.Dir = made.path, made.args, dir
	for _, notice := range made.notices {
		if w.first(s.Name, notice) {
			w.warn(ctx, s.Name, notice)
		}
	}
	return made, nil
}

// startsContainers refuses what would only start a container, which a box does not let a program do.
func (w *Warden) startsContainers(c *sandbox.Command) error {
	if name := filepath.Base(c.Path); slices.Contains([]string{"docker", "podman", "nerdctl"}, name) {
		return fmt.Errorf("%s starts a container, which a program in a box cannot; write sandbox: container with image: and the command in the image, or sandbox: none", name)
	}
	return nil
}

// box has a program start in a box.
func (w *Warden) box(ctx context.Context, c *sandbox.Command, s *config.Server, lite bool) error {
	p, err := w.policy(ctx, c, s)
	if err != nil {
		return err
	}
	if lite && len(s.Hosts) > 0 && w.first(s.Name, "hosts") {
		w.warn(ctx, s.Name, "hosts: counts for nothing in a box-lite, which has no network")
	}
	c.Box = p.box(s, lite)
	name, lasting := s.Name, context.WithoutCancel(ctx) // of the program, which outlasts whoever wants it started
	c.Refused = func(r box.Refusal) { w.refused(lasting, name, r) }
	if !lite {
		o := outlet.Options{Hosts: s.Hosts, Refused: c.Refused, Log: w.Log.With(slog.String("server", name))}
		c.Outlet = func(ctx context.Context, l box.Listeners) { w.serve(ctx, l, o) }
	}
	return nil
}

// serve is the network of a box until the box ends.
func (w *Warden) serve(ctx context.Context, l box.Listeners, o outlet.Options) {
	w.work.Go(func() {
		if err := outlet.Serve(ctx, l, o); err != nil {
			o.Log.WarnContext(ctx, "the network of a box has ended", slog.Any("error", err))
		}
	})
}
