package guard

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A plain is a schema as most are: a tree, without references and without keywords that depend on others. It says quickly that a value
// fits. That one does not, and why, is for package jsonschema to say.
type plain struct {
	*hook
	of *jsonschema.Schema
	// properties are the members that are known; additional is what all others must fit, and closed that there may be none.
	properties map[string]*plain
	additional *plain
	closed     bool
	items      *plain
	allOf      []*plain
	anyOf      []*plain
}

// anything is the schema that everything fits.
var anything = &plain{of: &jsonschema.Schema{}}

// plain returns a schema that was adopted as a plain, nil if it is none.
func (in *instance) plain(s *jsonschema.Schema) *plain {
	switch {
	case s.Bool != nil: // true: the other has a hook now
		return anything
	case !isPlain(s):
		return nil
	}
	p := &plain{hook: in.hooks[s], of: s, properties: make(map[string]*plain, len(s.Properties)), additional: anything, items: anything}
	ok := true
	sub := func(s *jsonschema.Schema) *plain {
		part := in.plain(s)
		ok = ok && part != nil
		return part
	}
	for name, property := range s.Properties {
		p.properties[name] = sub(property)
	}
	switch additional := s.AdditionalProperties.(type) {
	case bool:
		p.closed = !additional
	case *jsonschema.Schema:
		p.additional = sub(additional)
	}
	if s.Items2020 != nil {
		p.items = sub(s.Items2020)
	} else if before2020, is := s.Items.(*jsonschema.Schema); is {
		p.items = sub(before2020)
	}
	for _, part := range s.AllOf {
		p.allOf = append(p.allOf, sub(part))
	}
	for _, part := range s.AnyOf {
		p.anyOf = append(p.anyOf, sub(part))
	}
	if !ok {
		return nil
	}
	return p
}

// isPlain reports whether a plain has all that a schema says, apart from the schemas in it.
func isPlain(s *jsonschema.Schema) bool {
	known := len(s.Properties) + len(s.AllOf) + len(s.AnyOf)
	if _, is := s.AdditionalProperties.(*jsonschema.Schema); is {
		known++
	}
	if _, is := s.Items.(*jsonschema.Schema); is || s.Items2020 != nil {
		known++
	}
	for sub := range children(s) {
		if sub != nil {
			known--
		}
	}
	return known == 0 && !s.UniqueItems && len(s.Dependencies) == 0 && len(s.DependentRequired) == 0
}

// fits reports whether a value surely fits. It is paid for.
func (p *plain) fits(v any) bool {
	if p.hook == nil {
		return true
	}
	p.meter.spend(p.steps + p.price(v))
	if !p.allows(v) || !p.fitsParts(v) {
		return false
	}
	for _, part := range p.allOf {
		if !part.fits(v) {
			return false
		}
	}
	for _, part := range p.anyOf {
		if part.fits(v) {
			return true
		}
	}
	return len(p.anyOf) == 0
}

// fitsParts is fits for what is said of the type of the value.
func (p *plain) fitsParts(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return p.fitsObject(v)
	case []any:
		if !between(p.of.MinItems, len(v), p.of.MaxItems) {
			return false
		}
		for _, e := range v {
			if !p.items.fits(e) {
				return false
			}
		}
	case string:
		if p.lengths && !between(p.of.MinLength, utf8.RuneCountInString(v), p.of.MaxLength) {
			return false
		}
		return p.of.Pattern == nil || p.of.Pattern.MatchString(v)
	case json.Number:
		return p.bounds == nil || p.bounds.fault(string(v)) == nil
	}
	return true
}

func (p *plain) fitsObject(object map[string]any) bool {
	if !between(p.of.MinProperties, len(object), p.of.MaxProperties) {
		return false
	}
	for _, name := range p.of.Required {
		if _, ok := object[name]; !ok {
			return false
		}
	}
	for name, v := range object {
		must := p.properties[name]
		if must == nil {
			if must = p.additional; p.closed {
				return false
			}
		}
		if !must.fits(v) {
			return false
		}
	}
	return true
}

func between(least *int, n int, most *int) bool {
	return (least == nil || n >= *least) && (most == nil || n <= *most)
}
