package ingress

import "sync"

// How many requests of one client on a pipe are answered at once, and how many
// more may wait.
const (
	maxRunning = 256
	maxWaiting = 1024
)

// A queue runs jobs in the order in which they were added, a bounded number at
// once. The zero value is ready. Its methods may be called concurrently.
type queue struct {
	workers sync.WaitGroup

	mu      sync.Mutex
	running int
	waiting []func()
}

// add runs a job, or lets it wait. It reports false if too many are waiting.
func (q *queue) add(job func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.running < maxRunning:
		q.running++
		q.workers.Go(func() { q.work(job) })
	case len(q.waiting) < maxWaiting:
		q.waiting = append(q.waiting, job)
	default:
		return false
	}
	return true
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

// wait returns when every job is done. Nothing may be added meanwhile.
func (q *queue) wait() { q.workers.Wait() }
