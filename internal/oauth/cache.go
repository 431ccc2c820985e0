package oauth

import (
	"crypto/sha256"
	"sync"
	"time"
)

// Bounds of what is kept of good tokens.
const (
	shards      = 64
	shardTokens = 256
)

// A cache keeps tokens that were found good, by their hashes: as many as there may be, of which any may go.
type cache [shards]shard

type shard struct {
	mu      sync.RWMutex
	entries map[[sha256.Size]byte]*entry
}

func (c *cache) shard(hash *[sha256.Size]byte) *shard { return &c[hash[0]%shards] }

func (c *cache) get(hash *[sha256.Size]byte) *entry {
	s := c.shard(hash)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.entries[*hash]
}

func (c *cache) drop(hash *[sha256.Size]byte) {
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, *hash)
}

// put keeps a token. Where there is no room, those go that are over, or any one.
func (c *cache) put(hash *[sha256.Size]byte, e *entry, now time.Time) {
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = map[[sha256.Size]byte]*entry{}
	}
	if len(s.entries) >= shardTokens {
		for hash, e := range s.entries {
			if now.UnixMilli() >= e.ends || e.key.gone.Load() {
				delete(s.entries, hash)
			}
		}
	}
	for hash := range s.entries {
		if len(s.entries) < shardTokens {
			break
		}
		delete(s.entries, hash)
	}
	s.entries[*hash] = e
}
