package steward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
)

// A belonging is a file that lies beside a store and belongs to it: what signs the audit record and what it said last, and what opens
// the credentials.
type belonging struct {
	from, to string
	data     []byte // what is to be at to; nil if it is already
}

// credentialsKey is the file with the key of the credentials, in the directory of the state.
const credentialsKey = "credentials.key"

// belongings returns the files that have to lie beside the store that is copied to and do not yet. One that another store has left there is
// not replaced.
func belongings(from, to *config.Config) ([]belonging, error) {
	var all []belonging
	for _, b := range []belonging{
		{from: record.KeyFile(from), to: record.KeyFile(to)},
		{from: record.CheckpointFile(from), to: record.CheckpointFile(to)},
		{from: filepath.Join(from.StateDir(), credentialsKey), to: filepath.Join(to.StateDir(), credentialsKey)},
	} {
		data, err := os.ReadFile(b.from)
		if b.from == b.to || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		there, thereErr := os.ReadFile(b.to)
		switch {
		case err != nil:
			return nil, err
		case thereErr == nil && bytes.Equal(data, there):
			continue
		case thereErr == nil:
			return nil, &exit.Error{
				Code: exit.Usage, Msg: b.to + " is there already, and belongs to another store", Target: b.to,
				Hint: "move it away: " + b.from + " has to be in its place",
			}
		case !errors.Is(thereErr, fs.ErrNotExist):
			return nil, thereErr
		}
		b.data = data
		all = append(all, b)
	}
	return all, nil
}

// put writes the file.
func (b *belonging) put() error {
	if err := os.MkdirAll(filepath.Dir(b.to), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(b.to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b.data)
	return errors.Join(err, f.Sync(), f.Close())
}

// verify verifies the audit record of a store, as sumun audit verify does.
func verify(ctx context.Context, cfg *config.Config) (found *record.Found, err error) {
	kept, err := store.Open(ctx, cfg.Store)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	signed := *cfg
	if _, err := os.Stat(record.KeyFile(cfg)); err != nil {
		signed.Audit.Sign = false // there may be no gateway yet that has signed
	}
	book, err := record.Read(&signed, kept, "")
	if err != nil {
		return nil, err
	}
	report, err := book.Verify(ctx)
	if err != nil {
		return nil, fmt.Errorf("verifying the audit record: %w", err)
	}
	return &record.Found{Report: report, Key: book.Public}, nil
}
