package pipe_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/doortest"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/pipe"
	"github.com/sumun-mcp/sumun/internal/session"
)

// A house has the doors for lines, and keeps what happens behind them.
type house struct {
	*httptest.Server
	lines    *pipe.Lines
	sessions *session.Store

	mu      sync.Mutex
	refused []string
	// begun has the calls of "wait" that began, ended has how they ended, and revoked says that the key is good for nothing any more.
	begun   chan struct{}
	ended   chan error
	revoked bool
}

func newHouse(t *testing.T, o pipe.LinesOptions) *house {
	t.Helper()
	before := runtime.NumGoroutine()
	h := &house{begun: make(chan struct{}, 1000), ended: make(chan error, 1000)}
	h.sessions = session.NewStore(session.Options{Idle: time.Hour, Max: 100})
	o.Options = pipe.Options{
		Handler: mcp.HandlerFunc(h.handle), Sessions: h.sessions, ServerInfo: []byte(`{"name":"gate","version":"1"}`),
		MessageBytes: func() int { return 4096 }, Log: slog.New(slog.DiscardHandler),
	}
	o.Authenticate = h.authenticate
	h.lines = pipe.NewLines(context.WithoutCancel(t.Context()), o)
	h.Server = httptest.NewServer(h)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := h.lines.Close(ctx); err != nil {
			t.Error("lines are left: ", err)
		}
		h.CloseClientConnections()
		h.Close()
		h.sessions.Close()
		http.DefaultClient.CloseIdleConnections()
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<20)
				t.Errorf("goroutines are left:\n%s", buf[:runtime.Stack(buf, true)])
				return
			}
		}
	})
	return h
}

// ServeHTTP is what the door in front does.
func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, err := h.authenticate(r)
	switch {
	case err != nil:
	case r.Method == http.MethodPost:
		body, _ := io.ReadAll(r.Body)
		if err = h.lines.Message(r.URL.Query().Get("session"), caller, body); err == nil {
			w.WriteHeader(http.StatusAccepted)
		}
	case r.Header.Get("Upgrade") != "":
		err = h.lines.Socket(w, r, caller)
	default:
		err = h.lines.Events(w, r, caller, "/messages")
	}
	if err != nil {
		http.Error(w, string(err.Reason), http.StatusTeapot)
	}
}

func (h *house) authenticate(r *http.Request) (*mcp.Caller, *mcp.Error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.revoked {
		return nil, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unauthenticated, "no key")
	}
	return &mcp.Caller{ID: "caller " + r.Header.Get("X-Key"), View: &mcp.View{ID: "all", Whole: true}}, nil
}

func (h *house) revoke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.revoked = true
}

// handle answers calls: "wait" never ends by itself, and "big" is large.
func (h *house) handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	switch {
	case call.Refused != nil:
		h.mu.Lock()
		defer h.mu.Unlock()
		h.refused = append(h.refused, call.Transport+": "+call.Refused.Message)
	case call.Name == "wait":
		h.begun <- struct{}{}
		<-ctx.Done()
		h.ended <- context.Cause(ctx)
		return ctx.Err()
	case call.Name == "soon":
		time.Sleep(200 * time.Millisecond)
		return reply.Done(ctx, mcp.Own([]byte(`{"content":[]}`)))
	case call.Name == "big":
		return reply.Done(ctx, mcp.Own([]byte(`{"content":"`+strings.Repeat("x", 1<<20)+`"}`)))
	}
	return doortest.Answer(ctx, call, reply)
}

// onRecord waits until a refusal that contains text is on record.
func (h *house) onRecord(t *testing.T, text string) {
	t.Helper()
	eventually(t, text+" on record", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return strings.Contains(strings.Join(h.refused, "\n"), text)
	})
}

// wantEnded waits for the end of a call of "wait".
func (h *house) wantEnded(t *testing.T, n int) {
	t.Helper()
	for range n {
		select {
		case <-h.ended:
		case <-time.After(10 * time.Second):
			t.Fatal("a call goes on")
		}
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not so: " + what)
		}
	}
}

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

func hello(revision string) string {
	return `{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"` + revision +
		`","capabilities":{"elicitation":{}},"clientInfo":{"name":"c","version":"1"}}}`
}
