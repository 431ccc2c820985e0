package prompt

import (
	"errors"
	"fmt"

	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// A node is what expressions and statements have in common.
type node struct {
	offset int32 // in the text of the template
	height int32 // of the expressions below
}

func (n node) base() node { return n }
func (n node) at() int    { return int(n.offset) }

// A statement is a part of a template outside of expressions.
type statement interface {
	base() node
	exec(f *frame) error
}

type (
	text struct {
		node
		text string
	}
	output struct {
		node
		x expression
	}
	branches struct {
		node
		list []branch
	}
	branch struct {
		test expression // nil for else
		body []statement
	}
	loop struct {
		node
		target          target
		id              int // of the variable "loop"
		items, test     expression
		body, otherwise []statement
	}
	setting struct {
		node
		target target
		x      expression
	}
	capture struct {
		node
		target target
		filter expression
		body   []statement
	}
	include struct {
		node
		name                       expression
		ignoreMissing, withContext bool
	}
	// A target is what a value is given to: a variable or several.
	target struct {
		id      int
		isTuple bool
		parts   []target
	}
)

// all appends the variables of t to ids.
func (t target) all(ids []int) []int {
	if !t.isTuple {
		return append(ids, t.id)
	}
	for _, part := range t.parts {
		ids = part.all(ids)
	}
	return ids
}

func (s *text) exec(f *frame) error { return f.out.write(s.text) }

func (s *output) exec(f *frame) error {
	v, err := f.eval(s.x)
	if err != nil {
		return err
	}
	text, err := f.run.Text(v)
	if err != nil {
		return f.located(s.x.base(), err)
	}
	return f.out.write(text)
}

func (s *branches) exec(f *frame) error {
	for _, b := range s.list {
		if b.test == nil {
			return f.exec(b.body)
		}
		v, err := f.eval(b.test)
		if err != nil {
			return err
		}
		if value.Truth(v) {
			return f.exec(b.body)
		}
	}
	return nil
}

func (s *setting) exec(f *frame) error {
	v, err := f.eval(s.x)
	if err != nil {
		return err
	}
	return f.assign(s.target, v)
}

func (s *capture) exec(f *frame) error {
	outer, mark := f.out, len(f.trail)
	inner := &buffer{run: f.run}
	f.out = inner
	err := f.exec(s.body)
	f.out = outer
	f.leave(mark)
	if err != nil {
		return err
	}
	f.captured = inner.text.String()
	v, err := f.eval(s.filter)
	if err != nil {
		return err
	}
	return f.assign(s.target, v)
}

// assign gives a value to a target.
func (f *frame) assign(t target, v value.Value) error {
	if !t.isTuple {
		f.bind(t.id, v)
		return nil
	}
	hint := "give as many names as there are items"
	if _, isText := v.(string); isText {
		hint = "loop over x|items to have the keys and the values of a mapping"
	}
	items, err := f.run.Items(v)
	switch {
	case errors.Is(err, ErrLimit):
		return err
	case err != nil:
		return value.Faultf(hint, "%s cannot be given to %d names", value.Describe(v), len(t.parts))
	case items.Size() != len(t.parts):
		return value.Faultf(hint, "%d items for %d names", items.Size(), len(t.parts))
	}
	for i, part := range t.parts {
		if err := f.assign(part, items.At(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *include) exec(f *frame) error {
	v, err := f.eval(s.name)
	if err != nil {
		return err
	}
	names := []value.Value{v}
	if l, ok := v.(*value.List); ok {
		names = l.Items
	}
	for _, v := range names {
		name, ok := v.(string)
		if !ok {
			return value.Faultf("write {% include 'name' %}", "a prompt is included by its name, not by %s", value.Describe(v))
		}
		t, err := f.find(name)
		switch {
		case err == nil:
			return f.included(s.node, t, s.withContext)
		case !errors.Is(err, ErrNotFound):
			return err
		}
	}
	if s.ignoreMissing {
		return nil
	}
	names = names[:min(len(names), 4)]
	return &value.Fault{Message: fmt.Sprintf("there is no prompt %s to include", value.QuoteAll(names)), Hint: "only registered prompts can be included, by their names; files cannot", Cause: ErrNotFound}
}

// find returns the prompt of that name.
func (f *frame) find(name string) (*Template, error) {
	if f.run.include == nil {
		return nil, ErrNotFound
	}
	t, err := f.run.include(name)
	if err != nil {
		return nil, fmt.Errorf("including %s: %w", value.QuoteAll([]value.Value{name}), err)
	}
	if t == nil {
		return nil, ErrNotFound
	}
	return t, nil
}

func (s *loop) exec(f *frame) error {
	v, err := f.eval(s.items)
	if err != nil {
		return err
	}
	items, err := f.run.Items(v)
	if err != nil {
		return f.located(s.items.base(), err)
	}
	mark := len(f.trail)
	defer f.leave(mark)
	if s.test != nil {
		if items, err = s.chosen(f, items); err != nil {
			return err
		}
	}
	if items.Size() == 0 {
		return f.exec(s.otherwise)
	}
	state := &loopState{items: items}
	if err := f.run.Alloc(value.SizeEntry); err != nil {
		return err
	}
	for state.index = range items.Size() {
		f.leave(mark)
		if err := f.run.Step(1); err != nil {
			return err
		}
		f.bind(s.id, state)
		if err := f.assign(s.target, items.At(state.index)); err != nil {
			return err
		}
		if err := f.exec(s.body); err != nil {
			return err
		}
	}
	return nil
}

// chosen returns the items that the test of the loop lets pass.
func (s *loop) chosen(f *frame, items value.Sequence) (value.Sequence, error) {
	mark := len(f.trail)
	defer f.leave(mark)
	found, err := f.run.List(0)
	if err != nil {
		return nil, err
	}
	for i := range items.Size() {
		f.leave(mark)
		if err := f.assign(s.target, items.At(i)); err != nil {
			return nil, err
		}
		v, err := f.eval(s.test)
		if err != nil {
			return nil, err
		}
		if value.Truth(v) {
			if err := found.Add(f.run.Budget, items.At(i)); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// A loopState is the variable "loop".
type loopState struct {
	items   value.Sequence
	index   int
	changed value.Value // last arguments of loop.changed
}

// String is what Jinja shows of a loop.
func (l *loopState) String() string {
	return fmt.Sprintf("<LoopContext %d/%d>", l.index+1, l.items.Size())
}

// Member returns what the variable "loop" tells.
func (l *loopState) Member(name string) value.Value {
	n := l.items.Size()
	switch name {
	case "index":
		return int64(l.index + 1)
	case "index0":
		return int64(l.index)
	case "revindex":
		return int64(n - l.index)
	case "revindex0":
		return int64(n - l.index - 1)
	case "first":
		return l.index == 0
	case "last":
		return l.index == n-1
	case "length":
		return int64(n)
	case "previtem":
		if l.index > 0 {
			return l.items.At(l.index - 1)
		}
		return &value.Undefined{Reason: "the first item has none before it"}
	case "nextitem":
		if l.index < n-1 {
			return l.items.At(l.index + 1)
		}
		return &value.Undefined{Reason: "the last item has none after it"}
	}
	return &value.Undefined{Reason: "loop has no member %s", Name: name}
}
