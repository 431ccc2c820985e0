// Package outline says what a file of source code defines, and where. Go is read by its own parser; for Python, TypeScript, JavaScript,
// Java, Rust, C and C++ there are patterns of lines (language.go).
package outline

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// Bounds of an outline.
const (
	maxSymbols = 2000
	maxLooked  = 32 << 20 // bytes that are looked through for the ends of definitions; what is found later has one line
)

// A Symbol is a name that a file defines, with that of what it belongs to, as in Type.Method.
type Symbol struct {
	Name string
	// Kind is a word for people, such as function or type.
	Kind string
	// Start and End are the first and the last line that define it, from 1, with the comment above.
	Start, End int
}

// Outline returns what a file defines, in its order. For Go that is what its parser says, also of a file with faults. For the other
// languages with definitions it is what their patterns find line by line: a definition ends with its braces or its indentation. That
// can be wrong for unusual code; it is a help for finding one's way, not a judgement.
func (l *Language) Outline(text string) []Symbol {
	if l.Name == "Go" {
		return goOutline(text)
	}
	if len(l.defines) == 0 {
		return nil
	}
	lines := strings.Split(text, "\n")
	budget := maxLooked
	var all []Symbol
	for i, line := range lines {
		name, kind := l.defined(line)
		if name == "" {
			continue
		}
		s := Symbol{Name: name, Kind: kind, Start: l.start(lines, i) + 1}
		if l.indented {
			s.End = indentedEnd(lines, i, &budget) + 1
		} else {
			s.End = l.bracedEnd(lines, i, &budget) + 1
		}
		all = append(all, s)
		if len(all) == maxSymbols {
			break
		}
	}
	qualify(all)
	return all
}

// notNames begin statements that look like definitions.
var notNames = []string{"if", "for", "while", "switch", "catch", "return", "else", "new", "do", "try", "throw", "case", "await", "function", "super", "synchronized"}

// defined returns the name that a line defines; empty for none.
func (l *Language) defined(line string) (name, kind string) {
	const longest = 1000 // a definition stands at the beginning of a line that people write
	line = strings.TrimSuffix(line[:min(len(line), longest)], "\r")
	for _, d := range l.defines {
		if m := d.re.FindStringSubmatch(line); m != nil && !slices.Contains(notNames, m[1]) {
			first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if !slices.Contains(notNames[:12], first) {
				return m[1], d.kind
			}
		}
	}
	return "", ""
}

// start returns the first line of the comment, the attributes and the decorators above a definition, as far as people write them.
func (l *Language) start(lines []string, at int) int {
	const longest = 500
	for first := max(0, at-longest); at > first; {
		above := strings.TrimSpace(lines[at-1])
		if !slices.ContainsFunc([]string{"//", "/*", "*", "#[", "@", "# "}, func(p string) bool { return strings.HasPrefix(above, p) }) {
			break
		}
		at--
	}
	return at
}

// indentedEnd returns the last line of what is indented below a line.
func indentedEnd(lines []string, at int, budget *int) int {
	depth := indentation(lines[at])
	end := at
	for i := at + 1; i < len(lines) && *budget > 0; i++ {
		*budget -= len(lines[i]) + 1
		text := strings.TrimSpace(lines[i])
		if text == "" {
			continue
		}
		if indentation(lines[i]) <= depth && !strings.HasPrefix(text, ")") && !strings.HasPrefix(text, "]") {
			break
		}
		end = i
	}
	return end
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

// bracedEnd returns the line in which the braces close that a definition opens; its own where it opens none.
func (l *Language) bracedEnd(lines []string, at int, budget *int) int {
	const longest = 3000
	if strings.HasPrefix(strings.TrimSpace(lines[at]), "#") { // of the preprocessor
		for at < len(lines)-1 && strings.HasSuffix(strings.TrimSuffix(lines[at], "\r"), `\`) {
			at++
		}
		return at
	}
	b := braces{quotes: l.strings}
	for i := at; i < min(len(lines), at+longest) && *budget > 0; i++ {
		*budget -= len(lines[i]) + 1
		if b.line(lines[i]) {
			return i
		}
		if b.depth == 0 && !b.opened && i > at+5 { // a declaration without a body
			return at
		}
	}
	return at
}

// braces counts braces, brackets aside, outside of texts and comments.
type braces struct {
	quotes  string
	depth   int
	opened  bool
	comment bool // within /* */
	quote   byte // within a text, which may go on in the next line only between backquotes
}

// line reads a line and reports whether a definition ends in it.
func (b *braces) line(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case b.comment:
			if strings.HasPrefix(s[i:], "*/") {
				b.comment = false
				i++
			}
		case b.quote != 0:
			switch c {
			case '\\':
				i++
			case b.quote:
				b.quote = 0
			}
		case strings.HasPrefix(s[i:], "//"):
			i = len(s)
		case strings.HasPrefix(s[i:], "/*"):
			b.comment = true
			i++
		case strings.IndexByte(b.quotes, c) >= 0:
			b.quote = c
		case c == '\'':
			i += character(s[i:])
		case b.count(c):
			return true
		}
	}
	if b.quote != '`' {
		b.quote = 0
	}
	return false
}

// count reads a character that counts, and reports whether it ends the definition.
func (b *braces) count(c byte) bool {
	switch c {
	case '{':
		b.depth++
		b.opened = true
	case '}':
		b.depth--
		return b.opened && b.depth <= 0 || b.depth < 0
	case ';':
		return !b.opened
	}
	return false
}

// character returns how many bytes to skip of a character in single quotes; none for what only looks like one, as lifetimes of Rust.
func character(s string) int {
	if len(s) > 2 && s[1] == '\\' {
		return max(0, strings.IndexByte(s[3:], '\'')+3)
	}
	if end := strings.IndexByte(s[1:min(len(s), 6)], '\''); end > 0 {
		return end + 1
	}
	return 0
}

// qualify puts the name of what a symbol lies in before its own.
func qualify(all []Symbol) {
	var outer []Symbol
	for i := range all {
		s := &all[i]
		for len(outer) > 0 && outer[len(outer)-1].End < s.Start {
			outer = outer[:len(outer)-1]
		}
		if len(outer) > 0 {
			s.Name = outer[len(outer)-1].Name + "." + s.Name
		}
		if s.End > s.Start {
			outer = append(outer, *s)
		}
	}
}

// goOutline returns what a Go file declares at its top.
func goOutline(text string) []Symbol {
	files := token.NewFileSet()
	tree, _ := parser.ParseFile(files, "", text, parser.ParseComments|parser.SkipObjectResolution) // what was understood is there all the same
	if tree == nil {
		return nil
	}
	var all []Symbol
	add := func(name, kind string, doc *ast.CommentGroup, node ast.Node) {
		start := node.Pos()
		if doc != nil {
			start = doc.Pos()
		}
		if len(all) < maxSymbols {
			from := files.Position(start).Line
			all = append(all, Symbol{name, kind, from, max(from, files.Position(node.End()).Line)}) // a broken one has no end
		}
	}
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if of := receiver(d); of != "" {
				add(of+"."+d.Name.Name, "method", d.Doc, d)
			} else {
				add(d.Name.Name, "function", d.Doc, d)
			}
		case *ast.GenDecl:
			specs(d, add)
		}
	}
	return all
}

// receiver returns the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// specs adds the types, constants and variables of a declaration.
func specs(d *ast.GenDecl, add func(name, kind string, doc *ast.CommentGroup, node ast.Node)) {
	for _, s := range d.Specs {
		var node ast.Node = s
		doc := d.Doc
		if d.Lparen == token.NoPos {
			node = d
		}
		switch s := s.(type) {
		case *ast.TypeSpec:
			if d.Lparen != token.NoPos {
				doc = s.Doc
			}
			add(s.Name.Name, "type", doc, node)
		case *ast.ValueSpec:
			if d.Lparen != token.NoPos {
				doc = s.Doc
			}
			for _, n := range s.Names {
				add(n.Name, d.Tok.String(), doc, node)
			}
		}
	}
}

// Lookup returns the symbol of a name, which may leave out what it belongs to.
func Lookup(all []Symbol, name string) (Symbol, bool) {
	for _, same := range []func(string) bool{
		func(s string) bool { return s == name },
		func(s string) bool { return strings.HasSuffix(s, "."+name) },
	} {
		if i := slices.IndexFunc(all, func(s Symbol) bool { return same(s.Name) }); i >= 0 {
			return all[i], true
		}
	}
	return Symbol{}, false
}

// Around returns the innermost symbol that a line belongs to.
func Around(all []Symbol, line int) (Symbol, bool) {
	var best Symbol
	for _, s := range all {
		if s.Start <= line && line <= s.End && (best.Name == "" || s.End-s.Start <= best.End-best.Start) {
			best = s
		}
	}
	return best, best.Name != ""
}
