package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/sumun-mcp/sumun/internal/document"
)

// Guard says what may stand in the arguments of calls and in what comes back: characters, sizes, secrets, and the form of single values.
type Guard struct {
	// Arguments is for what clients send.
	Arguments GuardSide `yaml:"arguments"`
	// Results is for what servers answer, ask and tell meanwhile.
	Results GuardSide `yaml:"results"`
	// Secrets says what a secret is.
	Secrets Secrets `yaml:"secrets"`
	// Servers are the exceptions for single servers, by their names.
	Servers []GuardEntry `yaml:"servers" key:"name"`
	// Tools are the exceptions for tools, prompts and resources, by their full names or URIs and patterns of them (with *). Of all entries
	// that a name fits the last in the file counts; values and schemas of all of them hold.
	Tools []GuardEntry `yaml:"tools" key:"word stars"`
}

// Secrets says what a secret is, beside the forms that are known.
type Secrets struct {
	// Patterns are further kinds of secrets: by the name of the kind a regular expression (RE2), whose first group is the secret, or all of
	// the match.
	Patterns map[string]string `yaml:"patterns" key:"kind"`
	// Without are kinds that are not looked for.
	Without []string `yaml:"without" form:"kind"`
}

// A GuardEntry is what holds for a server, or for tools, in place of what holds for all.
type GuardEntry struct {
	// Name is the name of the server, or the name or pattern of the tools.
	Name string `yaml:"-"`
	// Arguments is for what clients send.
	Arguments GuardSide `yaml:"arguments"`
	// Results is for what servers answer.
	Results GuardSide `yaml:"results"`
}

// A GuardSide is what may stand in arguments, or in results. What an exception does not say is as for all.
type GuardSide struct {
	// Control says what becomes of texts with control characters other than tab and those that end lines and pages: flag tells of them.
	Control string `yaml:"control" enum:"off flag refuse"`
	// Bidi is for characters that turn the direction of text around without need.
	Bidi string `yaml:"bidi" enum:"off flag refuse"`
	// Hidden is for text that only machines read: Unicode tags, selectors and invisible characters in rows.
	Hidden string `yaml:"hidden" enum:"off flag refuse"`
	// Invisible is for characters without width where neither script nor emoji needs them.
	Invisible string `yaml:"invisible" enum:"off flag refuse"`
	// Surrogate is for one half of a pair of surrogates.
	Surrogate string `yaml:"surrogate" enum:"off flag refuse"`
	// MaxText is how many bytes a text may have.
	MaxText document.Size `yaml:"maxText" min:"1" max:"1073741824"`
	// MaxName is how many bytes the name of a member may have.
	MaxName document.Size `yaml:"maxName" min:"1" max:"1073741824"`
	// MaxNumber is how many characters a number may have.
	MaxNumber int `yaml:"maxNumber" min:"1" max:"1000000"`
	// MaxArray is how many elements an array may have.
	MaxArray int `yaml:"maxArray" min:"1" max:"1000000000"`
	// MaxMembers is how many members an object may have.
	MaxMembers int `yaml:"maxMembers" min:"1" max:"1000000000"`
	// MaxDepth is how deep arrays and objects may nest.
	MaxDepth int `yaml:"maxDepth" min:"1" max:"512"`
	// Secrets says what becomes of secrets: flag tells of them, redact puts [redacted:KIND] in their place, block refuses what has one.
	Secrets string `yaml:"secrets" enum:"off flag redact block"`
	// Values are what single values must be like, by JSON Pointers into the arguments or the result, in which * is any element or member.
	Values []GuardValue `yaml:"values" key:"pointer"`
	// Schema is a JSON Schema of all of the arguments or the result, beside the tool's own.
	Schema json.RawMessage `yaml:"schema"`
}

// A GuardValue is what one value must be like. What is not there has nothing wrong unless it is required.
type GuardValue struct {
	// Name is the JSON Pointer.
	Name string `yaml:"-"`
	// Required wants the value to be there.
	Required bool `yaml:"required"`
	// MinLength is how many characters a text has at least.
	MinLength int `yaml:"minLength" min:"0" max:"1000000000"`
	// MaxLength is how many characters a text has at most.
	MaxLength int `yaml:"maxLength" min:"1" max:"1000000000"`
	// Pattern is a regular expression (RE2) that matches all of a text.
	Pattern string `yaml:"pattern"`
	// OneOf are the values that may be there.
	OneOf []string `yaml:"oneOf"`
	// Min is the least that a number may be.
	Min *float64 `yaml:"min"`
	// Max is the most that a number may be.
	Max *float64 `yaml:"max"`
	// Forbid are characters that no text may have.
	Forbid string `yaml:"forbid"`
	// Path holds a text, which is a path, below a directory. The server gets it normalized.
	Path *GuardPath `yaml:"path"`
	// URL holds a text, which is a URL, to schemes and hosts.
	URL *GuardURL `yaml:"url"`
	// Schema is a JSON Schema of the value.
	Schema json.RawMessage `yaml:"schema"`
}

// A GuardPath is where paths may lead.
type GuardPath struct {
	// Under is the directory, to which relative paths belong. A directory in its place is it.
	Under string `yaml:"under" form:"some"`
	// Absolute gives the server absolute paths; false, paths relative to under.
	Absolute bool `yaml:"absolute"`

	_ struct{} `short:"under"`
}

// A GuardURL is what URLs may name.
type GuardURL struct {
	// Schemes are the schemes that may be used: https when absent.
	Schemes []string `yaml:"schemes" form:"scheme"`
	// Hosts are the hosts that may be named: example.com, *.example.com, each with :PORT where it is not the scheme's. All when absent.
	Hosts []string `yaml:"hosts" form:"guardhost"`
}

// Begin makes e the entry of that name.
func (e *GuardEntry) Begin(name string) { *e = GuardEntry{Name: name} }

// Begin makes v what holds for the values at that pointer.
func (v *GuardValue) Begin(name string) { *v = GuardValue{Name: name} }

// defaultGuard is what holds for all tools: what is surely an attack is refused, and what may be one told of.
func defaultGuard() Guard {
	return Guard{
		Arguments: GuardSide{
			Control: "refuse", Bidi: "refuse", Hidden: "refuse", Invisible: "flag", Surrogate: "refuse",
			MaxText: 16 << 20, MaxName: 1 << 10, MaxNumber: 1000, MaxArray: 100_000, MaxMembers: 10_000, MaxDepth: 100, Secrets: "flag",
		},
		Results: GuardSide{
			Control: "flag", Bidi: "flag", Hidden: "flag", Invisible: "off", Surrogate: "off", Secrets: "flag",
		},
	}
}

// sides calls visit with each side of the guard and its path.
func (l *loader) sides(visit func(at string, side *GuardSide)) {
	g := &l.config.Guard
	visit("guard.arguments", &g.Arguments)
	visit("guard.results", &g.Results)
	for group, entries := range map[string][]GuardEntry{"guard.servers": g.Servers, "guard.tools": g.Tools} {
		for i := range entries {
			at := l.Element(group, i)
			visit(at+".arguments", &entries[i].Arguments)
			visit(at+".results", &entries[i].Results)
		}
	}
}

// finishGuard fills in what follows from what was written, and makes directories absolute.
func (l *loader) finishGuard() {
	l.sides(func(at string, side *GuardSide) {
		for i := range side.Values {
			v, p := &side.Values[i], l.Element(at+".values", i)
			if v.Path != nil && v.Path.Under != "" {
				v.Path.Under = document.Absolute(l.config.Dir, v.Path.Under)
				if !l.Written(p + ".path.absolute") {
					v.Path.Absolute = true
				}
			}
			if v.URL != nil && !l.Written(p+".url.schemes") {
				v.URL.Schemes = []string{"https"}
			}
		}
	})
}

// checkGuard wants patterns that can be matched, ranges with something in them, and servers that are there.
func (l *loader) checkGuard() {
	l.sides(func(at string, side *GuardSide) {
		for i := range side.Values {
			l.checkValue(l.Element(at+".values", i), &side.Values[i])
		}
	})
	for kind, pattern := range l.config.Guard.Secrets.Patterns {
		p := document.Join("guard.secrets.patterns", kind)
		if re, err := regexp.Compile(pattern); err != nil {
			l.Wrong(p, "is not a regular expression: "+err.Error(), "write it in the syntax of RE2")
		} else if re.MatchString("") {
			l.Wrong(p, "matches nothing at all, so that it would be everywhere", "")
		}
	}
	for i, one := range l.config.Guard.Servers {
		if !slices.ContainsFunc(l.config.Servers, func(s Server) bool { return s.Name == one.Name }) && !l.Odd("") {
			l.WrongKey(l.Element("guard.servers", i), "there is no such server", "write a name from servers")
		}
	}
}

// checkValue looks at what is wanted of one value.
func (l *loader) checkValue(at string, v *GuardValue) {
	if _, err := regexp.Compile(v.Pattern); err != nil {
		l.Wrong(at+".pattern", "is not a regular expression: "+err.Error(), "write it in the syntax of RE2")
	}
	if v.MaxLength > 0 && v.MinLength > v.MaxLength {
		l.Wrong(at+".minLength", fmt.Sprintf("is more than maxLength, %d", v.MaxLength), "")
	}
	if v.Min != nil && v.Max != nil && *v.Min > *v.Max {
		l.Wrong(at+".min", fmt.Sprintf("is more than max, %v", *v.Max), "")
	}
	if v.Path != nil && v.Path.Under == "" && l.OK(at+".path", at+".path.under") {
		l.Missing(at+".path", "under", "write the directory that paths must stay below")
	}
}
