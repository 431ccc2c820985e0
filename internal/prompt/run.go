package prompt

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// A run is one rendering with all its includes.
type run struct {
	*value.Budget
	limits        Limits
	include       func(name string) (*Template, error)
	output, depth int // bytes of the result, and includes within each other, so far
}

// A buffer collects text: the result, or what a block sets a variable to.
type buffer struct {
	run      *run
	isResult bool
	text     strings.Builder
}

func (b *buffer) write(s string) error {
	if !b.isResult {
		if err := b.run.Alloc(value.SizeByte * len(s)); err != nil {
			return err
		}
	} else if b.run.output += len(s); b.run.output > b.run.limits.Output {
		return value.Limited("the result is longer than %d bytes", b.run.limits.Output)
	}
	b.text.Grow(len(s)) // doubles, which WriteString alone does not
	b.text.WriteString(s)
	return b.run.Scan(len(s))
}

// A frame is one template while it is rendered.
type frame struct {
	run    *run
	tmpl   *Template
	vars   map[string]any // given by the caller; nil in an included prompt
	parent *frame         // whose variables an included prompt sees; may be nil
	out    *buffer

	// values holds what each variable stands for now, by number; nil is not
	// looked up yet. trail holds what inner scopes have hidden.
	values   []value.Value
	trail    []hidden
	captured value.Value // what a block of set has collected, while filters are applied to it
}

type hidden struct {
	id int
	v  value.Value
}

// lookup returns the value of a variable of the frame's template.
func (f *frame) lookup(id int) (value.Value, error) {
	if v := f.values[id]; v != nil {
		return v, nil
	}
	v, err := f.outer(f.tmpl.names[id])
	f.values[id] = v
	return v, err
}

// outer returns the value of a variable that the template has not set.
func (f *frame) outer(name string) (value.Value, error) {
	if f.parent != nil {
		if id, ok := f.parent.tmpl.ids[name]; ok {
			return f.parent.lookup(id)
		}
		return f.parent.outer(name)
	}
	given, ok := f.vars[name]
	if !ok {
		return &value.Undefined{Reason: "the variable %s is not defined", Name: name}, nil
	}
	v, err := f.run.Convert(given, 0)
	if err != nil {
		return nil, fmt.Errorf("the variable %q: %w", name, err)
	}
	return v, nil
}

// bind sets a variable until its scope is left.
func (f *frame) bind(id int, v value.Value) {
	f.trail = append(f.trail, hidden{id, f.values[id]})
	f.values[id] = v
}

// leave ends all scopes that were entered since the trail had the length mark.
func (f *frame) leave(mark int) {
	for i := len(f.trail) - 1; i >= mark; i-- {
		f.values[f.trail[i].id] = f.trail[i].v
	}
	f.trail = f.trail[:mark]
}

// eval computes an expression.
func (f *frame) eval(x expression) (value.Value, error) {
	err := f.run.Step(1)
	if err == nil {
		var v value.Value
		if v, err = x.eval(f); err == nil {
			return v, nil
		}
	}
	return nil, f.located(x.base(), err)
}

// exec runs statements.
func (f *frame) exec(body []statement) error {
	for _, s := range body {
		err := f.run.Step(1)
		if err == nil {
			err = s.exec(f)
		}
		if err != nil {
			return f.located(s.base(), err)
		}
	}
	return nil
}

// included renders another template in place of an include at n.
func (f *frame) included(n node, t *Template, withContext bool) error {
	if f.run.depth >= f.run.limits.Depth {
		return value.Limited("prompts include each other more than %d levels deep, the last %q", f.run.limits.Depth, t.Name())
	}
	if err := f.run.Alloc(256 + 16*len(t.names)); err != nil {
		return err
	}
	inner := &frame{run: f.run, tmpl: t, values: make([]value.Value, len(t.names)), out: f.out}
	if withContext {
		inner.parent = f
	}
	f.run.depth++
	defer func() { f.run.depth-- }()
	err := inner.exec(t.body)
	if e, ok := errors.AsType[*Error](err); ok && e.From == "" {
		line, column := f.tmpl.position(int(n.offset))
		e.From = place(f.tmpl.Name(), line, column)
	}
	return err
}
