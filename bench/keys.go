package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/keyring"
)

// What a lookup of a key is measured among.
const (
	fewKeys  = "key lookup, 10 keys"
	manyKeys = "key lookup, 100,000 keys"
)

// shown is how many keys callers show in turn: as many as there are among 10, and no more among 100,000, so that it is the lookup
// which is compared, not how many callers there are.
const shown = 10

// A shelf is a store with keys in it that never change.
type shelf []keyring.Key

// KeyChanges returns all keys the first time that it is asked.
func (s shelf) KeyChanges(_ context.Context, since int64) (keyring.Changes, error) {
	if since > 0 {
		return keyring.Changes{Revision: 1}, nil
	}
	return keyring.Changes{Revision: 1, All: true, Keys: s}, nil
}

// UseKeys takes no note.
func (shelf) UseKeys(context.Context, []keyring.Use) error { return nil }

// openKeys makes n keys that some callers of many show in turn.
func (b *bench) openKeys(ctx context.Context, n int) (roundFunc, func() error, error) {
	var keys shelf
	var secrets []string
	for i := range n {
		id := keyring.NewID()
		secret := keyring.Mint(id)
		if i%(n/shown) == 0 {
			secrets = append(secrets, secret)
		}
		keys = append(keys, keyring.Key{
			ID: id, Name: fmt.Sprint("key-", i), Scopes: []string{"use:all"}, Secrets: []keyring.Secret{{Hash: keyring.Hash(secret)}},
		})
	}
	ring, err := keyring.Open(ctx, keyring.Options{Store: keys, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, nil, err
	}
	a, err := access.New(access.Options{Ring: ring, Scopes: map[string]config.Scope{"use:all": {Names: []string{"*"}}}})
	if err != nil {
		ring.Close()
		return nil, nil, err
	}
	round := func(context.Context) (float64, error) { return lookup(a, secrets, b.opt.duration) }
	return round, func() error { ring.Close(); return nil }, nil
}

// lookup finds the holders of the secrets for a while, and returns the nanoseconds that each took.
func lookup(a *access.Access, secrets []string, d time.Duration) (float64, error) {
	const several = 1000 // between looks at the clock
	calls, start := 0, time.Now()
	for time.Since(start) < d {
		for range several {
			if _, err := a.Bearer(secrets[calls%len(secrets)]); err != nil {
				return 0, err
			}
			calls++
		}
	}
	return float64(time.Since(start).Nanoseconds()) / float64(calls), nil
}
