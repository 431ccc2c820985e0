package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"path/filepath"
	"time"

	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// A Step is a program of an installation: one of the machine's tools. What it may reach is all that it needs.
type Step struct {
	// Path is the program, absolute, and Args are its arguments; Dir is where it runs.
	Path string
	Args []string
	Dir  string
	// Env is added to what every child inherits (package sandbox). It has credentials for registries if the machine is configured so, and none
	// of a server.
	Env map[string]string
	// Read and Write list what it reads and changes beside what belongs to the system; all of it is there.
	Read, Write []string
	// Hosts lists the registries that it asks, and proxies on the way to them, as HOST:PORT. The machine's configuration names them, so that
	// their addresses need not be public.
	Hosts []string
	// Exec is how many programs it starts.
	Exec int
}

// A Run runs a step and returns what it has written to its standard output, which is at most 16 MiB. The error tells what the step said of its failure.
type Run func(ctx context.Context, s Step) (output []byte, err error)

// maxOutput bounds what a step may say.
const maxOutput = 16 << 20

// Plain returns a Run without a box: the program may reach what this process may. reaper is that of [sandbox.Command].
func Plain(reaper []string, log *slog.Logger) Run {
	return func(ctx context.Context, s Step) ([]byte, error) {
		return Finish(ctx, sandbox.Command{Path: s.Path, Args: s.Args, Env: s.Env, Dir: s.Dir, Reaper: reaper}, log)
	}
}

// Finish runs a command to its end and returns what it has written to its standard output, as a [Run] does.
func Finish(ctx context.Context, c sandbox.Command, log *slog.Logger) ([]byte, error) {
	child, err := sandbox.Start(ctx, c, log)
	if err != nil {
		return nil, err
	}
	defer child.Close()
	defer context.AfterFunc(ctx, child.Kill)()
	child.EndInput()
	output, err := io.ReadAll(io.LimitReader(child, maxOutput+1))
	if err != nil {
		return nil, fmt.Errorf("reading what %s says: %w", c.Path, err)
	}
	if len(output) > maxOutput {
		return nil, fmt.Errorf("%s says more than %d MiB", c.Path, maxOutput>>20)
	}
	if err := child.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, errors.New(child.Epitaph())
	}
	return output, nil
}

// identify asks one of the machine's tools what it is, once: that does not change while this process runs.
func (t *tools) identify(ctx context.Context, path string, args ...string) (string, error) {
	return t.remembered(ctx, math.MaxInt64, sandbox.Command{Path: path, Args: args, Env: t.env, Dir: t.cwd})
}

// configuration asks one of the machine's tools how its user has configured it, wherever the line runs: what lies there may be a stranger's. Several
// servers that start at once ask once.
func (t *tools) configuration(ctx context.Context, path string, args ...string) (string, error) {
	return t.remembered(ctx, time.Minute, sandbox.Command{Path: path, Args: args, Env: t.env, Dir: string(filepath.Separator)})
}

// An answer is what a tool has said, and when.
type answer struct {
	text string
	at   time.Time
}

func (t *tools) remembered(ctx context.Context, lasts time.Duration, c sandbox.Command) (string, error) {
	key := fmt.Sprintf("%q %q %q %v", c.Dir, c.Path, c.Args, c.Env)
	t.mu.Lock()
	last, ok := t.known[key]
	t.mu.Unlock()
	if ok && time.Since(last.at) < lasts {
		return last.text, nil
	}
	said, err := Finish(ctx, c, t.log)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known[key] = answer{string(said), time.Now()}
	return string(said), nil
}
