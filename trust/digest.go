package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/gowebpki/jcs"
)

// What a digest begins with says what was hashed.
const (
	// Canonical8785 begins the digests over RFC 8785 canonical JSON.
	Canonical8785 = "sha256:"
	// CanonicalExact begins the digests of tools that canonical JSON cannot tell apart from others.
	CanonicalExact = "sha256-exact:"
)

// ErrInexact is the reason why a document has no canonical form: RFC 8785 would change what it says, or others read it in another way.
var ErrInexact = errors.New("not exact in canonical JSON")

// digested are the members of a tool that its digest covers, in the order of their names.
var digested = [...]string{"annotations", "description", "inputSchema", "name", "outputSchema", "title"}

// Digest returns the digest of a tool, one element of tools/list: "sha256:" and, in lower-case hex, the SHA-256 of the RFC 8785
// canonical JSON of an object with those members of {name, title, description, inputSchema, outputSchema, annotations} that it has.
//
// A tool for which [Canonical] has no answer, say because a bound in its schema is 2^64, has a digest all the same, which begins with
// "sha256-exact:". It is over the text of [AppendPython] with two differences: members that stand twice are all there, in their order,
// and numbers that are too large for a double are there as they were written. So two tools have one digest only if they say the same,
// where a number with a fraction or an exponent says what the nearest double says.
//
// The error says where the tool is not a JSON object, or that it nests deeper than 512.
func Digest(tool []byte) (string, error) { return digest(tool, digested[:]) }

// ItemDigest returns the digest of what is no tool, an element of another list or the server's own description of itself: as [Digest]
// does for tools, over all of its members but _meta, whose content changes without the thing.
func ItemDigest(item []byte) (string, error) { return digest(item, nil) }

// digest returns the digest over those members that are named in covered, in order; over all but _meta if that is nil.
func digest(thing []byte, covered []string) (string, error) {
	all, err := parse(thing)
	if err != nil {
		return "", err
	}
	if all.kind != '{' {
		return "", errors.New("what has a digest is an object")
	}
	of := value{kind: '{'}
	for _, m := range all.members {
		_, named := slices.BinarySearch(covered, string(m.name))
		if named || covered == nil && string(m.name) != "_meta" {
			of.members = append(of.members, m)
		}
	}
	if plain := of.inexact() == nil; !plain {
		return hashed(CanonicalExact, of.append(nil, true)), nil
	}
	text, err := jcs.Transform(of.append(nil, false))
	if err != nil {
		return "", fmt.Errorf("writing it in canonical JSON: %w", err)
	}
	return hashed(Canonical8785, text), nil
}

func hashed(prefix string, text []byte) string {
	sum := sha256.Sum256(text)
	return prefix + hex.EncodeToString(sum[:])
}

// Canonical returns a JSON document in the canonical form of RFC 8785, in which documents are signed.
//
// The error is [ErrInexact] where signer and reader might disagree about what was signed: integers beyond ±2^53 (1e16 is written as
// one), numbers beyond all doubles, members that stand twice, and escapes of half a character. Otherwise it says where the document is
// not JSON.
func Canonical(document []byte) ([]byte, error) {
	v, err := parse(document)
	if err != nil {
		return nil, err
	}
	if err := v.inexact(); err != nil {
		return nil, err
	}
	return jcs.Transform(document)
}

// inexact returns why a value has no canonical form, nil if it has one.
func (v *value) inexact() error {
	switch v.kind {
	case 's':
		return halves(v.text)
	case '[':
		for i := range v.list {
			if err := v.list[i].inexact(); err != nil {
				return err
			}
		}
		return nil
	case '{':
		return v.inexactMembers()
	}
	if !survives(v.literal) {
		return fmt.Errorf("%w: the number %.40s", ErrInexact, v.literal)
	}
	return nil
}

func (v *value) inexactMembers() error {
	sorted := v.sorted()
	for i, m := range sorted {
		if i > 0 && string(m.name) == string(sorted[i-1].name) {
			return fmt.Errorf("%w: the member %.80q stands twice", ErrInexact, m.name)
		}
		if err := halves(m.name); err != nil {
			return err
		}
		if err := m.inexact(); err != nil {
			return err
		}
	}
	return nil
}

// halves returns an error if there is a lone surrogate in a string.
func halves(text []byte) error {
	for len(text) > 0 {
		r, size := decode(text)
		if r >= 0xd800 && r <= 0xdfff {
			return fmt.Errorf("%w: \\u%04x is half a character", ErrInexact, r)
		}
		text = text[size:]
	}
	return nil
}
