// Package typing reads what TypeScript types, JSDoc comments and the code itself tell of the functions of a plugin, and makes JSON
// Schemas of it. It is no type checker: what it does not understand is any value, with a notice that says so, and never a guess.
//
// It reads declarations only, from files that a compiler has accepted. It may be wrong about a file in which a regular expression
// follows a bracket; such a file has no types for it as a whole.
package typing

import (
	"fmt"
	"path"
	"strings"

	"github.com/sumun-mcp/sumun/internal/plugin/node/syntax"
)

// Bounds of what is read.
const (
	maxFiles = 200
	maxDepth = 40 // of types within types
)

// A Program is the source of a plugin. It is for one goroutine.
type Program struct {
	read    func(file string) (string, bool)
	modules map[string]*syntax.Module
	notices []string
	said    map[string]bool
}

// New returns the program whose files are read with that function; files are named by slashed paths, relative to the plugin, and
// it reports whether there is such a file.
func New(read func(file string) (string, bool)) *Program {
	return &Program{read: read, modules: map[string]*syntax.Module{}, said: map[string]bool{}}
}

// Notices are what could not be understood, one line each: FILE:LINE: TEXT.
func (p *Program) Notices() []string { return p.notices }

func (p *Program) notice(m *syntax.Module, line int, format string, args ...any) {
	said := fmt.Sprintf("%s:%d: ", m.File, line) + fmt.Sprintf(format, args...)
	if !p.said[said] {
		p.said[said] = true
		p.notices = append(p.notices, said)
	}
}

// module returns what the file declares; nil if there is no such file, or it cannot be read.
func (p *Program) module(file string) *syntax.Module {
	m, ok := p.modules[file]
	if ok || len(p.modules) >= maxFiles {
		return m
	}
	p.modules[file] = nil
	src, ok := p.read(file)
	if !ok {
		return nil
	}
	m = syntax.ParseModule(file, src)
	p.modules[file] = m
	return m
}

// endings of files, by that of the import: TypeScript is imported under the name of what it is compiled to.
var endings = map[string][]string{
	"":     {".ts", ".tsx", ".mts", ".cts", ".d.ts", ".js", ".mjs", ".cjs", ".jsx", "/index.ts", "/index.mts", "/index.js", "/index.mjs"},
	".js":  {".js", ".ts", ".tsx", ".d.ts"},
	".jsx": {".jsx", ".tsx"},
	".mjs": {".mjs", ".mts", ".d.mts"},
	".cjs": {".cjs", ".cts", ".d.cts"},
}

// file returns the file that is meant by the specifier of an import in another one; "" if it is none of the plugin.
func (p *Program) file(from, specifier string) string {
	if !strings.HasPrefix(specifier, ".") {
		return ""
	}
	to := path.Join(path.Dir(from), specifier)
	if strings.HasPrefix(to, "../") {
		return ""
	}
	try := []string{to}
	if ending := path.Ext(to); endings[ending] != nil && ending != "" {
		try = nil
		for _, e := range endings[ending] {
			try = append(try, strings.TrimSuffix(to, ending)+e)
		}
	}
	for _, e := range endings[""] {
		try = append(try, to+e)
	}
	for _, name := range try {
		if p.module(name) != nil {
			return name
		}
	}
	return ""
}

// lookup returns what a name means in a module, and in which module it is declared; nil if that is not known.
func (p *Program) lookup(m *syntax.Module, name string, depth int) (*syntax.Decl, *syntax.Module) {
	if d := m.Decls[name]; d != nil {
		return d, m
	}
	if depth > maxDepth {
		return nil, nil
	}
	if specifier, theirs, ok := strings.Cut(name, "#"); ok { // import("./file").Name
		return p.exported(m, syntax.Far{From: specifier, Name: theirs}, depth)
	}
	head, rest, dotted := strings.Cut(name, ".")
	from, ok := m.Imports[head]
	switch {
	case !ok && !dotted:
		return nil, nil
	case !ok:
		return nil, nil
	case dotted && from.Name == "*":
		return p.exported(m, syntax.Far{From: from.From, Name: rest}, depth)
	case dotted: // a member of an enum
		return p.exported(m, syntax.Far{From: from.From, Name: from.Name + "." + rest}, depth)
	}
	return p.exported(m, from, depth)
}

// exported returns what another file exports under a name.
func (p *Program) exported(m *syntax.Module, f syntax.Far, depth int) (*syntax.Decl, *syntax.Module) {
	file := p.file(m.File, f.From)
	if file == "" || depth > maxDepth {
		return nil, nil
	}
	other := p.module(file)
	head, rest, dotted := strings.Cut(f.Name, ".")
	e, ok := other.Exports[head]
	switch {
	case ok && e.Value != nil:
		return &syntax.Decl{Name: head, Value: e.Value}, other
	case ok && e.From != "" && e.Name == "*":
		if !dotted {
			return nil, nil
		}
		return p.exported(other, syntax.Far{From: e.From, Name: rest}, depth+1)
	case ok && e.From != "":
		return p.exported(other, syntax.Far{From: e.From, Name: joined(e.Name, rest)}, depth+1)
	case ok:
		return p.lookup(other, joined(e.Local, rest), depth+1)
	}
	for _, star := range other.Stars {
		if d, in := p.exported(other, syntax.Far{From: star, Name: f.Name}, depth+1); d != nil {
			return d, in
		}
	}
	if d := other.Decls[f.Name]; d != nil && other.Exports == nil {
		return d, other
	}
	return p.typedefOf(other, f.Name)
}

// typedefOf returns a type that a JSDoc comment of a file declares: these are exported without saying so.
func (p *Program) typedefOf(m *syntax.Module, name string) (*syntax.Decl, *syntax.Module) {
	if d := m.Decls[name]; d != nil && d.Typ != nil && d.Value == nil && isJavaScript(m.File) {
		return d, m
	}
	return nil, nil
}

func isJavaScript(file string) bool {
	switch path.Ext(file) {
	case ".js", ".mjs", ".cjs", ".jsx":
		return true
	}
	return false
}

func joined(name, rest string) string {
	if rest == "" {
		return name
	}
	return name + "." + rest
}

// Load reads a file of the plugin, so that what it registers is known.
func (p *Program) Load(file string) { p.module(file) }

// OffersNothing reports whether the file exports nothing, and no file registers anything: such a plugin may be a server by itself.
func (p *Program) OffersNothing(file string) bool {
	for _, m := range p.modules {
		if m != nil && len(m.Calls) > 0 {
			return false
		}
	}
	main := p.module(file)
	return main != nil && len(main.Exports) == 0 && len(main.Stars) == 0
}
