// Package prompt renders the templates of prompts. The language is the part of
// Jinja that prompts need, on JSON values only: a template reads members and
// items, and calls nothing. Text from strangers may be parsed and rendered: a
// template reaches no file, no network and no Go value, and each rendering is
// bounded in steps, memory, output and time. docs/templates.md describes the
// language; what Jinja 3.1 makes of the same templates is recorded in testdata.
package prompt

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// Limits of a template, whoever renders it.
const (
	maxText    = 1 << 20 // bytes
	maxName    = 120     // bytes
	maxNodes   = 20_000  // of expressions and statements
	maxNesting = 100     // blocks and brackets within each other
	maxHeight  = 200     // operations within each other, such as the 200 of a + b + …
)

// What a rendering may use where Limits says nothing.
const (
	defaultSteps  = 250_000
	defaultDepth  = 16
	defaultOutput = 1 << 20
	defaultMemory = 6 << 20
	defaultTime   = time.Second
)

// Limits bounds one rendering. A member that is 0 or less stands for its
// default. The defaults of Steps, Output and Memory are reached long before
// that of Time, which is for a machine that is busy.
type Limits struct {
	Steps  int           // operations, each of about 64 bytes or one item; 250,000 by default
	Depth  int           // includes within each other; 16 by default
	Output int           // bytes of the result; 1 MiB by default
	Memory int           // bytes of all values that are made on the way, also of those no longer used; 6 MiB by default
	Time   time.Duration // of the wall clock; one second by default
}

// withDefaults returns l with nothing left open.
func (l Limits) withDefaults() Limits {
	return Limits{
		Steps:  cmp.Or(max(l.Steps, 0), defaultSteps),
		Depth:  cmp.Or(max(l.Depth, 0), defaultDepth),
		Output: cmp.Or(max(l.Output, 0), defaultOutput),
		Memory: cmp.Or(max(l.Memory, 0), defaultMemory),
		Time:   cmp.Or(max(l.Time, 0), defaultTime),
	}
}

// Options says what a rendering may reach and use.
type Options struct {
	// Include returns the prompt of that name, parsed, or an error that wraps
	// ErrNotFound if there is none. The name is computed by the template: it may
	// be any text, and it is for Include to take it as a key, never as a path.
	// Without Include every include is refused.
	Include func(name string) (*Template, error)

	Limits Limits
}

// An Origin is where a template stands: what its errors name.
type Origin struct {
	Name   string // of the prompt, or its file
	Line   int    // of the file on which the template begins; 0 and 1 are the first
	Indent int    // characters that stand before each line of the template
}

// An Include is another prompt that a template names.
type Include struct {
	Name         string
	Line, Column int  // where it is named first
	Optional     bool // the template does without it: ignore missing, everywhere
}

// A Template is a parsed template. It does not change, and any number of
// goroutines may render it at once.
type Template struct {
	at    Origin
	text  string
	names []string       // of the variables, by number
	ids   map[string]int // of the variables, by name
	reads map[string]bool
	calls []Include // prompts that are included by a literal name, each once
	body  []statement
}

// Parse reads a template. What at says stands in errors only. An error is an
// *Error, which tells the line, the column and what to do.
func Parse(at Origin, text string) (*Template, error) {
	t := &Template{at: at, text: text, ids: map[string]int{}, reads: map[string]bool{}}
	switch {
	case len(text) > maxText:
		return nil, t.newError(0, "the template is larger than 1 MiB", "pass long texts as variables")
	case !utf8.ValidString(text):
		return nil, t.newError(firstInvalid(text), "the template is not UTF-8 here", "save the file as UTF-8")
	}
	// As in Jinja: one kind of line end, and the last one does not count.
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	t.text = strings.TrimSuffix(text, "\n")
	p := newParser(t)
	t.body = p.template()
	if p.err != nil {
		return nil, p.err
	}
	return t, nil
}

// firstInvalid returns the offset of the first byte that is not UTF-8.
func firstInvalid(text string) int {
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\uFFFD") {
			return i
		}
	}
	return len(text)
}

// Name returns the name that the template was parsed with.
func (t *Template) Name() string { return t.at.Name }

// Variables returns the names of the variables that the template itself may
// read from those it is given, sorted. What it sets before is not among them,
// nor is what an included prompt reads: see Includes.
func (t *Template) Variables() []string { return slices.Sorted(maps.Keys(t.reads)) }

// Includes returns the prompts that the template includes by a literal name, in
// the order of the template. A name that is computed is known only when rendering.
func (t *Template) Includes() []Include { return slices.Clone(t.calls) }

// Render returns the text of the template for the variables. Their values are
// JSON: nil, bool, integers of Go, float64, json.Number, string, []any,
// []string, map[string]any, map[string]string, or a json.RawMessage, which keeps
// the order of members and tells 1 from 1.0 (members of a Go map are sorted, and
// a float64 is always shown as a float: 1.0). Nothing of vars is changed, and
// what the template does not read is not looked at.
//
// An error is an *Error with the place in the template. It wraps ErrLimit if a
// limit was reached, and the error of ctx if that ended. There is no partial
// result.
func (t *Template) Render(ctx context.Context, vars map[string]any, opts Options) (string, error) {
	limits := opts.Limits.withDefaults()
	r := &run{Budget: value.NewBudget(ctx, limits.Steps, limits.Memory, limits.Time), limits: limits, include: opts.Include}
	f := &frame{run: r, tmpl: t, vars: vars, values: make([]value.Value, len(t.names)), out: &buffer{run: r, isResult: true}}
	err := r.Pulse()
	if err == nil {
		err = f.exec(t.body)
	}
	if err != nil {
		return "", f.located(node{}, err)
	}
	return f.out.text.String(), nil
}
