package exchange

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/sumun-mcp/sumun/internal/advisory"
)

// An Entry is a server of mcp.yaml, made of a record.
type Entry struct {
	// Name is its key there.
	Name string `yaml:"-" json:"name"`

	Command string            `yaml:"command,omitempty" json:"command,omitempty"`
	Args    []string          `yaml:"args,omitempty,flow" json:"args,omitempty"`
	Env     map[string]string `yaml:"env,omitempty" json:"env,omitempty"`
	URL     string            `yaml:"url,omitempty" json:"url,omitempty"`
	Type    string            `yaml:"type,omitempty" json:"type,omitempty"`
	Headers map[string]string `yaml:"headers,omitempty" json:"headers,omitempty"`
	// Needs are the variables that have to be set, with what they are for.
	Needs map[string]string `yaml:"-" json:"needs,omitempty"`
}

// Parts are what the server consists of, for finding advisories about it.
func (s *Server) Parts() (all []advisory.Package) {
	for _, p := range s.Packages {
		switch p.RegistryType {
		case "npm":
			all = append(all, advisory.Package{Ecosystem: "npm", Name: p.Identifier, Version: p.Version, Pinned: true, Fetched: true})
		case "pypi":
			all = append(all, advisory.Package{Ecosystem: "PyPI", Name: p.Identifier, Version: p.Version, Pinned: true, Fetched: true})
		case "oci":
			all = append(all, advisory.Packages("docker", "run", p.Identifier)...)
		}
	}
	return all
}

// Entry makes a server of mcp.yaml of it: one at its remote address if it has one, since nothing has to run here for it, else of its first package
// that can be run. What has to be filled in becomes a variable. program takes the package, although there is a remote.
func (s *Server) Entry(name string, program bool) (*Entry, error) {
	if name == "" {
		name = keyOf(s.Name)
	}
	if !key.MatchString(name) {
		return nil, fmt.Errorf("%q cannot be the name of a server: use letters, digits, _ and -, at most 64", name)
	}
	e := &Entry{Name: name, Needs: map[string]string{}}
	if len(s.Remotes) > 0 && !program {
		return e, e.remote(s)
	}
	for i := range s.Packages {
		if s.Packages[i].Transport.Type == "stdio" && e.run(&s.Packages[i]) {
			return e, nil
		}
	}
	return nil, errors.New("it can be reached at no address, and none of its packages can be run by npx, uvx or docker")
}

// key is what a server may be called in mcp.yaml.
var key = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// keyOf makes such a name of the last part of another.
func keyOf(name string) string {
	name = name[strings.LastIndex(name, "/")+1:]
	name = regexp.MustCompile(`[^A-Za-z0-9_-]+`).ReplaceAllString(name, "-")
	return strings.Trim(name[:min(len(name), 64)], "-")
}

// remote is the server at an address, over Streamable HTTP where it has that.
func (e *Entry) remote(s *Server) error {
	i := max(slices.IndexFunc(s.Remotes, func(t Transport) bool { return t.Type == "streamable-http" }), 0)
	t := &s.Remotes[i]
	e.URL = e.fill(t.URL, t.Variables)
	if t.Type == "sse" {
		e.Type = "sse"
	}
	if !strings.HasPrefix(e.URL, "https://") && !strings.HasPrefix(e.URL, "http://") {
		return fmt.Errorf("its address %q is none without values that only its owner knows", t.URL)
	}
	for _, h := range t.Headers {
		if value, ok := e.value(e.Name+"_"+h.Name, &h.Input); ok {
			e.Headers = set(e.Headers, h.Name, value)
		}
	}
	return nil
}

// run is the server of a package; it reports whether somebody here can run it.
func (e *Entry) run(p *Package) bool {
	runtime := e.arguments(p.RuntimeArguments)
	switch p.RegistryType {
	case "npm":
		e.Command, e.Args = "npx", append(union([]string{"-y"}, runtime), at(p.Identifier, "@", p.Version))
	case "pypi":
		e.Command, e.Args = "uvx", slices.Concat(runtime, []string{at(p.Identifier, "==", p.Version)})
	case "oci":
		e.Command, e.Args = "docker", append([]string{"run"}, union([]string{"-i", "--rm"}, runtime)...)
		for _, v := range p.Environment {
			e.Args = append(e.Args, "-e", v.Name)
		}
		e.Args = append(e.Args, p.Identifier)
	default:
		return false
	}
	e.Args = append(e.Args, e.arguments(p.PackageArguments)...)
	for _, v := range p.Environment {
		if value, ok := e.value(v.Name, &v.Input); ok {
			e.Env = set(e.Env, v.Name, value)
		}
	}
	return true
}

// union puts words before others that do not have them yet.
func union(first, rest []string) []string {
	return append(slices.DeleteFunc(first, func(w string) bool { return slices.Contains(rest, w) }), rest...)
}

func at(name, sep, version string) string {
	if version == "" {
		return name
	}
	return name + sep + version
}

func set(m map[string]string, name, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[name] = value
	return m
}

// arguments are words of a command line. One that is not required and has no value is left out.
func (e *Entry) arguments(args []Argument) (words []string) {
	for _, a := range args {
		hint := a.ValueHint
		if hint == "" {
			hint = strings.TrimLeft(a.Name, "-")
		}
		value, ok := e.value(e.Name+"_"+hint, &a.Input)
		switch {
		case a.Type == "named" && a.Name != "" && (ok || a.IsRequired || a.Value == "" && a.Description == ""):
			words = append(words, a.Name)
			if value != "" {
				words = append(words, value)
			}
		case a.Type == "positional" && ok:
			words = append(words, value)
		}
	}
	return words
}

// value is the value of an input: its own, its default, or a variable that whoever runs the gateway sets. ok is false for what need not be.
func (e *Entry) value(name string, in *Input) (value string, ok bool) {
	switch {
	case in.Value != "":
		return e.fill(in.Value, in.Variables), true
	case in.Default != "" && !in.IsSecret:
		return escape(in.Default), true
	case in.IsRequired:
		return e.need(name, in.Description), true
	}
	return "", false
}

// braces match the variables of a value.
var braces = regexp.MustCompile(`\{([A-Za-z_][A-Za-z0-9_-]*)\}`)

// fill puts variables of ours in the place of those of a value.
func (e *Entry) fill(value string, variables map[string]Input) string {
	var out strings.Builder
	last := 0
	for _, m := range braces.FindAllStringSubmatchIndex(value, -1) {
		name := value[m[2]:m[3]]
		in, known := variables[name]
		if !known {
			continue
		}
		out.WriteString(escape(value[last:m[0]]))
		last = m[1]
		switch {
		case in.Value != "":
			out.WriteString(escape(in.Value))
		case in.Default != "" && !in.IsSecret:
			out.WriteString(escape(in.Default))
		default:
			out.WriteString(e.need(e.Name+"_"+name, in.Description))
		}
	}
	out.WriteString(escape(value[last:]))
	return out.String()
}

// escape keeps a dollar sign what it is: what a registry lists never reaches our environment.
func escape(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// need returns a variable of the environment, which begins with the server's name where the server does not name it itself.
func (e *Entry) need(name, what string) string {
	name = strings.Trim(regexp.MustCompile(`[^A-Z0-9_]+`).ReplaceAllString(strings.ToUpper(name), "_"), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "VALUE_" + name
	}
	e.Needs[name] = what
	return "${" + name + "}"
}

// YAML returns the entry as it stands below servers, indented by that many spaces.
func (e *Entry) YAML(indent int) (string, error) {
	text, err := yaml.MarshalWithOptions(map[string]*Entry{e.Name: e}, yaml.Indent(2), yaml.UseSingleQuote(false))
	if err != nil {
		return "", fmt.Errorf("writing the server: %w", err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		out.WriteString(strings.Repeat(" ", indent) + line)
	}
	return out.String(), nil
}
