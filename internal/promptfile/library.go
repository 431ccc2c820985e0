package promptfile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/prompt"
)

// maxParents bounds how deep a tree of prompts is.
const maxParents = 16

// A library is all prompts at one time. It is not changed.
type library struct {
	prompts map[string]*entry // by name
	files   map[string]*file  // in force, by path
}

// An entry is one prompt with what it has inherited.
type entry struct {
	file      *file
	messages  []message        // those of its parents first
	arguments []argument       // those of its parents first; one of its own replaces one of theirs
	declared  bool             // it, or a parent, lists arguments
	defaults  map[string]any   // of variables, as json.RawMessage
	sampling  sampling         // its own above its parents'
	known     map[string]bool  // variables that may be given
	lacks     []document.Fault // prompts that are included and not there
}

// resolve makes a library of files, of which the first one to take a name keeps
// it. A file with faults, of its own or beside the others, stands as it was in
// old if that is without, and is left out otherwise. The faults are by path.
func resolve(sources []source, old map[string]*file) (*library, map[string][]error) {
	chosen, faults := map[string]*file{}, map[string][]error{}
	var order []string
	for _, s := range sources {
		order = append(order, s.path)
		if s.err != nil {
			faults[s.path] = []error{s.err}
			s.file = old[s.path]
		}
		if s.file != nil {
			chosen[s.path] = s.file
		}
	}
	for {
		lib, bad := build(order, chosen)
		if len(bad) == 0 {
			lib.include()
			return lib, faults
		}
		// What has just changed is at fault; only where nothing has, the others are.
		changed := maps.Clone(bad)
		maps.DeleteFunc(changed, func(path string, _ document.Fault) bool { return old[path] == nil || chosen[path] == old[path] })
		if len(changed) > 0 {
			bad = changed
		}
		for path, fault := range bad {
			if faults[path] == nil || len(changed) > 0 {
				faults[path] = append(faults[path], document.Faults{fault})
			}
			if len(changed) > 0 {
				chosen[path] = old[path]
			} else {
				delete(chosen, path)
			}
		}
	}
}

// build makes a library of files without faults of their own, or tells what is
// wrong with some beside the others, by path.
func build(order []string, files map[string]*file) (*library, map[string]document.Fault) {
	lib, bad := &library{prompts: map[string]*entry{}, files: files}, map[string]document.Fault{}
	named := map[string]*file{}
	for _, path := range order {
		f := files[path]
		switch {
		case f == nil:
		case named[f.head.Name] != nil:
			bad[path] = f.doc.FaultAt("name", fmt.Sprintf("the name %s is that of %s already", f.head.Name, named[f.head.Name].path), "choose another name")
		default:
			named[f.head.Name] = f
		}
	}
	for name, f := range named {
		chain, fault := ancestry(f, named)
		if fault != nil {
			bad[f.path] = *fault
			continue
		}
		lib.prompts[name] = inherit(chain)
	}
	return lib, bad
}

// ancestry returns f behind its parents, the root first, or what is wrong with them.
func ancestry(f *file, named map[string]*file) ([]*file, *document.Fault) {
	chain, names := []*file{f}, []string{f.head.Name}
	for at := f; at.head.Parent != ""; {
		names = append(names, at.head.Parent)
		next := named[at.head.Parent]
		var message, hint string
		switch {
		case next == nil && at == f:
			message, hint = "there is no prompt "+at.head.Parent, document.Suggest(at.head.Parent, slices.Sorted(maps.Keys(named)))
			hint = cmp.Or(hint, "its file may have faults, or lie in a folder that is not read")
		case next == nil:
			message = fmt.Sprintf("there is no prompt %s, the parent of %s", at.head.Parent, at.head.Name)
		case slices.Contains(chain, next):
			message, hint = "the parents lead in a circle: "+strings.Join(names, " → "), "take the parent away from one of them"
		case len(chain) > maxParents:
			message = fmt.Sprintf("more than %d parents stand above each other", maxParents)
		default:
			at, chain = next, append(chain, next)
			continue
		}
		fault := f.doc.FaultAt("parent", message, hint)
		return nil, &fault
	}
	slices.Reverse(chain)
	return chain, nil
}

// inherit makes the last of some files a prompt, each the parent of the next.
func inherit(chain []*file) *entry {
	e := &entry{file: chain[len(chain)-1], defaults: map[string]any{}, known: map[string]bool{}}
	for _, f := range chain {
		e.messages = append(e.messages, f.messages...)
		e.declared = e.declared || f.declared
		e.sampling = f.head.Sampling.above(e.sampling)
		for name, value := range f.head.Variables {
			e.defaults[name], e.known[name] = value, true
		}
		for _, a := range f.head.Arguments {
			e.argument(a)
		}
	}
	return e
}

// argument takes an argument, in place of the inherited one of that name.
func (e *entry) argument(a argument) {
	e.known[a.Name] = true
	if a.Default != nil {
		e.defaults[a.Name] = a.Default
	}
	if i := slices.IndexFunc(e.arguments, func(b argument) bool { return b.Name == a.Name }); i >= 0 {
		e.arguments[i] = a
		return
	}
	e.arguments = append(e.arguments, a)
}

// include looks at what the prompts include by name: what those read may be given,
// and what they have by default holds where the including prompt has nothing.
func (lib *library) include() {
	for _, e := range lib.prompts {
		seen := map[*prompt.Template]bool{}
		for _, m := range e.messages {
			lib.follow(e, m.text, seen)
		}
		if !e.declared {
			for _, name := range slices.Sorted(maps.Keys(e.known)) {
				if e.defaults[name] == nil {
					e.arguments = append(e.arguments, argument{Name: name})
				}
			}
		}
	}
}

// follow notes what a template reads, and what those read that it includes.
func (lib *library) follow(e *entry, t *prompt.Template, seen map[*prompt.Template]bool) {
	if seen[t] {
		return
	}
	seen[t] = true
	for _, name := range t.Variables() {
		if name != contextName {
			e.known[name] = true
		}
	}
	for _, in := range t.Includes() {
		inner, err := lib.template(in.Name)
		if err != nil {
			if !in.Optional || !errors.Is(err, prompt.ErrNotFound) {
				e.lacks = append(e.lacks, document.Fault{File: t.Name(), Line: in.Line, Column: in.Column, Message: err.Error()})
			}
			continue
		}
		for name, value := range lib.prompts[in.Name].defaults {
			if e.defaults[name] == nil {
				e.defaults[name], e.known[name] = value, true
			}
		}
		lib.follow(e, inner, seen)
	}
}

// template returns the text of the prompt of that name, for including it: its own,
// without those of its parents.
func (lib *library) template(name string) (*prompt.Template, error) {
	e := lib.prompts[name]
	switch {
	case e == nil:
		return nil, fmt.Errorf("%w: %q", prompt.ErrNotFound, name)
	case len(e.file.messages) != 1:
		return nil, fmt.Errorf("the prompt %q has %d messages of its own; only one with a single message can be included", name, len(e.file.messages))
	}
	return e.file.messages[0].text, nil
}

// lacking returns what the prompt of a file includes that is not there.
func (lib *library) lacking(path string) error {
	f := lib.files[path]
	if f == nil {
		return nil
	}
	var all document.Faults
	for _, fault := range lib.prompts[f.head.Name].lacks {
		if fault.File == filepath.Base(path) { // and not that of a parent, which tells it itself
			all = append(all, fault)
		}
	}
	if all == nil {
		return nil
	}
	return all
}
