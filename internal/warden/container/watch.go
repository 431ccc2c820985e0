//go:build unix

package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// lifeLine is the file that a watcher inherits, as sandbox.Reap does: nobody writes to it, and only the gateway holds its other end.
const lifeLine = 3

const (
	// cannotRun is the exit status for a container that cannot be started.
	cannotRun = 126
	// removal bounds how long an engine gets to end a container.
	removal = 20 * time.Second
)

// Watch runs a container until its program ends, or the gateway that wants it does, and leaves nothing of it. argv is the path of the
// engine and the spec (see [Spec.Arguments]), and environ the environment. It returns the program's exit status. It uses file descriptor 3, and belongs into a process
// of its own: the program runs itself again with a hidden verb.
//
// What engines run is no child of this process, so it is ended by name. The one who does so is a process of its own session, which goes
// on when this one is killed; if even that fails, the next watcher finds the container by its label.
func Watch(ctx context.Context, argv, environ []string) int {
	syscall.CloseOnExec(lifeLine)
	w, err := newWatcher(argv, environ)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return cannotRun
	}
	defer w.forget()
	status, err := w.watch(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return status
}

// A watcher has one container run.
type watcher struct {
	engine string
	spec   Spec
	dir    string // for what the engine reads: a profile or a bundle
	name   string // of the container, and of the directory
}

func newWatcher(argv, environ []string) (*watcher, error) {
	if len(argv) != 2 {
		return nil, errors.New("a container takes an engine and a spec")
	}
	w := &watcher{engine: argv[0]}
	if err := json.Unmarshal([]byte(argv[1]), &w.spec); err != nil {
		return nil, fmt.Errorf("reading what a container is to be: %w", err)
	}
	var err error
	if w.dir, err = os.MkdirTemp("", prefix+self()+"-*"); err != nil {
		return nil, fmt.Errorf("making a directory for a container: %w", err)
	}
	w.name = filepath.Base(w.dir)
	if isRunsc(w.engine) {
		err = w.spec.bundle(environment(environ, w.spec.Env)).write(w.dir, w.spec.Links)
	} else {
		err = writeProfile(w.profile())
	}
	if err != nil {
		w.forget()
		return nil, fmt.Errorf("preparing a container: %w", err)
	}
	return w, nil
}

// writeProfile writes down which system calls are allowed.
func writeProfile(name string) error {
	text, err := Profile()
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}

func (w *watcher) profile() string { return filepath.Join(w.dir, "seccomp.json") }

// forget removes what the engine has read.
func (w *watcher) forget() { discard(w.dir) }

// environment returns the variables of those names, and a home.
func environment(environ, names []string) []string {
	env := []string{"HOME=/tmp", "PATH=/usr/local/bin:/usr/bin:/bin"}
	for _, entry := range environ {
		if name, _, _ := strings.Cut(entry, "="); slices.Contains(names, name) {
			env = append(env, entry)
		}
	}
	return env
}

// command returns what has the engine run the container.
func (w *watcher) command() *exec.Cmd {
	args := w.spec.run(w.name, w.profile())
	if isRunsc(w.engine) {
		args = append(runsc(w.dir, w.spec.Rootless), "run", "--bundle", w.dir, w.name)
	}
	c := exec.Command(w.engine, args...) //nolint:gosec,noctx // to run what the gateway was configured to run is the purpose, and it is ended by name
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return c
}

// runsc returns the flags of runsc, which keeps what it knows of a sandbox beside the bundle.
func runsc(dir string, rootless bool) []string {
	flags := []string{"--root", filepath.Join(dir, "state"), "--network", "none", "--overlay2", "none", "--host-uds", "none"}
	if rootless {
		flags = append(flags, "--rootless", "--ignore-cgroups")
	}
	return flags
}

// watch runs the container, and ends it when the gateway has gone or asks for it.
func (w *watcher) watch(ctx context.Context) (int, error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	c := w.command()
	if err := c.Start(); err != nil {
		return cannotRun, fmt.Errorf("%s cannot be run: %w", w.engine, err)
	}
	letGo()
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }() // this and the others end with the process
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, os.NewFile(lifeLine, "life line"))
	}()
	go sweep(ctx, w.engine)
	var err error
	select {
	case err = <-ended:
	case <-gone:
	case <-signals:
	}
	w.remove(ctx)
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return failed.ExitCode(), nil
	}
	return 0, err
}

// letGo closes the streams of the program, so that the gateway sees when the program closes them.
func letGo() {
	_ = os.Stdin.Close() // others hold them
	_ = os.Stdout.Close()
}

// remove ends the container at once.
func (w *watcher) remove(ctx context.Context) {
	if isRunsc(w.engine) {
		apart(ctx, w.engine, append(runsc(w.dir, w.spec.Rootless), "delete", "--force", w.name)...)
		return
	}
	apart(ctx, w.engine, "rm", "--force", w.name)
}

// apart runs a command in a session of its own, where it goes on when we are killed. That what it removes has ended by itself is no fault.
func apart(ctx context.Context, engine string, args ...string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removal)
	defer cancel()
	c := exec.CommandContext(ctx, engine, args...) //nolint:gosec // the engine
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	_ = c.Run()
}
