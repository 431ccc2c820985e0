// Package command is a server of tools that run a program: those declared in mcp.yaml with an argument list. It is one server of the
// official Go SDK, which the gateway attaches in process like any other server behind it.
//
// There is no shell: an argument of a call becomes part of one argument of the program, or with a list several, whatever characters it
// has. What could still go wrong is that the program takes it for an option, or for code. So it is decided when a tool is declared whether
// its placeholders can stand where they are (argument.go), and each value is looked at once more where it is put (line.go). The program
// gets little of our environment, no input, a time limit, and ends with all that it has started (package sandbox).
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/declared"
	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// Options says what a Commands offers.
type Options struct {
	Tools   []offer.Tool // those without a command are left out
	Reaper  []string     // the beginning of a command line that runs sandbox.Reap (see sandbox.Command); empty for none
	Version string       // of Sumun, told to clients
}

// Wanted reports whether o offers anything.
func (o Options) Wanted() bool { return len(commands(o.Tools)) > 0 }

func commands(tools []offer.Tool) []offer.Tool {
	var all []offer.Tool
	for _, t := range tools {
		if len(t.Command) > 0 {
			all = append(all, t)
		}
	}
	return all
}

// atOnce is how many programs run at the same time; further calls wait.
const atOnce = 16

// A Commands is the server of the tools. It may be connected to any number of transports, concurrently. It must be closed.
type Commands struct {
	server *mcp.Server
	roots  []*os.Root
	running
	end func() error // closes once
}

// running is what all programs share: a slot for each that runs, and the end of all.
type running struct {
	slots   chan struct{}
	closing chan struct{}
}

// New returns the server. An error names each tool that cannot be offered, and says what to write instead.
func New(o Options) (*Commands, error) {
	c := &Commands{
		server:  declared.NewServer("Declared commands", o.Version, false),
		running: running{slots: make(chan struct{}, atOnce), closing: make(chan struct{})},
	}
	c.end = sync.OnceValue(c.release)
	var faults []error
	for _, t := range commands(o.Tools) {
		p, err := parse(&t)
		if err == nil {
			p.reaper, p.running = o.Reaper, c.running
			err = c.add(&t, p)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("tools.%s: %w", t.Name, err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// add offers a tool.
func (c *Commands) add(t *offer.Tool, p *program) error {
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return fmt.Errorf("opening its working directory: %w", err)
	}
	c.roots = append(c.roots, root)
	p.root = root
	return declared.Add(c.server, &declared.Tool{About: declared.About(t, mcp.ToolAnnotations{}), Input: p.schema, Do: p.call})
}

// Server returns the server to attach.
func (c *Commands) Server() *mcp.Server { return c.server }

// Close ends what runs, waits for that, and releases the working directories. The transports are the caller's to close, before. A second
// Close does nothing.
func (c *Commands) Close() error { return c.end() }

func (c *Commands) release() error {
	close(c.closing)
	for range atOnce {
		c.slots <- struct{}{} // the last is free when nothing runs any more
	}
	var errs []error
	for _, r := range c.roots {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// A program is what a tool runs. It may be used concurrently.
type program struct {
	name      string // of the program
	arguments []argument
	schema    *declared.Schema
	env       map[string]string
	dir       string
	root      *os.Root // dir, for the paths in arguments
	reaper    []string
	running
	tool *offer.Tool
}

// errClosing is the error of a call that the end of the gateway ends.
var errClosing = errors.New("the gateway is about to end; call again later")

// call does one call of the tool.
func (p *program) call(ctx context.Context, args declared.Arguments) (*mcp.CallToolResult, error) {
	line, err := p.line(args)
	if err != nil {
		return nil, err
	}
	limit := fmt.Errorf("%s did not end within %s, and was ended", filepath.Base(p.name), p.tool.Timeout)
	ctx, cancel := context.WithTimeoutCause(ctx, p.tool.Timeout, limit)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-p.closing:
		return nil, errClosing
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	out, err := p.run(ctx, line)
	if err != nil {
		return nil, err
	}
	if p.tool.Output == "json" {
		return declared.JSON(out, nil)
	}
	return declared.Text(strings.TrimRight(string(out), "\r\n")), nil
}

// run runs the program and returns what it has written. Nothing of it is left then.
func (p *program) run(ctx context.Context, line []string) (out []byte, err error) {
	child, err := sandbox.Start(ctx, sandbox.Command{Path: p.name, Args: line, Env: p.env, Dir: p.dir, Reaper: p.reaper}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var watch sync.WaitGroup
	over := make(chan struct{})
	watch.Go(func() {
		select {
		case <-p.closing:
			cancel(errClosing)
		case <-ctx.Done():
		case <-over:
			return
		}
		child.Kill()
	})
	defer func() {
		close(over)
		watch.Wait()
		child.Kill()
		child.Close()
	}()
	child.EndInput()
	out, err = io.ReadAll(io.LimitReader(child, int64(p.tool.MaxBytes)+1))
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("reading what %s writes: %w", filepath.Base(p.name), err)
	case len(out) > int(p.tool.MaxBytes):
		return nil, fmt.Errorf("%s writes more than %s, and was ended; ask for less", filepath.Base(p.name), p.tool.MaxBytes)
	}
	if err := child.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("%s failed: %s", filepath.Base(p.name), declared.Clean(child.Epitaph()))
	}
	return out, nil
}
