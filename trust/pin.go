package trust

import (
	"cmp"
	"slices"
)

// A Pin is one thing of a server as somebody has approved it.
type Pin struct {
	// Kind is tool, prompt, resource, template or instructions.
	Kind string `json:"kind"`
	// Name is the thing's.
	Name string `json:"name"`
	// Digest is what it was.
	Digest string `json:"digest"`
}

// A Change is one difference between what was approved of a server and what it offers.
type Change struct {
	// What is added, removed or changed.
	What string `json:"what"`
	// Kind is that of the pins.
	Kind string `json:"kind"`
	// Name is what the thing is called now, or was called before it was removed.
	Name string `json:"name"`
	// Before and After are its digests.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// The kinds of changes.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Compare returns how what a server offers differs from what was approved, by kind and name. Two things that have swapped their names
// are two changes. A new name is never taken for an old one: who renames a thing adds one and removes another.
func Compare(approved, offered []Pin) []Change {
	before := make(map[[2]string]string, len(approved))
	for _, p := range approved {
		before[[2]string{p.Kind, p.Name}] = p.Digest
	}
	var changes []Change
	for _, p := range offered {
		id := [2]string{p.Kind, p.Name}
		switch was, ok := before[id]; {
		case !ok:
			changes = append(changes, Change{What: Added, Kind: p.Kind, Name: p.Name, After: p.Digest})
		case was != p.Digest:
			changes = append(changes, Change{What: Changed, Kind: p.Kind, Name: p.Name, Before: was, After: p.Digest})
		}
		delete(before, id)
	}
	for id, was := range before {
		changes = append(changes, Change{What: Removed, Kind: id[0], Name: id[1], Before: was})
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.What, b.What))
	})
	return changes
}
