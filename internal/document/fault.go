package document

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Fault is one thing that is wrong with a document.
type Fault struct { //nolint:errname // a fault is what a file has, whoever returns it
	File    string `json:"file,omitempty"`   // as its Source names it; empty when there is none
	Line    int    `json:"line,omitempty"`   // from 1; 0 when the fault has no place in the file
	Column  int    `json:"column,omitempty"` // from 1, in characters
	Path    string `json:"path,omitempty"`   // of the value: servers.files.tools.allow[0]
	Message string `json:"message"`          // what is wrong
	Hint    string `json:"hint,omitempty"`   // what to try
	Source  string `json:"source,omitempty"` // the line of the file, with literal secrets masked
}

// Error returns the fault on one line: file:line:column: path: message.
func (f Fault) Error() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File + ":")
		if f.Line > 0 {
			fmt.Fprintf(&b, "%d:%d:", f.Line, f.Column)
		}
		b.WriteByte(' ')
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// text returns the fault as people read it: its line, the source with a caret below, and the hint.
func (f Fault) text() string {
	var b strings.Builder
	b.WriteString(f.Error())
	if f.Source != "" {
		fmt.Fprintf(&b, "\n    %s\n    %s^", f.Source, blank(f.Source, f.Column-1))
	}
	if f.Hint != "" {
		b.WriteString("\n    " + f.Hint)
	}
	return b.String()
}

// blank returns what stands under the first n characters of line: spaces, and tabs where the line has tabs.
func blank(line string, n int) string {
	var b strings.Builder
	for _, r := range line {
		if n--; n < 0 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Faults is everything that is wrong with a document, in the order of the file.
type Faults []Fault //nolint:errname // see Fault

// Error returns all faults, each with its source line, a caret under the place, and what to try.
func (fs Faults) Error() string {
	texts := make([]string, len(fs))
	for i, f := range fs {
		texts[i] = f.text()
	}
	return strings.Join(texts, "\n")
}

// maxFaults is how many faults are told.
const maxFaults = 100

// sorted returns the faults in the order of the file, each once, and of very many the first.
func (fs Faults) sorted() Faults {
	if more := len(fs) - maxFaults; more > 0 {
		fs = append(fs[:maxFaults:maxFaults], Fault{File: fs[0].File, Line: math.MaxInt, Message: fmt.Sprintf("and %d more", more)})
	}
	slices.SortStableFunc(fs, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if last := &fs[len(fs)-1]; last.Line == math.MaxInt {
		last.Line = 0
	}
	return slices.Compact(fs)
}

// A source is the text of a file, for showing its lines.
type source struct {
	name  string
	lines []string
	most  bounds
}

// newSource splits the text of the file called name into lines.
func newSource(name string, text []byte) *source {
	return &source{name: name, lines: strings.Split(string(text), "\n"), most: bounds{maxParts, maxNodes}}
}

// line returns line n without what cannot be shown, or an empty string if the file has no such line. Long lines are not shown.
func (s *source) line(n int) string {
	const widest = 400
	if n < 1 || n > len(s.lines) {
		return ""
	}
	line := strings.TrimRight(s.lines[n-1], "\r")
	if len(line) > widest || !utf8.ValidString(line) || strings.TrimSpace(line) == "" {
		return ""
	}
	return harmless(line)
}

// harmless returns s without what would steer a terminal: control characters other than tabs, and marks of writing direction.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && unicode.IsControl(r) || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, s)
}

// place returns p as people write it: the file's last name and the line.
func (s *source) place(p position) string { return fmt.Sprintf("%s:%d", filepath.Base(s.name), p.line) }

// at returns a fault at p, with its source line.
func (s *source) at(p position, path, message, hint string) Fault {
	return Fault{
		File: s.name, Line: p.line, Column: p.column,
		Path: harmless(path), Message: harmless(message), Hint: harmless(hint), Source: s.line(p.line),
	}
}

// A position is a place in a file: line and column from 1, the column in characters. The zero position is nowhere.
type position struct{ line, column int }
