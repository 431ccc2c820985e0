// Package document reads a YAML or JSON file into a struct and says exactly what is wrong with it: every fault at once, each with its
// line, its column and what to try. It knows no key of any file. What a file may hold is said by the struct's types and tags, and by a
// Grammar.
//
// A document is read in three steps, each of which notes every fault that it finds: bytes become a tree of values with their positions
// (tree.go, json.go), variables in its texts are expanded (expand.go), and the tree is laid over the struct, which already holds the
// defaults (decode.go). Nothing of the text is interpreted after it has been parsed. The owner of the struct then looks at it as a whole
// and notes further faults with Wrong, WrongKey and Missing. The same struct is explained (explain.go) and described as a JSON Schema
// (schema.go).
//
// The tags of a field: yaml names the key (further names, after commas, are also accepted; - leaves the field out), min and max bound a
// number, enum lists the values of a text, form and key name what texts and keys look like (Grammar.Forms), secret hides a value from
// Explain (all of it, or what was expanded in it and passwords in URLs), and later lists the values that are planned but not built. The tag later of a field
// called _ lists the keys that are, and its tag short names the key of which the value alone may stand in place of the mapping. Fields are texts, booleans, int, float64, time.Duration, Size, structs, slices of texts (with the tag
// lone a single text is as good), maps of texts or of slices, slices of structs, which a document writes as a mapping by name (see Entry)
// or, with the tag list, as a list, json.RawMessage, which is any value at all, and pointers to these, nil for what is not written.
//
// A document may also be the front matter of another text (front.go), and a text in it may be of a language with faults of its own
// (place.go).
package document

import (
	"bytes"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Grammar is what documents of one sort have in common beyond the tags of their struct. It is not changed once it is in use.
type Grammar struct {
	// Forms are the forms that the tags form and key name.
	Forms map[string]Form
	// Elsewhere says what to write for keys of other programs' files.
	Elsewhere map[string]string
	// Secret lists keys below which all texts are secret: faults do not show them. Keys that speak of tokens, passwords and the like
	// need not be listed.
	Secret []string
}

// An Entry is an element of a slice of structs, under its name in the document. Its struct has a field called Name.
type Entry interface {
	// Begin makes it the entry of that name, with its defaults. It is called before what is written there is read.
	Begin(name string)
}

// A Source is where a document comes from.
type Source struct {
	// Name is the file as faults name it. A document whose name ends in .json or .jsonc is JSON, any other YAML.
	Name string
	// Dir is the directory of relative paths in ${file:PATH}.
	Dir string
	// Env looks up the variables.
	Env func(string) (string, bool)
	// Plain says that there are no variables: a dollar sign is one.
	Plain bool
	// Front says that the document is the front matter of a text, between lines of three dashes; see Body.
	Front bool
}

// A Document is what was read: where each value stands and what is wrong so far. One goroutine at a time uses it.
type Document struct {
	grammar  *Grammar
	src      *source
	root     *node // nil when it could not be parsed
	faults   Faults
	origin   map[string]*node    // by path: where a value that was written comes from
	keys     map[string]position // by path: where its key stands
	odd      map[string]bool     // by path: mappings with keys that are not known, so that what they lack may be what was meant
	body     string              // what follows the front matter, and the line on which it begins
	bodyLine int
	elements map[string][]string // by the path of a slice of structs under the first of its names: the paths of its elements, in their order
}

// Read reads data over into, a pointer to a struct that holds the defaults. What cannot be read leaves them as they are.
func (g *Grammar) Read(from Source, data []byte, into any) *Document {
	data = bytes.TrimPrefix(data, []byte("\uFEFF")) // a byte order mark, which some editors write
	d := &Document{
		grammar: g, src: newSource(from.Name, data),
		origin: map[string]*node{}, keys: map[string]position{}, odd: map[string]bool{}, elements: map[string][]string{},
	}
	if from.Front {
		if data = d.split(data); data == nil {
			return d
		}
	}
	d.root, d.faults = parse(d.src, data)
	if d.root == nil {
		return d
	}
	if !from.Plain {
		x := &expander{src: d.src, env: from.Env, dir: from.Dir}
		x.tree(d.root, "")
		d.faults = append(d.faults, x.faults...)
	}
	d.value(d.root, "", reflect.ValueOf(into).Elem(), attribute{})
	return d
}

// parse makes a tree of a document; none when it cannot be parsed.
func parse(src *source, data []byte) (*node, Faults) {
	if !utf8.Valid(data) {
		return nil, Faults{{File: src.name, Message: "the file is not UTF-8 text"}}
	}
	if at, why := tooMuch(data, src.most.parts); why != "" {
		return nil, Faults{src.at(at, "", why, "")}
	}
	switch strings.ToLower(filepath.Ext(src.name)) {
	case ".json", ".jsonc":
		return readJSON(src, data)
	}
	return readYAML(src, data)
}

// Parsed reports whether the document is a tree of values at all.
func (d *Document) Parsed() bool { return d.root != nil }

// Err returns all faults that were noted, as Faults in the order of the document, or nil.
func (d *Document) Err() error {
	if len(d.faults) == 0 {
		return nil
	}
	fs := slices.Clone(d.faults)
	fs.hide(d.root, d.grammar.Secret)
	return fs.sorted()
}

// Written reports whether the document has a value at a path.
func (d *Document) Written(at string) bool { return d.origin[at] != nil }

// OK reports whether none of the values at these paths has a fault.
func (d *Document) OK(paths ...string) bool {
	return !slices.ContainsFunc(paths, func(p string) bool { return d.origin[p] != nil && d.origin[p].broken })
}

// Odd reports whether the mapping at a path has keys that are not known. What it lacks may be what was meant by them.
func (d *Document) Odd(at string) bool { return d.odd[at] }

// Element returns the path of element i of the slice of structs at a path, whose last key is the first of the slice's names: the
// document may have written it under another.
func (d *Document) Element(at string, i int) string {
	if i < len(d.elements[at]) {
		return d.elements[at][i]
	}
	return index(at, i)
}

// Origin returns where the value at a path comes from, such as mcp.yaml:3, or nothing if it was not written.
func (d *Document) Origin(at string) string {
	n := d.origin[at]
	if n == nil {
		return ""
	}
	return strings.Join(append(slices.Clone(n.vars), d.src.place(n.at)), ", ")
}

// Wrong notes what is wrong with the value at a path, or with its key when the value is missing, and what to try. It is silent where a
// fault has been noted already.
func (d *Document) Wrong(at, message, hint string) {
	switch n := d.origin[at]; {
	case n == nil:
		d.WrongKey(at, message, hint)
	case !n.broken:
		d.fault(n, at, message, hint)
	}
}

// WrongKey notes what is wrong with the key at a path, or with an element of a list, and what to try.
func (d *Document) WrongKey(at, message, hint string) {
	p, ok := d.keys[at]
	if n := d.origin[at]; !ok && n != nil {
		p = n.at
	}
	d.faults = append(d.faults, d.src.at(p, at, message, hint))
}

// Missing notes that the mapping at a path lacks a key, unless it has one that may be meant.
func (d *Document) Missing(at, key, hint string) {
	if !d.odd[at] {
		d.WrongKey(at, key+" is missing", hint)
	}
}
