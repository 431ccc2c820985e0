package pipe

import (
	"sync"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// How many requests of one client on a pipe are answered at once, and how many
// more may wait.
const (
	maxRunning = 256
	maxWaiting = 1024
)

// Reasons why a request is not begun.
var (
	errCrowded = mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "too many calls at once; wait for answers before asking for more")
	errClosing = mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "the gateway is closing; connect again")
)

// A queue runs jobs in the order in which they were added, a bounded number at
// once. The zero value is ready. Its methods may be called concurrently.
type queue struct {
	workers sync.WaitGroup

	mu      sync.Mutex
	running int
	waiting []func()
	// closed says that nothing is added any more.
	closed bool
}

// add runs a job, or lets it wait. The error is errCrowded if too many are waiting,
// and errClosing if the queue is closed.
func (q *queue) add(job func()) *mcp.Error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return errClosing
	case q.running < maxRunning:
		q.running++
		q.workers.Go(func() { q.work(job) })
	case len(q.waiting) < maxWaiting:
		q.waiting = append(q.waiting, job)
	default:
		return errCrowded
	}
	return nil
}

// work runs jobs until none is waiting.
func (q *queue) work(job func()) {
	for ; job != nil; job = q.next() {
		job()
	}
}

func (q *queue) next() func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.running--
		return nil
	}
	job := q.waiting[0]
	q.waiting[0] = nil
	q.waiting = q.waiting[1:]
	return job
}

// close lets nothing be added any more.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}

// wait returns when every job of a closed queue is done.
func (q *queue) wait() { q.workers.Wait() }
