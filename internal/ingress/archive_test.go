package ingress_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/doortest"
	"github.com/sumun-mcp/sumun/internal/ingress"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

// A shared archive of the instances of one test.
type archive struct {
	mu     sync.Mutex
	events []session.Event
	ended  bool
}

func (a *archive) WriteEvents(_ context.Context, b *session.Batch) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, b.Events...)
	a.ended = a.ended || len(b.Ended) > 0
	return nil
}

func (a *archive) ReadEvents(_ context.Context, id session.StreamID, after int) ([]session.Event, session.StreamState, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var events []session.Event
	var state session.StreamState
	for _, e := range a.events {
		if e.StreamID == id {
			state = session.StreamState{Touched: time.Now(), Ended: a.ended}
			if e.Seq > after {
				events = append(events, e)
			}
		}
	}
	return events, state, nil
}

func (*archive) TrimEvents(context.Context, time.Time, int64) error { return nil }

// instance is a door with sessions of its own, whose calls say something and are answered when they are let go.
func instance(t *testing.T, name string, sealer *session.Sealer, a *archive, letGo <-chan struct{}) *httptest.Server {
	t.Helper()
	sessions := session.NewStore(session.Options{
		Idle: time.Hour, Max: 100, Sealer: sealer, Instance: name, Archive: a, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(sessions.Close)
	server := httptest.NewServer(ingress.NewHTTP(ingress.HTTPOptions{
		Handler: mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
			if call.Refused != nil || call.Method != mcp.MethodToolsCall {
				return doortest.Answer(ctx, call, reply)
			}
			if err := doortest.Notify(ctx, reply, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":5,"progress":1}}`); err != nil {
				return err
			}
			<-letGo
			return reply.Done(ctx, mcp.Own([]byte(`{"content":[],"late":true}`)))
		}),
		Authenticate: authenticate, Sessions: sessions, ServerInfo: []byte(`{}`), BodyBytes: 4096, Log: slog.New(slog.DiscardHandler),
	}))
	t.Cleanup(server.Close)
	return server
}

// request sends a request of a caller and returns the answer, which ends with ctx.
func request(ctx context.Context, t *testing.T, url, body string, headers ...string) *http.Response {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, url+"/mcp", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer good")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// TestResumeElsewhere lets a client lose its connection in mid-call and resume at another instance.
func TestResumeElsewhere(t *testing.T) {
	sealer, err := session.NewSealer(session.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	a, letGo := &archive{}, make(chan struct{})
	one, two := instance(t, "one", sealer, a, letGo), instance(t, "two", sealer, a, letGo)
	hello := request(t.Context(), t, one.URL, //nolint:bodyclose // closed with the test
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
	token := hello.Header.Get("Mcp-Session-Id")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	call := request(ctx, t, one.URL, //nolint:bodyclose // closed with the test
		`{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"slow","_meta":{"progressToken":5}}}`, "Mcp-Session-Id", token)
	var id string
	for lines := bufio.NewScanner(call.Body); id == "" && lines.Scan(); {
		id, _ = strings.CutPrefix(lines.Text(), "id: ")
	}
	leave()
	// The door hears of it soon; until then, what the call says goes to the connection.
	time.Sleep(100 * time.Millisecond)
	close(letGo)
	var body []byte
	for range 50 {
		resp := request(t.Context(), t, two.URL, "", "Mcp-Session-Id", token, "Last-Event-ID", id) //nolint:bodyclose // closed with the test
		if body, err = io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode == http.StatusOK {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !strings.Contains(string(body), `"id":"a","result":{"content":[],"late":true}`) || strings.Contains(string(body), "progress") {
		t.Errorf("after %s, the other instance tells\n%s", id, body)
	}
	for name, c := range map[string]struct {
		status int
		says   string
		header []string
	}{
		"a stream that is not there": {404, "before the gateway was restarted, or by another instance; initialize again", []string{"Last-Event-ID", "9-1"}},
		"another caller":             {403, "another caller", []string{"Last-Event-ID", id, "Authorization", "Bearer other"}},
		"listening":                  {404, "initialize again", nil},
	} {
		resp := request(t.Context(), t, two.URL, "", append(c.header, "Mcp-Session-Id", token)...) //nolint:bodyclose // closed with the test
		if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != c.status || !strings.Contains(string(body), c.says) {
			t.Errorf("%s: %d %s, %v", name, resp.StatusCode, body, err)
		}
	}
}
