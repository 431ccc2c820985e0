package record

import (
	"context"
	"errors"
	"time"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/config"
)

// A Rotation is an exchange of the key of a record.
type Rotation struct {
	// From and To are the public keys, KeyFile is where the new one lies.
	From    string `json:"from"`
	To      string `json:"to"`
	KeyFile string `json:"keyFile"`
}

// Rotate exchanges the key that signs a record for a new one, whether or not gateways
// write to it. The new key takes the place of the old one in its file, where gateways
// notice it by themselves. With out it is the one in that file, which is made where there
// is none, and somebody else has to put it in its place; until then nothing is sealed.
func Rotate(ctx context.Context, cfg *config.Config, store Store, out string) (*Rotation, error) {
	if !cfg.Audit.Sign {
		return nil, badRequest("audit.sign is false: there is no key")
	}
	key, err := auditlog.ReadKey(KeyFile(cfg))
	if err != nil {
		return nil, err
	}
	s := &auditlog.Sealer{Store: store, Key: key, KeyFile: KeyFile(cfg), File: CheckpointFile(cfg)}
	if _, err := s.Resume(ctx); err != nil {
		return nil, err
	}
	r := &Rotation{KeyFile: out}
	said := func(to *auditlog.Key) []byte {
		r.From, r.To = s.Key.Public, to.Public
		e := audit.Event{Kind: audit.KeyOfRecord, Actor: Person(), Subject: to.Name(), Detail: map[string]any{"from": r.From, "to": r.To}}
		return e.Body(time.Now())
	}
	if out != "" {
		_, err = s.RotateTo(ctx, out, said)
	} else {
		r.KeyFile = s.KeyFile
		_, err = s.RotateFile(ctx, said)
	}
	if errors.Is(err, auditlog.ErrNotMade) {
		err = badRequest("%v; --out FILE names another place for the new key", err)
	}
	return r, err
}
