package pins

import "sync"

// mostTold is how many things are remembered so that they are told once.
const mostTold = 10_000

// Once has each thing told once: a drift, say, and not for each audience again. It remembers the last few thousand. The zero value is
// ready, and may be used concurrently.
type Once struct {
	mu   sync.Mutex
	told map[string]bool
}

// First reports whether the thing was not told yet.
func (o *Once) First(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.told[id] {
		return false
	}
	if o.told == nil || len(o.told) >= mostTold {
		o.told = map[string]bool{}
	}
	o.told[id] = true
	return true
}
