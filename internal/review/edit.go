package review

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/document"
)

// An Edit is one change of mcp.yaml, as JSON Patch writes it (RFC 6902). What is replaced need not be there.
type Edit struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`

	path []string
}

// What edits do.
const (
	remove  = "remove"
	replace = "replace"
)

// pointed gives edits their JSON Pointers (RFC 6901).
func pointed(edits []Edit) []Edit {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	for i := range edits {
		e := &edits[i]
		for _, key := range e.path {
			e.Path += "/" + escape.Replace(key)
		}
	}
	return edits
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// errByHand says that the file is written in a way that is not edited here.
var errByHand = errors.New("the file is written in a way that is not edited here; make the change by hand")

// Apply makes the changes of a finding in the file of the configuration, and leaves all else of its text as it is. The file is replaced
// only when it can be loaded afterwards, by load, and says exactly what it said before but for the change.
func Apply(cfg *config.Config, edits []Edit, load func(path string) (*config.Config, error)) error {
	if cfg.Path == "" {
		return errors.New("there is no mcp.yaml to change")
	}
	text, err := os.ReadFile(cfg.Path)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	for _, e := range edits {
		if text, err = edit(text, e); err != nil {
			return fmt.Errorf("%s %s in %s: %w", e.Op, e.Path, cfg.Path, err)
		}
	}
	return swap(cfg, edits, text, load)
}

// swap puts a new text in the place of the file.
func swap(cfg *config.Config, edits []Edit, text []byte, load func(path string) (*config.Config, error)) (err error) {
	info, err := os.Stat(cfg.Path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(cfg.Path), ".*-"+filepath.Base(cfg.Path))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone if all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(info.Mode().Perm()), f.Sync(), f.Close()); err != nil {
		return err
	}
	changed, err := load(f.Name())
	if err != nil {
		return fmt.Errorf("after the change the configuration would not hold: %w", err)
	}
	if !says(cfg, changed, edits) {
		return errByHand
	}
	return os.Rename(f.Name(), cfg.Path)
}

// says reports whether the changed configuration is the one before but for the edits.
func says(before, after *config.Config, edits []Edit) bool {
	want, err := tree(before)
	if err != nil {
		return false
	}
	got, err := tree(after)
	if err != nil {
		return false
	}
	got["Store"] = want["Store"] // which may be named after the file
	for _, e := range edits {
		forget(want, e.path)
		if e.Op == replace && !holds(got, e.path, e.Value) || e.Op == remove && find(got, e.path) != nil {
			return false
		}
		forget(got, e.path)
	}
	one, _ := json.Marshal(want)
	other, _ := json.Marshal(got)
	return bytes.Equal(one, other)
}

// tree returns a configuration as JSON has it, with lists of named things by their names.
func tree(c *config.Config) (map[string]any, error) {
	plain := *c
	plain.Path, plain.Warnings = "", nil
	text, err := json.Marshal(plain) //nolint:gosec // it is compared, and shown to nobody
	if err != nil {
		return nil, err
	}
	var all map[string]any
	err = json.Unmarshal(text, &all)
	for name, value := range all {
		if list, ok := value.([]any); ok {
			all[name] = byName(list)
		}
	}
	return all, err
}

func byName(list []any) any {
	all := map[string]any{}
	for _, one := range list {
		member, _ := one.(map[string]any)
		name, ok := member["Name"].(string)
		if !ok {
			return list
		}
		all[name] = one
	}
	return all
}

// find returns the value at a path; the keys of structs are found in whatever case. Nil is nothing.
func find(in any, path []string) any {
	for _, key := range path {
		object, _ := in.(map[string]any)
		if in = object[keyOf(object, key)]; in == nil {
			return nil
		}
	}
	return in
}

func keyOf(object map[string]any, key string) string {
	if _, ok := object[key]; ok {
		return key
	}
	for other := range object {
		if strings.EqualFold(other, key) {
			return other
		}
	}
	return key
}

// forget takes the value at a path out. A scope in its short form is its names.
func forget(in map[string]any, path []string) {
	if object, ok := find(in, path[:len(path)-1]).(map[string]any); ok {
		delete(object, keyOf(object, path[len(path)-1]))
	}
}

// holds reports whether the value at a path is that one.
func holds(in map[string]any, path []string, value any) bool {
	got := find(in, path)
	if object, ok := got.(map[string]any); ok && path[0] == "scopes" {
		got = object["Names"]
	}
	one, _ := json.Marshal(got)
	other, _ := json.Marshal(value)
	return bytes.Equal(one, other)
}

// edit makes one change in a text of YAML in block style.
func edit(text []byte, e Edit) ([]byte, error) {
	file, err := parser.Parse(document.Tokens(string(text)), 0)
	if err != nil || len(file.Docs) == 0 {
		return nil, cmp.Or(err, errByHand)
	}
	lines := strings.SplitAfter(string(text), "\n")
	if last := len(lines) - 1; lines[last] != "" {
		lines[last] += "\n"
	}
	at := span{1, len(lines) + 1, 0}
	var parent span
	node := file.Docs[0].Body
	for i, key := range e.path {
		parent = at
		if m, ok := node.(*ast.MappingNode); ok && m.IsFlowStyle && i > 0 {
			whole, err := within(m, e, e.path[i:])
			if err != nil {
				return nil, err
			}
			return put(lines, at, e.path[i-1], whole)
		}
		if at, node, err = entry(lines, node, key, parent); err != nil {
			return nil, err
		}
		if node == nil && e.Op == remove {
			return nil, errors.New("it is not there")
		}
		if node == nil {
			return insert(lines, at, e.path[i:], e.Value)
		}
	}
	if e.Op == replace {
		return put(lines, at, e.path[len(e.path)-1], e.Value)
	}
	return []byte(strings.Join(lines[:at.from-1], "") + strings.Join(lines[at.to-1:], "")), nil
}

// put writes a value in the place of the one under a key, which stands at the beginning of some lines.
func put(lines []string, at span, key string, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	first := lines[at.from-1]
	written := first[:keyEnd(first, key)] + " " + string(text) + "\n"
	return []byte(strings.Join(lines[:at.from-1], "") + written + strings.Join(lines[at.to-1:], "")), nil
}

// within returns the value of a mapping in flow style with the change made below it.
func within(m *ast.MappingNode, e Edit, path []string) (map[string]any, error) {
	whole := map[string]any{}
	if err := yaml.NodeToValue(m, &whole); err != nil {
		return nil, errByHand
	}
	in := whole
	for _, key := range path[:len(path)-1] {
		next, ok := in[key].(map[string]any)
		if !ok && in[key] != nil {
			return nil, errByHand
		}
		if next == nil {
			next = map[string]any{}
			in[key] = next
		}
		in = next
	}
	if last := path[len(path)-1]; e.Op == remove {
		delete(in, last)
	} else {
		in[last] = e.Value
	}
	return whole, nil
}

// keyEnd returns where the colon behind a key ends in a line.
func keyEnd(line, key string) int {
	start := len(line) - len(strings.TrimLeft(line, " "))
	for _, form := range []string{key + ":", `"` + key + `":`, "'" + key + "':"} {
		if strings.HasPrefix(line[start:], form) {
			return start + len(form)
		}
	}
	return 0
}

// A span is some lines, from the first to the one after the last, and how far they are indented.
type span struct{ from, to, indent int }

// entry finds the entry of that key in a mapping in block style, and its value. Where there is none, the span is where it would come,
// and there is no node.
// entry finds the entry of that key in a mapping in block style. Where there is none, the node is nil and the span where it would come.
func entry(lines []string, in ast.Node, key string, within span) (span, ast.Node, error) {
	var values []*ast.MappingValueNode
	switch n := in.(type) {
	case *ast.MappingNode:
		if n.IsFlowStyle {
			return span{}, nil, errByHand
		}
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return span{}, nil, errByHand
	}
	indent := 0
	for i, v := range values {
		place := v.Key.GetToken().Position
		end := within.to
		if i+1 < len(values) {
			end = values[i+1].Key.GetToken().Position.Line
		}
		if indent = place.Column - 1; keyText(v) != key {
			continue
		}
		if strings.TrimLeft(lines[place.Line-1][:indent], " ") != "" || keyEnd(lines[place.Line-1], key) == 0 {
			return span{}, nil, errByHand
		}
		return span{place.Line, trimmed(lines, place.Line, end), indent}, v.Value, nil
	}
	end := trimmed(lines, within.from, within.to)
	return span{end, end, indent}, nil, nil
}

func keyText(v *ast.MappingValueNode) string {
	if s, ok := v.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return v.Key.GetToken().Value
}

// trimmed returns the end of some lines without blank ones and comments at their end: these belong to what follows.
func trimmed(lines []string, from, to int) int {
	for to-2 >= from {
		if line := strings.TrimSpace(lines[to-2]); line != "" && !strings.HasPrefix(line, "#") {
			break
		}
		to--
	}
	return to
}

// insert writes a value that was not there.
func insert(lines []string, at span, path []string, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	indent := strings.Repeat(" ", at.indent)
	written := indent + strings.Join(path, ": {") + ": " + string(text) + strings.Repeat("}", len(path)-1) + "\n"
	return []byte(strings.Join(lines[:at.from-1], "") + written + strings.Join(lines[at.from-1:], "")), nil
}
