package audit

import "sync"

// An inbox holds the entries that wait for the writer. Who puts one in does not
// wake the writer, which would cost a call more than its record does, but for the
// first and where a batch is full. Its methods may be called concurrently.
type inbox struct {
	// some says that an entry waits, or that the inbox is closed; many that a batch does.
	some, many chan struct{}
	// over is closed when the inbox is.
	over chan struct{}

	mu      sync.Mutex
	waiting []*entry
	room    sync.Cond // told when entries were taken
	closed  bool
}

func newInbox() *inbox {
	b := &inbox{some: make(chan struct{}, 1), many: make(chan struct{}, 1), over: make(chan struct{})}
	b.room.L = &b.mu
	return b
}

// put adds an entry, once there is room. It reports false if the inbox is closed.
func (b *inbox) put(e *entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) >= queue && !b.closed {
		b.room.Wait()
	}
	if b.closed {
		return false
	}
	b.add(e)
	return true
}

// push adds an entry without waiting for room: above what put fills there is as much again.
func (b *inbox) push(e *entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return ErrClosed
	case len(b.waiting) >= 2*queue:
		return errFull
	}
	b.add(e)
	return nil
}

// add adds an entry. The lock is held.
func (b *inbox) add(e *entry) {
	b.waiting = append(b.waiting, e)
	switch len(b.waiting) {
	case 1:
		signal(b.some)
	case batch:
		signal(b.many)
	}
}

// take appends the oldest entries to dst, a batch at most, and reports whether the inbox is closed and empty.
func (b *inbox) take(dst []*entry) (taken []*entry, over bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), batch)
	dst = append(dst, b.waiting[:n]...)
	left := copy(b.waiting, b.waiting[n:])
	clear(b.waiting[left:])
	b.waiting = b.waiting[:left]
	if left > 0 || b.closed {
		signal(b.some)
	}
	if left >= batch || b.closed {
		signal(b.many)
	}
	b.room.Broadcast()
	return dst, b.closed && left == 0
}

// close refuses further entries. Those that wait can still be taken.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		close(b.over)
	}
	b.closed = true
	signal(b.some)
	signal(b.many)
	b.room.Broadcast()
}

// signal leaves a note in a channel that has room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
