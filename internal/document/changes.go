package document

import (
	"reflect"
	"slices"
	"strings"
)

// Changes returns the keys whose values differ between two structs of one type, given
// as pointers, as paths such as servers.calc.url, in order. It tells no value, so that
// the list can be shown and kept where secrets cannot.
func Changes[T any](before, after *T) []string {
	var d difference
	d.of("", reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	slices.Sort(d.keys)
	return d.keys
}

// A difference collects the keys whose values differ.
type difference struct{ keys []string }

func (d *difference) of(path string, a, b reflect.Value) {
	switch {
	case reflect.DeepEqual(a.Interface(), b.Interface()):
	case a.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil():
		d.of(path, a.Elem(), b.Elem())
	case a.Kind() == reflect.Struct:
		d.fields(path, a, b)
	case a.Kind() == reflect.Map:
		d.entries(path, a, b)
	case a.Kind() == reflect.Slice && isNamed(a.Type().Elem()):
		d.entries(path, byName(a), byName(b))
	default:
		d.keys = append(d.keys, path)
	}
}

// fields compares the keys of a mapping.
func (d *difference) fields(path string, a, b reflect.Value) {
	for _, f := range reflect.VisibleFields(a.Type()) {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name != "" && name != "-" {
			d.of(below(path, name), a.FieldByIndex(f.Index), b.FieldByIndex(f.Index))
		}
	}
}

// entries compares the entries of two maps with texts as keys.
func (d *difference) entries(path string, a, b reflect.Value) {
	for _, key := range a.MapKeys() {
		at := below(path, key.String())
		if other := b.MapIndex(key); other.IsValid() {
			d.of(at, a.MapIndex(key), other)
		} else {
			d.keys = append(d.keys, at)
		}
	}
	for _, key := range b.MapKeys() {
		if !a.MapIndex(key).IsValid() {
			d.keys = append(d.keys, below(path, key.String()))
		}
	}
}

// isNamed reports whether elements of a type stand under their names in the file.
func isNamed(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	f, ok := t.FieldByName("Name")
	return ok && f.Tag.Get("yaml") == "-"
}

// byName returns a slice of named elements as a map.
func byName(all reflect.Value) reflect.Value {
	m := reflect.MakeMap(reflect.MapOf(reflect.TypeFor[string](), all.Type().Elem()))
	for i := range all.Len() {
		m.SetMapIndex(all.Index(i).FieldByName("Name"), all.Index(i))
	}
	return m
}

func below(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }
