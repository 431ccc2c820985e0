package host

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// tomlEditor edits TOML files by whole lines: those of the table of one server.
type tomlEditor struct {
	table string // that holds all servers
}

// block is a run of lines of a TOML file that belong to the table of one server.
type block struct {
	start, end int // the beginning of its first line, and the end of its last, with the newline
}

// servers implements editor. TOML tables have no order; these are the names as the file first speaks of them.
func (t tomlEditor) servers(data []byte) ([]string, error) {
	root, err := t.decode(data)
	if err != nil {
		return nil, err
	}
	table, err := t.all(root)
	if err != nil {
		return nil, err
	}
	var names []string
	err = t.walk(data, func(path []string, _, _ int) {
		if len(path) > 1 && path[0] == t.table && table[path[1]] != nil && !slices.Contains(names, path[1]) {
			names = append(names, path[1])
		}
	})
	for _, name := range slices.Sorted(maps.Keys(table)) { // those of an inline table
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, err
}

// set implements editor.
func (t tomlEditor) set(data []byte, w written) ([]byte, error) {
	server, ok := w.server.(object)
	if !ok {
		return nil, fmt.Errorf("%T cannot be written as TOML", w.server)
	}
	before, err := t.decode(data)
	if err != nil {
		return nil, err
	}
	all, err := t.all(before)
	if err != nil {
		return nil, err
	}
	text := t.text(w.name, server, newlineOf(data))
	old, exists := all[w.name]
	if exists && reflect.DeepEqual(old, decoded(server)) {
		return data, nil
	}
	splices := []splice{{len(data), len(data), appended(data, text)}}
	if exists {
		blocks, err := t.blocks(data, w.name)
		if err != nil {
			return nil, err
		}
		splices = nil
		for i, b := range blocks {
			s := splice{b.start, b.end, ""}
			if i == 0 {
				s.text = text[:len(text)-len(newlineOf(data))] + ending(data[b.start:b.end])
			}
			splices = append(splices, s)
		}
	}
	all[w.name] = decoded(server)
	return t.check(apply(data, splices...), before)
}

// remove implements editor. What add put there is taken out to the byte, so that the earlier contents are not needed.
func (t tomlEditor) remove(data []byte, name string, _ [][]byte) ([]byte, error) {
	before, err := t.decode(data)
	if err != nil {
		return nil, err
	}
	all, err := t.all(before)
	if err != nil || all[name] == nil {
		return data, err
	}
	blocks, err := t.blocks(data, name)
	if err != nil {
		return nil, err
	}
	var splices []splice
	last := 0
	for _, b := range blocks {
		splices = append(splices, splice{max(last, b.withBlank(data)), b.end, ""})
		last = b.end
	}
	delete(all, name)
	return t.check(apply(data, splices...), before)
}

// withBlank is where b begins together with the empty line in front of it. If the last line of b does not end,
// neither did the one before that empty line, when b was added.
func (b block) withBlank(data []byte) int {
	blank := ending(data[:b.start])
	before := data[:b.start-len(blank)]
	end := ending(before)
	switch {
	case end == "":
		return b.start
	case ending(data[:b.end]) == "":
		return len(before) - len(end)
	}
	return len(before)
}

// decode reads data as a whole.
func (t tomlEditor) decode(data []byte) (map[string]any, error) {
	root := map[string]any{}
	err := toml.Unmarshal(data, &root)
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := e.Position()
		return nil, fmt.Errorf("not valid TOML: line %d, column %d: %s", line, column, strings.TrimPrefix(e.Error(), "toml: "))
	}
	if err != nil {
		return nil, fmt.Errorf("not valid TOML: %s", strings.TrimPrefix(err.Error(), "toml: "))
	}
	return root, nil
}

// all is the table of servers in the decoded file, made if it is not there.
func (t tomlEditor) all(root map[string]any) (map[string]any, error) {
	switch v := root[t.table].(type) {
	case map[string]any:
		return v, nil
	case nil:
		made := map[string]any{}
		root[t.table] = made
		return made, nil
	}
	return nil, fmt.Errorf("%q is not a table", t.table)
}

// check returns text if it says what want says.
func (t tomlEditor) check(text []byte, want map[string]any) ([]byte, error) {
	got, err := t.decode(text)
	if err != nil {
		return nil, fmt.Errorf("%w: it would be %w", errUnsafe, err)
	}
	for _, root := range []map[string]any{got, want} { // an empty table of servers and none are the same
		if all, err := t.all(root); err == nil && len(all) == 0 {
			delete(root, t.table)
		}
	}
	if !reflect.DeepEqual(got, want) {
		return nil, errUnsafe
	}
	return text, nil
}

// text is the table of a server, each line ended.
func (t tomlEditor) text(name string, server object, newline string) string {
	var b strings.Builder
	b.WriteString("[" + t.table + "." + tomlKey(name) + "]" + newline)
	for _, f := range server {
		b.WriteString(tomlKey(f.name) + " = " + tomlValue(f.value) + newline)
	}
	return b.String()
}

// appended is what must follow data so that text stands at its end, with an empty line before it. Data that
// does not end its last line stays so; that is how remove knows.
func appended(data []byte, text string) string {
	newline := newlineOf(data)
	switch {
	case len(data) == 0:
		return text
	case data[len(data)-1] == '\n':
		return newline + text
	}
	return newline + newline + strings.TrimSuffix(text, newline)
}

// ending is the newline at the end of text, or "".
func ending[T string | []byte](text T) string {
	switch s := string(text[max(0, len(text)-2):]); {
	case s == "\r\n":
		return s
	case strings.HasSuffix(s, "\n"):
		return "\n"
	}
	return ""
}

// blocks finds the lines of one server's table and of the tables below it. A server written in another way
// is an error: its lines hold something else too.
func (t tomlEditor) blocks(data []byte, name string) ([]block, error) {
	var blocks []block
	inside := false
	err := t.walk(data, func(path []string, start, end int) {
		ours := len(path) > 1 && path[0] == t.table && path[1] == name
		switch {
		case ours && path[len(path)-1] == "": // a header
			blocks = append(blocks, block{start, end})
		case ours && inside:
			blocks[len(blocks)-1].end = end
		}
		inside = ours && len(blocks) > 0
	})
	if err == nil && len(blocks) == 0 {
		err = fmt.Errorf("%s.%s is not a table of its own in the file: edit it by hand", t.table, name)
	}
	return blocks, err
}

// walk calls f for every expression of data with the lines that it fills and its path: the keys of its table, then
// its own; a header has "" in their place.
func (t tomlEditor) walk(data []byte, f func(path []string, start, end int)) error {
	var p unstable.Parser
	p.Reset(data)
	var table []string
	for p.NextExpression() {
		e := p.Expression()
		keys, from, to := keysOf(e)
		path := slices.Concat(table, keys)
		if e.Kind != unstable.KeyValue {
			table = keys
			path = slices.Concat(keys, []string{""})
		} else {
			to = int(e.Raw.Offset + e.Raw.Length)
		}
		start := bytes.LastIndexByte(data[:from], '\n') + 1
		end := len(data)
		if nl := bytes.IndexByte(data[to:], '\n'); nl >= 0 {
			end = to + nl + 1
		}
		f(path, start, end)
	}
	return p.Error()
}

// keysOf is the dotted key of an expression, and where it stands.
func keysOf(e *unstable.Node) (keys []string, from, to int) {
	for it := e.Key(); it.Next(); {
		k := it.Node()
		if k.Kind != unstable.Key {
			break // a comment behind a header
		}
		if len(keys) == 0 {
			from = int(k.Raw.Offset)
		}
		to = int(k.Raw.Offset + k.Raw.Length)
		keys = append(keys, string(k.Data))
	}
	return keys, from, to
}

// tomlKey writes a key: bare where that is possible.
func tomlKey(name string) string {
	const bare = "-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if name != "" && strings.Trim(name, bare) == "" {
		return name
	}
	return tomlString(name)
}

// tomlString writes a basic string.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// tomlValue writes a value in one line.
func tomlValue(v any) string {
	var items []string
	switch v := v.(type) {
	case string:
		return tomlString(v)
	case []string:
		for _, s := range v {
			items = append(items, tomlString(s))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case object:
		for _, f := range v {
			items = append(items, tomlKey(f.name)+" = "+tomlValue(f.value))
		}
		return "{ " + strings.Join(items, ", ") + " }"
	}
	panic(fmt.Sprintf("host: %T is no value of a configuration", v))
}

// decoded is v as go-toml decodes it.
func decoded(v any) any {
	switch v := v.(type) {
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list
	case object:
		m := map[string]any{}
		for _, f := range v {
			m[f.name] = decoded(f.value)
		}
		return m
	}
	return v
}
