package pins

import (
	"crypto/sha256"
	"strings"

	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// A sighting is a tool as it was listed, and its form.
type sighting struct {
	name string
	raw  []byte
	sum  [sha256.Size]byte // of raw, by which it is known again
	form Form
}

// sight begins a sighting. It is not ok if the tool has no name that a store can keep.
func sight(raw []byte) (s sighting, ok bool) {
	name, ok := wire.Unquote(wire.Get(raw, "name"))
	if !ok || name == "" || strings.ContainsRune(name, 0) {
		return s, false
	}
	return sighting{name: name, raw: raw, sum: sha256.Sum256(raw)}, true
}

// look finds out the form. It reports false where there is none, as for what is no tool.
func (s *sighting) look() bool {
	var err error
	if s.form.Digest, err = trust.Digest(s.raw); err != nil {
		return false
	}
	s.form.Checksum, err = trust.Checksum(wire.Get(s.raw, "inputSchema"))
	return err == nil
}
