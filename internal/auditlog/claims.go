package auditlog

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
)

// A claim is a checkpoint that is still to be compared.
type claim struct {
	Checkpoint

	name   string
	signed bool
}

// claims are the checkpoints of a log, the smallest first: those in the store, read as
// they are needed, and those from elsewhere.
type claims struct {
	// signed says that the log is signed, so that what is not counts less.
	signed bool
	// count is how many there were, good or not.
	count int

	keys   *Keys
	kept   []claim
	next   func() (Sealed, error, bool)
	stored *claim // that of the store which comes next
	ended  bool
	wrong  func(format string, args ...any)
}

// open begins to read the checkpoints. End ends it.
func (v *verifier) open(ctx context.Context, e Evidence) (all *claims, end func(), err error) {
	all = &claims{wrong: func(format string, args ...any) { v.fault(0, 0, format, args...) }}
	if e.Public != "" {
		exchanges, err := v.from.Exchanges(ctx)
		if err != nil {
			return nil, nil, err
		}
		for _, k := range e.Kept {
			exchanges = append(exchanges, k.Note)
		}
		if all.keys, err = NewKeys(e.Public, exchanges); err != nil {
			return nil, nil, err
		}
		all.signed = true
	}
	for _, k := range e.Kept {
		if c := all.read(k.Name, k.Note); c != nil {
			all.kept = append(all.kept, *c)
		}
	}
	slices.SortStableFunc(all.kept, func(a, b claim) int { return cmp.Compare(a.Size, b.Size) })
	all.next, end = iter.Pull2(v.from.Checkpoints(ctx, -1<<63))
	return all, end, nil
}

// read opens a checkpoint; nil where that is none of this log.
func (all *claims) read(name string, data []byte) *claim {
	all.count++
	keys := all.keys
	if !isSigned(data) {
		keys = nil
	}
	c, err := keys.Open(data)
	switch {
	case err != nil:
		all.wrong("%s: %v", name, err)
		return nil
	case all.signed && keys.None() && c.Origin != unsigned:
		all.wrong("%s of %d records has lost its signature", name, c.Size)
		return nil
	}
	return &claim{c, name, !keys.None()}
}

// peek returns the smallest that is left, nil at the end.
func (all *claims) peek() (*claim, error) {
	for all.stored == nil && !all.ended {
		sealed, err, more := all.next()
		if err != nil {
			return nil, fmt.Errorf("reading the checkpoints: %w", err)
		}
		if !more {
			all.ended = true
			break
		}
		c := all.read("a checkpoint in the store", sealed.Note)
		if c != nil && c.Size != sealed.Size {
			all.wrong("a checkpoint in the store of %d records stands as one of %d", c.Size, sealed.Size)
			continue
		}
		all.stored = c
	}
	if len(all.kept) > 0 && (all.stored == nil || all.kept[0].Size <= all.stored.Size) {
		return &all.kept[0], nil
	}
	return all.stored, nil
}

// pop drops what peek has returned.
func (all *claims) pop() {
	if len(all.kept) > 0 && (all.stored == nil || all.kept[0].Size <= all.stored.Size) {
		all.kept = all.kept[1:]
		return
	}
	all.stored = nil
}
