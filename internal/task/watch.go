package task

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// How a modern client is told of tasks.
const (
	mostWatched = 256
	ackTimeout  = 5 * time.Second // for servers to say of which tasks they tell
	watchPause  = time.Minute     // at most, before a lost stream is opened again
)

// A Watch is what one stream of a modern client is told of tasks (extension of
// tasks, "Task Status Notifications"). Each server is asked on a stream for this
// client alone, so that nobody else can be told.
type Watch struct {
	tasks   *Tasks
	client  mcp.Reply
	streams []*stream
	running sync.WaitGroup
	// greeted is closed once the client knows what it is told of, which must come first.
	greeted chan struct{}
	greet   sync.Once
}

// A stream is what one server tells of tasks. It is the Reply of the call that asks for it.
type stream struct {
	watch  *Watch
	cancel context.CancelFunc
	// tokens are the client's names of the tasks, by the server's own.
	tokens map[string]string
	// agreed are the tokens of those that the server tells of; they may be read once acknowledged is closed.
	agreed       []string
	acknowledged chan struct{}
	once         sync.Once
}

// Watch begins to ask servers for what the client of a call wants to know of
// tasks. What names no task of the client is left out. The watch must be closed.
func (t *Tasks) Watch(ctx context.Context, call *mcp.Call, reply mcp.Reply) (*Watch, error) {
	w := &Watch{tasks: t, client: reply, greeted: make(chan struct{})}
	ids := wire.Get(call.Member("notifications"), "taskIds")
	if len(ids) == 0 || ids[0] != '[' {
		return w, nil
	}
	if !Declares(call.Capabilities) {
		return nil, ErrUndeclared()
	}
	servers, err := t.watched(ctx, call, ids)
	if err != nil {
		return nil, err
	}
	for server, tokens := range servers {
		if err := w.open(ctx, call, server, tokens); err != nil {
			w.Close()
			return nil, err
		}
	}
	return w, nil
}

// watched finds the tasks of a JSON array of tokens, by server: the tokens by the server's own ids.
func (t *Tasks) watched(ctx context.Context, call *mcp.Call, ids []byte) (map[string]map[string]string, error) {
	servers, n := map[string]map[string]string{}, 0
	for raw := range wire.Elements(ids) {
		if n++; n > mostWatched {
			return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "a client may be told of at most %d tasks", mostWatched)
		}
		token, _ := wire.Unquote(raw)
		ref, err := t.Open(call, token)
		if err != nil || !call.Caller.View.Sees(mcp.Tool, ref.Tool) {
			t.Log.InfoContext(ctx, "a client wants to be told of a task that is not its own",
				slog.String("call", call.ID), slog.String("caller", call.Caller.ID), slog.Any("error", err))
			continue
		}
		if servers[ref.Server] == nil {
			servers[ref.Server] = map[string]string{}
		}
		servers[ref.Server][ref.ID] = token
	}
	return servers, nil
}

// open asks one server.
func (w *Watch) open(ctx context.Context, call *mcp.Call, server string, tokens map[string]string) error {
	params := []byte(`{"notifications":{"taskIds":[`)
	for id := range tokens {
		params = wire.AppendQuote(wire.Separate(params), id)
	}
	params = append(params, "]}"...)
	if meta := call.Member("_meta"); meta != nil {
		params = append(append(params, `,"_meta":`...), meta...)
	}
	request, err := Request(call, mcp.MethodListen, append(params, '}'))
	if err != nil {
		return err
	}
	request.Server = server
	s := &stream{watch: w, tokens: tokens, acknowledged: make(chan struct{})}
	ctx, s.cancel = context.WithCancel(ctx)
	w.streams = append(w.streams, s)
	w.running.Go(func() { s.run(ctx, request) })
	return nil
}

// run keeps the stream open until the server ends it or the client leaves.
func (s *stream) run(ctx context.Context, request *mcp.Call) {
	defer s.agree(nil)
	for wait := time.Second; ; wait = min(2*wait, watchPause) {
		err := s.watch.tasks.Do(ctx, mcp.Destination{Server: request.Server}, request, s)
		if e := mcp.AsError(err); err == nil || ctx.Err() != nil || e != nil && e.Raw != nil {
			return
		}
		s.watch.tasks.Log.DebugContext(ctx, "stream of tasks lost", slog.String("server", request.Server), slog.Any("error", err))
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// agree notes of which tasks the server tells, once.
func (s *stream) agree(tokens []string) {
	s.once.Do(func() {
		s.agreed = tokens
		close(s.acknowledged)
	})
}

// Settled returns the tokens of the tasks that servers tell of, and ends the streams of those that have not said so in time.
func (w *Watch) Settled(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	var all []string
	for _, s := range w.streams {
		select {
		case <-s.acknowledged:
		case <-ctx.Done():
			s.agree(nil)
		}
		if len(s.agreed) == 0 {
			s.cancel()
		}
		all = append(all, s.agreed...)
	}
	slices.Sort(all)
	return all
}

// Close ends the streams and waits for them.
func (w *Watch) Close() {
	for _, s := range w.streams {
		s.cancel()
	}
	w.running.Wait()
}

// Notify passes on what the server tells of the client's tasks.
func (s *stream) Notify(ctx context.Context, m *wire.Message) error {
	switch string(m.MethodName()) {
	case mcp.NoticeAcknowledged:
		var agreed []string
		for raw := range wire.Elements(wire.Get(m.Bytes(m.Member("notifications")), "taskIds")) {
			id, _ := wire.Unquote(raw)
			if token, ok := s.tokens[id]; ok {
				agreed = append(agreed, token)
			}
		}
		s.agree(agreed)
		return nil
	case mcp.NoticeTask:
		told, ok := Named(m, s.tokens)
		if !ok {
			return nil
		}
		select {
		case <-s.watch.greeted:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		return s.watch.client.Notify(ctx, told)
	}
	return nil
}

// Ask refuses: a stream of notices asks nothing.
func (s *stream) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

// Done does nothing: the server has no more to tell.
func (s *stream) Done(context.Context, *mcp.Result) error { return nil }

// Wait returns when no server has more to tell.
func (w *Watch) Wait() { w.running.Wait() }

// Greeter is the client's reply, which opens the watch with the first message.
func (w *Watch) Greeter() mcp.Reply { return greeter{w.client, w} }

// A greeter opens its watch with the first message.
type greeter struct {
	mcp.Reply

	watch *Watch
}

// Notify sends a message.
func (r greeter) Notify(ctx context.Context, m *wire.Message) error {
	err := r.Reply.Notify(ctx, m)
	r.watch.greet.Do(func() { close(r.watch.greeted) })
	return err
}
