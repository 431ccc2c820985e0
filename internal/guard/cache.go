package guard

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// Bounds of a cache.
const (
	maxCached      = 2000
	maxCachedBytes = 8 << 20 // of the schemas as they were written
)

// A Cache keeps compiled schemas, those that were used last. Its zero value is ready, and its methods may be called concurrently.
type Cache struct {
	mu    sync.Mutex
	byKey map[[sha256.Size]byte]*cached
	// recent holds *cached, the one used last in front.
	recent list.List
	bytes  int
}

// cached is a schema that is compiled, or why it is not.
type cached struct {
	key     [sha256.Size]byte
	at      *list.Element
	bytes   int
	compile sync.Once
	schema  *Schema
	err     error
}

// Compile returns what [Compile] returns for those bytes, and does it once for whoever asks at the same time.
func (c *Cache) Compile(schema []byte) (*Schema, error) {
	entry := c.entry(schema)
	entry.compile.Do(func() { entry.schema, entry.err = Compile(schema) })
	return entry.schema, entry.err
}

// entry returns the entry of a schema, which may have to be compiled yet.
func (c *Cache) entry(schema []byte) *cached {
	key := sha256.Sum256(schema)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byKey[key]; e != nil {
		c.recent.MoveToFront(e.at)
		return e
	}
	if c.byKey == nil {
		c.byKey = map[[sha256.Size]byte]*cached{}
	}
	entry := &cached{key: key, bytes: min(len(schema), maxSchemaBytes)}
	entry.at = c.recent.PushFront(entry)
	c.byKey[key] = entry
	for c.bytes += entry.bytes; c.bytes > maxCachedBytes || c.recent.Len() > maxCached; {
		if last, ok := c.recent.Remove(c.recent.Back()).(*cached); ok {
			delete(c.byKey, last.key)
			c.bytes -= last.bytes
		}
	}
	return entry
}
