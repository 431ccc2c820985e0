// Package courier takes checkpoints of the audit log out of reach of whoever can write to
// it: to a file, a syslog collector or a URL. The newest one counts: while a place cannot
// be reached those in between are not kept for it.
package courier

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/config"
)

const (
	// patience is how long one try may take.
	patience = 10 * time.Second
	// firstRetry and lastRetry are the pauses after failures.
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// closing is how long the last try may take when the gateway ends.
	closing = 3 * time.Second
)

// A sender sends one line to one place.
type sender interface {
	send(ctx context.Context, line []byte) error
}

// Options configures a Courier.
type Options struct {
	// To is where checkpoints go.
	To []config.Ship
	// Log takes what goes wrong: that a place cannot be reached, and that it can be again.
	Log *slog.Logger
}

// A Courier takes checkpoints to several places, none of which waits for another. Its
// methods may be called concurrently; those of a nil Courier do nothing.
type Courier struct {
	routes []*route
	cancel context.CancelFunc
	under  sync.WaitGroup
}

// New returns a courier. Close ends it.
func New(ctx context.Context, o Options) (*Courier, error) {
	c := &Courier{}
	for _, to := range o.To {
		s, name, err := newSender(to)
		if err != nil {
			return nil, fmt.Errorf("shipping checkpoints to %s: %w", name, err)
		}
		c.routes = append(c.routes, newRoute(s, name, to.Every, o.Log))
	}
	ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, r := range c.routes {
		c.under.Go(func() { r.run(ctx) })
	}
	return c, nil
}

// Take has a checkpoint taken everywhere, in the place of those that are still to be
// taken. It does not wait.
func (c *Courier) Take(checkpoint []byte) {
	if c == nil {
		return
	}
	line := Line(checkpoint)
	for _, r := range c.routes {
		r.take(line)
	}
}

// Close makes one more try for what was not taken yet, within three seconds.
func (c *Courier) Close() {
	if c == nil {
		return
	}
	c.cancel()
	c.under.Wait()
}

// A Shipment is how it goes with one place.
type Shipment struct {
	// To is the place, without secrets.
	To string
	// Sent and Failed are how many checkpoints arrived, and how many tries did not.
	Sent, Failed int64
	// Late says that a checkpoint waits because the last try has failed.
	Late bool
}

// Shipments tells how it goes.
func (c *Courier) Shipments() []Shipment {
	if c == nil {
		return nil
	}
	var all []Shipment
	for _, r := range c.routes {
		all = append(all, Shipment{To: r.name, Sent: r.sent.Load(), Failed: r.failed.Load(), Late: r.late.Load()})
	}
	return all
}

// Line returns a checkpoint as a line, which is a JSON object in ASCII and has no line
// break at its end.
func Line(checkpoint []byte) []byte {
	told, err := json.Marshal(map[string]string{"checkpoint": string(checkpoint)})
	if err != nil { // a text is always fit for JSON
		return nil
	}
	line := make([]byte, 0, len(told)+16)
	for _, r := range string(told) {
		if r < utf8.RuneSelf {
			line = utf8.AppendRune(line, r)
		} else {
			line = fmt.Appendf(line, `\u%04x`, r) // in a checkpoint there is but the dash before a signature
		}
	}
	return line
}

// newSender returns what sends to a place, and its name without secrets.
func newSender(to config.Ship) (s sender, name string, err error) {
	switch {
	case to.File != "":
		return file(to.File), to.File, nil
	case to.Syslog != "":
		s, err = newCollector(to.Syslog)
		return s, to.Syslog, err
	case to.URL != "":
		u, err := url.Parse(to.URL)
		if err != nil {
			return nil, "a URL", errors.New("it cannot be understood")
		}
		s, err = newPoster(u, to.Headers)
		return s, u.Scheme + "://" + u.Host, err
	}
	return nil, "nowhere", errors.New("write one of file, syslog and url")
}

// A route is the way to one place.
type route struct {
	sender

	name  string
	every time.Duration
	log   *slog.Logger
	// newest is the last line that was to be taken, news says that there is one.
	newest atomic.Pointer[[]byte]
	news   chan struct{}

	sent, failed atomic.Int64
	late         atomic.Bool
	// taken is the last line that has arrived, pause the one after the next failure. They
	// belong to run.
	taken []byte
	pause time.Duration
}

func newRoute(s sender, name string, every time.Duration, log *slog.Logger) *route {
	return &route{sender: s, name: name, every: every, log: log, news: make(chan struct{}, 1), pause: firstRetry}
}

func (r *route) take(line []byte) {
	r.newest.Store(&line)
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// run sends what is new until ctx ends, and then once more.
func (r *route) run(ctx context.Context) {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			r.try(context.WithoutCancel(ctx), closing)
			return
		case <-wait.C:
		}
		select {
		case <-ctx.Done():
			r.try(context.WithoutCancel(ctx), closing)
			return
		case <-r.news:
		}
		wait.Reset(r.try(ctx, patience))
	}
}

// try sends the newest line unless that has arrived already, and returns how long to wait
// for the next try.
func (r *route) try(ctx context.Context, patience time.Duration) time.Duration {
	line := r.newest.Load()
	if line == nil || bytes.Equal(*line, r.taken) {
		return 0
	}
	within, cancel := context.WithTimeout(ctx, patience)
	err := r.send(within, *line)
	cancel()
	switch {
	case err == nil:
		r.arrived(ctx, *line)
		return r.every
	case ctx.Err() != nil: // the gateway ends, and with it comes the last try
		return 0
	}
	return r.fail(ctx, err)
}

func (r *route) arrived(ctx context.Context, line []byte) {
	r.sent.Add(1)
	r.taken, r.pause = line, firstRetry
	if r.late.Swap(false) {
		r.log.InfoContext(ctx, "checkpoints of the audit log arrive again", slog.String("to", r.name))
	}
}

// fail takes note of a failure, which is told once, and returns how long to wait.
func (r *route) fail(ctx context.Context, err error) time.Duration {
	r.failed.Add(1)
	if !r.late.Swap(true) {
		r.log.ErrorContext(ctx, "checkpoints of the audit log do not arrive; the newest is tried again", slog.String("to", r.name), slog.Any("error", err))
	}
	select {
	case r.news <- struct{}{}: // what was not sent is still to be
	default:
	}
	pause := r.pause
	r.pause = min(2*r.pause, lastRetry)
	return pause
}
