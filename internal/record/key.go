package record

import (
	"bytes"

	"golang.org/x/mod/sumdb/note"
)

// trust makes the book be verified with a public key.
func (b *Book) trust(public []byte) error {
	text := string(bytes.TrimSpace(public))
	v, err := note.NewVerifier(text)
	if err != nil {
		return badRequest("%q is no public key of an audit log (sumun-audit/…+…+…): %v", text, err)
	}
	b.Public, b.verifier = text, v
	return nil
}
