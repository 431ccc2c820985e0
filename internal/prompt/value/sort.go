package value

import "slices"

// A Getter returns what a filter looks at in an item.
type Getter func(v Value) (Value, error)

// SortedBy returns the items in the order of what the getter finds in them;
// equal ones keep their order.
func (r *Budget) SortedBy(items Sequence, by Getter, reverse bool) (*List, error) {
	l, err := r.List(items.Size())
	if err != nil {
		return nil, err
	}
	type entry struct{ v, key Value }
	entries := make([]entry, items.Size())
	if err := r.Alloc(SizeItem * len(entries)); err != nil {
		return nil, err
	}
	for i := range entries {
		key, err := by(items.At(i))
		if err != nil {
			return nil, err
		}
		entries[i] = entry{items.At(i), key}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		if err != nil {
			return 0
		}
		var c int
		c, err = r.orderItems([]Value{a.key}, []Value{b.key}, 0)
		if reverse {
			return -c
		}
		return c
	})
	for _, e := range entries {
		l.Items = append(l.Items, e.v)
	}
	return l, err
}
