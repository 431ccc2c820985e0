package clientfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/sumun-mcp/sumun/internal/document"
)

// A Rule is what several client files say together.
type Rule struct {
	// Server is the server's URL, empty if no file names one, and APIKey what is shown to it.
	Server, APIKey string
	// AutoRun lets tools run without asking anybody.
	AutoRun bool
	// IntegrityCheck holds servers to what they were.
	IntegrityCheck bool
	// Files are the files, the one first whose server counts.
	Files []*File
}

// Together returns what the files of a project and of its user say together, nil if there are none. Each file can only add to what the
// others ask for: a tool runs by itself only if all let it, a server may be connected to only if all let it be. So a project that was
// downloaded cannot undo what its user has written down. It may name another server than its user's file only if that one has it on its
// whitelist.
func Together(project, user []*File) (*Rule, error) {
	all := slices.Concat(project, user)
	if len(all) == 0 {
		return nil, nil //nolint:nilnil // there is no rule
	}
	r := &Rule{AutoRun: true, Files: slices.Clone(all)}
	for _, f := range all {
		r.AutoRun = r.AutoRun && f.AutoRun
		r.IntegrityCheck = r.IntegrityCheck || f.IntegrityCheck
	}
	first := slices.IndexFunc(all, func(f *File) bool { return f.Server != "" })
	if first < 0 {
		return r, nil
	}
	chosen := all[first]
	r.Server, r.APIKey = chosen.Server, chosen.APIKey
	r.Files[0], r.Files[first] = chosen, r.Files[0]
	for _, f := range all[first:] {
		if f.Server == "" || f.Server == r.Server || f.Listed && f.Allows(r.Server) {
			if f.Server == r.Server { // the same server, whose key may stand in either file
				r.APIKey = cmp.Or(r.APIKey, f.APIKey)
			}
			continue
		}
		return nil, document.Faults{{
			File: chosen.Path, Path: "server", Message: "is another server than that of " + f.Path,
			Hint: "remove it, or add it to the whitelist there",
		}}
	}
	if why := r.Refuses(r.Server); why != "" {
		return nil, document.Faults{{File: chosen.Path, Path: "server", Message: why, Hint: "add it to the whitelist there"}}
	}
	return r, nil
}

// Refuses says why the server at a URL may not be connected to, empty if it may.
func (r *Rule) Refuses(server string) string {
	return r.refusing(server, func(f *File) bool { return f.Allows(server) })
}

// RefusesProgram says why a program that mcp.yaml has under that name may not be started, empty if it may.
func (r *Rule) RefusesProgram(name string) string {
	return r.refusing(name, func(f *File) bool { return f.AllowsProgram(name) })
}

func (r *Rule) refusing(what string, allows func(*File) bool) string {
	if r == nil {
		return ""
	}
	for _, f := range r.Files {
		if f.Listed && !allows(f) {
			return fmt.Sprintf("%s is not on the whitelist of %s", what, f.Path)
		}
	}
	return ""
}

// Warnings are those of all files.
func (r *Rule) Warnings() (all []string) {
	for _, f := range r.Files {
		all = append(all, f.Warnings...)
	}
	return all
}

// Load reads the files of a project and of its user, and returns what they say together. An error about what they say is a document.Faults,
// of all of them.
func Load(project, user []string, env func(string) (string, bool)) (*Rule, error) {
	var faults document.Faults
	read := func(paths []string) (files []*File, err error) {
		for _, path := range paths {
			f, err := Read(path, env)
			if wrong, ok := errors.AsType[document.Faults](err); ok {
				faults = append(faults, wrong...)
			} else if err != nil {
				return nil, err
			}
			files = append(files, f)
		}
		return files, nil
	}
	theirs, err := read(project)
	if err != nil {
		return nil, err
	}
	own, err := read(user)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return Together(theirs, own)
}
