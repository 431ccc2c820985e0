// Package alert tells people that something is wrong which no answer to a call says: a tool that has changed, a scope that nobody uses.
// An Alert goes to the log, to the streams of mcp.event.securityAlert, to the audit record, and to a webhook.
//
// However many there are, it stays bounded: of each kind the first in a minute are told as they come, the others together, as one with
// their number.
package alert

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Severity is how bad it is.
type Severity int

// The severities, the least first.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severities = [...]string{Info: "info", Low: "low", Medium: "medium", High: "high", Critical: "critical"}

// String returns the severity in the words of mcp.yaml.
func (s Severity) String() string { return severities[min(max(s, Info), Critical)] }

// ParseSeverity returns the severity of that word.
func ParseSeverity(word string) (Severity, error) {
	for s, name := range severities {
		if name == word {
			return Severity(s), nil
		}
	}
	return Info, fmt.Errorf("%q is no severity; there are info, low, medium, high and critical", word)
}

// An Alert is one thing that people should know.
type Alert struct {
	// Kind says in one word what it is about: drift, review. There are few, and all are written in the program.
	Kind string
	// Severity is how bad it is.
	Severity Severity
	// Server is the name of the server that it is about, if it is about one.
	Server string
	// Subject is what it is about: the name of a tool, a key, a scope.
	Subject string
	// Text says what is wrong, in a sentence; Remedy what to do, best a command.
	Text, Remedy string
	// Evidence is what else is known, a JSON object, and no secret; nil for nothing.
	Evidence json.RawMessage

	// IsKept says that it is kept already.
	IsKept bool

	// ID, At and Count are given by Alert: what tells alerts apart unless the caller has a better one, when it was raised, and how many
	// it stands for.
	ID    string
	At    time.Time
	Count int
}

// Options are what an Alerts works with. All but Log may be nil.
type Options struct {
	// Log takes every alert, and what becomes of the webhook.
	Log *slog.Logger
	// Tell hands an alert to the streams of events; params is a JSON object.
	Tell func(params []byte)
	// Record puts an alert on record.
	Record func(ctx context.Context, a *Alert) error
	// Keep keeps an alert, so that somebody can say that it is dealt with.
	Keep func(ctx context.Context, a *Alert) error
}

const (
	// window is the time in which alerts of a kind are counted together.
	window = time.Minute
	// burst is how many of a kind are told by themselves within a window.
	burst = 16
	// maxKinds is how many kinds are counted apart, and maxQueue how many alerts may wait to be told.
	maxKinds = 64
	maxQueue = 256
)

// An Alerts tells of alerts. Its methods may be called concurrently; those of a nil Alerts do nothing.
type Alerts struct {
	Options
	hook hook

	mu     sync.Mutex
	floods map[string]*flood // by kind
	queue  []*Alert
	counts map[[2]string]int64 // by kind and severity: how many were raised
	closed bool

	wake chan struct{} // holds at most one wish to look at the queue
	done context.CancelFunc
	wait sync.WaitGroup
}

// New returns an Alerts that tells until Close. What ctx holds is handed on; its end is not heeded.
func New(ctx context.Context, o Options) *Alerts {
	a := &Alerts{Options: o, floods: map[string]*flood{}, counts: map[[2]string]int64{}, wake: make(chan struct{}, 1)}
	ctx, a.done = context.WithCancel(context.WithoutCancel(ctx))
	a.hook.init(o.Log)
	told := make(chan struct{})
	a.wait.Go(func() {
		defer close(told)
		a.run(ctx)
	})
	a.wait.Go(func() { a.hook.run(ctx, told) })
	return a
}

// Close tells what waits, tries the webhook once more for a moment, and ends.
func (a *Alerts) Close() {
	if a == nil {
		return
	}
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.done()
	a.wait.Wait()
}

// Alert raises an alert. It never waits: what is too much is counted, and told with the next ones.
func (a *Alerts) Alert(ctx context.Context, alert Alert) {
	if a == nil {
		return
	}
	alert.At, alert.Count = time.Now(), 1
	alert.Server, alert.Subject, alert.Text = short(alert.Server), short(alert.Subject), short(alert.Text)
	if alert.ID == "" {
		alert.ID = rand.Text()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		a.Log.WarnContext(ctx, "an alert came when the gateway had ended", slog.String("kind", alert.Kind), slog.String("text", alert.Text))
		return
	}
	kind := alert.Kind
	if a.floods[kind] == nil && len(a.floods) >= maxKinds {
		kind = "other"
	}
	a.counts[[2]string{kind, alert.Severity.String()}]++
	f := a.floods[kind]
	if f == nil {
		f = &flood{}
		a.floods[kind] = f
	}
	if f.hold(&alert, len(a.queue) >= maxQueue) {
		return
	}
	a.push(&alert)
}

// short returns the beginning of a text that may be long, since servers choose names.
func short(s string) string {
	const most = 1 << 10
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// push has an alert told. The lock is held.
func (a *Alerts) push(alert *Alert) {
	a.queue = append(a.queue, alert)
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// run tells alerts, and now and then those that were held back, until ctx ends and nothing waits.
func (a *Alerts) run(ctx context.Context) {
	tick := time.NewTicker(window)
	defer tick.Stop()
	for {
		ended := false
		select {
		case <-a.wake:
		case <-tick.C:
			a.release(false)
		case <-ctx.Done():
			a.release(true)
			ended = true
		}
		for _, alert := range a.take() {
			a.tell(context.WithoutCancel(ctx), alert)
		}
		if ended {
			return
		}
	}
}

// take returns what waits.
func (a *Alerts) take() []*Alert {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := a.queue
	a.queue = nil
	return all
}

// release has what was held back told, once its window is over, or all.
func (a *Alerts) release(all bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.floods {
		if together := f.release(time.Now(), all); together != nil {
			a.push(together)
		}
	}
}

// tell hands one alert to everybody.
func (a *Alerts) tell(ctx context.Context, alert *Alert) {
	a.Log.LogAttrs(ctx, level(alert.Severity), "alert", alert.attrs()...)
	if a.Record != nil {
		if err := a.Record(ctx, alert); err != nil {
			a.Log.ErrorContext(ctx, "an alert is not on record", slog.String("id", alert.ID), slog.Any("error", err))
		}
	}
	if a.Keep != nil && !alert.IsKept {
		if err := a.Keep(ctx, alert); err != nil {
			a.Log.ErrorContext(ctx, "an alert is not kept", slog.String("id", alert.ID), slog.Any("error", err))
		}
	}
	if a.Tell != nil {
		a.Tell(alert.JSON())
	}
	a.hook.push(alert)
}

// level is that of the log for a severity.
func level(s Severity) slog.Level {
	switch {
	case s >= High:
		return slog.LevelError
	case s >= Low:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

func (a *Alert) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("text", a.Text), slog.String("kind", a.Kind), slog.String("severity", a.Severity.String()), slog.String("id", a.ID)}
	for _, one := range []struct{ name, value string }{{"server", a.Server}, {"subject", a.Subject}, {"remedy", a.Remedy}} {
		if one.value != "" {
			attrs = append(attrs, slog.String(one.name, one.value))
		}
	}
	if a.Count > 1 {
		attrs = append(attrs, slog.Int("count", a.Count))
	}
	return attrs
}

// JSON returns the alert as events and the webhook tell it: id, severity, kind, server, subject, message, remedy, evidence, count, at.
func (a *Alert) JSON() []byte {
	b := wire.AppendQuote([]byte(`{"id":`), a.ID)
	for _, member := range []struct{ name, value string }{
		{"severity", a.Severity.String()}, {"kind", a.Kind}, {"server", a.Server}, {"subject", a.Subject}, {"message", a.Text},
	} {
		b = wire.AppendQuote(append(append(append(b, `,"`...), member.name...), `":`...), member.value)
	}
	if a.Remedy != "" {
		b = wire.AppendQuote(append(b, `,"remedy":`...), a.Remedy)
	}
	if len(a.Evidence) > 0 {
		b = append(append(b, `,"evidence":`...), a.Evidence...)
	}
	if a.Count > 1 {
		b = wire.AppendInt(append(b, `,"count":`...), int64(a.Count))
	}
	b = wire.AppendQuote(append(b, `,"at":`...), a.At.UTC().Format(time.RFC3339))
	return append(b, '}')
}

// Observe tells how many alerts of each kind and severity were raised so far, and how many could not be given to the webhook.
func (a *Alerts) Observe(raised func(kind, severity string, n int64)) (undelivered int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for of, n := range a.counts {
		raised(of[0], of[1], n)
	}
	return a.hook.lost.Load()
}
