package notice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A listener is a client's stream: it remembers what it was told.
type listener struct {
	mu    sync.Mutex
	told  []string
	block chan struct{} // while open, Notify waits for it; nil never waits
	fail  error
	ask   func(ctx context.Context, q []mcp.Question) ([]mcp.Answer, error)
}

func (l *listener) Notify(ctx context.Context, m *wire.Message) error {
	if l.block != nil {
		select {
		case <-l.block:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	note := strings.TrimPrefix(string(m.MethodName()), "notifications/")
	if uri, ok := wire.Unquote(m.Bytes(m.Member("uri"))); ok {
		note += " " + uri
	}
	if data := m.Bytes(m.Member("data")); data != nil {
		note += " " + string(data)
	}
	l.told = append(l.told, note)
	return nil
}

func (l *listener) Ask(ctx context.Context, q []mcp.Question) ([]mcp.Answer, error) {
	return l.ask(ctx, q)
}

func (l *listener) Done(context.Context, *mcp.Result) error {
	panic("a stream of notices has no result")
}

// take returns what was told since the last time.
func (l *listener) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	told := l.told
	l.told = nil
	return told
}

func newHub() *Hub { return NewHub(slog.New(slog.DiscardHandler)) }

func updated(uri string) *wire.Message {
	raw := wire.AppendQuote([]byte(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":`), uri)
	return Message(append(raw, "}}"...))
}

func said(text string) *wire.Message {
	return Message([]byte(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"` + text + `"}}`))
}

// listen runs Listen until the returned function ends it; that returns what Listen returned.
func listen(t *testing.T, h *Hub, session string, f *Filter, l *listener) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Listen(ctx, session, f, l) }()
	synctest.Wait()
	return sync.OnceValue(func() error { cancel(); return <-done })
}

// pass lets time pass, which within synctest takes none.
func pass(d time.Duration) { <-time.After(d) }

func wantTold(t *testing.T, l *listener, want ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, l.take()); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestChangesOfListsAreMergedAndSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		h.Open("s", 0)
		var legacy, modern listener
		defer listen(t, h, "s", nil, &legacy)()
		defer listen(t, h, "", &Filter{Tools: true}, &modern)()

		for range 100 {
			h.ListChanged(mcp.Tool, 0)
			pass(time.Millisecond / 10)
		}
		h.ListChanged(mcp.Template, 0)
		wantTold(t, &legacy)
		pass(2 * settle)
		wantTold(t, &legacy, "tools/list_changed", "resources/list_changed")
		wantTold(t, &modern, "tools/list_changed")

		h.ListChanged(mcp.Tool, 0)
		pass(2 * settle)
		wantTold(t, &legacy, "tools/list_changed")
	})
}

func TestSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		h.Open("a", 0)
		h.Open("b", 0)
		var a, b, modern listener
		defer listen(t, h, "a", nil, &a)()
		defer listen(t, h, "b", nil, &b)()
		defer listen(t, h, "", &Filter{URIs: []string{"x:1"}}, &modern)()

		h.Watch("x:1")
		steps := []struct {
			what string
			got  bool
			want bool
		}{
			{"a subscribes first", subscribed(h, "a", "x:1"), true},
			{"a subscribes again", subscribed(h, "a", "x:1"), false},
			{"b subscribes too", subscribed(h, "b", "x:1"), true},
			{"nobody subscribes", subscribed(h, "nobody", "x:2"), false},
			{"b leaves", h.Unsubscribe("b", "x:1"), false},
			{"b leaves again", h.Unsubscribe("b", "x:1"), false},
		}
		for _, s := range steps {
			if s.got != s.want {
				t.Errorf("%s: %v, want %v", s.what, s.got, s.want)
			}
		}
		m := updated("x:1")
		h.Updated("x:1", m)
		copy(m.Raw, strings.Repeat(" ", len(m.Raw))) // what is kept must be a copy
		h.Updated("x:2", updated("x:2"))
		wantTold(t, &a, "resources/updated x:1")
		wantTold(t, &b)
		wantTold(t, &modern, "resources/updated x:1")

		if got := h.Drop("a"); got != nil {
			t.Errorf("Drop while a stream watches = %v, want none", got)
		}
		if !h.Unwatch("x:1") {
			t.Error("the last Unwatch is not the last")
		}
		if h.Unwatch("x:1") {
			t.Error("an Unwatch too many is the last")
		}
		_, _ = h.Subscribe("b", "x:3")
		if diff := cmp.Diff([]string{"x:3"}, h.Drop("b")); diff != "" {
			t.Errorf("Drop (-want +got):\n%s", diff)
		}
		if len(h.watched)+len(h.subscribers)-1+len(h.sessions) != 0 { // the stream still stands
			t.Errorf("something is left: %v %v %v", h.watched, h.subscribers, h.sessions)
		}
	})
}

func TestNoticesWaitForAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		h.Open("s", 0)
		_, _ = h.Subscribe("s", "x:1")
		h.Tell("s", said("one"))
		h.Updated("x:1", updated("x:1"))
		h.Updated("x:1", updated("x:1"))
		h.ListChanged(mcp.Prompt, 0)
		h.Tell("other", said("lost"))
		pass(time.Hour)

		var l listener
		end := listen(t, h, "s", nil, &l)
		wantTold(t, &l, "prompts/list_changed", `message "one"`, "resources/updated x:1")
		if err := end(); err != nil {
			t.Errorf("Listen = %v, want nil when its context ends", err)
		}
	})
}

func TestANewerStreamTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		h.Open("s", 0)
		stuck := listener{block: make(chan struct{})}
		endStuck := listen(t, h, "s", nil, &stuck)
		h.Tell("s", said("one"))
		h.Tell("s", said("two"))
		synctest.Wait()

		var newer listener
		end := listen(t, h, "s", nil, &newer)
		wantTold(t, &newer, `message "one"`, `message "two"`)
		if err := endStuck(); err != nil {
			t.Errorf("the older Listen = %v, want nil", err)
		}
		h.Drop("s")
		if err := end(); err != nil {
			t.Errorf("Listen of a dropped session = %v, want nil", err)
		}
		if err := h.Listen(t.Context(), "s", nil, &newer); err != nil {
			t.Errorf("Listen of an unknown session = %v, want nil", err)
		}
	})
}

func TestABrokenStreamLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		h.Open("s", 0)
		broken := listener{fail: errors.New("broken pipe")}
		h.Tell("s", said("one"))
		h.ListChanged(mcp.Tool, 0)
		if err := h.Listen(t.Context(), "s", nil, &broken); !errors.Is(err, broken.fail) {
			t.Errorf("Listen = %v, want %v", err, broken.fail)
		}
		var l listener
		defer listen(t, h, "s", nil, &l)()
		pass(settle)
		wantTold(t, &l, `message "one"`, "tools/list_changed")
	})
}

func TestASlowListenerLosesNoUpdate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		h.Open("slow", 0)
		h.Open("quick", 0)
		slow := listener{block: make(chan struct{})}
		var quick listener
		defer listen(t, h, "slow", nil, &slow)()
		defer listen(t, h, "quick", nil, &quick)()
		for i := range maxLetters {
			uri := fmt.Sprint("x:", i)
			_, _ = h.Subscribe("slow", uri)
			_, _ = h.Subscribe("quick", uri)
			h.Updated(uri, updated(uri))
			synctest.Wait()
		}
		for i := range 10 {
			h.Tell("slow", said(strconv.Itoa(i)))
		}
		h.ListChanged(mcp.Tool, 0)
		synctest.Wait()
		if n := len(quick.take()); n != maxLetters {
			t.Errorf("the quick one was told %d, want %d", n, maxLetters)
		}
		close(slow.block)
		pass(time.Second)
		told := slow.take()
		if len(told) != maxLetters+10+1 || h.Lost() != 0 { // one is of the list
			t.Errorf("the slow one was told %d, want %d; %d are lost", len(told), maxLetters+11, h.Lost())
		}
		for i := range maxLetters {
			if want := fmt.Sprint("resources/updated x:", i); !slices.Contains(told, want) {
				t.Errorf("%s is missing", want)
			}
		}
		for i := range 10 {
			if want := fmt.Sprintf("message %q", strconv.Itoa(i)); !slices.Contains(told, want) {
				t.Errorf("%s gave way to an update", want)
			}
		}
		if !slices.Contains(told, "tools/list_changed") {
			t.Error("the change of a list was lost")
		}
	})
}

// What cannot be told later is lost, and the listener hears of that: its listening ends, and goes on when it listens anew.
func TestASlowListenerIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		h.Open("slow", 0)
		slow := listener{block: make(chan struct{})}
		end := listen(t, h, "slow", nil, &slow)
		for i := range maxLetters + 4 { // one is in the hand of the slow one
			h.Tell("slow", said(strconv.Itoa(i)))
			synctest.Wait()
		}
		close(slow.block)
		synctest.Wait()
		lost, ok := errors.AsType[*LostError](end())
		if !ok || lost.N != 3 || h.Lost() != 3 || mcp.AsError(lost) == nil {
			t.Errorf("listening ended with %v, want 3 lost; %d are counted", lost, h.Lost())
		}
		var again listener
		defer listen(t, h, "slow", nil, &again)()
		pass(time.Second)
		if told := again.take(); len(told) != maxLetters || told[0] != `message "4"` {
			t.Errorf("afterwards it is told %d, the first %v", len(told), told)
		}
	})
}

func TestMailboxIsBoundedInBytes(t *testing.T) {
	h := newHub()
	h.Open("s", 0)
	for range 10 {
		h.Tell("s", said(strings.Repeat("x", maxBytes/4)))
	}
	h.Tell("s", said(strings.Repeat("x", 2*maxBytes)))
	h.Tell("s", said("last"))
	box := h.sessions["s"]
	if box.size > maxBytes || len(box.letters) != 1 {
		t.Errorf("%d bytes in %d letters, want the last alone", box.size, len(box.letters))
	}
}

func TestHelloComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		l := listener{block: make(chan struct{})}
		hello := Message([]byte(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged"}`))
		end := listen(t, h, "", &Filter{URIs: []string{"x:1"}, Hello: hello}, &l)
		h.Updated("x:1", updated("x:1"))
		close(l.block)
		wantTold(t, &l, "subscriptions/acknowledged", "resources/updated x:1")
		if err := end(); err != nil {
			t.Error(err)
		}
		if len(h.streams)+len(h.subscribers) != 0 {
			t.Error("the stream was not forgotten")
		}
	})
}

func TestAsk(t *testing.T) {
	question := []mcp.Question{{Key: "q", Method: mcp.MethodRoots}}
	answer := func(context.Context, []mcp.Question) ([]mcp.Answer, error) {
		return []mcp.Answer{{Result: []byte(`{}`)}}, nil
	}
	tests := []struct {
		name string
		run  func(ctx context.Context, h *Hub)
		want error
	}{
		{"a stream is open", func(ctx context.Context, h *Hub) {
			go h.Listen(ctx, "s", nil, &listener{ask: answer})
		}, nil},
		{"a stream opens soon", func(ctx context.Context, h *Hub) {
			time.AfterFunc(patience/2, func() { h.Listen(ctx, "s", nil, &listener{ask: answer}) })
		}, nil},
		{"no stream opens", func(context.Context, *Hub) {}, mcp.ErrUnsupported},
		{"the session is dropped", func(_ context.Context, h *Hub) {
			time.AfterFunc(patience/2, func() { h.Drop("s") })
		}, mcp.ErrUnsupported},
		{"the stream ends in the middle", func(ctx context.Context, h *Hub) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(time.Second, cancel)
			go h.Listen(ctx, "s", nil, &listener{ask: func(ctx context.Context, _ []mcp.Question) ([]mcp.Answer, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}})
		}, context.Canceled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				h := newHub()
				h.Open("s", 0)
				tt.run(ctx, h)
				answers, err := h.Ask(ctx, "s", question)
				if !errors.Is(err, tt.want) || err == nil && len(answers) != 1 {
					t.Errorf("Ask = %v, %v, want error %v", answers, err, tt.want)
				}
				h.Drop("s")
				synctest.Wait()
			})
		})
	}
	if _, err := newHub().Ask(t.Context(), "unknown", question); !errors.Is(err, mcp.ErrUnsupported) {
		t.Errorf("Ask of an unknown session = %v", err)
	}
}

// subscribed reports whether that is a new subscription.
func subscribed(h *Hub, session, uri string) bool {
	isNew, err := h.Subscribe(session, uri)
	return isNew && err == nil
}

func TestSubscriptionsAreBounded(t *testing.T) {
	h := newHub()
	h.Open("s", 0)
	for i := range MaxURIs {
		_, _ = h.Subscribe("s", strconv.Itoa(i))
	}
	if _, err := h.Subscribe("s", "one more"); mcp.AsError(err) == nil || !strings.Contains(err.Error(), "at most 1024 resources") {
		t.Errorf("a subscription too many: %v", err)
	}
	h.Unsubscribe("s", "0")
	if _, err := h.Subscribe("s", strings.Repeat("x", maxURI+1)); mcp.AsError(err) == nil || !strings.Contains(err.Error(), "8192 bytes") {
		t.Errorf("a URI that is too long: %v", err)
	}
	if _, err := h.Subscribe("s", "in its place"); err != nil {
		t.Errorf("a subscription in the place of another: %v", err)
	}
	if n := len(h.Drop("s")); n != MaxURIs {
		t.Errorf("%d subscriptions, want %d", n, MaxURIs)
	}
}

// TestManyAtOnce has everything happen at the same time; the race detector and a deadlock are what it looks for.
func TestManyAtOnce(t *testing.T) {
	h := newHub()
	var all sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	for i := range 4 {
		session := strconv.Itoa(i)
		h.Open(session, 0)
		for range 2 {
			all.Go(func() {
				for ctx.Err() == nil {
					listening, leave := context.WithTimeout(ctx, 3*time.Millisecond)
					_ = h.Listen(listening, session, nil, &listener{})
					_ = h.Listen(listening, "", &Filter{Tools: true, URIs: []string{"x:1"}}, &listener{})
					leave()
				}
			})
		}
		all.Go(func() {
			for ctx.Err() == nil {
				_, _ = h.Subscribe(session, "x:1")
				h.Updated("x:1", updated("x:1"))
				h.Tell(session, said("hi"))
				h.ListChanged(mcp.Tool, 0)
				h.Unsubscribe(session, "x:1")
			}
		})
	}
	all.Wait()
	for i := range 4 {
		h.Drop(strconv.Itoa(i))
	}
	if len(h.watched)+len(h.subscribers)+len(h.streams)+len(h.sessions) != 0 {
		t.Errorf("something is left: %v %v %v %v", h.watched, h.subscribers, h.streams, h.sessions)
	}
}

func BenchmarkUpdatedTenThousandSessions(b *testing.B) {
	h := newHub()
	for i := range 10_000 {
		h.Open(strconv.Itoa(i), 0)
	}
	_, _ = h.Subscribe("5000", "x:1")
	m := updated("x:1")
	b.ReportAllocs()
	for b.Loop() {
		h.Updated("x:1", m)
	}
}

// TestGroups changes the list of one group: the listeners of another are told nothing.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		h.Open("mine", 1)
		h.Open("other", 2)
		mine, other := &listener{}, &listener{}
		ctx, end := context.WithCancel(t.Context())
		defer end()
		for session, r := range map[string]*listener{"mine": mine, "other": other} {
			go func() { _ = h.Listen(ctx, session, nil, r) }()
		}
		stream := &listener{}
		go func() { _ = h.Listen(ctx, "", &Filter{Group: 2, Tools: true}, stream) }()
		synctest.Wait()
		h.ListChanged(mcp.Tool, 1)
		time.Sleep(time.Second)
		if m, o, n := mine.take(), other.take(), stream.take(); len(m) != 1 || len(o) != 0 || len(n) != 0 {
			t.Errorf("told %q, %q and %q, want the first only", m, o, n)
		}
	})
}

// TestListens wants a session to be listening while it has a stream.
func TestListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHub()
		h.Open("s", 0)
		check := func(when string, want bool) {
			t.Helper()
			synctest.Wait()
			if got := h.Listens("s"); got != want {
				t.Errorf("%s: %v", when, got)
			}
		}
		check("before", false)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go h.Listen(ctx, "s", nil, &listener{})
		check("with a stream", true)
		cancel()
		check("after it", false)
		h.Drop("s")
		check("when it is dropped", false)
	})
}
