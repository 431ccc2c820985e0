package document

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Value is one value in force.
type Value struct {
	Path  string `json:"path"`  // servers.files.tools.allow[0]
	Value any    `json:"value"` // a string, a number or a boolean
	From  string `json:"from"`  // default, file:line, or the environment
}

// A Telling says how a struct is explained.
type Telling struct {
	// Without lists the paths that are left out, since others tell the same.
	Without []string
	// From says where values come from that were not written, by path: what it does not list is a default.
	From map[string]string
}

// Explain writes v, a pointer to the struct that d was read into, as a document that makes the same struct, with a comment behind each
// value that tells where it comes from, and lists all the values in the same order. Secrets, and what was expanded and passwords in
// URLs where the tag secret says so, are masked.
func (d *Document) Explain(v any, how Telling) (yaml string, values []Value) {
	e := &explainer{Document: d, Telling: how}
	e.fields(reflect.ValueOf(v).Elem(), "", 0)
	return e.out.String(), e.values
}

// An explainer makes one explanation.
type explainer struct {
	*Document
	Telling

	values []Value
	out    strings.Builder
}

// fields writes the fields of the struct v, which stands at path.
func (e *explainer) fields(v reflect.Value, path string, depth int) {
	attrs, _ := attributes(v.Type())
	for _, a := range attrs {
		if p := Join(path, a.keys[0]); !slices.Contains(e.Without, p) {
			e.value(v.FieldByIndex(a.index), a.keys[0], p, depth, a)
		}
	}
}

// value writes v, which a describes and which stands at path, below its key. What is empty and was not written is left out.
func (e *explainer) value(v reflect.Value, key, path string, depth int, a attribute) {
	switch kind := v.Kind(); {
	case kind == reflect.Pointer && !v.IsNil():
		e.value(v.Elem(), key, path, depth, a)
	case kind == reflect.Struct && e.inShort(v, path):
		short, _ := shortForm(v.Type())
		e.value(v.FieldByIndex(short.index), key, path, depth, short)
	case kind == reflect.Struct:
		e.line(depth, key+":", "")
		e.fields(v, path, depth+1)
	case kind != reflect.Bool && v.IsZero() && !e.Written(path):
	case kind == reflect.Map && v.Len() == 0:
		e.line(depth, key+": {}", e.from(path))
	case kind == reflect.Slice && v.Len() == 0:
		e.line(depth, key+": []", e.from(path))
	case (kind == reflect.Map || kind == reflect.Slice) && v.Type() != anything:
		e.line(depth, key+":", "")
		e.elements(v, path, depth+1, a)
	default:
		e.line(depth, key+": "+e.scalar(v, path, a), e.from(path))
	}
}

// inShort reports whether the struct v, which stands at path, was written in its short form.
func (e *explainer) inShort(v reflect.Value, path string) bool {
	n := e.origin[path]
	_, ok := shortForm(v.Type())
	return ok && n != nil && n.kind != object
}

// elements writes the elements of a map, in the order of its keys, or of a slice.
func (e *explainer) elements(v reflect.Value, path string, depth int, a attribute) {
	if v.Kind() == reflect.Map {
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			key := k.String()
			p := Join(path, key)
			if !bareKey.MatchString(key) {
				key = quoted(key)
			}
			e.value(v.MapIndex(k), key, p, depth, a)
		}
		return
	}
	for i := range v.Len() {
		switch p, elem := index(path, i), v.Index(i); {
		case elem.Kind() == reflect.Struct && a.list:
			e.line(depth, "-", "")
			e.fields(elem, p, depth+1)
		case elem.Kind() == reflect.Struct:
			e.named(elem, e.Element(path, i), depth)
		default:
			e.line(depth, "- "+e.scalar(elem, p, a), e.from(p))
		}
	}
}

// named writes v, an element of a slice of structs, under its name. It stands at path.
func (e *explainer) named(v reflect.Value, path string, depth int) {
	e.line(depth, quoted(v.FieldByName("Name").String())+":", "")
	e.fields(v, path, depth+1)
}

// scalar notes v, masked where a or its origin wants that, and returns it as YAML.
func (e *explainer) scalar(v reflect.Value, path string, a attribute) string {
	n := e.origin[path]
	x := v.Interface()
	switch {
	case a.secret == "all" && !v.IsZero():
		x = mask
	case a.secret == "expanded" && n != nil && n.expanded():
		x = withoutPasswords(n.shown, masked)
	case a.secret == "expanded" && v.Kind() == reflect.String:
		x = withoutPasswords(v.String(), masked)
	}
	if free, ok := x.(json.RawMessage); ok { // JSON is YAML
		e.values = append(e.values, Value{Path: path, Value: free, From: e.from(path)})
		return dollars.Replace(string(free))
	}
	if d, ok := x.(time.Duration); ok {
		x = Short(d)
	}
	if size, ok := x.(Size); ok {
		x = size.String()
	}
	e.values = append(e.values, Value{Path: path, Value: x, From: e.from(path)})
	if s, ok := x.(string); ok && (v.Kind() == reflect.String || v.Type() == anything) {
		return quoted(s)
	}
	return fmt.Sprint(x)
}

// masked stands for a text that is not shown.
func masked(text string) string {
	if text == "" {
		return ""
	}
	return mask
}

// Short returns d without units that are zero: 10m rather than 10m0s.
func Short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var (
	// bare matches texts that YAML reads as texts without quotes, unless they are among reserved.
	bare     = regexp.MustCompile(`^-{0,2}[A-Za-z/_]((:/|[\w./@+*=-])*[\w/*-])?$`)
	bareKey  = regexp.MustCompile(`^[A-Za-z_][\w:.-]*\w$`)
	reserved = []string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
)

// quoted returns s as a YAML scalar that is read back as s.
func quoted(s string) string {
	s = dollars.Replace(s)
	if bare.MatchString(s) && !slices.Contains(reserved, strings.ToLower(s)) {
		return s
	}
	var out strings.Builder
	enc := json.NewEncoder(&out) // a JSON text is a YAML text
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return strconv.Quote(s)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// dollars keeps a text that looks like a variable from being expanded when it is read again.
var dollars = strings.NewReplacer("${", "$${", "$$", "$$$$")

// from returns the comment that says where the value at path comes from.
func (e *explainer) from(path string) string {
	return cmp.Or(e.Origin(path), e.From[path], "default")
}

// line writes one line with its comment.
func (e *explainer) line(depth int, text, comment string) {
	e.out.WriteString(strings.Repeat("  ", depth) + text)
	if comment != "" {
		e.out.WriteString("  # " + comment)
	}
	e.out.WriteByte('\n')
}
