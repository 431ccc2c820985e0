// Package drift tells in words how a thing that a server offers differs from what it was: which parameters, which words, which hints, and
// what in what is new reads like an order to the model. It decides nothing.
package drift

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/trust"
)

const (
	// maxLines is how many differences are told one by one.
	maxLines = 200
	// maxDepth is how deep schemas are walked.
	maxDepth = 12
	// maxFindings is how many findings are told.
	maxFindings = 20
)

// A Diff tells how a thing differs from what it was.
type Diff struct {
	// Lines are the differences, one each.
	Lines []string `json:"changes"`
	// Findings are those in what is new.
	Findings []trust.Finding `json:"findings,omitempty"`
	// Risk says in a sentence what can come of it.
	Risk string `json:"risk"`
	// Severity is how bad that may be.
	Severity trust.Severity `json:"severity"`
}

// A Change is what is to be told of.
type Change struct {
	// Kind and Name are those of the thing.
	Kind, Name string
	// Before and After are what it was and what it is: JSON objects, nil where there is none.
	Before, After []byte
	// Resembles is the name of an approved thing: Alike says that Name looks like it, and Renamed that but for the name the two are the same.
	Resembles      string
	Alike, Renamed bool
}

// Explain tells how a thing differs from what it was. It is pure, and bounded.
func Explain(d *inspect.Detector, c *Change) Diff {
	t := &teller{risk: map[risk]bool{}}
	switch {
	case c.Kind == "place":
		t.say("resources of a place that was not approved: %s", Visible(c.Name))
		t.risk[newPlace] = true
	case c.After == nil:
		t.say("the %s is not offered any more", c.Kind)
		t.risk[gone] = true
	case c.Before == nil:
		t.added(c)
	default:
		t.members(decode(c.Before), decode(c.After))
		if len(t.lines) == 0 {
			t.say("it is written in another way: numbers, or members that stand twice")
		}
	}
	diff := Diff{Lines: t.lines, Findings: news(d, c)}
	diff.Risk, diff.Severity = t.worst(diff.Findings)
	return diff
}

// news are the findings in what a thing is that were not in what it was.
func news(d *inspect.Detector, c *Change) []trust.Finding {
	known := map[[2]string]bool{}
	if c.Before != nil {
		for f := range d.Subject(subject(c, c.Before)) {
			known[[2]string{f.Rule, f.Evidence}] = true
		}
	}
	var found []trust.Finding
	if c.After == nil || c.Kind == "place" {
		return nil
	}
	for f := range d.Subject(subject(c, c.After)) {
		if !known[[2]string{f.Rule, f.Evidence}] && f.Band >= trust.BandWarn && len(found) < maxFindings {
			found = append(found, f)
		}
	}
	return found
}

// subject is a server that offers nothing but the thing.
func subject(c *Change, raw []byte) *trust.Subject {
	var s trust.Subject
	one := []json.RawMessage{raw}
	switch c.Kind {
	case trust.KindTool:
		s.Tools = one
	case trust.KindPrompt:
		s.Prompts = one
	case trust.KindResource:
		s.Resources = one
	case trust.KindTemplate:
		s.Templates = one
	case trust.KindInstructions:
		s.Instructions, _ = decode(raw)[trust.KindInstructions].(string)
	}
	return &s
}

// A teller gathers what there is to tell.
type teller struct {
	lines []string
	risk  map[risk]bool
}

func (t *teller) say(format string, args ...any) {
	switch {
	case len(t.lines) < maxLines:
		t.lines = append(t.lines, fmt.Sprintf(format, args...))
	case len(t.lines) == maxLines:
		t.lines = append(t.lines, "… and more")
	}
}

// added tells of a thing that is new.
func (t *teller) added(c *Change) {
	t.risk[isNew], t.risk[lookAlike], t.risk[renamed] = true, c.Alike, c.Renamed
	switch {
	case c.Renamed:
		t.say("the %s `%s` is offered under the name `%s` now; nothing else has changed", c.Kind, Visible(c.Resembles), Spelled(c.Name))
		return
	case c.Alike:
		t.say("a new %s whose name `%s` looks like that of the approved `%s`", c.Kind, Spelled(c.Name), Visible(c.Resembles))
	case c.Kind == trust.KindInstructions:
		t.say("the server tells models something now")
	default:
		t.say("a new %s: `%s`", c.Kind, Spelled(c.Name))
	}
	now := decode(c.After)
	if text, _ := now["description"].(string); text != "" {
		t.say("description: %s", quote(text))
	}
	if text, _ := now[trust.KindInstructions].(string); text != "" {
		t.say("instructions: %s", quote(text))
	}
	schema := object(now["inputSchema"])
	empty := maps.Clone(schema)
	delete(empty, "properties")
	delete(empty, "required")
	t.schema("parameter", "", empty, schema, 0)
	for name, hint := range sorted(object(now["annotations"])) {
		t.say("annotations: %s is %s", name, brief(hint))
	}
}

// members compares the members of a thing.
func (t *teller) members(was, is map[string]any) {
	for _, name := range union(was, is) {
		before, after := was[name], is[name]
		if name == "_meta" || same(before, after) {
			continue
		}
		switch name {
		case "inputSchema":
			t.schema("parameter", "", object(before), object(after), 0)
		case "outputSchema":
			t.schema("result", "", object(before), object(after), 0)
		case "annotations":
			t.annotations(object(before), object(after))
		case "arguments":
			t.schema("argument", "", arguments(before), arguments(after), 0)
		default:
			t.value(name, before, after)
		}
	}
}

// arguments are those of a prompt, as a schema.
func arguments(list any) map[string]any {
	elements, _ := list.([]any)
	properties, required := map[string]any{}, []any{}
	for _, e := range elements {
		argument := maps.Clone(object(e))
		name, _ := argument["name"].(string)
		if argument["required"] == true {
			required = append(required, name)
		}
		delete(argument, "name")
		delete(argument, "required")
		properties[name] = argument
	}
	return map[string]any{"properties": properties, "required": required}
}

// annotations compares what a tool says of its effects.
func (t *teller) annotations(was, is map[string]any) {
	for _, name := range union(was, is) {
		before, after := was[name], is[name]
		if same(before, after) {
			continue
		}
		if name == "readOnlyHint" && before == true || name == "destructiveHint" && before == false {
			t.risk[effects] = true
		}
		t.value("annotations: "+name, before, after)
	}
}

// value tells how one value differs: texts by their words.
func (t *teller) value(name string, before, after any) {
	was, text := before.(string)
	is, also := after.(string)
	switch {
	case text && also:
		t.risk[words] = true
		t.say("%s: %s", Visible(name), wordDiff(was, is))
	case before == nil:
		t.risk[words] = t.risk[words] || also
		t.say("%s: is %s now", Visible(name), brief(after))
	case after == nil:
		t.say("%s: is gone; it was %s", Visible(name), brief(before))
	default:
		t.say("%s: was %s, is %s", Visible(name), brief(before), brief(after))
	}
}

// decode reads an object; numbers stay as they are written.
func decode(raw []byte) map[string]any {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var all map[string]any
	_ = decoder.Decode(&all) // what is no object has no members
	return all
}

func object(v any) map[string]any {
	o, _ := v.(map[string]any)
	return o
}

func union(a, b map[string]any) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}

func sorted(of map[string]any) func(yield func(string, any) bool) {
	return func(yield func(string, any) bool) {
		for _, name := range slices.Sorted(maps.Keys(of)) {
			if !yield(name, of[name]) {
				return
			}
		}
	}
}

// same reports whether two values say the same.
func same(a, b any) bool { return encoded(a) == encoded(b) }

func encoded(v any) string {
	text, _ := json.Marshal(v) // it was read from JSON
	return string(text)
}

// brief is the beginning of a value.
func brief(v any) string {
	if text, ok := v.(string); ok {
		return quote(text)
	}
	return shortened(Visible(encoded(v)))
}

func shortened(s string) string {
	const most = 400
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func quote(text string) string { return `"` + shortened(Visible(text)) + `"` }
