package host

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// jsonEditor edits JSON files, with or without comments and trailing commas.
type jsonEditor struct {
	member string // of the outermost object, holding the servers
	inputs bool   // the file may also hold questions for the person, in the array "inputs"
}

// inputsMember holds what VS Code asks the person for.
const inputsMember = "inputs"

// errUnsafe says that an edit would have changed more than it should.
var errUnsafe = errors.New("the file is written in a way that cannot be edited safely")

// byteOrderMark is how some editors on Windows begin a file.
const byteOrderMark = "\xef\xbb\xbf"

// document is a parsed JSON file. Its offsets are those of text.
type document struct {
	mark  []byte // a byte order mark, or nothing
	text  []byte // what follows it
	root  list
	style style
}

// parseJSON reads data, whose outermost value must be an object. Blank data is that of an empty object.
func parseJSON(data []byte) (*document, error) {
	d := &document{text: data}
	if bytes.HasPrefix(data, []byte(byteOrderMark)) {
		d.mark, d.text = data[:len(byteOrderMark)], data[len(byteOrderMark):]
	}
	v, err := hujson.Parse(d.text)
	if err != nil {
		text, empty, ok := withObject(d.text)
		if !ok {
			return nil, fmt.Errorf("not valid JSON: %s", strings.TrimPrefix(err.Error(), "hujson: "))
		}
		d.text, v = text, empty
	}
	var ok bool
	if d.root, ok = listOf(d.text, v); !ok || d.root.array {
		return nil, fmt.Errorf("the file holds %s, not an object", kindName(v))
	}
	d.style = styleOf(d.text, d.root)
	return d, nil
}

// withObject puts an empty object behind a text that holds no value, only comments and whitespace at most.
func withObject(text []byte) (out []byte, v hujson.Value, ok bool) {
	newline := newlineOf(text)
	out = bytes.Clone(bytes.TrimRight(text, white))
	if len(out) > 0 {
		out = append(out, newline...)
	}
	object := len(out)
	out = append(out, "{}"+newline...)
	v, err := hujson.Parse(out)
	return out, v, err == nil && v.StartOffset == object
}

// kindName tells people what v is.
func kindName(v hujson.Value) string {
	switch v.Value.Kind() {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "an array"
	}
	return "an object"
}

// child is the list under a member of the outermost object; ok is false if there is no such member.
func (d *document) child(member string, array bool) (l list, ok bool, err error) {
	at, err := d.root.find(member)
	if at < 0 || err != nil {
		return l, false, err
	}
	v := d.root.items[at].value
	if l, ok = listOf(d.text, v); !ok || l.array != array {
		want := "an object"
		if array {
			want = "an array"
		}
		line := 1 + bytes.Count(d.text[:v.StartOffset], []byte("\n"))
		return l, false, fmt.Errorf("line %d: %q is %s, not %s", line, member, kindName(v), want)
	}
	return l, true, nil
}

// change returns the file with the changes made, which must make it differ from the old one in want alone.
func (d *document) change(splices []splice, want func(root map[string]any)) ([]byte, error) {
	before, err := decode(d.text)
	if err != nil {
		return nil, err
	}
	text := apply(d.text, splices...)
	after, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("the edited file would not be valid: %w", err)
	}
	want(before)
	if !reflect.DeepEqual(before, after) {
		return nil, errUnsafe
	}
	return append(bytes.Clone(d.mark), text...), nil
}

// decode reads what text says, as an object.
func decode(text []byte) (map[string]any, error) {
	plain, err := hujson.Standardize(bytes.Clone(text))
	if err != nil {
		return nil, err
	}
	var root map[string]any
	dec := json.NewDecoder(bytes.NewReader(plain))
	dec.UseNumber()
	return root, dec.Decode(&root)
}

// servers implements editor.
func (j jsonEditor) servers(data []byte) ([]string, error) {
	d, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	l, _, err := d.child(j.member, false)
	names := make([]string, len(l.items))
	for i, it := range l.items {
		names[i] = it.name
	}
	return names, err
}

// set implements editor.
func (j jsonEditor) set(data []byte, w written) ([]byte, error) {
	data, err := setItem(data, place{j.member, false}, w.name, w.server)
	if err != nil || !j.inputs {
		return data, err
	}
	if w.input == nil {
		return cutItem(data, place{inputsMember, true}, inputID(w.name))
	}
	return setItem(data, place{inputsMember, true}, inputID(w.name), w.input)
}

// remove implements editor.
func (j jsonEditor) remove(data []byte, name string, earlier [][]byte) ([]byte, error) {
	for _, before := range earlier {
		if j.undone(data, name, before) {
			return before, nil
		}
	}
	out, err := cutItem(data, place{j.member, false}, name)
	if err != nil || !j.inputs {
		return out, err
	}
	return cutItem(out, place{inputsMember, true}, inputID(name))
}

// undone reports whether data is what adding its server name to before gives.
func (j jsonEditor) undone(data []byte, name string, before []byte) bool {
	if names, err := j.servers(before); err != nil || slices.Contains(names, name) {
		return false
	}
	server, ok := itemText(data, place{j.member, false}, name)
	if !ok {
		return false
	}
	again, err := setItem(before, place{j.member, false}, name, server)
	if input, asked := itemText(data, place{inputsMember, true}, inputID(name)); asked && j.inputs && err == nil {
		again, err = setItem(again, place{inputsMember, true}, inputID(name), input)
	}
	return err == nil && bytes.Equal(again, data)
}

// place is a list in a file: the object or array under a member of the outermost object.
type place struct {
	member string
	array  bool
}

// setItem gives the item name of a list that value, adding item and list where they are missing.
func setItem(data []byte, p place, name string, value any) ([]byte, error) {
	d, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	l, ok, err := d.child(p.member, p.array)
	if err != nil {
		return nil, err
	}
	at, err := l.find(name)
	if err != nil {
		return nil, err
	}
	var splices []splice
	switch {
	case !ok:
		splices = d.root.insert(d.text, d.style, p.member, p.wrap(name, value))
	case at < 0:
		splices = l.insert(d.text, d.style, name, value)
	default:
		it := l.items[at]
		if same(d.text[it.value.StartOffset:it.end], value) {
			return data, nil
		}
		lines := bytes.Contains(d.text[it.before:it.end], []byte("\n"))
		text := d.style.value(value, lineIndent(d.text, it.start), lines)
		splices = []splice{{it.value.StartOffset, it.end, text}}
	}
	return d.change(splices, func(root map[string]any) { p.put(root, name, plain(value)) })
}

// wrap is a list that holds one item.
func (p place) wrap(name string, value any) any {
	if !p.array {
		return object{{name, value}}
	}
	return []any{value}
}

// cutItem takes the item name out of a list; it returns data itself if there is none.
func cutItem(data []byte, p place, name string) ([]byte, error) {
	d, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	l, _, err := d.child(p.member, p.array)
	if err != nil {
		return nil, err
	}
	at, err := l.find(name)
	if at < 0 || err != nil {
		return data, err
	}
	return d.change(l.cut(d.text, at), func(root map[string]any) { p.put(root, name, nil) })
}

// itemText is the text of the item name of a list; ok is false if there is none.
func itemText(data []byte, p place, name string) (text raw, ok bool) {
	d, err := parseJSON(data)
	if err != nil {
		return "", false
	}
	l, _, err := d.child(p.member, p.array)
	if err != nil {
		return "", false
	}
	at, err := l.find(name)
	if at < 0 || err != nil {
		return "", false
	}
	return raw(d.text[l.items[at].value.StartOffset:l.items[at].end]), true
}

// put does to the decoded file what setItem and, with a nil value, cutItem do to its text.
func (p place) put(root map[string]any, name string, value any) {
	if !p.array {
		m, ok := root[p.member].(map[string]any)
		if !ok {
			m = map[string]any{}
			root[p.member] = m
		}
		if m[name] = value; value == nil {
			delete(m, name)
		}
		return
	}
	old, _ := root[p.member].([]any)
	list := []any{}
	for _, e := range old {
		if m, ok := e.(map[string]any); !ok || m["id"] != name {
			list = append(list, e)
		} else if value != nil {
			list, value = append(list, value), nil
		}
	}
	if value != nil {
		list = append(list, value)
	}
	root[p.member] = list
}

// same reports whether text says what value says.
func same(text []byte, value any) bool {
	return reflect.DeepEqual(plain(raw(text)), plain(value))
}

// plain is value as encoding/json decodes it; nil if it cannot.
func plain(value any) any {
	text := style{}.value(value, "", false)
	root, err := decode([]byte(`{"":` + text + `}`))
	if err != nil {
		return nil
	}
	return root[""]
}
