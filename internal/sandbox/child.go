// Package sandbox keeps child processes in bounds. A [Child] is a program that speaks on its standard input and output; nothing of it
// is left when it is closed, nor when this process is killed (see [Reap]).
package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// A Command is a program to start.
type Command struct {
	// Path is the program: a name to be found in PATH, or a path, which is relative to Dir. Args are its arguments.
	Path string
	Args []string
	// Env is added to the little that a child inherits: the names in inherited.
	Env map[string]string
	// Dir is the working directory; empty for ours.
	Dir string
	// Reaper is the beginning of a command line that runs [Reap]: this program and a verb of it. Where it is empty the program
	// is started directly, and what it has started itself may outlive a gateway that is killed.
	Reaper []string
	// Inside runs in this process in the place of a program; all else is not heeded then.
	Inside Inside

	// Box confines the program; nil runs it with an environment of its own and nothing else. A boxed program needs no Reaper: this
	// program is its own launcher, and nothing of the box is left when the child is closed or this process is killed.
	Box *box.Policy
	// Refused is told of each thing that the box did not allow, and Watched, with Box.Watch, of each that it did. They are called from one
	// goroutine, must not block, and are not called any more once the child is closed. What comes too fast is counted and dropped.
	Refused func(box.Refusal)
	Watched func(box.Act)
	// Outlet is handed the sockets of the box's network before the program starts, and closes them when ctx ends, which it does with the
	// child; it must not block. Without it the box has no network at all.
	Outlet func(ctx context.Context, l box.Listeners)
}

// patience is how long a process gets to end after each hint: the end of its input, SIGTERM, SIGKILL.
const patience = 2 * time.Second

// inherited names what a child gets of our environment: what the official SDKs pass on, and the language and the time zone.
// Nothing in it is secret, and children must not see the rest.
var inherited = []string{
	"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER",
	"LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
	"APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATHEXT", "PROCESSOR_ARCHITECTURE", "PROGRAMFILES", "SYSTEMDRIVE",
	"SYSTEMROOT", "TEMP", "USERNAME", "USERPROFILE",
}

// A Child is a program that runs. Reading, writing and the rest may be done concurrently, but only one goroutine may read and
// one write.
type Child struct {
	cmd    *exec.Cmd
	reaped bool     // the child is a Reap, which ends the whole tree
	stdin  *os.File // our ends of the pipes
	stdout *os.File
	life   *os.File // a Reap ends when this closes, whoever closes it
	box    *box.Box // what the program is in; nil if in none
	over   context.CancelFunc
	stop   func() // ends what stands for a program in this process; nil for programs
	errors *stderr
	work   sync.WaitGroup

	exited chan struct{}
	status error // how it ended; set before exited is closed
}

// Start starts a program. What it writes to its standard error goes to log, which carries the program's name as an attribute, in
// bounds; ctx is only for the log.
func Start(ctx context.Context, c Command, log *slog.Logger) (*Child, error) {
	if c.Inside != nil {
		return startInside(ctx, c.Inside, log)
	}
	cmd, err := command(&c)
	if err != nil {
		return nil, err
	}
	p := &Child{
		cmd: cmd, reaped: canReap && len(c.Reaper) > 0 && c.Box == nil,
		exited: make(chan struct{}), errors: &stderr{ctx: context.WithoutCancel(ctx), log: log, done: make(chan struct{})},
	}
	if c.Box == nil {
		confine(cmd, p.reaped)
	} else if err := p.enbox(ctx, &c); err != nil {
		return nil, fmt.Errorf("making a box for %q: %w", c.Path, err)
	}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("starting %q: %w", c.Path, err)
	}
	return p, nil
}

// enbox has the program run in a box.
func (p *Child) enbox(ctx context.Context, c *Command) (err error) {
	ctx, p.over = context.WithCancel(context.WithoutCancel(ctx))
	hooks := box.Hooks{Refused: c.Refused, Watched: c.Watched}
	if c.Outlet != nil {
		hooks.Outlet = func(l box.Listeners) { c.Outlet(ctx, l) }
	}
	program := box.Program{Path: p.cmd.Path, Args: p.cmd.Args[1:], Env: p.cmd.Env, Dir: p.cmd.Dir}
	if p.box, err = box.New(*c.Box, program, hooks); err != nil {
		p.over()
		return err
	}
	p.box.Dress(p.cmd)
	return nil
}

// command returns what to run, with its environment and arguments but without its pipes.
func command(c *Command) (*exec.Cmd, error) {
	env := environment(c.Env)
	path, err := look(c, env)
	if err != nil {
		return nil, err
	}
	argv := append([]string{path}, c.Args...)
	if canReap && c.Box == nil {
		argv = append(slices.Clone(c.Reaper), argv...)
	}
	return &exec.Cmd{Path: argv[0], Args: argv, Env: env, Dir: c.Dir}, nil
}

// environment returns what a child inherits, and what is configured for it.
func environment(configured map[string]string) []string {
	var env []string
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		_, ours := configured[name]
		// A value that begins so is a function of a shell, which is code.
		if !ours && slices.Contains(inherited, strings.ToUpper(name)) && !strings.HasPrefix(value, "()") {
			env = append(env, entry)
		}
	}
	for name, value := range configured {
		env = append(env, name+"="+value)
	}
	return env
}

// Look finds the program as Start would. The error says what to try where there is none.
func (c *Command) Look() (path string, err error) { return look(c, environment(c.Env)) }

// look finds the program, in the PATH that the child will have.
func look(c *Command, env []string) (string, error) {
	if strings.ContainsRune(c.Path, '/') || strings.ContainsRune(c.Path, filepath.Separator) {
		path := c.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(c.Dir, path)
		}
		path, err := filepath.Abs(path)
		if err == nil {
			path, err = exec.LookPath(path)
		}
		if err != nil {
			return "", fmt.Errorf("the command %q cannot be run: %w", c.Path, err)
		}
		return path, nil
	}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.EqualFold(name, "PATH") {
			continue
		}
		for _, dir := range filepath.SplitList(value) {
			if path, err := exec.LookPath(filepath.Join(dir, c.Path)); err == nil && filepath.IsAbs(path) {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("the command %q was not found in PATH; %s", c.Path, remedy(c.Path))
}

// remedy says what to try when a program is missing.
func remedy(name string) string {
	switch name {
	case "npx", "node", "npm":
		return "it comes with Node.js (https://nodejs.org)"
	case "uvx", "uv":
		return "it comes with uv (https://docs.astral.sh/uv)"
	case "docker":
		return "it comes with Docker (https://docs.docker.com/get-docker)"
	}
	return "install it, or configure its full path"
}

// start makes the pipes and starts the child from a goroutine that keeps its thread until the child has ended: Linux tells a
// child of the death of the thread that made it, not of the process.
func (p *Child) start() error {
	theirs, stderr, err := p.pipes()
	if err != nil {
		return err
	}
	started := make(chan error)
	p.work.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		for _, f := range theirs {
			_ = f.Close()
		}
		started <- err
		if err == nil {
			p.status = p.cmd.Wait()
			if p.over != nil {
				p.over()
			}
			close(p.exited)
		}
	})
	err = <-started
	if err == nil {
		p.errors.file = stderr
		p.work.Go(p.errors.read)
		if p.box == nil {
			return nil
		}
		if err = p.box.Settle(p.cmd.Process.Pid); err == nil {
			return nil
		}
		p.Kill()
	} else {
		closeAll(stderr)
	}
	p.work.Wait()
	p.unbox()
	closeAll(p.stdin, p.stdout, p.life)
	return err
}

// unbox closes the box, whose last process has ended.
func (p *Child) unbox() {
	if p.box != nil {
		p.over()
		p.box.Close()
	}
}

// pipes connects the child's standard files, and its life line if it is a Reap. It returns the child's ends and our end of its
// standard error.
func (p *Child) pipes() (theirs []*os.File, stderr *os.File, err error) {
	var ours []*os.File
	pipe := func() (r, w *os.File) {
		if err != nil {
			return nil, nil
		}
		r, w, err = os.Pipe()
		return r, w
	}
	in, stdin := pipe()
	stdout, out := pipe()
	stderr, errs := pipe()
	life, ourLife := pipe()
	theirs, ours = []*os.File{in, out, errs, life}, []*os.File{stdin, stdout, stderr, ourLife}
	if err != nil {
		closeAll(theirs...)
		closeAll(ours...)
		return nil, nil, err
	}
	p.stdin, p.stdout, p.life = stdin, stdout, ourLife
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, out, errs
	if p.reaped {
		p.cmd.ExtraFiles = []*os.File{life}
	}
	return theirs, stderr, nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// Read reads from the program's standard output.
func (p *Child) Read(b []byte) (int, error) { return p.stdout.Read(b) }

// Write writes to the program's standard input.
func (p *Child) Write(b []byte) (int, error) { return p.stdin.Write(b) }

// EndInput ends the program's standard input. Nothing can be written any more.
func (p *Child) EndInput() { _ = p.stdin.Close() }

// PID returns the number of the process that we started: the program, or the Reap that watches it. It is 0 for what runs in this process.
func (p *Child) PID() int {
	if p.stop != nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Close ends the program: by the end of its input, then by asking, then by force, and with it all that it has
// started. It takes some seconds at most, and ends Read and Write. It must be called once.
func (p *Child) Close() {
	if p.stop != nil {
		p.closeInside()
		return
	}
	_ = p.stdin.Close()
	if !p.ends(patience) {
		terminate(p.cmd)
		p.ends(patience)
	}
	p.letDie()
	if p.reaped || p.box != nil {
		p.ends(patience)
	}
	kill(p.cmd)
	p.ends(patience)
	p.unbox()
	_ = p.stdout.Close()
	p.errors.close()
	p.work.Wait()
}

// letDie has a Reap, or the first process of a box, end all that it watches.
func (p *Child) letDie() {
	_ = p.life.Close()
	if p.box != nil {
		p.box.End()
	}
}

// Wait waits until the program ends by itself, or ctx does, and returns how: nil for exit status 0, an [exec.ExitError] for another,
// or the cause of ctx. The child must be closed all the same. Who waits reads what the program writes, or else it may never end.
func (p *Child) Wait(ctx context.Context) error {
	select {
	case <-p.exited:
		return p.status
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Kill ends the program and all that it has started at once. The child must be closed all the same, which then takes no time.
func (p *Child) Kill() {
	if p.stop != nil {
		p.stop()
		return
	}
	p.letDie()
	if !p.reaped && p.box == nil {
		kill(p.cmd)
	}
}

// ends reports whether the process ends within d.
func (p *Child) ends(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		return false
	}
}

// Epitaph tells how the program ended, with the last that it said, for people. It waits a moment for a program that is about to.
func (p *Child) Epitaph() string {
	if !p.ends(patience / 2) {
		return "it has closed its output"
	}
	how := "exit status 0"
	if p.status != nil {
		how = p.status.Error()
	}
	if said := p.errors.tail(); said != "" {
		how += "; it said: " + said
	}
	return how
}
