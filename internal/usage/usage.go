// Package usage counts what callers use: how often each has used each tool, prompt and resource, and when it last did. So somebody can say
// what nobody uses (package review). Nothing is written where a call waits: counts are kept in memory and written once a minute.
package usage

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

const (
	// behind is how long counts may wait to be written, and patience how long writing may take.
	behind   = time.Minute
	patience = 10 * time.Second
	// most is how many things are told apart by an instance. Callers choose URIs, and those of tokens have many names: what is beyond
	// counts for Others.
	most = 50_000
	// offering is how often what is offered is written.
	offering = time.Hour
)

// Others stands for a caller or a name that is not told apart.
const Others = "*"

// A Thing is what is used.
type Thing struct {
	// Kind is tool, prompt, resource or template, and Name the full name or URI.
	Kind, Name string
}

// Kinds are the kinds by their words.
var Kinds = [...]string{mcp.Tool: "tool", mcp.Prompt: "prompt", mcp.Resource: "resource", mcp.Template: "template"}

// A Row is how often a caller has used a thing. One without a caller says that the thing is offered.
type Row struct {
	Caller string
	Thing
	// Server and Own are the server that offers the thing and its name there; of what is offered only.
	Server, Own string
	// First and Last are when it was used, or offered, first and last.
	First, Last time.Time
	Uses        int64
}

// Store keeps rows. Several instances may share one.
type Store interface {
	// AddUsage adds to the counts, all or none; First of a row that is there stays.
	AddUsage(ctx context.Context, rows []Row) error
}

// Options are what a Counter works with.
type Options struct {
	Store Store
	// Offered returns what is offered now, by rows without a caller.
	Offered func() []Row
	Log     *slog.Logger
}

// A Counter counts. Its methods may be called concurrently; those of a nil Counter do nothing.
type Counter struct {
	Options

	mu     sync.RWMutex
	counts map[use]*count

	stop context.CancelFunc
	wait sync.WaitGroup
}

// A use is what is counted apart.
type use struct {
	caller string
	kind   mcp.Kind
	name   string
}

// A count is what is not written yet.
type count struct {
	times atomic.Int64
	last  atomic.Int64 // in milliseconds of Unix time
}

// Open returns a Counter that writes until Close. What ctx holds is handed on; its end is not heeded.
func Open(ctx context.Context, o Options) *Counter {
	c := &Counter{Options: o, counts: map[use]*count{}}
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.wait.Go(func() { c.run(ctx) })
	return c
}

// Close writes what is left.
func (c *Counter) Close() {
	if c != nil {
		c.stop()
		c.wait.Wait()
	}
}

// Middleware counts calls that get through to what they name.
func (c *Counter) Middleware(next mcp.Handler) mcp.Handler {
	if c == nil {
		return next
	}
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		err := next.Handle(ctx, call, reply)
		method, _ := mcp.MethodByName(call.Method)
		if method.NameMember == "" || call.Name == "" || call.Caller == nil {
			return err
		}
		if e := mcp.AsError(err); e == nil || e.Reason != mcp.NotFound && e.Reason != mcp.Forbidden {
			c.add(use{call.Caller.ID, method.Kind, call.Name})
		}
		return err
	})
}

// add counts one use.
func (c *Counter) add(u use) {
	now := time.Now().UnixMilli()
	c.mu.RLock()
	one := c.counts[u]
	if one != nil {
		one.times.Add(1)
		one.last.Store(now)
	}
	c.mu.RUnlock()
	if one != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.counts) >= most && c.counts[u] == nil {
		u.caller, u.name = Others, Others
	}
	if one = c.counts[u]; one == nil {
		one = &count{}
		c.counts[u] = one
	}
	one.times.Add(1)
	one.last.Store(now)
}

// run writes now and then, and at the end.
func (c *Counter) run(ctx context.Context) {
	ticker := time.NewTicker(behind)
	defer ticker.Stop()
	var offered time.Time
	for {
		ended := false
		select {
		case <-ctx.Done():
			ended = true
		case <-ticker.C:
		}
		rows := c.take()
		if now := time.Now(); c.Offered != nil && (ended || now.Sub(offered) >= offering) {
			rows, offered = append(rows, c.Offered()...), now
		}
		if err := c.write(context.WithoutCancel(ctx), rows); err != nil {
			c.Log.WarnContext(ctx, "how often things were used could not be written; it is tried again", slog.Any("error", err))
			c.back(rows)
			offered = time.Time{}
		}
		if ended {
			return
		}
	}
}

// write writes rows in batches.
func (c *Counter) write(ctx context.Context, rows []Row) error {
	if len(rows) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Store.AddUsage(ctx, rows)
}

// take returns what was counted since it was taken last. What was not used since then is forgotten, if there is much.
func (c *Counter) take() []Row {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rows []Row
	crowded := len(c.counts) > most/2
	for u, one := range c.counts {
		times := one.times.Swap(0)
		if times == 0 {
			if crowded {
				delete(c.counts, u)
			}
			continue
		}
		last := time.UnixMilli(one.last.Load())
		rows = append(rows, Row{Caller: u.caller, Thing: Thing{Kinds[u.kind], u.name}, First: last, Last: last, Uses: times})
	}
	return rows
}

// back puts back what could not be written.
func (c *Counter) back(rows []Row) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, row := range rows {
		if row.Caller == "" {
			continue
		}
		for kind, word := range Kinds {
			if one := c.counts[use{row.Caller, mcp.Kind(kind), row.Name}]; word == row.Kind && one != nil {
				one.times.Add(row.Uses)
			}
		}
	}
}
