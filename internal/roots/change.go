package roots

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"
)

// A Store keeps roots; internal/store has one.
type Store interface {
	// Roots yields everything that is stored: of each root its record first, then its nodes and the entries of its
	// memory in the order of their numbers. Each Change has one of them.
	Roots(ctx context.Context) iter.Seq2[Change, error]
	// ChangeRoots does what the changes say, in their order, all or nothing. What is done survives a crash of the process.
	ChangeRoots(ctx context.Context, changes []Change) error
}

// A Change is one thing that is to be stored of a root. What it says is done in the order of the fields.
type Change struct {
	// Caller and Root name the root.
	Caller, Root string
	// Forget removes the root and everything of it; Empty removes its nodes and its memory only.
	Forget, Empty bool
	// Record is the root's own data, in place of what is stored of it.
	Record *Record
	// Node is a node, in place of what is stored of it; one without values is removed.
	Node *Node
	// Entry is a further entry of the memory.
	Entry *Entry
	// Trim removes the entries of the memory whose numbers are not higher; 0 removes none.
	Trim int64
}

// A Record is what is stored of a root besides its nodes and its memory.
type Record struct {
	Name, URI string
	// Lazy says that the root was made because it was used, not by mcp.root.create.
	Lazy bool
	// Created and Used are when it was made, and used last.
	Created, Used time.Time
	// TTL is how long it lives without use.
	TTL time.Duration
	// Entries and Bytes bound its memory; 0 is none.
	Entries, Bytes int64
	// Cleared is the number of the last entry of the memory that answers no call any more.
	Cleared int64
	// Closed is when the root was closed; the zero time while it is open. Of a closed one nothing else is kept.
	Closed time.Time
	// Expired says that it was closed because it was not used.
	Expired bool
}

// A Node is what is stored of a node: JSON objects, empty where it has none.
type Node struct {
	Path                string
	Sampling, Variables []byte
}

// An Entry is what is stored of a remembered call: a JSON object.
type Entry struct {
	Seq  int64
	Data []byte
}

const (
	// storeTimeout is how long storing a batch may take.
	storeTimeout = 5 * time.Second
	// mostChanges is how many changes are stored at once, and how many may wait.
	mostChanges = 1024
)

// errNotStored is what those are told whose change could not be stored.
var errNotStored = errors.New("the state of roots cannot be stored")

// A writer stores changes, those that come while it stores together in the next transaction. It has one goroutine.
type writer struct {
	store Store
	log   *slog.Logger
	queue chan item
	done  sync.WaitGroup

	// mu is held for reading by who puts something into the queue, so that it is not closed meanwhile.
	mu     sync.RWMutex
	closed bool
}

// An item is what is to be stored together, and who waits for it, if anybody does.
type item struct {
	changes []Change
	stored  chan error
}

func newWriter(ctx context.Context, store Store, log *slog.Logger) *writer {
	w := &writer{store: store, log: log, queue: make(chan item, mostChanges)}
	w.done.Go(func() { w.run(context.WithoutCancel(ctx)) })
	return w
}

// write returns once the changes are stored. It does not end before that is sure: who is told that a change was not
// stored may rely on it.
func (w *writer) write(changes ...Change) error { return <-w.begin(changes...) }

// begin has the changes stored, in the order in which it is called, and returns where it is told whether they are.
func (w *writer) begin(changes ...Change) <-chan error {
	stored := make(chan error, 1)
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		stored <- errNotStored
	} else {
		w.queue <- item{changes, stored}
	}
	return stored
}

// later has the changes stored with the next ones. They are lost if the process ends before, and left out when too
// much waits: nothing depends on them.
func (w *writer) later(changes ...Change) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return
	}
	select {
	case w.queue <- item{changes: changes}:
	default:
	}
}

// close stores what waits. Nothing is written afterwards.
func (w *writer) close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.queue)
	}
	w.mu.Unlock()
	w.done.Wait()
}

func (w *writer) run(ctx context.Context) {
	var batch []item
	for first := range w.queue {
		batch = append(batch[:0], first)
		for n := len(first.changes); n < mostChanges; {
			next, ok := w.more()
			if !ok {
				break
			}
			batch = append(batch, next)
			n += len(next.changes)
		}
		w.commit(ctx, batch)
		clear(batch)
	}
}

// more returns what waits already.
func (w *writer) more() (item, bool) {
	select {
	case next, ok := <-w.queue:
		return next, ok
	default:
		return item{}, false
	}
}

// commit stores a batch, and tells those who wait for it.
func (w *writer) commit(ctx context.Context, batch []item) {
	var changes []Change
	for _, it := range batch {
		changes = append(changes, it.changes...)
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := w.store.ChangeRoots(ctx, changes)
	if err != nil {
		w.log.ErrorContext(ctx, "the state of roots cannot be stored", slog.Any("error", err), slog.Int("changes", len(changes)))
		err = fmt.Errorf("%w: %w", errNotStored, err)
	}
	for _, it := range batch {
		if it.stored != nil {
			it.stored <- err
		}
	}
}
