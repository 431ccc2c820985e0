package guard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/guard/rule"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/redact"
)

// A measure is what becomes of secrets.
type measure uint8

const (
	pass measure = iota
	flag
	replace
	block
)

// measures are those that a configuration names.
var measures = map[string]measure{"": pass, "off": pass, "flag": flag, "redact": replace, "block": block}

// A side is what holds for arguments, or for results.
type side struct {
	// shape is nil where nothing of it can have a fault.
	shape   *rule.Shape
	values  []rule.Value
	schemas []*Schema
	secrets measure
}

// idle reports whether the side lets everything pass unseen.
func (s *side) idle() bool {
	return s.shape == nil && len(s.values) == 0 && len(s.schemas) == 0 && s.secrets == pass
}

// ruled reports whether the side says something of single values.
func (s *side) ruled() bool { return len(s.values) > 0 || len(s.schemas) > 0 }

// sides are what holds for a call.
type sides struct{ arguments, results side }

// An exception is what differs for a server, or for tools.
type exception struct {
	name  string
	entry *config.GuardEntry
	// own is what it adds to what holds otherwise.
	own sides
}

// Settings are what is to be guarded. They do not change.
type Settings struct {
	all     sides
	config  *config.Guard
	secrets *redact.Rules
	servers map[string]*exception
	tools   []*exception
	// serverOf returns the server that a call is about to go to.
	serverOf func(ctx context.Context, call *mcp.Call) string

	mu sync.RWMutex
	// known are the sides by what they hold for, as far as that was asked.
	known map[subject]*sides
}

// A subject is what sides hold for.
type subject struct{ server, name string }

// maxKnown bounds the sides that are kept.
const maxKnown = 4096

// FromConfig returns the settings that a configuration says. ServerOf returns the name of the server that a call is about to go to, empty
// if it goes to none; it is asked only where servers are told apart. The error names what is no schema, or no pattern.
func FromConfig(cfg *config.Config, serverOf func(ctx context.Context, call *mcp.Call) string) (*Settings, error) {
	g := &cfg.Guard
	s := &Settings{config: g, serverOf: serverOf, servers: map[string]*exception{}, known: map[subject]*sides{}}
	var patterns []redact.Pattern
	for kind, source := range g.Secrets.Patterns {
		p, err := redact.ParsePattern(kind, source)
		if err != nil {
			return nil, fmt.Errorf("guard.secrets.patterns.%s: %w", kind, err)
		}
		patterns = append(patterns, p)
	}
	s.secrets = redact.New(patterns, g.Secrets.Without)
	var err error
	if s.all, err = own(&g.Arguments, &g.Results, "guard"); err != nil {
		return nil, err
	}
	s.all.shape(g.Arguments, g.Results)
	for i := range g.Servers {
		e, err := except(&g.Servers[i], "guard.servers.")
		if err != nil {
			return nil, err
		}
		s.servers[e.name] = e
	}
	for i := range g.Tools {
		e, err := except(&g.Tools[i], "guard.tools.")
		if err != nil {
			return nil, err
		}
		s.tools = append(s.tools, e)
	}
	return s, nil
}

func except(entry *config.GuardEntry, at string) (*exception, error) {
	added, err := own(&entry.Arguments, &entry.Results, at+entry.Name)
	return &exception{entry.Name, entry, added}, err
}

// own returns what both sides say of values.
func own(arguments, results *config.GuardSide, at string) (both sides, err error) {
	if both.arguments, err = valuesOf(arguments, at+".arguments"); err == nil {
		both.results, err = valuesOf(results, at+".results")
	}
	return both, err
}

// valuesOf reads what a side says of values.
func valuesOf(from *config.GuardSide, at string) (s side, err error) {
	if len(from.Schema) > 0 {
		schema, err := Compile(from.Schema)
		if err != nil {
			return s, fmt.Errorf("%s.schema: %w", at, err)
		}
		s.schemas = append(s.schemas, schema)
	}
	for i := range from.Values {
		v, err := valueOf(&from.Values[i])
		if err != nil {
			return s, fmt.Errorf("%s.values.%s: %w", at, from.Values[i].Name, err)
		}
		s.values = append(s.values, v)
	}
	return s, nil
}

func valueOf(from *config.GuardValue) (v rule.Value, err error) {
	v = rule.Value{
		At: from.Name, Required: from.Required, MinLength: from.MinLength, MaxLength: from.MaxLength,
		OneOf: from.OneOf, Min: from.Min, Max: from.Max, Forbid: from.Forbid,
	}
	if _, err := rule.ParsePointer(from.Name); err != nil {
		return v, err
	}
	if from.Pattern != "" {
		if v.Pattern, err = rule.Whole(from.Pattern); err != nil {
			return v, err
		}
	}
	if from.Path != nil {
		v.Root = &rule.Root{Under: from.Path.Under, Relative: !from.Path.Absolute}
	}
	if from.URL != nil {
		v.URL = &rule.URL{Schemes: from.URL.Schemes, Hosts: from.URL.Hosts}
	}
	if len(from.Schema) > 0 {
		schema, err := Compile(from.Schema)
		if err != nil {
			return v, err
		}
		v.Schema = schema.faults
	}
	return v, nil
}

// faults is Check in the words of package rule.
func (s *Schema) faults(value []byte) (all []rule.Fault) {
	for _, f := range s.Check(value) {
		all = append(all, rule.Fault{Pointer: f.Pointer, Kind: "schema", Message: f.Message, Refused: true})
	}
	return all
}

// shape sets the shapes, and what becomes of secrets.
func (s *sides) shape(arguments, results config.GuardSide) {
	s.arguments.shape, s.arguments.secrets = shapeOf(&arguments, true), measures[arguments.Secrets]
	s.results.shape, s.results.secrets = shapeOf(&results, false), measures[results.Secrets]
}

func shapeOf(from *config.GuardSide, strict bool) *rule.Shape {
	s := rule.Shape{Strict: strict}
	for class, name := range [rule.Classes]string{from.Control, from.Bidi, from.Hidden, from.Invisible, from.Surrogate} {
		s.Characters[class] = rule.ParseAction(name, rule.Off)
	}
	s.Sizes = rule.Sizes{
		Text: int(from.MaxText), Name: int(from.MaxName), Number: from.MaxNumber,
		Array: from.MaxArray, Members: from.MaxMembers, Depth: from.MaxDepth,
	}
	if s == (rule.Shape{Strict: strict}) {
		return nil
	}
	return &s
}

// over returns the side that an exception makes of another: what it says itself, and what the other says of the rest.
func over(x, y config.GuardSide) config.GuardSide {
	return config.GuardSide{
		Control: cmp.Or(x.Control, y.Control), Bidi: cmp.Or(x.Bidi, y.Bidi), Hidden: cmp.Or(x.Hidden, y.Hidden),
		Invisible: cmp.Or(x.Invisible, y.Invisible), Surrogate: cmp.Or(x.Surrogate, y.Surrogate),
		MaxText: cmp.Or(x.MaxText, y.MaxText), MaxName: cmp.Or(x.MaxName, y.MaxName), MaxNumber: cmp.Or(x.MaxNumber, y.MaxNumber),
		MaxArray: cmp.Or(x.MaxArray, y.MaxArray), MaxMembers: cmp.Or(x.MaxMembers, y.MaxMembers), MaxDepth: cmp.Or(x.MaxDepth, y.MaxDepth),
		Secrets: cmp.Or(x.Secrets, y.Secrets),
	}
}

// of returns what holds for a call.
func (s *Settings) of(ctx context.Context, call *mcp.Call) *sides {
	if len(s.servers) == 0 && len(s.tools) == 0 {
		return &s.all
	}
	to := subject{name: nameOf(call)}
	if len(s.servers) > 0 && s.serverOf != nil {
		to.server = s.serverOf(ctx, call)
	}
	s.mu.RLock()
	known := s.known[to]
	s.mu.RUnlock()
	if known != nil {
		return known
	}
	known = s.merged(to)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxKnown { // names that do not exist are asked for too
		clear(s.known)
	}
	s.known[to] = known
	return known
}

// nameOf returns the name of what a call addresses. A completion names it in its ref.
func nameOf(call *mcp.Call) string {
	if call.Name != "" || call.Method != mcp.MethodComplete {
		return call.Name
	}
	_, name, _ := mcp.ParseRef(call.Member("ref"))
	return name
}

// merged returns what holds for a subject: what holds for all, changed by its server, and by each entry that its name fits.
func (s *Settings) merged(to subject) *sides {
	m := s.all
	arguments, results := s.config.Arguments, s.config.Results
	add := func(e *exception) {
		arguments, results = over(e.entry.Arguments, arguments), over(e.entry.Results, results)
		m.arguments.add(&e.own.arguments)
		m.results.add(&e.own.results)
	}
	if e := s.servers[to.server]; e != nil {
		add(e)
	}
	for _, e := range s.tools {
		if mcp.Match(e.name, to.name) {
			add(e)
		}
	}
	m.shape(arguments, results)
	return &m
}

// add adds what another side says of values.
func (s *side) add(more *side) {
	s.values = append(slices.Clip(s.values), more.values...)
	s.schemas = append(slices.Clip(s.schemas), more.schemas...)
}

// Secrets returns what a secret is, also where calls with secrets pass.
func (s *Settings) Secrets() *redact.Rules { return s.secrets }
