package record

import (
	"bytes"
	"context"

	"golang.org/x/mod/sumdb/note"

	"github.com/sumun-mcp/sumun/internal/auditlog"
)

// trust makes the book be verified with a public key.
func (b *Book) trust(public []byte) error {
	text := string(bytes.TrimSpace(public))
	if _, err := note.NewVerifier(text); err != nil {
		return badRequest("%q is no public key of an audit log (sumun-audit/…+…+…): %v", text, err)
	}
	b.Public = text
	return nil
}

// keys are the keys of the log, among them the one that is trusted.
func (b *Book) keys(ctx context.Context) (*auditlog.Keys, error) {
	if b.Public == "" {
		return nil, nil //nolint:nilnil // nobody has signed it
	}
	exchanges, err := b.Exchanges(ctx)
	if err != nil {
		return nil, err
	}
	return auditlog.NewKeys(b.Public, exchanges)
}
