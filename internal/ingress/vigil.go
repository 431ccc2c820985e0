package ingress

import (
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/dialogue"
)

// patience is how many rounds of a vigil an answer may take in silence: proxies cut
// connections that are idle for a minute.
const patience = 5

// A vigil says now and then, on the answers that take long, that they are still to
// come. One that comes soon costs no clock, timer or goroutine, only a place in a
// list. The zero value is ready. Its methods may be called concurrently.
type vigil struct {
	mu sync.Mutex
	// first and last are the ends of the list of those that wait, oldest first.
	first, last *watch
	// round counts how often the list was looked at.
	round uint64
	// next looks at the list again; nil while it is empty.
	next *time.Timer
}

// A watch is the place of one answer in a vigil. It may be used again when it has ended.
type watch struct {
	before, after *watch
	// since is the round in which it began.
	since uint64
	// of is told when to say that it is still to come.
	of interface{ alive() }
	// quit ends the goroutine that tells it, counted by saying; nil while there is none.
	quit   chan struct{}
	saying sync.WaitGroup
}

// begin calls of.alive again and again once the answer has taken long, until end is called.
func (v *vigil) begin(w *watch, of interface{ alive() }) {
	w.of = of
	v.mu.Lock()
	defer v.mu.Unlock()
	w.since, w.before, w.after = v.round, v.last, nil
	if v.last == nil {
		v.first = w
	} else {
		v.last.after = w
	}
	v.last = w
	if v.next == nil {
		v.next = time.AfterFunc(dialogue.KeepAlive/patience, v.look)
	}
}

// end returns when it is not called any more.
func (v *vigil) end(w *watch) {
	v.mu.Lock()
	quit := w.quit
	if quit == nil {
		v.remove(w)
	}
	v.mu.Unlock()
	if quit != nil {
		close(quit)
		w.saying.Wait()
	}
	w.quit, w.of = nil, nil
}

func (v *vigil) remove(w *watch) {
	if w.before == nil {
		v.first = w.after
	} else {
		w.before.after = w.after
	}
	if w.after == nil {
		v.last = w.before
	} else {
		w.after.before = w.before
	}
	w.before, w.after = nil, nil
}

// look finds those that take long. From then on each has a goroutine of its own,
// since its client may be slow to read.
func (v *vigil) look() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.round++
	for w := v.first; w != nil && v.round-w.since > patience; w = v.first {
		v.remove(w)
		w.quit = make(chan struct{})
		w.saying.Go(w.say)
	}
	if v.first == nil {
		v.next = nil
		return
	}
	v.next.Reset(dialogue.KeepAlive / patience)
}

func (w *watch) say() {
	tick := time.NewTicker(dialogue.KeepAlive)
	defer tick.Stop()
	for {
		w.of.alive()
		select {
		case <-w.quit:
			return
		case <-tick.C:
		}
	}
}
