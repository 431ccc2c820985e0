package warden

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/install"
	"github.com/sumun-mcp/sumun/internal/outlet"
	"github.com/sumun-mcp/sumun/internal/plugin"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// What a step of an installation may use.
const (
	installMemory  = 2 << 30
	installPids    = 512
	installScratch = 1 << 30
)

// open opens what installs packages, below the state.
func (w *Warden) open() (*install.Installer, error) {
	return install.New(install.Options{Dir: filepath.Join(w.State, Installed), Run: w.step, Log: w.Log})
}

// install has a command line that gets packages and runs one of their programs become the program, and returns the files of it.
func (w *Warden) install(ctx context.Context, server string, c *sandbox.Command) ([]string, error) {
	if w.State == "" {
		return nil, nil
	}
	i, err := w.installer()
	if err != nil {
		return nil, err
	}
	p, err := i.Resolve(ctx, install.Line{Command: c.Path, Args: c.Args, Env: c.Env, Dir: c.Dir})
	if errors.Is(err, install.ErrForeign) {
		return nil, errors.Join(err, errors.New("or write sandbox: none, if the server is trusted"))
	}
	if err != nil {
		return nil, err
	}
	for _, notice := range p.Notices {
		if w.first(server, notice) {
			w.warn(ctx, server, notice)
		}
	}
	c.Path, c.Args = p.Command, p.Args
	if p.Dir != "" {
		c.Dir = p.Dir
	}
	return p.Read, nil
}

// Locked installs what a lock file lists, for a plugin.
func (w *Warden) Locked(ctx context.Context, lock string) (plugin.Installed, error) {
	if w.State == "" {
		return plugin.Installed{}, errors.New("there is no place to install packages in")
	}
	i, err := w.installer()
	if err != nil {
		return plugin.Installed{}, err
	}
	t, err := i.Locked(ctx, lock)
	return plugin.Installed{
		Modules: t.Modules, Python: t.Python, Site: t.Site, GoCache: t.GoCache, Read: append(t.Read, t.Dir), Notices: t.Notices,
	}, err
}

// step runs one step of an installation: in a box that reaches the registries and nothing else. Where there is no box with a network, it runs
// as installations are run everywhere, which is said.
func (w *Warden) step(ctx context.Context, s install.Step) ([]byte, error) {
	if w.has().tier != box.Full {
		if w.first("", "install") {
			w.Log.WarnContext(ctx, "packages are installed without a box, which this machine refuses")
		}
		return install.Plain(w.Reaper, w.Log)(ctx, s)
	}
	log := w.Log.With(slog.String("installing", filepath.Base(s.Path)))
	refused := func(r box.Refusal) {
		log.DebugContext(ctx, "refused", slog.String("kind", r.Kind), slog.String("detail", r.Detail))
	}
	o := outlet.Options{Hosts: s.Hosts, Private: names(s.Hosts), Refused: refused, Log: log}
	return install.Finish(ctx, sandbox.Command{
		Path: s.Path, Args: s.Args, Env: s.Env, Dir: s.Dir,
		Box: &box.Policy{
			Read: s.Read, Write: s.Write, Ports: outlet.Ports(s.Hosts), Exec: s.Exec, Memory: installMemory, Pids: installPids, Scratch: installScratch,
		},
		Refused: refused, Outlet: func(ctx context.Context, l box.Listeners) { w.serve(ctx, l, o) },
	}, log)
}

// names returns hosts without their ports.
func names(hosts []string) (all []string) {
	for _, host := range hosts {
		name, _, err := net.SplitHostPort(host)
		if err != nil {
			name = host
		}
		all = append(all, name)
	}
	return all
}
