package value

import (
	"math"
	"strings"
	"unicode/utf8"
)

// Member returns the member of a mapping, or what "loop" tells.
func (r *Budget) Member(v Value, name string) (Value, error) {
	switch v := v.(type) {
	case Object:
		return v.Member(name), nil
	case *Dict:
		if found, ok := v.get(name); ok {
			return found, nil
		}
		return &Undefined{Reason: "the mapping has no member %s", Name: name}, nil
	case *Undefined:
		return nil, v.Fault()
	}
	if strings.HasPrefix(name, "__") {
		return nil, Faultf("templates read members of JSON values only", "%s is not a member of %s", QuoteAll([]Value{name}), Describe(v))
	}
	return &Undefined{Reason: Describe(v) + " has no member %s", Name: name}, nil
}

// Item returns v[key].
func (r *Budget) Item(v, key Value) (Value, error) {
	switch v := v.(type) {
	case *Dict:
		h, err := r.hash(key)
		if err != nil {
			return nil, err
		}
		if found, ok := v.at(h); ok {
			return found, nil
		}
		return &Undefined{Reason: "the mapping has no such member"}, nil
	case *Undefined:
		return nil, v.Fault()
	case string:
		if n, ok := key.(int64); ok {
			return r.Character(v, n)
		}
	case Sequence:
		if n, ok := key.(int64); ok {
			if n < 0 {
				n += int64(v.Size())
			}
			if n >= 0 && n < int64(v.Size()) {
				return v.At(int(n)), nil
			}
			return &Undefined{Reason: "the list has no item with that index"}, nil
		}
	}
	if name, ok := key.(string); ok {
		return r.Member(v, name)
	}
	return &Undefined{Reason: Describe(v) + " has no item with that index"}, nil
}

// Character returns the n-th character of a text; a negative n counts from its
// end.
func (r *Budget) Character(s string, n int64) (Value, error) {
	if err := r.Scan(2 * len(s)); err != nil {
		return nil, err
	}
	if n < 0 {
		n += int64(utf8.RuneCountInString(s))
	}
	if n >= 0 {
		for i, c := range s {
			if n == 0 {
				return s[i : i+utf8.RuneLen(c)], nil
			}
			n--
		}
	}
	return &Undefined{Reason: "the string has no character with that index"}, nil
}

// Slice returns v[first:last:step]; what is not given is nil.
func (r *Budget) Slice(v Value, bounds []Value) (Value, error) {
	if u, ok := v.(*Undefined); ok {
		return nil, u.Fault()
	}
	text, isText := v.(string)
	s, isSequence := v.(Sequence)
	if !isText && !isSequence {
		return nil, Faultf("it takes a list or a text", "%s has no slices", Describe(v))
	}
	if isText {
		items, err := r.Items(text)
		if err != nil {
			return nil, err
		}
		s = items
	}
	c, err := cutOf(s.Size(), bounds)
	if err != nil {
		return nil, err
	}
	if p, ok := s.(*span); ok {
		return &span{p.first + c.first*p.step, p.first + c.stop*p.step, p.step * c.step, c.count}, nil
	}
	l, err := r.List(int(c.count))
	if err != nil {
		return nil, err
	}
	for i := range c.count {
		l.Items = append(l.Items, s.At(int(c.first+i*c.step)))
	}
	if isText {
		return r.Join(l.Items, "")
	}
	if original, ok := s.(*List); ok {
		l.IsTuple = original.IsTuple
	}
	return l, nil
}

// A cut is which items a slice takes.
type cut struct{ first, stop, step, count int64 }

// cutOf returns the cut of [first:stop:step] in a sequence of n items.
func cutOf(n int, bounds []Value) (cut, error) {
	given := [3]int64{2: 1}
	isGiven := [3]bool{}
	for i, v := range bounds {
		if v == nil || v == (None{}) {
			continue
		}
		whole, ok := ToNumber(v)
		if _, isFloat := whole.(float64); !ok || isFloat {
			return cut{}, Faultf("use whole numbers", "%s is not a bound of a slice", Describe(v))
		}
		isGiven[i] = true
		if given[i], ok = whole.(int64); !ok {
			given[i] = int64(Grow(whole).Sign()) * math.MaxInt32
		}
		given[i] = min(max(given[i], math.MinInt32), math.MaxInt32)
	}
	step := given[2]
	low, high := int64(0), int64(n)
	switch {
	case step == 0:
		return cut{}, Faultf("leave it out, or give 1 or -1", "the step of a slice is 0")
	case step < 0:
		low, high = -1, high-1
	}
	for i := range 2 {
		switch {
		case !isGiven[i] && (step > 0) == (i == 0):
			given[i] = low
		case !isGiven[i]:
			given[i] = high
		case given[i] < 0:
			given[i] = max(given[i]+int64(n), low)
		default:
			given[i] = min(given[i], high)
		}
	}
	return cut{given[0], given[1], step, countOf(given[0], given[1], step)}, nil
}

// countOf returns how many numbers there are from first up to stop.
func countOf(first, stop, step int64) int64 {
	if step < 0 {
		first, stop, step = stop, first, -step
	}
	return max(0, (stop-first+step-1)/step)
}
