package value

import (
	"cmp"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Compare reports whether a op b holds.
func (r *Budget) Compare(op string, a, b Value) (bool, error) {
	switch op {
	case "==", "!=":
		same, err := r.Equal(a, b, 0)
		return same == (op == "=="), err
	case "in", "not in":
		found, err := r.contains(b, a)
		return found == (op == "in"), err
	}
	if isNaN(a) || isNaN(b) {
		return false, nil
	}
	c, err := r.Order(a, b, 0)
	switch op {
	case "<":
		return c < 0, err
	case "<=":
		return c <= 0, err
	case ">":
		return c > 0, err
	}
	return c >= 0, err
}

func isNaN(v Value) bool {
	f, ok := v.(float64)
	return ok && math.IsNaN(f)
}

// Equal reports whether a and b are the same. Numbers are compared by their
// exact values, true as 1.
func (r *Budget) Equal(a, b Value, level int) (bool, error) {
	if err := r.Step(1); err != nil {
		return false, err
	}
	if level > maxLevels {
		return false, tooDeep()
	}
	if x, ok := ToNumber(a); ok {
		y, ok := ToNumber(b)
		return ok && !isNaN(x) && !isNaN(y) && orderNumbers(x, y) == 0, nil
	}
	switch a := a.(type) {
	case string:
		b, ok := b.(string)
		return ok && a == b, r.Scan(min(len(a), len(b)))
	case None:
		_, ok := b.(None)
		return ok, nil
	case *Undefined:
		_, ok := b.(*Undefined)
		return ok, nil
	case *Dict:
		b, ok := b.(*Dict)
		if !ok || len(a.Keys) != len(b.Keys) {
			return false, nil
		}
		return r.sameMembers(a, b, level)
	case Sequence:
		b, ok := b.(Sequence)
		if !ok || Describe(a) != Describe(b) || a.Size() != b.Size() {
			return false, nil
		}
		for i := range a.Size() {
			if same, err := r.Equal(a.At(i), b.At(i), level+1); err != nil || !same {
				return false, err
			}
		}
		return true, nil
	}
	return a == b, nil
}

// sameMembers reports whether each member of a is in b.
func (r *Budget) sameMembers(a, b *Dict, level int) (bool, error) {
	for i, h := range a.hashes {
		v, ok := b.at(h)
		if !ok {
			return false, nil
		}
		if same, err := r.Equal(a.Values[i], v, level+1); err != nil || !same {
			return false, err
		}
	}
	return true, nil
}

// Order returns -1, 0 or 1 as a is less than, equal to or greater than b.
func (r *Budget) Order(a, b Value, level int) (int, error) {
	if err := r.Step(1); err != nil {
		return 0, err
	}
	if level > maxLevels {
		return 0, tooDeep()
	}
	if x, ok := ToNumber(a); ok {
		if y, ok := ToNumber(b); ok {
			return orderNumbers(x, y), nil
		}
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), r.Scan(min(len(x), len(y)))
		}
	}
	x, isList := a.(*List)
	y, isToo := b.(*List)
	if isList && isToo && x.IsTuple == y.IsTuple {
		return r.orderItems(x.Items, y.Items, level+1)
	}
	for _, v := range []Value{a, b} {
		if u, ok := v.(*Undefined); ok {
			return 0, u.Fault()
		}
	}
	return 0, Faultf("convert one with the filters int, float or string", "%s and %s have no order", Describe(a), Describe(b))
}

// orderItems orders by the first items that differ.
func (r *Budget) orderItems(a, b []Value, level int) (int, error) {
	for i, x := range a[:min(len(a), len(b))] {
		same, err := r.Equal(x, b[i], level)
		if err != nil {
			return 0, err
		}
		if !same {
			return r.Order(x, b[i], level)
		}
	}
	return cmp.Compare(len(a), len(b)), nil
}

// contains reports whether v is an item of all: of a list, a key of a mapping,
// or a part of a text.
func (r *Budget) contains(all, v Value) (bool, error) {
	switch all := all.(type) {
	case string:
		part, ok := v.(string)
		if !ok {
			return false, Faultf("convert it with the filter string", "%s cannot be part of a string", Describe(v))
		}
		return strings.Contains(all, part), r.Scan(len(all))
	case *Dict:
		h, err := r.hash(v)
		if err != nil {
			return false, err
		}
		_, ok := all.at(h)
		return ok, nil
	}
	items, err := r.Items(all)
	if err != nil {
		return false, err
	}
	for i := range items.Size() {
		if same, err := r.Equal(items.At(i), v, 0); err != nil || same {
			return same, err
		}
	}
	return false, nil
}

// hash returns a text that is the same for equal keys of a mapping, and for
// these only.
func (r *Budget) hash(v Value) (string, error) {
	var b strings.Builder
	err := r.hashTo(&b, v, 0)
	return b.String(), err
}

func (r *Budget) hashTo(b *strings.Builder, v Value, level int) error {
	if err := r.Step(1); err != nil {
		return err
	}
	if level > maxLevels {
		return tooDeep()
	}
	switch v := v.(type) {
	case None, *Undefined:
		b.WriteString(Describe(v))
		return nil
	case string:
		if level > 0 { // within a tuple its length tells where it ends
			b.WriteString(strconv.Itoa(len(v)))
		}
		b.WriteString("s" + v)
		return r.Alloc(len(v))
	case *List:
		if v.IsTuple {
			b.WriteString("(")
			for _, item := range v.Items {
				if err := r.hashTo(b, item, level+1); err != nil {
					return err
				}
				b.WriteString(",")
			}
			b.WriteString(")")
			return nil
		}
	}
	n, ok := ToNumber(v)
	if !ok {
		return Faultf("use texts, numbers, true, false or none, or a tuple of these", "%s cannot be a key or be compared for uniqueness", Describe(v))
	}
	if f, ok := n.(float64); ok && f == math.Trunc(f) && !math.IsInf(f, 0) {
		whole, _ := big.NewFloat(f).Int(nil)
		n = Shrink(whole)
	}
	text := NumberText(n)
	b.WriteString("n" + text)
	return r.Alloc(len(text))
}
