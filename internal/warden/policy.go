package warden

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/config/confine"
)

// What a program may use where nothing else is written.
const (
	defaultMemory  = 1 << 30
	defaultPids    = 256
	defaultScratch = 256 << 20
)

// A policy is what a program may reach of this machine: facts, of which each tier makes what it needs.
type policy struct {
	path string
	args []string
	dir  string // the working directory; it need not be among what is bound

	system      []string          // what every program finds, resolved
	read, write []string          // resolved paths beside that, none below another of its kind
	links       map[string]string // names under which something of that is also found: where they lead
	notices     []string          // what was not opened that somebody might expect
}

// newPolicy returns the policy for a program. An error names a key of the configuration that cannot be followed.
func newPolicy(m *machine, c confine.Confinement, p program, dir string) (*policy, error) {
	b := &binder{machine: m, policy: &policy{path: p.path, args: p.args, dir: dir, links: map[string]string{}}}
	if err := b.operators("write", c.Write, true); err != nil {
		return nil, err
	}
	if err := b.operators("read", c.Read, false); err != nil {
		return nil, err
	}
	for _, path := range system {
		b.system(path)
	}
	for _, path := range p.own {
		b.own(path)
	}
	b.arguments(p.args, dir)
	return b.done(), nil
}

// A binder collects what is bound.
type binder struct {
	*machine
	policy *policy
}

// system opens what every program needs, if this machine has it.
func (b *binder) system(path string) {
	if actual, err := filepath.EvalSymlinks(path); err == nil {
		b.policy.system = append(b.policy.system, actual)
		b.link(path, actual)
	}
}

// own opens a file or directory of the program. What holds too much is left out without a word, since a script in a home folder is
// usually all that the program consists of.
func (b *binder) own(path string) {
	found, err := b.opened(path)
	switch {
	case err != nil:
	case len(found) == 1 && b.isOpen(found[0]):
		b.link(path, found[0])
	default:
		b.add(path, found, false)
	}
}

// operators opens what stands under a key of the configuration.
func (b *binder) operators(key string, paths []string, toWrite bool) error {
	for _, path := range paths {
		found, err := b.written(path, toWrite)
		if err != nil {
			return fmt.Errorf("%s: %s cannot be opened to the program: %w", key, path, err)
		}
		b.add(path, found, toWrite)
	}
	return nil
}

// arguments opens what arguments name, if it exists.
func (b *binder) arguments(args []string, dir string) {
	for _, path := range named(args, dir) {
		if _, err := os.Lstat(path); err != nil {
			continue
		}
		if actual := resolved(path); b.isOpen(actual) {
			b.link(path, actual)
			continue
		}
		found, err := b.opened(path)
		if err != nil {
			b.policy.notices = append(b.policy.notices, fmt.Sprintf("the argument %s is not opened to the program: %v; write what it needs under read: or write:", path, err))
			continue
		}
		b.add(path, found, false)
	}
}

// add adds what is bound for a path, and the path itself as a link where it is not what is bound.
func (b *binder) add(path string, found []string, toWrite bool) {
	if toWrite {
		b.policy.write = append(b.policy.write, found...)
	} else {
		b.policy.read = append(b.policy.read, found...)
	}
	if len(found) == 1 {
		b.link(path, found[0])
	}
}

// link has a path lead to where it does outside, if it is a link or lies behind one.
func (b *binder) link(path, actual string) {
	if path = filepath.Clean(path); path != actual && resolved(path) == actual {
		b.policy.links[path] = actual
	}
}

// isOpen reports whether a resolved path is open already.
func (b *binder) isOpen(path string) bool {
	below := func(dir string) bool { return within(dir, path) }
	return slices.ContainsFunc(b.policy.system, below) || slices.ContainsFunc(b.policy.read, below) || slices.ContainsFunc(b.policy.write, below)
}

// done returns the policy without what is said twice.
func (b *binder) done() *policy {
	p := b.policy
	p.system, p.write = topmost(p.system), topmost(p.write)
	p.read = topmost(p.read)
	for _, name := range slices.Collect(maps.Keys(p.links)) {
		if inside(p, filepath.Dir(name)) { // the link itself is there
			delete(p.links, name)
		}
	}
	return p
}

// inside reports whether a name lies in a directory that is bound under that name.
func inside(p *policy, dir string) bool {
	below := func(bound string) bool { return within(bound, dir) }
	return slices.ContainsFunc(p.read, below) || slices.ContainsFunc(p.write, below)
}

// topmost returns paths in order, those left out that lie below others.
func topmost(paths []string) []string {
	slices.Sort(paths)
	var top []string
	for _, path := range paths {
		if !slices.ContainsFunc(top, func(dir string) bool { return within(dir, path) }) {
			top = append(top, path)
		}
	}
	return top
}

// longest is the longest path that an argument is taken for.
const longest = 4096

// named returns the paths that arguments may name, absolute: whole arguments, what stands behind the first "=", and file URLs.
func named(args []string, dir string) []string {
	var all []string
	for _, arg := range args {
		if _, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(arg, "-") {
			arg = value
		}
		arg = strings.TrimPrefix(arg, "file://")
		if arg == "" || arg == "-" || len(arg) > longest || strings.ContainsRune(arg, 0) {
			continue
		}
		if !filepath.IsAbs(arg) {
			arg = filepath.Join(dir, arg)
		}
		if clean := filepath.Clean(arg); !slices.Contains(all, clean) {
			all = append(all, clean)
		}
	}
	return all
}
