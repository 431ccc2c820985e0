package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	shards     = 64
	maxCallers = 65_536 // with a bucket of their own
	perShard   = maxCallers / shards
	commons    = 16 // buckets of a shard for those who find no room
)

// callers are the buckets of callers. There is room for maxCallers. Of a full shard those are let go that are full again, since a new
// one is no other: so nobody comes to a fresh bucket before the time, whoever else calls. Where that makes no room, who comes shares a
// bucket with others like him until there is some, and pays there for all of them.
type callers struct {
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu      sync.RWMutex
	own     map[string]*bucket
	commons [commons]*bucket
	swept   time.Time // when it was last looked for those that are full again
}

func (c *callers) open() {
	c.seed = maphash.MakeSeed() // so that nobody can choose whom he shares with
	for i := range c.shards {
		c.shards[i].own = map[string]*bucket{}
	}
}

// bucket returns the one of a caller.
func (c *callers) bucket(id string, rule *Rule, now time.Time) *bucket {
	hash := maphash.String(c.seed, id)
	s := &c.shards[hash%shards]
	s.mu.RLock()
	b := s.own[id]
	s.mu.RUnlock()
	if b != nil {
		return b
	}
	return s.add(id, hash/shards%commons, rule, now)
}

// add makes room for a caller, or finds it a common bucket.
func (s *shard) add(id string, common uint64, rule *Rule, now time.Time) *bucket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.own[id]; b != nil {
		return b
	}
	if len(s.own) >= perShard && now.Sub(s.swept) >= time.Second { // a look at all of them is not for every call
		s.swept = now
		for other, b := range s.own {
			if b.whole(now) {
				delete(s.own, other)
			}
		}
	}
	if len(s.own) < perShard {
		b := newBucket(rule)
		s.own[id] = b
		return b
	}
	if s.commons[common] == nil {
		s.commons[common] = newBucket(rule)
	}
	return s.commons[common]
}
