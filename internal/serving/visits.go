package serving

import "sync"

// Visits are those of URLs of which a call waits for its server to say that they are over. The zero value waits for none. Its methods may
// be called concurrently.
type Visits struct {
	mu   sync.Mutex
	ids  map[string]struct{}
	over chan struct{}
}

// Await notes what is waited for. The channel is closed when all of it is over.
func (v *Visits) Await(ids []string) <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ids, v.over = map[string]struct{}{}, make(chan struct{})
	for _, id := range ids {
		v.ids[id] = struct{}{}
	}
	return v.over
}

// Over notes that a visit is over.
func (v *Visits) Over(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, ok := v.ids[id]; !ok {
		return
	}
	if delete(v.ids, id); len(v.ids) == 0 {
		close(v.over)
	}
}
