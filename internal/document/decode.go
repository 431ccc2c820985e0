package document

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An attribute is a field of a struct as its tags describe it.
type attribute struct {
	index    []int    // of the field, through the structs that are embedded
	doc      string   // the name of the field with that of the struct that declares it
	at       string   // the path of the value under the key's name, however it is written
	keys     []string // the first is the key's name, the others are accepted too
	enum     []string // the values of a text that are built
	forms    []string // of a text
	keyForms []string // of the keys of a mapping
	later    []string // the values that are planned
	min, max string   // of a number; empty for none
	secret   string   // what of it Explain hides: all, expanded, or nothing
	lone     bool     // a slice of texts may be written as one text
	list     bool     // a slice of structs is written as a list
}

// attributes returns the fields of a struct that stand in a file, those of embedded structs among them, and the keys that are planned but not
// built.
func attributes(t reflect.Type) (attrs []attribute, later []string) {
	for _, f := range reflect.VisibleFields(t) {
		tag := f.Tag
		if f.Name == "_" {
			later = append(later, strings.Fields(tag.Get("later"))...)
			continue
		}
		if f.Anonymous {
			continue
		}
		keys := strings.Split(tag.Get("yaml"), ",")
		if keys[0] == "-" {
			continue
		}
		attrs = append(attrs, attribute{
			index: f.Index, doc: declaring(t, f.Index).Name() + "." + f.Name, keys: keys,
			forms: formsOf(tag.Get("form")), keyForms: formsOf(tag.Get("key")),
			enum: strings.Fields(tag.Get("enum")), later: strings.Fields(tag.Get("later")),
			min: tag.Get("min"), max: tag.Get("max"), secret: tag.Get("secret"),
			lone: tag.Get("lone") != "", list: tag.Get("list") != "",
		})
	}
	return attrs, later
}

// declaring returns the struct, t or one that is embedded in it, that declares the field at that index.
func declaring(t reflect.Type, index []int) reflect.Type {
	for _, i := range index[:len(index)-1] {
		t = t.Field(i).Type
	}
	return t
}

// shortForm returns the field of a struct of which the value alone may be written in place of the mapping.
func shortForm(t reflect.Type) (short attribute, ok bool) {
	blank, ok := t.FieldByName("_")
	name := blank.Tag.Get("short")
	if !ok || name == "" {
		return attribute{}, false
	}
	attrs, _ := attributes(t)
	i := slices.IndexFunc(attrs, func(a attribute) bool { return a.keys[0] == name })
	return attrs[i], true
}

// fault notes what is wrong with the value at path.
func (d *Document) fault(n *node, path, message, hint string) {
	d.faults = append(d.faults, d.src.at(n.at, path, message, hint))
	n.broken = true
}

// value lays n over v, which a describes.
func (d *Document) value(n *node, path string, v reflect.Value, a attribute) {
	d.origin[path] = n
	if n.broken {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, path, v.Elem(), a)
	case reflect.Struct:
		if short, ok := shortForm(v.Type()); ok && n.kind != object {
			d.value(n, path, v.FieldByIndex(short.index), short)
		} else if d.want(n, path, object) {
			d.fields(n, path, v)
		}
	case reflect.Map:
		if d.want(n, path, object) {
			d.entries(n, path, v, a)
		}
	case reflect.Slice:
		d.slice(n, path, v, a)
	default:
		d.scalar(n, path, v, a)
	}
}

// slice lays n over the slice v.
func (d *Document) slice(n *node, path string, v reflect.Value, a attribute) {
	switch {
	case v.Type() == anything:
		d.free(n, path, v)
	case v.Type().Elem().Kind() == reflect.Struct && !a.list:
		if d.want(n, path, object) {
			d.named(n, path, v, a)
		}
	case a.lone && n.kind == text:
		d.items(&node{kind: list, at: n.at, items: []*node{n}}, path, v, a)
	case d.want(n, path, list):
		d.items(n, path, v, a)
	}
}

// want reports whether n is a k, or nothing, which is as good as an empty one.
func (d *Document) want(n *node, path string, k kind) bool {
	if n.kind != k && n.kind != null {
		d.fault(n, path, fmt.Sprintf("wants %s, not %s", k, n.kind), "")
		return false
	}
	return true
}

// fields lays the object n over the struct v. Every key must be one of the struct's.
func (d *Document) fields(n *node, path string, v reflect.Value) {
	attrs, later := attributes(v.Type())
	for _, f := range n.fields {
		p := Join(path, f.key)
		i := slices.IndexFunc(attrs, func(a attribute) bool { return slices.Contains(a.keys, f.key) })
		if i < 0 {
			d.unknown(f, path, attrs, later)
			continue
		}
		d.keys[p] = f.at
		a := attrs[i]
		a.at = Join(path, a.keys[0])
		d.value(f.value, p, v.FieldByIndex(a.index), a)
	}
}

// unknown notes that f stands in a mapping that has no such key.
func (d *Document) unknown(f field, path string, attrs []attribute, later []string) {
	p := Join(path, f.key)
	d.odd[path] = true
	switch {
	case len(d.faults) > maxFaults:
		d.faults = append(d.faults, Fault{Line: f.at.line}) // counted, but not told
		return
	case slices.Contains(later, f.key):
		d.faults = append(d.faults, d.src.at(f.at, p, "is not built yet in this version", "remove it"))
		return
	}
	known := slices.Clone(later)
	for _, a := range attrs {
		known = append(known, a.keys...)
	}
	hint := Suggest(f.key, known)
	if hint == "" {
		hint = d.grammar.Elsewhere[f.key]
	}
	if hint == "" {
		hint = "known here: " + strings.Join(known[len(later):], ", ")
	}
	d.faults = append(d.faults, d.src.at(f.at, p, "this key is not known", hint))
}

// named lays the object n over a slice of structs, whose names are the keys.
func (d *Document) named(n *node, path string, v reflect.Value, a attribute) {
	for _, f := range n.fields {
		p := Join(path, f.key)
		d.key(f, p, a)
		d.origin[p] = f.value
		elem := reflect.New(v.Type().Elem())
		if e, ok := reflect.TypeAssert[Entry](elem); ok {
			e.Begin(f.key)
		}
		d.elements[a.at] = append(d.elements[a.at], p)
		if !f.value.broken && d.want(f.value, p, object) {
			d.fields(f.value, p, elem.Elem())
		}
		v.Set(reflect.Append(v, elem.Elem()))
	}
}

// key notes where the key of f stands, at path, and what is wrong with it.
func (d *Document) key(f field, path string, a attribute) {
	d.keys[path] = f.at
	if form, bad := d.grammar.misses(f.key, a.keyForms); bad {
		d.faults = append(d.faults, d.src.at(f.at, path, form.Message, form.Hint))
	}
}

// entries lays the object n over a map.
func (d *Document) entries(n *node, path string, v reflect.Value, a attribute) {
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.fields)))
	for _, f := range n.fields {
		p := Join(path, f.key)
		d.key(f, p, a)
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(f.value, p, elem, a)
		v.SetMapIndex(reflect.ValueOf(f.key), elem)
	}
}

// items lays the list n over a slice.
func (d *Document) items(n *node, path string, v reflect.Value, a attribute) {
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		d.value(item, index(path, i), v.Index(i), a)
	}
}

// scalar lays n over a text, a number, a boolean, a duration or a size.
func (d *Document) scalar(n *node, path string, v reflect.Value, a attribute) {
	switch x := v.Addr().Interface().(type) {
	case *string:
		if d.wantScalar(n, path, text) && d.allowed(n, path, n.text, a) {
			*x = n.text
		}
	case *bool:
		if d.wantScalar(n, path, boolean) && d.wantBool(n, path) && d.allowed(n, path, n.text, a) {
			*x = n.text == "true"
		}
	case *int:
		if d.wantScalar(n, path, number) {
			i, err := strconv.Atoi(n.text)
			d.within(n, path, a, int64(i), err)
			*x = i
		}
	case *time.Duration:
		if d.wantDuration(n, path) {
			*x, _ = time.ParseDuration(n.text)
			d.within(n, path, a, int64(*x), nil)
		}
	case *float64:
		if d.wantScalar(n, path, number) {
			d.float(n, path, x, a)
		}
	case *Size:
		if n.kind == text || d.wantScalar(n, path, number) {
			size, err := parseSize(n.text)
			d.within(n, path, a, int64(size), err)
			*x = size
		}
	}
}

// float reads a number within the bounds that a gives.
func (d *Document) float(n *node, path string, x *float64, a attribute) {
	f, err := strconv.ParseFloat(n.text, 64)
	lo, noLo := strconv.ParseFloat(a.min, 64)
	hi, noHi := strconv.ParseFloat(a.max, 64)
	switch {
	case err != nil || math.IsNaN(f) || math.IsInf(f, 0):
		d.fault(n, path, "is not a number that fits here", "")
	case noLo == nil && f < lo, noHi == nil && f > hi:
		d.fault(n, path, fmt.Sprintf("%s is not between %s and %s", n.text, a.min, a.max), "")
	}
	*x = f
}

// wantScalar reports whether n is a k. A text that a variable stood in may be anything.
func (d *Document) wantScalar(n *node, path string, k kind) bool {
	switch {
	case n.kind == k, n.kind == text && n.expanded():
		return true
	case n.kind == null:
		d.fault(n, path, "has no value", "give it one, or remove the key")
	case k == text && (n.kind == number || n.kind == boolean):
		d.fault(n, path, fmt.Sprintf("wants %s, not %s", k, n.kind), "put it in quotes: "+strconv.Quote(n.text))
	case n.kind == text && k != text && looksLike(n.text, k):
		d.fault(n, path, fmt.Sprintf("wants %s, not %s", k, n.kind), "write it without quotes")
	default:
		d.fault(n, path, fmt.Sprintf("wants %s, not %s", k, n.kind), "")
	}
	return false
}

// wantBool reports whether n, which may have come from a variable, is true or false.
func (d *Document) wantBool(n *node, path string) bool {
	if looksLike(n.text, boolean) {
		return true
	}
	d.fault(n, path, "wants true or false", "")
	return false
}

// looksLike reports whether s would be a k without quotes.
func looksLike(s string, k kind) bool {
	_, err := strconv.Atoi(s)
	return k == number && err == nil || k == boolean && (s == "true" || s == "false")
}

// wantDuration reports whether n is a duration.
func (d *Document) wantDuration(n *node, path string) bool {
	if n.kind == number {
		d.fault(n, path, "a duration wants a unit", "write "+n.text+"s, or "+n.text+"ms, or "+n.text+"m")
		return false
	}
	if !d.wantScalar(n, path, text) {
		return false
	}
	_, err := time.ParseDuration(n.text)
	if err != nil {
		d.fault(n, path, fmt.Sprintf("%q is not a duration", n.text), "write 30s, 5m or 1h30m")
	}
	return err == nil
}

// allowed reports whether value is among those that a lists, if it lists any, and has the forms that a wants.
func (d *Document) allowed(n *node, path, value string, a attribute) bool {
	switch {
	case slices.Contains(a.later, value):
		d.fault(n, path, value+" is not built yet in this version", orList(a.enum))
	case len(a.enum) > 0 && !slices.Contains(a.enum, value):
		hint := Suggest(value, a.enum)
		if hint == "" {
			hint = orList(a.enum)
		}
		d.fault(n, path, fmt.Sprintf("%q is not known here", value), hint)
	default:
		missed, bad := d.grammar.misses(value, a.forms)
		if bad {
			d.fault(n, path, missed.Message, missed.Hint)
		}
		return !bad
	}
	return false
}

// orList returns "write a, b or c", or for no words that there is nothing to write.
func orList(words []string) string {
	last := len(words) - 1
	switch last {
	case -1:
		return "remove it"
	case 0:
		return "write " + words[0]
	}
	return "write " + strings.Join(words[:last], ", ") + " or " + words[last]
}

// within checks the bounds of i, which n gave or failed to give.
func (d *Document) within(n *node, path string, a attribute, i int64, err error) {
	lo, noLo := strconv.ParseInt(a.min, 10, 64)
	hi, noHi := strconv.ParseInt(a.max, 10, 64)
	switch {
	case err != nil && n.kind == text && !n.expanded():
		d.fault(n, path, fmt.Sprintf("%q is not a size", n.text), "write a number of bytes, or one with a unit: 512KiB, 4MiB")
	case err != nil:
		d.fault(n, path, "is not a whole number that fits here", "")
	case noHi != nil && i < max(lo, 0):
		d.fault(n, path, "is too short a time", "")
	case noLo == nil && i < lo, noHi == nil && i > hi:
		d.fault(n, path, fmt.Sprintf("%s is not between %s and %s", n.text, a.min, a.max), "")
	}
}
