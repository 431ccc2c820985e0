package config

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Explanation is the configuration in force, with the origin of each value. Secrets, and what was expanded in commands and URLs,
// are masked.
type Explanation struct {
	// File is the configuration file; empty for the built-in defaults.
	File string `json:"file"`
	// Values are all values, in the order of the YAML form.
	Values []Value `json:"values"`
	// Warnings are those of the Config.
	Warnings []string `json:"warnings,omitempty"`

	yaml string
}

// A Value is one value in force.
type Value struct {
	Path  string `json:"path"`  // servers.files.tools.allow[0]
	Value any    `json:"value"` // a string, a number or a boolean
	From  string `json:"from"`  // default, file:line, or the environment
}

// YAML returns the explanation as a file that Load accepts, with a comment behind each value that tells where it comes from.
func (e *Explanation) YAML() string { return e.yaml }

// Explain explains the configuration that Load makes of path and env.
func Explain(path string, env func(string) (string, bool)) (*Explanation, error) {
	l, err := load(path, env)
	if err != nil {
		return nil, err
	}
	c := l.config
	e := &explainer{loader: l, file: filepath.Base(c.Path), Explanation: Explanation{File: c.Path, Warnings: c.Warnings}}
	if c.Path == "" {
		fmt.Fprintf(&e.out, "# no file: the defaults, with paths relative to %s\n", c.Dir)
	} else {
		fmt.Fprintf(&e.out, "# %s\n", c.Path)
	}
	e.fields(reflect.ValueOf(c).Elem(), "", 0)
	for _, warning := range c.Warnings {
		fmt.Fprintf(&e.out, "# warning: %s\n", warning)
	}
	e.yaml = e.out.String()
	return &e.Explanation, nil
}

// An explainer makes one Explanation.
type explainer struct {
	*loader
	Explanation

	file string // the name that comments use
	out  strings.Builder
}

// fields writes the fields of the struct v, which stands at path. The seed's port and host are told as listen.
func (e *explainer) fields(v reflect.Value, path string, depth int) {
	attrs, _ := attributes(v.Type())
	for _, a := range attrs {
		if p := join(path, a.keys[0]); p != "port" && p != "host" {
			e.value(v.Field(a.index), a.keys[0], p, depth, a)
		}
	}
}

// value writes v, which a describes and which stands at path, below its key. What is empty and was not written is left out.
func (e *explainer) value(v reflect.Value, key, path string, depth int, a attribute) {
	switch kind := v.Kind(); {
	case kind == reflect.Struct:
		e.line(depth, key+":", "")
		e.fields(v, path, depth+1)
	case kind != reflect.Bool && v.IsZero() && !e.written(path):
	case kind == reflect.Map && v.Len() == 0:
		e.line(depth, key+": {}", e.from(path))
	case kind == reflect.Slice && v.Len() == 0:
		e.line(depth, key+": []", e.from(path))
	case kind == reflect.Map || kind == reflect.Slice:
		e.line(depth, key+":", "")
		e.elements(v, path, depth+1, a)
	default:
		e.line(depth, key+": "+e.scalar(v, path, a), e.from(path))
	}
}

// elements writes the elements of a map, in the order of its keys, or of a slice.
func (e *explainer) elements(v reflect.Value, path string, depth int, a attribute) {
	if v.Kind() == reflect.Map {
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			key := k.String()
			p := join(path, key)
			if !bareKey.MatchString(key) {
				key = quoted(key)
			}
			e.value(v.MapIndex(k), key, p, depth, a)
		}
		return
	}
	for i := range v.Len() {
		if p, elem := index(path, i), v.Index(i); elem.Kind() == reflect.Struct {
			e.named(elem, i, depth, a)
		} else {
			e.line(depth, "- "+e.scalar(elem, p, a), e.from(p))
		}
	}
}

// named writes the server or resource v, the one at i, under its name.
func (e *explainer) named(v reflect.Value, i, depth int, a attribute) {
	name := v.FieldByName("Name").String()
	p := join(a.keys[0], name)
	if a.keys[0] == "servers" {
		p = e.serverPath(name, i)
	}
	e.line(depth, quoted(name)+":", "")
	e.fields(v, p, depth+1)
}

// scalar notes v, masked where a or its origin wants that, and returns it as YAML.
func (e *explainer) scalar(v reflect.Value, path string, a attribute) string {
	n := e.origin[path]
	x := v.Interface()
	switch {
	case a.secret == "all" && !v.IsZero():
		x = mask
	case a.secret == "expanded" && n != nil && n.expanded():
		x = n.shown
	}
	if d, ok := x.(time.Duration); ok {
		x = short(d)
	}
	if size, ok := x.(Size); ok {
		x = size.String()
	}
	e.Values = append(e.Values, Value{Path: path, Value: x, From: e.from(path)})
	if s, ok := x.(string); ok && v.Kind() == reflect.String {
		return quoted(s)
	}
	return fmt.Sprint(x)
}

// short returns d without units that are zero: 10m rather than 10m0s.
func short(d time.Duration) string {
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

// quoted returns s as a YAML scalar that Load reads back as s.
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
	n := e.origin[path]
	switch {
	case n == nil && path == "listen" && e.written("port"):
		return e.from("port")
	case n == nil && path == "listen" && e.written("host"):
		return e.from("host")
	case n == nil && path == "listen":
		return e.listenFrom
	case n == nil:
		return "default"
	}
	at := fmt.Sprintf("%s:%d", e.file, n.at.line)
	if n.expanded() {
		return strings.Join(n.vars, ", ") + ", " + at
	}
	return at
}

// line writes one line with its comment.
func (e *explainer) line(depth int, text, comment string) {
	e.out.WriteString(strings.Repeat("  ", depth) + text)
	if comment != "" {
		e.out.WriteString("  # " + comment)
	}
	e.out.WriteByte('\n')
}
