package answers

import (
	"context"
	"log/slog"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

const (
	// tick is how often it is looked whether canaries are due, and firstAfter how long after the start they are at the latest.
	tick       = time.Minute
	firstAfter = 5 * time.Minute
	// patience is how long one server may take.
	patience = 3 * time.Minute
)

// Canaries are questions with random texts to tools that change nothing: what comes back unasked stands out.
type Canaries struct {
	// Every returns how often each server is asked now; 0 never.
	Every func() time.Duration
	// Servers returns the names of the servers to ask.
	Servers func() []string
	// Ask asks one, in rounds, and returns what it answered. What it has answered before an error counts.
	Ask func(ctx context.Context, server string) ([]trust.Answer, error)
}

// Watch asks servers from now on, until Close. It is called once at most.
func (a *Answers) Watch(ctx context.Context, c Canaries) {
	if a.watch == nil {
		return
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	a.watch.ends = append(a.watch.ends, end)
	a.watch.running.Go(func() { a.ask(ctx, c) })
}

// ask asks all servers whenever it is time.
func (a *Answers) ask(ctx context.Context, c Canaries) {
	begun, last := time.Now(), time.Time{}
	for every := c.Every(); ; every = c.Every() {
		wake := time.NewTimer(tick)
		if every > 0 {
			wake.Reset(min(every, tick))
		}
		select {
		case <-ctx.Done():
			wake.Stop()
			return
		case <-wake.C:
		}
		if every <= 0 || last.IsZero() && time.Since(begun) < min(every, firstAfter) || !last.IsZero() && time.Since(last) < every {
			continue
		}
		last = time.Now()
		for _, server := range c.Servers() {
			a.askOne(ctx, c, server)
		}
	}
}

// askOne asks one server and judges what it answers.
func (a *Answers) askOne(ctx context.Context, c Canaries, server string) {
	if ctx.Err() != nil {
		return
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := c.Ask(asking, server)
	if err != nil && ctx.Err() == nil {
		a.Log.WarnContext(ctx, "a server was not asked to the end whether its answers say more than they should", slog.String("server", server), slog.Any("error", err))
	}
	a.judge(ctx, &trust.Subject{Name: server, Answers: all})
}

// Heard is the Reply of a call that the gateway makes itself: it keeps the text of the result. Questions are not answered.
type Heard struct {
	// Text is that of the result's content; of a long one its begin and its end. Failed says that it is an error.
	Text   string
	Failed bool
}

// Notify heeds no notice.
func (*Heard) Notify(context.Context, *wire.Message) error { return nil }

// Ask answers no question.
func (*Heard) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

// Done keeps the text.
func (h *Heard) Done(_ context.Context, result *mcp.Result) error {
	h.Text, h.Failed = textOf(result.Value), isError(result.Value)
	return nil
}
