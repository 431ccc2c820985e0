package guard

import (
	"fmt"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An instance is a compiled schema that one check at a time may use. Each of its schemas calls the meter before anything that costs,
// by way of the field for formats, which asserts nothing else: so does what jsonschema would do before it looks there.
type instance struct {
	root  *jsonschema.Schema
	meter meter
	// quick says of values that they fit, if it is not nil.
	quick *plain
	// hooks are those of the schemas that were adopted, nil where everything fits.
	hooks map[*jsonschema.Schema]*hook
	// unchecked are the patterns that are not checked, and why.
	unchecked []string
	unknown   map[string]bool
}

// location is where a schema is while it is compiled.
const location = "sumun:///schema"

// compile returns an instance of a schema.
func compile(document any) (in *instance, err error) {
	defer func() {
		if r := recover(); r != nil { // what strangers write must not end the gateway
			err = fmt.Errorf("the schema cannot be compiled: %v", r)
		}
	}()
	in, err = compileAs(jsonschema.Draft2020, document)
	if err != nil {
		// Before 2025-11-25 nothing said which draft it is, and many write the form of before.
		if older, err := compileAs(jsonschema.Draft7, document); err == nil {
			return older, nil
		}
	}
	return in, err
}

// compileAs returns an instance of a schema that is of that draft unless it says otherwise.
func compileAs(draft *jsonschema.Draft, document any) (*instance, error) {
	in := &instance{hooks: map[*jsonschema.Schema]*hook{}, unknown: map[string]bool{}}
	in.meter.start(0)
	c := jsonschema.NewCompiler()
	c.DefaultDraft(draft)
	c.UseLoader(jsonschema.SchemeURLLoader{}) // nothing is fetched
	c.UseRegexpEngine(engine(&in.meter, in.notes))
	if err := c.AddResource(location, document); err != nil {
		return nil, err
	}
	root, err := c.Compile(location)
	if err != nil {
		return nil, err
	}
	in.root = root
	in.adopt(root)
	in.quick = in.plain(root)
	in.hooks, in.unknown = nil, nil
	return in, nil
}

func (in *instance) notes(pattern string, err error) {
	if !in.unknown[pattern] {
		in.unknown[pattern] = true
		in.unchecked = append(in.unchecked, fmt.Sprintf("the pattern %s: %v", short(pattern), err))
	}
}

// adopt has a schema, and all that it refers to, pay for its time.
func (in *instance) adopt(s *jsonschema.Schema) {
	if _, done := in.hooks[s]; s == nil || done {
		return
	}
	in.hooks[s] = nil
	in.openUnknown(s)
	if s.Bool == nil || !*s.Bool {
		h := newHook(s, &in.meter)
		in.hooks[s] = h
		s.Bool, s.Types, s.Enum, s.Const = nil, nil, nil, nil
		s.Format = &jsonschema.Format{Validate: h.validate}
	}
	for sub := range children(s) {
		in.adopt(sub)
	}
}

// openUnknown leaves properties unchecked that may match a pattern of which nothing is known.
func (in *instance) openUnknown(s *jsonschema.Schema) {
	for re := range s.PatternProperties {
		if in.unknown[re.String()] {
			delete(s.PatternProperties, re)
			s.AdditionalProperties = true
		}
	}
}

// short bounds what a stranger wrote for a message.
func short(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	end := most
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
