package prompt

import (
	"github.com/sumun-mcp/sumun/internal/prompt/filter"
	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// An expression is a part of a template that has a value.
type expression interface {
	base() node
	eval(f *frame) (value.Value, error)
}

type (
	literal struct {
		node
		v value.Value
	}
	variable struct {
		node
		id   int
		name string
	}
	// captured is the text that a block of set has collected.
	captured struct{ node }
	listing  struct {
		node
		items   []expression
		isTuple bool
	}
	mapping struct {
		node
		keys, values []expression
	}
	unary struct {
		node
		op string
		x  expression
	}
	binary struct {
		node
		op   string
		x, y expression
	}
	logic struct {
		node
		isOr bool
		x, y expression
	}
	comparison struct {
		node
		x     expression
		chain []comparand
	}
	comparand struct {
		op string
		y  expression
	}
	concatenation struct {
		node
		parts []expression
	}
	condition struct {
		node
		test, then, otherwise expression
	}
	member struct {
		node
		x    expression
		name string
	}
	item struct {
		node
		x, key expression
	}
	slicing struct {
		node
		x      expression
		bounds [3]expression
	}
	call struct {
		node
		x    expression
		args []expression
	}
	filtering struct {
		node
		x      expression
		filter filter.Filter
		args   filter.Arguments[expression]
	}
	testing struct {
		node
		x       expression
		test    filter.Test
		args    []expression
		negated bool
	}
)

func (x *literal) eval(*frame) (value.Value, error)    { return x.v, nil }
func (x *captured) eval(f *frame) (value.Value, error) { return f.captured, nil }
func (x *variable) eval(f *frame) (value.Value, error) { return f.lookup(x.id) }

// evalAll computes expressions; an absent one has no value.
func (f *frame) evalAll(list []expression) ([]value.Value, error) {
	if len(list) == 0 {
		return nil, nil
	}
	values := make([]value.Value, len(list))
	for i, x := range list {
		if x == nil {
			continue
		}
		v, err := f.eval(x)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

func (x *listing) eval(f *frame) (value.Value, error) {
	if err := f.run.Alloc(value.SizeItem * (len(x.items) + 1)); err != nil {
		return nil, err
	}
	items, err := f.evalAll(x.items)
	return &value.List{Items: items, IsTuple: x.isTuple}, err
}

func (x *mapping) eval(f *frame) (value.Value, error) {
	d := &value.Dict{}
	for i := range x.keys {
		k, err := f.eval(x.keys[i])
		if err != nil {
			return nil, err
		}
		v, err := f.eval(x.values[i])
		if err != nil {
			return nil, err
		}
		if err := d.Set(f.run.Budget, k, v); err != nil {
			return nil, err
		}
	}
	return d, f.run.Alloc(value.SizeItem)
}

func (x *unary) eval(f *frame) (value.Value, error) {
	v, err := f.eval(x.x)
	switch {
	case err != nil:
		return nil, err
	case x.op == "not":
		return !value.Truth(v), nil
	case x.op == "-":
		return f.run.Negate(v)
	}
	n, ok := value.ToNumber(v)
	if !ok {
		return nil, value.Unfit("+", v)
	}
	return n, nil
}

func (x *binary) eval(f *frame) (value.Value, error) {
	a, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	b, err := f.eval(x.y)
	if err != nil {
		return nil, err
	}
	return f.run.Operate(x.op, a, b)
}

func (x *logic) eval(f *frame) (value.Value, error) {
	v, err := f.eval(x.x)
	if err != nil || value.Truth(v) == x.isOr {
		return v, err
	}
	return f.eval(x.y)
}

func (x *comparison) eval(f *frame) (value.Value, error) {
	a, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	for _, c := range x.chain {
		b, err := f.eval(c.y)
		if err != nil {
			return nil, err
		}
		if ok, err := f.run.Compare(c.op, a, b); err != nil || !ok {
			return false, err
		}
		a = b
	}
	return true, nil
}

func (x *concatenation) eval(f *frame) (value.Value, error) {
	values, err := f.evalAll(x.parts)
	if err != nil {
		return nil, err
	}
	return f.run.Join(values, "")
}

func (x *condition) eval(f *frame) (value.Value, error) {
	v, err := f.eval(x.test)
	switch {
	case err != nil:
		return nil, err
	case value.Truth(v):
		return f.eval(x.then)
	case x.otherwise != nil:
		return f.eval(x.otherwise)
	}
	return &value.Undefined{Reason: "the condition is false and there is no else"}, nil
}

func (x *member) eval(f *frame) (value.Value, error) {
	v, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	return f.run.Member(v, x.name)
}

func (x *item) eval(f *frame) (value.Value, error) {
	v, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	key, err := f.eval(x.key)
	if err != nil {
		return nil, err
	}
	return f.run.Item(v, key)
}

func (x *slicing) eval(f *frame) (value.Value, error) {
	v, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	bounds, err := f.evalAll(x.bounds[:])
	if err != nil {
		return nil, err
	}
	return f.run.Slice(v, bounds)
}

func (x *call) eval(f *frame) (value.Value, error) {
	args, err := f.evalAll(x.args)
	if err != nil {
		return nil, err
	}
	m, ok := x.x.(*member)
	if !ok {
		return f.run.NewRange(args)
	}
	v, err := f.eval(m.x)
	if err != nil {
		return nil, err
	}
	state, ok := v.(*loopState)
	switch {
	case !ok:
		return nil, value.Faultf("use it within {% for %}", "loop.%s() is for loops only", m.name)
	case m.name == "changed":
		return state.isChanged(f.run.Budget, &value.List{Items: args, IsTuple: true})
	case len(args) == 0:
		return nil, value.Faultf("write loop.cycle('odd', 'even')", "loop.cycle() needs values")
	}
	return args[state.index%len(args)], nil
}

// isChanged reports whether loop.changed was called with other arguments before.
func (l *loopState) isChanged(r *value.Budget, args *value.List) (value.Value, error) {
	same, err := false, error(nil)
	if l.changed != nil {
		same, err = r.Equal(l.changed, args, 0)
	}
	l.changed = args
	return !same, err
}

func (x *filtering) eval(f *frame) (value.Value, error) {
	v, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	args, err := f.evalAll(x.args.Values)
	if err != nil {
		return nil, err
	}
	if err := f.run.Alloc(value.SizeCall); err != nil {
		return nil, err
	}
	return x.filter.Apply(f.run.Budget, v, filter.Arguments[value.Value]{Values: args, Names: x.args.Names})
}

func (x *testing) eval(f *frame) (value.Value, error) {
	v, err := f.eval(x.x)
	if err != nil {
		return nil, err
	}
	args, err := f.evalAll(x.args)
	if err != nil {
		return nil, err
	}
	if err := f.run.Alloc(value.SizeCall); err != nil {
		return nil, err
	}
	ok, err := x.test.Holds(f.run.Budget, v, args)
	return ok != x.negated, err
}
