package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/client"
)

// TestPeers does with each kind of server all that the standard has.
func TestPeers(t *testing.T) {
	t.Parallel()
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			c := p.dial(t)
			info, err := c.Info(ctx)
			if err != nil || info.Name != "peer" || info.Version != "2" || info.Revision != p.revision || info.Instructions != `be "kind"` {
				t.Errorf("info = %+v, %v", info, err)
			}
			if err := c.Ping(ctx); err != nil {
				t.Error(err)
			}
			now, err := client.Call[weather](ctx, c, "weather.getCurrent", map[string]string{"location": "서울 <b>"})
			if err != nil || now != (weather{21.5, "맑음 in 서울 <b>"}) {
				t.Errorf("weather = %+v, %v", now, err)
			}
			tools, err := c.Tools(ctx)
			if err != nil {
				t.Fatal(err)
			}
			at := slices.IndexFunc(tools, func(t client.Tool) bool { return t.Name == "weather.getCurrent" })
			if len(tools) != 13 || at < 0 || !strings.Contains(string(tools[at].InputSchema), "location") || tools[at].OutputSchema == nil {
				t.Errorf("%d tools: %+v", len(tools), tools)
			}
			resources, err := c.Resources(ctx)
			if err != nil || len(resources) != 7 || resources[1].URI != "note:0" || resources[1].Size != 6 {
				t.Errorf("resources = %+v, %v", resources, err)
			}
			templates, err := c.Templates(ctx)
			if err != nil || len(templates) != 1 || templates[0].URITemplate != "page:{n}" {
				t.Errorf("templates = %+v, %v", templates, err)
			}
			prompts, err := c.Prompts(ctx)
			if err != nil || len(prompts) != 1 || !prompts[0].Arguments[0].Required {
				t.Errorf("prompts = %+v, %v", prompts, err)
			}
			note, err := c.Read(ctx, "note:1")
			if err != nil || note.Text() != "내용" || note.Contents[0].MIMEType != "text/plain" {
				t.Errorf("note = %+v, %v", note, err)
			}
			blob, err := c.Read(ctx, "blob:1")
			if err != nil || !cmp.Equal(blob.Contents[0].Data, []byte{0, 255}) {
				t.Errorf("blob = %+v, %v", blob, err)
			}
			said, err := c.Render(ctx, "greet", map[string]any{"name": "민수", "n": 3})
			if err != nil || said.Description != "a greeting" || said.Messages[0].Role != "user" || said.Messages[0].Text() != "hello 민수 3" {
				t.Errorf("prompt = %+v, %v", said, err)
			}
			raw, err := c.Request(ctx, "prompts/list", nil)
			if err != nil || !strings.Contains(string(raw), `"greet"`) {
				t.Errorf("prompts/list = %s, %v", raw, err)
			}
		})
	}
}

// TestAnswers reads answers into values of several types.
func TestAnswers(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := dial(t, overHTTP(t, newServer(), true))
	exact, err := client.Call[map[string]any](ctx, c, "exact", nil)
	if want := map[string]any{"n": json.Number("18446744073709551616"), "f": json.Number("1.10")}; err != nil || !cmp.Equal(exact, want) {
		t.Errorf("exact = %v, %v", exact, err)
	}
	text, err := client.Call[string](ctx, c, "echo", json.RawMessage(`{"n":1.10,"s":"<&>"}`))
	if err != nil || text != `{"n":1.10,"s":"<&>"}` {
		t.Errorf("echo = %s, %v", text, err)
	}
	if _, err := client.Call[weather](ctx, c, "echo", nil); err != nil {
		t.Errorf("an object without members: %v", err)
	}
	if _, err := client.Call[int](ctx, c, "echo", nil); err == nil || !strings.Contains(err.Error(), "reading the answer of echo") {
		t.Errorf("error = %v", err)
	}
	_, err = client.Call[weather](ctx, c, "weather.getCurrent", map[string]string{"location": ""})
	if failed, ok := errors.AsType[*client.ToolError](err); !ok || failed.Error() != "weather.getCurrent failed: where?" {
		t.Errorf("error = %v", err)
	}
	result, err := c.Call(ctx, "weather.getCurrent", map[string]string{"location": ""})
	if err != nil || !result.IsError || result.Text() != "where?" || result.Content()[0].Type != "text" {
		t.Errorf("result = %+v, %v", result, err)
	}
	for name, args := range map[string]any{"a list": []int{1}, "a string": "x", "no JSON": json.RawMessage(`{`), "twice": json.RawMessage(`{"a":1,"a":2}`), "a channel": make(chan int)} {
		if _, err := c.Call(ctx, "echo", args); err == nil {
			t.Errorf("%s is taken as arguments", name)
		}
	}
}

// TestQuestions has servers of both eras ask the user, the model and for the folders.
func TestQuestions(t *testing.T) {
	t.Parallel()
	answer := []client.Option{
		client.WithElicitation(func(_ context.Context, q client.Elicitation) (client.ElicitationAnswer, error) {
			if q.Message != "who?" || !strings.Contains(string(q.Schema), `"name"`) {
				return client.ElicitationAnswer{}, errors.New("not what was asked")
			}
			return client.ElicitationAnswer{Content: map[string]string{"name": "민수"}}, nil
		}),
		client.WithSampling(func(_ context.Context, q client.SamplingRequest) (client.SamplingAnswer, error) {
			if *q.Sampling.MaxTokens != 7 {
				return client.SamplingAnswer{}, errors.New("the bound is lost")
			}
			return client.SamplingAnswer{Text: q.Messages[0].Text() + " yourself", Model: "m"}, nil
		}),
		client.WithVisits(func(_ context.Context, v client.Visit) error {
			if v.URL != "https://example.com/in" || v.Message != "please" {
				return errors.New("not what was asked")
			}
			return nil
		}),
		client.WithRoots(func(context.Context) ([]client.Root, error) { return []client.Root{{URI: "file:///w", Name: "w"}}, nil }),
	}
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := p.dial(t, answer...)
			for tool, want := range map[string]string{"who": "accept 민수", "visit": "accept", "think": "m: hi yourself", "where": "file:///w"} {
				if got, err := client.Call[string](t.Context(), c, tool, nil); err != nil || got != want {
					t.Errorf("%s = %q, %v", tool, got, err)
				}
			}
		})
	}
}

// TestNoAnswers has the user decline, and clients that answer nothing.
func TestNoAnswers(t *testing.T) {
	t.Parallel()
	decline := client.WithElicitation(func(context.Context, client.Elicitation) (client.ElicitationAnswer, error) {
		return client.ElicitationAnswer{}, client.ErrDeclined
	})
	refuse := client.WithSampling(func(context.Context, client.SamplingRequest) (client.SamplingAnswer, error) {
		return client.SamplingAnswer{}, client.ErrDeclined
	})
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := p.dial(t, decline, refuse)
			if got, err := c.Call(t.Context(), "visit", nil); err == nil && !got.IsError {
				t.Errorf("visit = %s, though only forms are filled in", got.Raw)
			}
			if got, err := client.Call[string](t.Context(), c, "who", nil); err != nil || got != "decline" {
				t.Errorf("who = %q, %v", got, err)
			}
			if got, err := c.Call(t.Context(), "think", nil); err == nil && !got.IsError {
				t.Errorf("think = %s", got.Raw)
			}
			mute := p.dial(t)
			if got, err := mute.Call(t.Context(), "who", nil); err == nil && !got.IsError {
				t.Errorf("who = %s, though nobody can be asked", got.Raw)
			}
		})
	}
}

// TestToldMeanwhile takes progress and log messages.
func TestToldMeanwhile(t *testing.T) {
	t.Parallel()
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var log, steps []string
			c := p.dial(t, client.WithLog("info", func(m client.LogMessage) {
				mu.Lock()
				defer mu.Unlock()
				log = append(log, m.Level+" "+m.Logger+" "+m.Text())
			}))
			_, err := c.Call(t.Context(), "steps", nil, client.OnProgress(func(p client.Progress) {
				mu.Lock()
				defer mu.Unlock()
				steps = append(steps, p.Progress.String()+"/"+p.Total.String()+" "+p.Message)
			}))
			if want := []string{"1/3 step", "2/3 step", "3/3 step"}; err != nil || !cmp.Equal(steps, want) {
				t.Errorf("progress = %v, %v", steps, err)
			}
			if _, err := c.Call(t.Context(), "talk", nil); err != nil {
				t.Error(err)
			}
			until(t, "the log message", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return len(log) > 0
			})
			if want := []string{"warning peer beware"}; !cmp.Equal(log, want) {
				t.Errorf("log = %v", log)
			}
		})
	}
}

// TestSubscribe is told of changes, until the subscription ends.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			c := p.dial(t)
			var told atomic.Int64
			updates := make(chan string, 100)
			s, err := c.Subscribe(ctx, "note:1", func(u client.Update) {
				if note, err := c.Read(ctx, u.URI); err == nil { // it may use the client
					updates <- note.Text()
				}
				told.Add(1)
			})
			if err != nil {
				t.Fatal(err)
			}
			other, err := c.Subscribe(ctx, "note:2", func(client.Update) { t.Error("told of another resource") })
			if err != nil {
				t.Fatal(err)
			}
			if err := other.Close(ctx); err != nil {
				t.Error(err)
			}
			touch := func() {
				if _, err := c.Call(ctx, "touch", nil); err != nil {
					t.Error(err)
				}
			}
			touch()
			select {
			case got := <-updates:
				if got != "내용" {
					t.Errorf("read %q", got)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("not told")
			}
			if err := s.Close(ctx); err != nil {
				t.Error(err)
			}
			before := told.Load()
			touch()
			if got := told.Load(); got != before {
				t.Errorf("told %d times after the end", got-before)
			}
		})
	}
}

// waiting serves calls of the tool wait until their clients have gone, and leaves all others to h. In the legacy era the tool is told.
func waiting(t *testing.T, modern bool) (url string, begun, ended chan struct{}) {
	t.Helper()
	begun, ended = make(chan struct{}, 9), make(chan struct{}, 9)
	wait := func(ctx context.Context) {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
	}
	s := newServer()
	add(s, "wait", func(ctx context.Context, _ *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		wait(ctx)
		return nil, ctx.Err()
	})
	if !modern {
		return overHTTP(t, s, false), begun, ended
	}
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{Stateless: true})
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Name") == "wait" { // the SDK does not mind that a client is gone
			_, _ = io.Copy(io.Discard, r.Body)
			wait(r.Context())
			return
		}
		h.ServeHTTP(w, r)
	})), begun, ended
}

// TestCancel ends calls early: the server is told, in both eras.
func TestCancel(t *testing.T) {
	t.Parallel()
	for name, modern := range map[string]bool{"legacy": false, "modern": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, begun, ended := waiting(t, modern)
			c := dial(t, url, client.WithTimeout(5*time.Second))
			ctx, cancel := context.WithCancelCause(t.Context())
			why := errors.New("lunch")
			go func() {
				<-begun
				cancel(why)
			}()
			if _, err := c.Call(ctx, "wait", nil); !errors.Is(err, why) || !strings.Contains(err.Error(), "tools/call wait") {
				t.Errorf("error = %v", err)
			}
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Error("the server goes on")
			}
			if _, err := c.Call(t.Context(), "echo", nil); err != nil {
				t.Errorf("after a cancelled call: %v", err)
			}
		})
	}
}

// TestSubscribeRefused has a server refuse one subscription, at once and with the reason: those that it has agreed to go on.
func TestSubscribeRefused(t *testing.T) {
	t.Parallel()
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := p.dial(t)
			updates := make(chan string, 100)
			if _, err := c.Subscribe(t.Context(), "note:1", func(u client.Update) { updates <- u.URI }); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for range 2 { // it is asked for again
				_, err := c.Subscribe(t.Context(), "none:1", func(client.Update) { t.Error("told of what is not there") })
				if took := time.Since(began); !errors.Is(err, client.ErrNotFound) || took > 4*time.Second {
					t.Errorf("after %v: %v", took, err)
				}
			}
			for len(updates) > 0 { // the stream was renewed, and something may have been missed
				<-updates
			}
			if _, err := c.Call(t.Context(), "touch", nil); err != nil {
				t.Fatal(err)
			}
			select {
			case got := <-updates:
				if got != "note:1" {
					t.Errorf("told of %s", got)
				}
			case <-time.After(5 * time.Second):
				t.Error("not told any more")
			}
		})
	}
}

// TestTimeout bounds calls by the Client's own time.
func TestTimeout(t *testing.T) {
	t.Parallel()
	url, _, _ := waiting(t, true)
	c := dial(t, url, client.WithTimeout(100*time.Millisecond))
	_, err := c.Call(t.Context(), "wait", nil)
	e, ok := errors.AsType[*client.Error](err)
	if !errors.Is(err, client.ErrTimeout) || !ok || !e.MayHaveRun {
		t.Errorf("error = %v", err)
	}
}

// TestErrors tells kinds of errors apart.
func TestErrors(t *testing.T) {
	t.Parallel()
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := p.dial(t)
			for name, tt := range map[string]struct {
				do   func() error
				want error
			}{
				"resource": {func() error { _, err := c.Read(t.Context(), "none:1"); return err }, client.ErrNotFound},
				"tool":     {func() error { _, err := c.Call(t.Context(), "none", nil); return err }, client.ErrNotFound},
				"method":   {func() error { _, err := c.Request(t.Context(), "no/such", nil); return err }, client.ErrUnsupported},
				"dialect":  {func() error { _, err := c.Invoke(t.Context(), "echo", nil); return err }, client.ErrUnsupported},
			} {
				if err := tt.do(); !errors.Is(err, tt.want) {
					t.Errorf("%s: error = %#v", name, err)
				}
			}
			_, err := c.Call(t.Context(), "none", nil)
			if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != -32602 || !strings.HasPrefix(err.Error(), "tools/call none: ") {
				t.Errorf("error = %#v", err)
			}
		})
	}
}

// TestRefused dials servers that are not there, or do not want us.
func TestRefused(t *testing.T) {
	t.Parallel()
	closed := listen(t, http.NotFoundHandler())
	for name, tt := range map[string]struct {
		dial func() (*client.Client, error)
		kind error
		want string
	}{
		"no URL":     {func() (*client.Client, error) { return client.Dial(t.Context(), "npx -y server") }, nil, "DialCommand"},
		"scheme":     {func() (*client.Client, error) { return client.Dial(t.Context(), "ftp://host/x") }, nil, "ftp"},
		"no program": {func() (*client.Client, error) { return client.DialCommand(t.Context(), []string{"no-such-program"}) }, nil, "no-such-program"},
		"empty":      {func() (*client.Client, error) { return client.DialCommand(t.Context(), nil) }, nil, "empty"},
		"nobody":     {func() (*client.Client, error) { return client.Dial(t.Context(), "http://127.0.0.1:1/mcp") }, client.ErrLost, "cannot be reached"},
		"no MCP":     {func() (*client.Client, error) { return client.Dial(t.Context(), closed) }, nil, "404"},
		"no key": {func() (*client.Client, error) {
			return client.Dial(t.Context(), keyed(t, "right"), client.WithKey("wrong"))
		}, client.ErrUnauthenticated, "401"},
	} {
		c, err := tt.dial()
		if err == nil {
			c.Close()
			t.Errorf("%s: dialed", name)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || tt.kind != nil && !errors.Is(err, tt.kind) {
			t.Errorf("%s: error = %v", name, err)
		}
	}
	dial(t, keyed(t, "right"), client.WithKey("right"))
}

// keyed serves who shows a key.
func keyed(t *testing.T, key string) string {
	t.Helper()
	s := newServer()
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, nil)
	return listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			http.Error(w, "who?", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	}))
}

// TestHeaders repeats arguments in headers where the server wants that, which it says by refusing.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := newServer()
	s.AddTool(&sdk.Tool{Name: "marked", InputSchema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string","x-mcp-header":"City"}}}`)},
		func(_ context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			return said(r.Extra.Header.Get("Mcp-Param-City")), nil
		})
	c := dial(t, overHTTP(t, s, true))
	for range 2 {
		if got, err := client.Call[string](t.Context(), c, "marked", map[string]string{"city": "Busan"}); err != nil || got != "Busan" {
			t.Errorf("marked = %q, %v", got, err)
		}
	}
}

// TestConcurrent makes many calls at once.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	for name, p := range peers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := p.dial(t)
			var work sync.WaitGroup
			for i := range 50 {
				work.Go(func() {
					want := `{"i":` + strconv.Itoa(i) + `}`
					if got, err := client.Call[string](t.Context(), c, "echo", map[string]int{"i": i}); err != nil || got != want {
						t.Errorf("echo = %s, %v", got, err)
					}
				})
			}
			work.Wait()
		})
	}
}
