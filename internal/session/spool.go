package session

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// gathering is how long a batch for the archive grows before it is written, and
	// retrying how long one waits that could not be written.
	gathering, retrying = 50 * time.Millisecond, time.Second
	// writing is how long writing a batch may take.
	writing = 2 * time.Second
	// spoolBytes bounds what waits to be written.
	spoolBytes = 32 << 20
	// trimming is how often the archive is trimmed, and trimBytes after how much
	// that was written in between.
	trimming, trimBytes = 5 * time.Minute, 32 << 20
)

// A spool takes what streams have for the archive and writes it in batches. Streams
// do not wait for it: what it has no room for is lost, and a client that reads the
// stream gets what was before.
type spool struct {
	archive Archive
	owner   string
	log     *slog.Logger

	// ctx ends with the last try of close.
	ctx context.Context
	end context.CancelFunc
	// halt closes stop, which ends run.
	halt func()
	stop chan struct{}
	wake chan struct{}
	runs sync.WaitGroup

	// written is how much was written since the archive was trimmed; run alone uses it.
	written int

	mu      sync.Mutex
	pending Batch
	// size is that of pending.
	size int
	// open is how many streams in the archive go on.
	open int
	// lost is how many events there was no room for.
	lost int
}

// openSpool starts the writing to an archive. Close ends it.
func openSpool(archive Archive, owner string, log *slog.Logger) *spool {
	p := &spool{archive: archive, owner: owner, log: log, stop: make(chan struct{}), wake: make(chan struct{}, 1)}
	p.ctx, p.end = context.WithCancel(context.Background()) //nolint:forbidigo // ends with the store of sessions
	p.halt = sync.OnceFunc(func() { close(p.stop) })
	p.runs.Go(p.run)
	return p
}

// close writes what is left, once. What is added afterwards is lost.
func (p *spool) close() {
	p.halt()
	p.runs.Wait()
	p.end()
}

// begin takes a stream into the archive, with the events that are kept of it.
func (p *spool) begin(events []Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open++
	for i := range events {
		p.put(&events[i])
	}
	p.signal()
}

// add adds an event to a stream in the archive.
func (p *spool) add(e *Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.put(e)
	p.signal()
}

func (p *spool) put(e *Event) {
	size := len(e.Data) + eventBytes
	if p.size+size > spoolBytes {
		p.lost++
		return
	}
	p.size += size
	p.pending.Events = append(p.pending.Events, *e)
}

// finish notes that a stream in the archive has ended.
func (p *spool) finish(id StreamID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.pending.Ended = append(p.pending.Ended, id)
	p.signal()
}

// drop takes the streams of a session out of the archive.
func (p *spool) drop(session string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending.Dropped = append(p.pending.Dropped, session)
	p.signal()
}

func (p *spool) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// run writes until close is called.
func (p *spool) run() {
	touch := time.NewTicker(touching)
	defer touch.Stop()
	trim := time.NewTicker(trimming)
	defer trim.Stop()
	p.trim()
	for {
		select {
		case <-p.stop:
			p.write()
			return
		case <-p.wake:
			p.gather()
		case <-touch.C:
			p.touch()
		case <-trim.C:
			p.trim()
		}
	}
}

// gather writes what has come together in a while.
func (p *spool) gather() {
	if !p.pause(gathering) || p.write() {
		return
	}
	p.pause(retrying)
	p.signal()
}

// pause waits; false says that close was called.
func (p *spool) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.stop:
		return false
	}
}

// touch says in the archive that its streams go on, if any does.
func (p *spool) touch() {
	p.mu.Lock()
	open := p.open
	p.mu.Unlock()
	if open > 0 {
		p.write()
	}
}

// write writes what is pending. What could not be written is pending again.
func (p *spool) write() bool {
	p.mu.Lock()
	b, size, lost := p.pending, p.size, p.lost
	p.pending, p.size, p.lost = Batch{}, 0, 0
	quiet := p.open == 0 && len(b.Events)+len(b.Ended)+len(b.Dropped) == 0
	p.mu.Unlock()
	if lost > 0 {
		p.log.Warn("there was no room for events of streams whose clients have left", slog.Int("events", lost))
	}
	if quiet {
		return true
	}
	b.Owner, b.At = p.owner, time.Now()
	ctx, cancel := context.WithTimeout(p.ctx, writing)
	defer cancel()
	if err := p.archive.WriteEvents(ctx, &b); err != nil {
		p.log.Warn("events of streams whose clients have left are not stored yet", slog.Any("error", err))
		p.putBack(&b, size)
		return false
	}
	if p.written += size; p.written > trimBytes {
		p.trim()
	}
	return true
}

// putBack puts a batch before what has become pending since.
func (p *spool) putBack(b *Batch, size int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending.Events = append(b.Events, p.pending.Events...)
	p.pending.Ended = append(b.Ended, p.pending.Ended...)
	p.pending.Dropped = append(b.Dropped, p.pending.Dropped...)
	p.size += size
}

func (p *spool) trim() {
	p.written = 0
	ctx, cancel := context.WithTimeout(p.ctx, writing)
	defer cancel()
	if err := p.archive.TrimEvents(ctx, time.Now().Add(-archiveAge), archiveBytes); err != nil {
		p.log.Warn("old events of streams are not deleted yet", slog.Any("error", err))
	}
}
