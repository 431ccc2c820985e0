package terminal

import (
	"io"
	"sync"
	"time"
)

// maxHeld is how many bytes of the log a latch holds back.
const maxHeld = 64 << 10

// A Latch is where the log of a gateway goes that starts: what is logged before the
// banner is out follows it, so that people can read the banner. Nothing is lost: a log
// of more than maxHeld bytes lifts the latch. Any number of goroutines may write.
type Latch struct {
	// Out is where it leads.
	Out io.Writer

	mu     sync.Mutex
	held   []byte
	lifted bool
}

// Write holds p back, or passes it on.
func (l *Latch) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.lifted && len(l.held)+len(p) <= maxHeld {
		l.held = append(l.held, p...)
		return len(p), nil
	}
	l.pass()
	return l.Out.Write(p)
}

// Lift passes on what was held back, and holds nothing back from then on.
func (l *Latch) Lift() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pass()
}

// LiftIn lifts the latch after some time, or when the returned function is called.
func (l *Latch) LiftIn(d time.Duration) func() {
	timer := time.AfterFunc(d, l.Lift)
	return func() {
		timer.Stop()
		l.Lift()
	}
}

func (l *Latch) pass() {
	if l.lifted {
		return
	}
	_, _ = l.Out.Write(l.held) // to stderr: there is nobody to tell
	l.held, l.lifted = nil, true
}
