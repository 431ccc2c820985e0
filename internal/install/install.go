// Package install makes two phases of one: a line such as `npx -y PACKAGE` gets a package and runs it, with the network, the files and the
// secrets of both. Here the packages are installed first, by the machine's own tools, with nothing but their registry, without running any
// script of theirs, and without the server's secrets. What then runs is a plain program in a tree that nobody changes any more.
//
// An installation has two steps. What a line wants becomes a lock: exact versions with their digests; it is remembered, and found out anew
// after a while unless the line names a version. A lock becomes a tree, which has the lock's digest as its name: whoever has the same lock has
// the same tree. The lock files of plugins begin at the second step.
package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/install/wish"
	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// Options say how an Installer works.
type Options struct {
	// Dir is where locks and trees are kept. It is made when it is needed. Several processes may use the same.
	Dir string
	// Environ is the environment that says where registries are, as NAME=VALUE; nil is that of this process.
	Environ []string
	// Run runs the steps of installations; nil is [Plain].
	Run Run
	// Log is told when something is installed, and why something remembered is used instead.
	Log *slog.Logger
}

// ErrForeign is in the error of a line or a lock file that cannot be installed in a phase of its own, since it wants something else than
// packages of a registry.
var ErrForeign = wish.ErrForeign

// A Line is what a host's configuration starts: a command and its arguments, with the variables and the directory that it names.
type Line struct {
	Command string
	Args    []string
	Env     map[string]string
	Dir     string
}

// How long things take, and are remembered.
const (
	installTime = 10 * time.Minute
	renewTime   = 90 * time.Second    // for finding out what is newest, when something older is there
	fresh       = 24 * time.Hour      // how long what was newest counts as such
	retry       = time.Hour           // until that is tried again, when it could not be found out
	unused      = 30 * 24 * time.Hour // how long a tree is kept that nobody uses
)

// An Installer installs what lines and lock files want. It may be used concurrently, and keeps what it has handed out until it is closed.
type Installer struct {
	cache
	environ []string
	run     Run
	log     *slog.Logger
}

// New returns an Installer.
func New(o Options) (*Installer, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil || o.Dir == "" {
		return nil, errors.Join(errors.New("an installer needs a directory"), err)
	}
	i := &Installer{cache: cache{dir: dir, leases: map[string]*os.File{}, known: map[string]answer{}}, environ: o.Environ, run: o.Run, log: cmp.Or(o.Log, slog.New(slog.DiscardHandler))}
	if i.environ == nil {
		i.environ = os.Environ()
	}
	if i.run == nil {
		i.run = Plain(nil, i.log)
	}
	return i, nil
}

// A Program is what runs instead of a line.
type Program struct {
	// Command is the program, as an absolute path, and Args are its arguments. A line that wants nothing installed keeps its own.
	Command string
	Args    []string
	// Dir is where it runs, if the line says so itself.
	Dir string
	// Installed says that something was installed for it. Of the rest only Read is there for others.
	Installed bool
	// Read lists directories that the program has to read: its tree and its interpreter's.
	Read []string
	// Packages are those that the line names, as NAME VERSION.
	Packages []string
	// Notices tell what may not work, for people.
	Notices []string
}

// Resolve returns the plain program that does what a line does. What it wants installed is installed, unless it is there; a line that wants nothing
// comes back as it is. It may take minutes: a session is not to be waited for meanwhile by anybody else. The error says what to try.
func (i *Installer) Resolve(ctx context.Context, line Line) (Program, error) {
	w, err := wish.Read(line.Command, line.Args)
	if err != nil {
		return Program{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	t := i.tools(line)
	if w == nil {
		return t.plain(ctx, line)
	}
	program, err := t.program(ctx, w)
	if err != nil {
		return Program{}, fmt.Errorf("installing %s: %w", cmp.Or(strings.Join(w.Specs, ", "), w.Program), err)
	}
	return program, nil
}

// program installs what is wished for and returns the program.
func (t *tools) program(ctx context.Context, w *wish.Wish) (Program, error) {
	if w.Run {
		return t.runs(ctx, w)
	}
	if p, ok, err := t.local(ctx, w); ok || err != nil {
		return p, err
	}
	return t.installed(ctx, w)
}

// installed installs packages and returns their program.
func (t *tools) installed(ctx context.Context, w *wish.Wish) (Program, error) {
	maps.Copy(t.env, w.Indexes)
	var r resolver
	var err error
	if w.Kind == wish.Npm {
		r, err = t.findNode(ctx)
	} else {
		r, err = t.findPython(ctx, w)
	}
	if err != nil {
		return Program{}, err
	}
	l, err := t.lockOf(ctx, w, r)
	if err != nil {
		return Program{}, err
	}
	tree, err := t.tree(ctx, l, r)
	if err != nil {
		return Program{}, err
	}
	p, err := r.program(tree.Dir, w)
	p.Installed, p.Read, p.Notices = true, append([]string{tree.Dir}, tree.Read...), tree.Notices
	return p, err
}

// A Tree is what a lock file wants, installed. It is shared, and nobody changes it.
type Tree struct {
	// Dir is its directory, which whoever uses it has to read, and Read what else is needed: the interpreter's.
	Dir  string
	Read []string
	// Modules is the directory node_modules of a package-lock.json.
	Modules string
	// Python is the interpreter of an environment that has what a requirements.txt lists, and Site the directory where that lies.
	Python, Site string
	// GoCache is a module cache (GOMODCACHE) with all that a go.sum lists.
	GoCache string
	// Notices tell what may not work, for people.
	Notices []string
}

// leastPython is what plugins need.
const leastPython = ">=3.10"

// Locked installs what a lock file lists: package-lock.json (or npm-shrinkwrap.json), requirements.txt with hashes, or go.sum with the go.mod beside it.
// An interpreter of Python is one of 3.10 or newer.
func (i *Installer) Locked(ctx context.Context, path string) (Tree, error) {
	ctx, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	l, err := readLock(path)
	if err != nil {
		return Tree{}, err
	}
	t := i.tools(Line{})
	var b builder
	switch l.Kind {
	case wish.Npm:
		b, err = t.findNode(ctx)
	case wish.Go:
		b, err = t.findGo(ctx)
	default:
		b, err = t.findPython(ctx, &wish.Wish{Python: leastPython})
	}
	if err != nil {
		return Tree{}, fmt.Errorf("installing what %s lists: %w", path, err)
	}
	l.For = b.target()
	tree, err := t.tree(ctx, l, b)
	if err != nil {
		return Tree{}, fmt.Errorf("installing what %s lists: %w", path, err)
	}
	return tree, nil
}

// A builder makes trees of locks of one kind.
type builder interface {
	// target says which machine and interpreter a lock is for.
	target() string
	// build makes the tree of a lock, in an empty directory, which is renamed afterwards.
	build(ctx context.Context, dir string, l lockfile) error
	// describe says what lies where in a tree that is built.
	describe(dir string, l lockfile) Tree
}

// A resolver also knows what becomes of a wish.
type resolver interface {
	builder
	// lock finds out what is wished for, in an empty directory.
	lock(ctx context.Context, dir string, w *wish.Wish) (lock string, err error)
	// program returns the program that is wished for, in a tree.
	program(dir string, w *wish.Wish) (Program, error)
}

// tools returns what finds the machine's tools for a line. Of the line's variables only those count that say where tools and registries are.
func (i *Installer) tools(line Line) *tools {
	return &tools{Installer: i, env: settings(i.environ, line.Env), cwd: line.Dir}
}

// A tools finds the machine's tools, and asks them where registries are.
type tools struct {
	*Installer

	env map[string]string
	cwd string // where the line runs
}

// look finds a program in PATH.
func (t *tools) look(name string) (string, error) {
	c := sandbox.Command{Path: name, Env: map[string]string{"PATH": t.env["PATH"]}, Dir: t.cwd}
	path, err := c.Look()
	if err != nil {
		return "", err
	}
	return path, nil
}

// Close gives back what was handed out: trees may then be removed, after a while.
func (i *Installer) Close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, f := range i.leases {
		_ = f.Close()
	}
	clear(i.leases)
}

// A cache is the directory of locks and trees, and what is known of the machine.
type cache struct {
	dir string

	mu     sync.Mutex          // guards what follows
	leases map[string]*os.File // locks held on trees that were handed out, by the tree's directory
	known  map[string]answer   // what the machine's tools have said of themselves, by what they were asked
}
