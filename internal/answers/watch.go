package answers

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

const (
	// maxServers and maxKept are how many servers are watched, and how many answers of each are kept.
	maxServers = 256
	maxKept    = 24
	// maxText and maxArguments are how much is kept of one: of a longer text its begin and its end.
	maxText      = 2 << 10
	maxArguments = 1 << 10
	// every is how often answers are looked at together, and sparing how often at most one of a server is kept.
	every   = 15 * time.Second
	sparing = 250 * time.Millisecond
)

// A Watch keeps a few answers of each server, and looks now and then at what they have in common: what a server adds to whatever it is
// asked stands in none of them alone. It costs a call next to nothing, since it keeps few of many answers, and looks elsewhere.
type Watch struct {
	answers *Answers
	ends    []context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	servers map[string]*kept
}

// kept is what is kept of one server. New says that something came since it was looked at.
type kept struct {
	answers []trust.Answer
	next    int
	last    time.Time
	fresh   bool
}

func newWatch(ctx context.Context, a *Answers) *Watch {
	w := &Watch{answers: a, servers: map[string]*kept{}}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	w.ends = append(w.ends, end)
	w.running.Go(func() { w.run(ctx) })
	return w
}

func (w *Watch) close() {
	for _, end := range w.ends {
		end()
	}
	w.running.Wait()
}

// note keeps the answer of a tool, if none of its server was kept just now.
func (w *Watch) note(call *mcp.Call, result []byte) {
	if call.Method != mcp.MethodToolsCall {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.of(serverOf(call.Server))
	if k == nil || time.Since(k.last) < sparing {
		return
	}
	k.last, k.fresh = time.Now(), true
	answer := trust.Answer{Round: 1, Tool: call.Name, Arguments: short(call.Member("arguments")), Text: textOf(result), Failed: isError(result)}
	if len(k.answers) < maxKept {
		k.answers = append(k.answers, answer)
		return
	}
	k.answers[k.next%maxKept] = answer
	k.next++
}

// of returns what is kept of a server, nil if there are too many. The lock is held.
func (w *Watch) of(server string) *kept {
	k := w.servers[server]
	if k == nil && len(w.servers) < maxServers {
		k = &kept{}
		w.servers[server] = k
	}
	return k
}

// short returns a copy of arguments, or none of long ones.
func short(arguments []byte) []byte {
	if len(arguments) > maxArguments {
		return nil
	}
	return bytes.Clone(arguments)
}

// textOf returns the texts of a result's content, of a long one its begin and its end.
func textOf(result []byte) string {
	var b []byte
	for block := range wire.Elements(wire.Get(result, "content")) {
		if len(b) > 0 {
			b = append(b, '\n')
		}
		b = wire.AppendUnquoted(b, wire.Get(block, "text"))
	}
	if len(b) > maxText {
		b = append(b[:maxText/2:maxText/2], b[len(b)-maxText/2:]...)
	}
	return string(bytes.ToValidUTF8(b, nil))
}

func isError(result []byte) bool { return string(wire.Get(result, "isError")) == "true" }

// run looks at what came in, until the end.
func (w *Watch) run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.look(ctx)
		}
	}
}

// look has what came in since the last time judged.
func (w *Watch) look(ctx context.Context) {
	for _, s := range w.fresh() {
		w.answers.judge(ctx, &s)
	}
}

// judge raises what answers of a server have in common that nobody asked for.
func (a *Answers) judge(ctx context.Context, s *trust.Subject) {
	for f := range a.Judge(s) {
		if f.Where.Kind != kind || f.Band == trust.BandInfo || off(a.policy(s.Name)) {
			continue
		}
		f.Where.Server = s.Name
		a.Log.WarnContext(ctx, "answers of a server have something in common that nobody asked for", slog.String("server", s.Name), slog.String("rule", f.Rule))
		a.raise(ctx, Found{Finding: f, Action: flagged})
	}
}

// fresh returns what is kept of the servers that have answered since the last time.
func (w *Watch) fresh() (all []trust.Subject) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, k := range w.servers {
		if k.fresh {
			k.fresh = false
			all = append(all, trust.Subject{Name: name, Answers: append([]trust.Answer(nil), k.answers...)})
		}
	}
	return all
}
