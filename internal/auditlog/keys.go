package auditlog

import (
	"fmt"
	"math"

	"golang.org/x/mod/sumdb/note"
)

// Keys are the public keys of a log, each with the checkpoints that it may sign. Who
// trusts one of them trusts those that it was exchanged for, and those before, since
// both keys have signed each exchange. The zero Keys trusts none, and is for logs that
// nobody signs.
type Keys struct{ terms []term }

// A term is for how long a key signed: from a checkpoint of a size to one of another.
type term struct {
	note.Verifier

	public      string
	first, last int64
}

// NewKeys returns the keys that follow from a trusted one and the checkpoints of a log
// that exchange keys. Those that do not concern it are passed over: a checkpoint that
// only such a key has signed does not open.
func NewKeys(public string, exchanges [][]byte) (*Keys, error) {
	v, err := note.NewVerifier(public)
	if err != nil {
		return nil, err
	}
	k := &Keys{terms: []term{{v, public, 0, math.MaxInt64}}}
	for grown := true; grown; {
		grown = false
		for _, data := range exchanges {
			grown = k.exchange(data) || grown
		}
	}
	return k, nil
}

// exchange takes note of a checkpoint that exchanges a known key for an unknown one, or
// the other way round.
func (k *Keys) exchange(data []byte) bool {
	c, err := Open(data)
	if err != nil || c.From == "" {
		return false
	}
	from, to := k.find(c.From), k.find(c.To)
	if (from == nil) == (to == nil) || checkExchange(data, c) != nil {
		return false
	}
	other := c.To
	if to != nil {
		other = c.From
	}
	v, err := note.NewVerifier(other)
	if err != nil {
		return false
	}
	if to != nil {
		if c.Size < to.first || c.Size > to.last {
			return false
		}
		to.first = c.Size
		k.terms = append(k.terms, term{v, other, 0, c.Size})
		return true
	}
	if c.Size < from.first || c.Size > from.last {
		return false
	}
	from.last = c.Size
	k.terms = append(k.terms, term{v, other, c.Size, math.MaxInt64})
	return true
}

func (k *Keys) find(public string) *term {
	for i := range k.terms {
		if k.terms[i].public == public {
			return &k.terms[i]
		}
	}
	return nil
}

// checkExchange wants the signatures of both keys.
func checkExchange(data []byte, c Checkpoint) error {
	for _, public := range []string{c.From, c.To} {
		v, err := note.NewVerifier(public)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCheckpoint, err)
		}
		if v.Name() != c.Origin {
			return fmt.Errorf("%w: %s is not of its name", ErrCheckpoint, public)
		}
		if _, err := Open(data, v); err != nil {
			return err
		}
	}
	return nil
}

// None reports whether there is no key, as for a log that nobody signs.
func (k *Keys) None() bool { return k == nil || len(k.terms) == 0 }

// Open reads a checkpoint, which a key must have signed that might do so then.
func (k *Keys) Open(data []byte) (Checkpoint, error) {
	if k.None() {
		return Open(data)
	}
	c, err := Open(data)
	if err != nil {
		return c, err
	}
	var by []note.Verifier
	for _, t := range k.terms {
		if t.first <= c.Size && c.Size <= t.last {
			by = append(by, t.Verifier)
		}
	}
	if len(by) == 0 {
		return c, fmt.Errorf("%w: no key signed when it had %d records", ErrCheckpoint, c.Size)
	}
	if c, err = Open(data, by...); err == nil && c.From != "" {
		err = checkExchange(data, c)
	}
	return c, err
}

// Newest returns the public key that signs now; empty for none.
func (k *Keys) Newest() string {
	newest := ""
	if !k.None() {
		for _, t := range k.terms {
			if t.last == math.MaxInt64 {
				newest = t.public
			}
		}
	}
	return newest
}
