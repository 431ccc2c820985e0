// Package audit keeps the record of what was asked and what came of it: one JSON
// record a call, refusals included.
package audit

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Payloads says what is kept of arguments and results.
type Payloads string

// What can be kept of arguments and results.
const (
	// Hash keeps salted digests.
	Hash Payloads = "hash"
	// Full keeps both beside their digests.
	Full Payloads = "full"
	// None keeps neither.
	None Payloads = "none"
)

// A Row is one record as it is stored. Body is never changed; Salt, Arguments and
// Result can be erased later, which leaves Body, and with it a tree built over
// the bodies, as it was.
//
// A digest in Body is SHA-256(Salt ‖ SHA-256(bytes)), in hexadecimal behind
// "sha256:". Who has the bytes and the salt can check it; without the salt, not
// even bytes that are guessed can be told from others. The inner sum lets bytes
// that are answered often be summed once.
type Row struct {
	// Seq numbers the records from 1 on, without a gap. The sink gives it, since
	// several instances may share one store.
	Seq int64
	// Body is the record: a JSON object.
	Body []byte
	// Salt is what the digests in Body are salted with: random bytes of this record alone.
	Salt []byte
	// Arguments and Result are the call's, where they are kept.
	Arguments, Result []byte
}

// A Sink stores rows; internal/store has one.
type Sink interface {
	// AppendRecords numbers and stores the rows, all or none: an error means that none
	// is stored, and that they can be given again. What is stored survives a crash of
	// the process; a power failure may take the newest of it. It returns soon after
	// ctx ends, and keeps nothing of the rows' memory.
	AppendRecords(ctx context.Context, rows []Row) error
}

const (
	// delay is how long a record may wait for others to be stored with.
	delay = 50 * time.Millisecond
	// batch is how many records are stored at once at most.
	batch = 1024
	// queue is how many records may wait; when it is full, calls wait too.
	queue = 8192
	// retry is how long to wait when storing failed.
	retry = time.Second
	// tryTimeout is how long storing may take before it counts as failed.
	tryTimeout = 2 * time.Second
	// closeTimeout bounds the last storing; with one on the way it is ten seconds.
	closeTimeout = 8 * time.Second
)

// Keeping says what is kept of arguments and results.
type Keeping struct {
	Payloads Payloads
	// Redact returns a payload without what must not be kept of it, such as secrets; the
	// payload itself where there is nothing of that kind. It is asked before a payload is
	// kept in full, and the digest on record is of what it returns: with a digest of what
	// was taken out a short secret could be guessed. Nil takes nothing out. It may be
	// called concurrently and must not change what it is given.
	Redact func(payload []byte) []byte
}

// Options configures a Log.
type Options struct {
	// Sink stores the records.
	Sink Sink
	// Keeping is what is kept of arguments and results; see [Log.Keep].
	Keeping
	// Sealer seals what is stored; nil leaves that to others. Checkpoint is how long a
	// record may wait for it.
	Sealer     Sealer
	Checkpoint time.Duration
	// Durable lets each call's answer wait until its record is stored. The sink says
	// what that survives.
	Durable bool
	// Log takes what goes wrong.
	Log *slog.Logger
}

// A Log records calls. Records are stored in batches, within 50 ms. When they
// cannot be stored, calls are refused, two seconds later at most, until they can:
// what is not on record does not happen. Its
// methods may be called concurrently.
type Log struct {
	sink    Sink
	log     *slog.Logger
	keeping atomic.Pointer[Keeping]
	// failing says that records cannot be stored now.
	failing atomic.Bool
	durable bool
	inbox   *inbox
	pool    sync.Pool
	done    chan struct{}
	err     error
}

// New returns a log. Close ends it.
func New(ctx context.Context, o Options) *Log {
	l := &Log{sink: o.Sink, log: o.Log, durable: o.Durable, inbox: newInbox(), done: make(chan struct{})}
	l.pool.New = func() any { return new(entry) }
	l.Keep(o.Keeping)
	w := &writer{Log: l, floods: floods{}, seal: newSealing(o.Sealer, o.Checkpoint)}
	go w.run(context.WithoutCancel(ctx))
	return l
}

// Keep changes what is kept of arguments and results from now on.
func (l *Log) Keep(k Keeping) { l.keeping.Store(&k) }

// unwritable is what a call is told that is not made, since it would not be on record.
func unwritable() error {
	return &mcp.Error{
		Code: mcp.CodeInternal, Reason: mcp.Unavailable, Data: []byte(`{"reason":"unavailable","retryAfterMs":1000}`),
		Message: "the audit record cannot be written, so nothing is done; the gateway's log tells why",
	}
}

// Middleware records what comes of each call. It stands outermost.
func (l *Log) Middleware(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if l.failing.Load() && call.Refused == nil {
			return unwritable()
		}
		e := l.pool.Get().(*entry) //nolint:errcheck // the pool holds nothing else
		e.begin(call, l.keeping.Load())
		e.reply.Reply = reply
		if l.durable && call.Refused == nil { // what is refused does nothing that could be without a record
			return l.handleDurably(ctx, e, call, next)
		}
		err := next.Handle(ctx, call, &e.reply)
		e.finish(call, err)
		l.put(ctx, e, call)
		return err
	})
}

// put hands an entry to the writer, and reports whether it was still taken.
func (l *Log) put(ctx context.Context, e *entry, call *mcp.Call) bool {
	if l.inbox.put(e) {
		return true
	}
	l.log.ErrorContext(ctx, "a call is not on record: the gateway is closing", slog.String("call", call.ID))
	return false
}

// Close stores what is left and ends the log. Where that cannot be stored within
// ten seconds, the error says how many records are lost.
func (l *Log) Close() error {
	l.inbox.close()
	<-l.done
	return l.err
}

// salt fills s with random bytes.
func salt(s []byte) {
	// Read never fails (crypto/rand).
	_, _ = rand.Read(s)
}

// Failing reports whether records cannot be stored now, so that calls are refused.
func (l *Log) Failing() bool { return l.failing.Load() }
