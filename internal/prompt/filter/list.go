package filter

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

func defaultFilter(_ *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	_, isUndefined := v.(*value.Undefined)
	switch {
	case !isUndefined && (!flag(args, 1) || value.Truth(v)):
		return v, nil
	case args.Values[0] == nil:
		return "", nil
	}
	return args.Values[0], nil
}

func lengthFilter(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
	if s, ok := v.(string); ok {
		return int64(utf8.RuneCountInString(s)), r.Scan(len(s))
	}
	items, err := r.Items(v)
	if err != nil {
		return nil, err
	}
	return int64(items.Size()), nil
}

func firstFilter(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
	return end(r, v, 0)
}

func lastFilter(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
	return end(r, v, -1)
}

// end returns the first item (0) or the last (-1).
func end(r *value.Budget, v value.Value, which int64) (value.Value, error) {
	if s, ok := v.(string); ok {
		return r.Character(s, which)
	}
	items, err := r.Items(v)
	if err != nil {
		return nil, err
	}
	if items.Size() == 0 {
		return &value.Undefined{Reason: "there is no item, the list is empty"}, nil
	}
	return items.At((items.Size() + int(which)) % items.Size()), nil
}

func listFilter(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
	items, err := r.Items(v)
	if err != nil {
		return nil, err
	}
	return collect(r, items, func(v value.Value) (value.Value, error) { return v, nil })
}

// collect returns the list of what get makes of each item.
func collect(r *value.Budget, items value.Sequence, get value.Getter) (*value.List, error) {
	l, err := r.List(items.Size())
	if err != nil {
		return nil, err
	}
	for i := range items.Size() {
		v, err := get(items.At(i))
		if err != nil {
			return nil, err
		}
		l.Items = append(l.Items, v)
	}
	return l, nil
}

func reverseFilter(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
	items, err := r.Items(v)
	if err != nil {
		return nil, err
	}
	l, err := collect(r, items, func(v value.Value) (value.Value, error) { return v, nil })
	if err != nil {
		return nil, err
	}
	slices.Reverse(l.Items)
	if _, ok := v.(string); ok {
		return r.Join(l.Items, "")
	}
	return l, nil
}

func itemsFilter(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
	d, ok := v.(*value.Dict)
	if _, isUndefined := v.(*value.Undefined); !ok && !isUndefined {
		return nil, value.Faultf("use it on a mapping", "%s has no members", value.Describe(v))
	}
	l, err := r.List(0)
	for i := 0; err == nil && d != nil && i < len(d.Keys); i++ {
		err = l.Add(r, &value.List{Items: []value.Value{d.Keys[i], d.Values[i]}, IsTuple: true})
		if err == nil {
			err = r.Alloc(3 * value.SizeItem)
		}
	}
	return l, err
}

func dictsortFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	by, err := words(r, args, 1, "key")
	if err != nil {
		return nil, err
	}
	place := slices.Index([]string{"key", "value"}, by)
	if place < 0 {
		return nil, value.Faultf("use 'key' or 'value'", "mappings are not sorted by %s", value.QuoteAll([]value.Value{by}))
	}
	if u, ok := v.(*value.Undefined); ok {
		return nil, u.Fault()
	}
	pairs, err := itemsFilter(r, v, args)
	if err != nil {
		return nil, err
	}
	items, err := r.Items(pairs)
	if err != nil {
		return nil, err
	}
	get, err := attribute(r, int64(place), !flag(args, 0))
	if err != nil {
		return nil, err
	}
	return r.SortedBy(items, get, flag(args, 2))
}

func sortFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	items, err := r.Items(v)
	if err != nil {
		return nil, err
	}
	get, err := attributes(r, args.Values[2], !flag(args, 1))
	if err != nil {
		return nil, err
	}
	return r.SortedBy(items, get, flag(args, 0))
}

// attributes returns the getter of several attributes, separated by commas.
func attributes(r *value.Budget, name value.Value, folded bool) (value.Getter, error) {
	text, ok := name.(string)
	if !ok {
		return attribute(r, name, folded)
	}
	if err := r.Alloc(2 * value.SizeItem * (strings.Count(text, ",") + 1)); err != nil {
		return nil, err
	}
	var getters []value.Getter
	for part := range strings.SplitSeq(text, ",") {
		get, err := attribute(r, part, folded)
		if err != nil {
			return nil, err
		}
		getters = append(getters, get)
	}
	return func(v value.Value) (value.Value, error) {
		found, err := r.List(len(getters))
		if err != nil {
			return nil, err
		}
		for _, get := range getters {
			part, err := get(v)
			if err != nil {
				return nil, err
			}
			found.Items = append(found.Items, part)
		}
		return found, nil
	}, nil
}

func uniqueFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	items, err := r.Items(v)
	if err != nil {
		return nil, err
	}
	get, err := attribute(r, args.Values[1], !flag(args, 0))
	if err != nil {
		return nil, err
	}
	l, err := r.List(0)
	if err != nil {
		return nil, err
	}
	seen := &value.Dict{}
	for i := range items.Size() {
		key, err := get(items.At(i))
		if err != nil {
			return nil, err
		}
		before := len(seen.Keys)
		if err := seen.Set(r, key, nil); err != nil {
			return nil, err
		}
		if len(seen.Keys) == before {
			continue
		}
		if err := l.Add(r, items.At(i)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// extremeFilter returns the filter of the largest (1) or the smallest (-1) item.
func extremeFilter(sign int) func(*value.Budget, value.Value, Arguments[value.Value]) (value.Value, error) {
	return func(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
		items, err := r.Items(v)
		if err != nil {
			return nil, err
		}
		get, err := attribute(r, args.Values[1], !flag(args, 0))
		if err != nil {
			return nil, err
		}
		var best, bestKey value.Value = &value.Undefined{Reason: "there is no item, the list is empty"}, nil
		for i := range items.Size() {
			key, err := get(items.At(i))
			if err != nil {
				return nil, err
			}
			c := sign
			if i > 0 {
				if c, err = r.Order(key, bestKey, 0); err != nil {
					return nil, err
				}
			}
			if c == sign {
				best, bestKey = items.At(i), key
			}
		}
		return best, nil
	}
}

func sumFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	items, err := r.Items(v)
	if err != nil {
		return nil, err
	}
	get, err := attribute(r, args.Values[0], false)
	if err != nil {
		return nil, err
	}
	sum := args.Values[1]
	if sum == nil {
		sum = int64(0)
	}
	if _, ok := sum.(string); ok {
		return nil, value.Faultf("use the filter join", "texts are not added up")
	}
	for i := range items.Size() {
		part, err := get(items.At(i))
		if err != nil {
			return nil, err
		}
		if err := r.Step(1); err != nil {
			return nil, err
		}
		if sum, err = r.Operate("+", sum, part); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

func joinFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	separator, err := words(r, args, 0, "")
	if err != nil {
		return nil, err
	}
	if args.Values[0] == (value.None{}) {
		separator = "None"
	}
	items, err := r.Items(v)
	if err != nil {
		return nil, err
	}
	get, err := attribute(r, args.Values[1], false)
	if err != nil {
		return nil, err
	}
	l, err := collect(r, items, get)
	if err != nil {
		return nil, err
	}
	return r.Join(l.Items, separator)
}

// itemsOf returns the items of v, none if it is false: so map and select do
// with null, as in Jinja.
func itemsOf(r *value.Budget, v value.Value) (value.Sequence, error) {
	if !value.Truth(v) {
		return &value.List{}, nil
	}
	return r.Items(v)
}

func mapFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	items, err := itemsOf(r, v)
	if err != nil {
		return nil, err
	}
	get, err := itemMapping(r, args)
	if err != nil {
		return nil, err
	}
	return collect(r, items, get)
}

// mapping returns what map does with each item: it looks up an attribute, or
// applies a filter.
func itemMapping(r *value.Budget, args Arguments[value.Value]) (value.Getter, error) {
	if len(args.Values) > len(args.Names) {
		name, rest := args.Values[0], Arguments[value.Value]{args.Values[1:], args.Names}
		return func(v value.Value) (value.Value, error) { return apply(r, name, v, rest) }, nil
	}
	bound, err := Bind("map", "attribute default?", args)
	if err != nil {
		return nil, err
	}
	path, err := path(r, bound[0])
	if err != nil {
		return nil, err
	}
	return func(v value.Value) (value.Value, error) {
		for _, key := range path {
			found, err := r.Item(v, key)
			if err != nil {
				return nil, err
			}
			if _, ok := found.(*value.Undefined); ok && bound[1] != nil && bound[1] != (value.None{}) {
				found = bound[1]
			}
			v = found
		}
		return v, nil
	}, nil
}

// chooseFilter returns select or reject, or the two that look at an attribute.
func chooseFilter(byAttribute, want bool) func(*value.Budget, value.Value, Arguments[value.Value]) (value.Value, error) {
	return func(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
		items, err := itemsOf(r, v)
		if err != nil {
			return nil, err
		}
		get := func(v value.Value) (value.Value, error) { return v, nil }
		if byAttribute {
			if len(args.Values) == len(args.Names) {
				return nil, value.Faultf("write selectattr('name', 'test')", "the name of the member is missing")
			}
			if get, err = attribute(r, args.Values[0], false); err != nil {
				return nil, err
			}
			args.Values = args.Values[1:]
		}
		holds, err := passing(r, args)
		if err != nil {
			return nil, err
		}
		return choose(r, items, func(v value.Value) (bool, error) {
			found, err := get(v)
			if err != nil {
				return false, err
			}
			ok, err := holds(found)
			return ok == want, err
		})
	}
}

// choose returns the list of the items that pass.
func choose(r *value.Budget, items value.Sequence, passes func(value.Value) (bool, error)) (value.Value, error) {
	l, err := r.List(0)
	if err != nil {
		return nil, err
	}
	for i := range items.Size() {
		if err := r.Step(1); err != nil {
			return nil, err
		}
		ok, err := passes(items.At(i))
		if err == nil && ok {
			err = l.Add(r, items.At(i))
		}
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// condition returns the test that the arguments of select name, or truth.
func passing(r *value.Budget, args Arguments[value.Value]) (func(value.Value) (bool, error), error) {
	if len(args.Values) == 0 {
		return func(v value.Value) (bool, error) { return value.Truth(v), nil }, nil
	}
	name, _ := args.Values[0].(string)
	t, ok := tests[name]
	if !ok {
		return nil, value.Faultf(advise(name, tests), "there is no test %s", shown(args.Values[0]))
	}
	bound, err := Bind(name, t.Params, Arguments[value.Value]{args.Values[1:], args.Names})
	if err != nil {
		return nil, err
	}
	return func(v value.Value) (bool, error) {
		if err := r.Alloc(value.SizeItem); err != nil {
			return false, err
		}
		return t.Holds(r, v, bound)
	}, nil
}
