// Package cache keeps values by their keys in memory, for a time, and bounded in number and bytes.
package cache

import (
	"container/list"
	"sync"
	"time"
)

// Options bound a Cache. All must be set.
type Options struct {
	// TTL is how long an entry stays after it was put.
	TTL time.Duration
	// Entries is how many there are at most. What was not used for the longest time goes first.
	Entries int
	// Bytes is how large all contents together are at most.
	Bytes int
}

// An Entry is one key with its value. It is not changed.
type Entry struct {
	Key     string
	Content []byte
	// ETag and Type are what the owner says of the content.
	ETag, Type string

	over time.Time
}

// A Cache has entries. It may be used concurrently.
type Cache struct {
	o Options

	mu      sync.Mutex
	known   map[string]*list.Element
	order   *list.List // of *Entry, the one that was not used for the longest time last
	size    int        // of all contents
	evicted []string   // keys of entries that had to go, and were not asked for yet
}

// New returns an empty Cache.
func New(o Options) *Cache {
	return &Cache{o: o, known: map[string]*list.Element{}, order: list.New()}
}

// Get returns the entry of a key, nil without one or when its time is over.
func (c *Cache) Get(key string) *Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.at(key)
	if e != nil {
		c.order.MoveToFront(c.known[key])
	}
	return e
}

// at returns the entry of a key whose time is not over. The caller holds mu.
func (c *Cache) at(key string) *Entry {
	at := c.known[key]
	if at == nil {
		return nil
	}
	if e, _ := at.Value.(*Entry); time.Now().Before(e.over) {
		return e
	}
	return nil // Expired removes it
}

// Put makes e the entry of its key; others go where there is no place beside it (see Evicted). Its content must not be larger than
// Options.Bytes. Just before, allow is asked with what is there, which may be nil; its error is returned and nothing is changed.
func (c *Cache) Put(e *Entry, allow func(now *Entry) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := allow(c.at(e.Key)); err != nil {
		return err
	}
	if at := c.known[e.Key]; at != nil {
		c.remove(at)
	}
	e.over = time.Now().Add(c.o.TTL)
	c.known[e.Key] = c.order.PushFront(e)
	c.size += len(e.Content)
	for c.order.Len() > c.o.Entries || c.size > c.o.Bytes {
		last, _ := c.order.Back().Value.(*Entry)
		c.evicted = append(c.evicted, last.Key)
		c.remove(c.order.Back())
	}
	return nil
}

// remove forgets an entry. The caller holds mu.
func (c *Cache) remove(at *list.Element) {
	e, _ := c.order.Remove(at).(*Entry)
	delete(c.known, e.Key)
	c.size -= len(e.Content)
}

// Evicted returns the keys of entries that had to go since it was called last.
func (c *Cache) Evicted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	evicted := c.evicted
	c.evicted = nil
	return evicted
}

// Expired removes the entries whose time is over and returns their keys.
func (c *Cache) Expired() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var gone []string
	for key, at := range c.known {
		if c.at(key) == nil {
			gone = append(gone, key)
			c.remove(at)
		}
	}
	return gone
}
