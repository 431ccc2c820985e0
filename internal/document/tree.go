package document

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// A kind is what sort of value a node is.
type kind string

const (
	null    kind = "nothing"
	boolean kind = "true or false"
	number  kind = "a number"
	text    kind = "a text"
	list    kind = "a list"
	object  kind = "a mapping"
)

// A node is one value of a file, whether that is YAML or JSON, with aliases and merge keys followed.
type node struct {
	kind   kind
	at     position
	raw    string   // of a scalar, as the file has it, without quotes
	text   string   // raw with variables replaced
	shown  string   // text with what came from outside masked
	vars   []string // where the parts of text come from, such as "environment HOME"
	broken bool     // a fault has been noted, nothing more is to be said
	items  []*node  // of a list
	fields []field  // of an object, in the order of the file
}

// A field is one entry of an object.
type field struct {
	key   string
	at    position
	value *node
}

// expanded reports whether a variable stood in n.
func (n *node) expanded() bool { return len(n.vars) > 0 }

// The bounds of a file, so that a hostile one costs little.
const (
	maxBytes = 1 << 20
	maxDepth = 64
	maxParts = 10_000  // lines and commas: the YAML parser needs time in the square of them
	maxNodes = 100_000 // values, after aliases have been followed

	largeParts = 60_000
	largeNodes = 500_000
)

// bounds are those of one file in parts and nodes.
type bounds struct{ parts, nodes int }

// tooMuch returns where the file becomes too deep or too long for the parsers, which recurse, and why; nowhere if it does not. It looks
// only at single characters, wherever they stand.
func tooMuch(src []byte, maxParts int) (position, string) {
	flow, parts, line := 0, 0, 0
	for l := range bytes.Lines(src) {
		line++
		parts += 1 + bytes.Count(l, []byte(","))
		if parts > maxParts {
			return position{line, 1}, fmt.Sprintf("the file has more than %d lines and elements", maxParts)
		}
		block, leading := 0, true
		for i, c := range l {
			switch c {
			case '[', '{':
				flow, leading = flow+1, false
			case ']', '}':
				flow, leading = max(flow-1, 0), false
			case '-', '?', '!', '&', ':':
				if leading {
					block++
				}
			case ' ', '\t':
			default:
				leading = false
			}
			if flow > maxDepth || block > maxDepth {
				return position{line, i + 1}, fmt.Sprintf("nests deeper than %d lists and mappings", maxDepth)
			}
		}
	}
	return position{}, ""
}

// A yamlReader turns the syntax tree of a YAML document into nodes.
type yamlReader struct {
	src     *source
	faults  Faults
	anchors map[string]ast.Node
	open    map[string]bool // anchors whose value is being read: an alias to one would not end
	nodes   int
}

// readYAML parses one YAML document. An empty one is an empty object.
func readYAML(src *source, data []byte) (*node, Faults) {
	file, err := parser.Parse(Tokens(string(data)), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, Faults{src.syntax(err)}
	}
	r := &yamlReader{src: src, anchors: map[string]ast.Node{}, open: map[string]bool{}}
	var root *node
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.CommentType || doc.Body.Type() == ast.DirectiveType:
		case root != nil:
			r.fault(doc.Body, "a second document begins here", "keep everything in one document, without --- between")
		default:
			root = r.node(doc.Body)
		}
	}
	switch {
	case r.nodes > r.src.most.nodes:
		return nil, r.faults[len(r.faults)-1:]
	case root == nil:
		root = &node{kind: object, at: position{1, 1}}
	}
	return root, r.faults
}

// syntax turns a parser's error into a fault.
func (s *source) syntax(err error) Fault {
	e, ok := err.(yaml.Error) //nolint:errorlint // the parser returns its own type, unwrapped
	if !ok || e.GetToken() == nil || e.GetToken().Position == nil {
		return s.at(position{1, 1}, "", "cannot be parsed: "+err.Error(), "")
	}
	p := e.GetToken().Position
	hint, line := "", s.line(p.Line)
	switch {
	case strings.Contains(line, "\t"):
		hint = "indent with spaces, not with tabs"
	case strings.Contains(line, "${"):
		hint = "put a text with ${…} in quotes"
	case strings.Contains(e.GetMessage(), "'}' must be"):
		hint = "within braces, put keys and texts with colons in quotes; or write each key on a line of its own"
	}
	return s.at(position{p.Line, p.Column}, "", "cannot be parsed: "+e.GetMessage(), hint)
}

// fault notes what is wrong at n, and returns what stands in its place.
func (r *yamlReader) fault(n ast.Node, message, hint string) *node {
	at := place(n)
	if r.nodes <= r.src.most.nodes+1 {
		r.faults = append(r.faults, r.src.at(at, "", message, hint))
	}
	return &node{kind: null, at: at, broken: true}
}

// place returns where n begins.
func place(n ast.Node) position {
	if m, ok := n.(ast.MapNode); ok { // the token of a block mapping is the colon of its first entry
		for it := m.MapRange(); it.Next(); {
			return place(it.Key())
		}
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return position{t.Position.Line, t.Position.Column}
	}
	return position{1, 1}
}

// node returns n and all below it. What cannot be read is noted and stands as nothing.
func (r *yamlReader) node(n ast.Node) *node {
	switch r.nodes++; {
	case r.nodes == r.src.most.nodes+1:
		return r.fault(n, fmt.Sprintf("aliases make more than %d values of this file", r.src.most.nodes), "")
	case r.nodes > r.src.most.nodes:
		return &node{kind: null, broken: true}
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		name := n.Name.GetToken().Value
		r.anchors[name] = n.Value
		r.open[name] = true
		defer delete(r.open, name)
		return r.node(n.Value)
	case *ast.AliasNode:
		return r.alias(n)
	case *ast.TagNode:
		return r.tag(n)
	case *ast.MappingNode:
		return r.object(n, n.MapRange())
	case *ast.MappingValueNode:
		return r.object(n, n.MapRange())
	case *ast.SequenceNode:
		out := &node{kind: list, at: place(n)}
		for _, v := range n.Values {
			out.items = append(out.items, r.node(v))
		}
		return out
	}
	return r.scalar(n)
}

// digits matches numbers that the parser takes for texts: very large ones, and those with a capital E.
var digits = regexp.MustCompile(`^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// scalar returns the scalar n.
func (r *yamlReader) scalar(n ast.Node) *node {
	out := &node{at: place(n)}
	switch n := n.(type) {
	case *ast.NullNode:
		out.kind = null
	case *ast.StringNode:
		out.kind, out.text = text, n.Value
		if n.Token.Type == token.StringType && digits.MatchString(n.Value) {
			out.kind = number
		}
	case *ast.LiteralNode:
		out.kind, out.text = text, n.Value.Value
	case *ast.BoolNode:
		out.kind, out.text = boolean, n.Token.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = number, n.GetToken().Value
	default:
		return r.fault(n, "this form of YAML has no use here", "")
	}
	out.raw = out.text
	return out
}

// alias returns what the alias n stands for.
func (r *yamlReader) alias(n *ast.AliasNode) *node {
	name := n.Value.GetToken().Value
	target, ok := r.anchors[name]
	switch {
	case !ok:
		return r.fault(n, "no anchor &"+name+" stands above this", Suggest(name, sortedKeys(r.anchors)))
	case r.open[name]:
		return r.fault(n, "the alias *"+name+" stands inside its own anchor", "")
	}
	return r.node(target)
}

// tag returns the value below a tag. Only the tags of plain YAML are known.
func (r *yamlReader) tag(n *ast.TagNode) *node {
	if n.Value == nil {
		return &node{kind: null, at: place(n)}
	}
	out := r.node(n.Value)
	switch tag := n.Start.Value; tag {
	case "!!str":
		if out.kind != list && out.kind != object {
			out.kind = text
		}
	case "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq":
	default:
		return r.fault(n, "the tag "+tag+" has no meaning here", "remove it")
	}
	return out
}

// object returns the mapping n, of the entries it, with its merge keys followed: what is written beside a merge key wins over what it brings.
func (r *yamlReader) object(n ast.Node, it *ast.MapNodeIter) *node {
	out := &node{kind: object, at: place(n)}
	seen := map[string]position{}
	var merged []*node
	for it.Next() {
		if it.Key().IsMergeKey() {
			merged = append(merged, r.merge(it.Value())...)
			continue
		}
		key, ok := r.key(it.Key())
		if !ok {
			continue
		}
		at := place(it.Key())
		if first, twice := seen[key]; twice {
			r.fault(it.Key(), fmt.Sprintf("%s is already set on line %d", key, first.line), "remove one of the two")
			continue
		}
		seen[key] = at
		out.fields = append(out.fields, field{key: key, at: at, value: r.node(it.Value())})
	}
	for _, m := range merged {
		for _, f := range m.fields {
			if _, twice := seen[f.key]; !twice {
				seen[f.key] = f.at
				out.fields = append(out.fields, f)
			}
		}
	}
	return out
}

// merge returns the mappings that a merge key brings, the strongest first.
func (r *yamlReader) merge(n ast.Node) []*node {
	v := r.node(n)
	all := []*node{v}
	if v.kind == list {
		all = v.items
	}
	for _, m := range all {
		if m.kind != object && !m.broken {
			r.fault(n, "a merge key wants a mapping, not "+string(m.kind), "write <<: *name, with &name at a mapping above")
			return nil
		}
	}
	return all
}

// key returns the text of a mapping's key.
func (r *yamlReader) key(n ast.MapKeyNode) (string, bool) {
	var v ast.Node = n
	if k, ok := v.(*ast.MappingKeyNode); ok && k.Value != nil {
		v = k.Value
	}
	k := r.node(v)
	if k.kind == null || k.kind == list || k.kind == object {
		r.fault(n, "a key must be a text", "")
		return "", false
	}
	return k.text, true
}
