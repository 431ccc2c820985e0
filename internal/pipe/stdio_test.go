package pipe_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/doortest"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/pipe"
	"github.com/sumun-mcp/sumun/internal/session"
)

// A client is on a pipe.
type client struct {
	t     *testing.T
	in    *io.PipeWriter
	out   *bufio.Scanner
	ended chan error
}

// newPipe serves a client on a pipe for as long as the test runs.
func newPipe(t *testing.T, handler mcp.HandlerFunc, grace time.Duration) *client {
	t.Helper()
	return newPipeWith(t, handler, grace, func(*pipe.Options) {})
}

// newPipeWith is newPipe with other options.
func newPipeWith(t *testing.T, handler mcp.HandlerFunc, grace time.Duration, change func(*pipe.Options)) *client {
	t.Helper()
	sessions := session.NewStore(session.Options{Idle: time.Hour, Max: 100})
	inRead, in := io.Pipe()
	outRead, out := io.Pipe()
	p := &client{t: t, in: in, out: bufio.NewScanner(outRead), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	caller := &mcp.Caller{ID: "local", View: &mcp.View{ID: "all", Whole: true}}
	options := pipe.Options{
		Handler: handler, Sessions: sessions,
		ServerInfo: []byte(`{"name":"gate","version":"1"}`), MessageBytes: func() int { return 4096 }, Log: slog.New(slog.DiscardHandler),
	}
	change(&options)
	go func() {
		p.ended <- pipe.ServeStdio(ctx, pipe.Stdio{
			In: inRead, Out: out, Who: func() (*mcp.Caller, *mcp.Error) { return caller, nil }, Grace: grace,
		}, options)
		out.Close()
	}()
	t.Cleanup(func() {
		cancel()
		in.Close()
		outRead.Close()
		sessions.Close()
	})
	return p
}

// send writes messages, each of which must be taken soon.
func (p *client) send(messages ...string) {
	p.t.Helper()
	late := time.AfterFunc(10*time.Second, func() { p.in.CloseWithError(io.ErrNoProgress) })
	defer late.Stop()
	for _, message := range messages {
		if _, err := io.WriteString(p.in, message+"\n"); err != nil {
			p.t.Errorf("%.60s was not read: %v", message, err)
			return
		}
	}
}

// next returns the next message.
func (p *client) next() string {
	p.t.Helper()
	late := time.AfterFunc(10*time.Second, func() { p.in.CloseWithError(io.ErrNoProgress) })
	defer late.Stop()
	if !p.out.Scan() {
		p.t.Fatal("nothing came: ", p.out.Err())
	}
	return p.out.Text()
}

// initialize opens a session of the legacy era.
func (p *client) initialize() {
	p.t.Helper()
	p.send(`{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"c","version":"1"}}}`)
	if got := p.next(); !strings.Contains(got, `"id":"i","result"`) {
		p.t.Fatal(got)
	}
}

func toolCall(id int, name string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q}}`, id, name)
}

// TestPipe plays messages to the door and compares what comes, in both eras; what has no id that is sure is refused
// under null, and the conversation goes on.
func TestPipe(t *testing.T) {
	t.Parallel()
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"t"}`
	p := newPipe(t, doortest.Answer, 0)
	for _, c := range []struct {
		name, send string
		want       []string
	}{
		{"modern", `{"jsonrpc":"2.0","id":"a","method":"server/discover","params":{` + meta + `}}`, []string{
			`{"jsonrpc":"2.0","id":"a","result":{}}`,
		}},
		{"modern with progress", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"progress",` + meta + `}}`, []string{
			`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1}}`,
			`{"jsonrpc":"2.0","id":7,"result":{"content":[]}}`,
		}},
		{"modern without capabilities", `{"jsonrpc":"2.0","id":8,"method":"tools/list"}`, []string{
			`{"jsonrpc":"2.0","id":8,"error":{"code":-32602,"message":"params._meta[\"io.modelcontextprotocol/clientCapabilities\"] must be an object"}}`,
		}},
		{"no JSON", `{"jsonrpc":"2.0","id":1,`, []string{`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,`}},
		{"an id that is null", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, []string{`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,`}},
		{"a batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, []string{`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,`}},
		{"too long", `{"jsonrpc":"2.0","id":1,"method":"` + strings.Repeat("x", 5000) + `"}`, []string{
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"the message is longer than 4096 bytes","data":{"reason":"invalid-arguments"}}}`,
		}},
		{"a legacy hello", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`, []string{
			`{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25"}}`,
		}},
		{"a legacy call", toolCall(1, "echo"), []string{`{"x":1,"result":{"content":[ ],"n":1.10},"jsonrpc":"2.0","id":1}`}},
		{"modern once more", `{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"echo-modern",` + meta + `}}`, []string{
			`{"jsonrpc":"2.0","id":9,"result":{"resultType":"complete",`,
		}},
	} {
		p.send(c.send)
		for _, want := range c.want {
			if got := p.next(); got != want && (strings.HasSuffix(want, "}") || !strings.HasPrefix(got, want)) {
				t.Errorf("%s, -want +got:\n%s", c.name, cmp.Diff(want, got))
			}
		}
	}
}

// TestPipeHearsWhileFull has more calls asking than are answered at once: a ping is answered meanwhile, a call that waits
// can be cancelled, and the answers let all go on.
func TestPipeHearsWhileFull(t *testing.T) {
	t.Parallel()
	const calls = 300
	p := newPipe(t, doortest.Answer, 0)
	p.initialize()
	go func() {
		for i := range calls {
			p.send(toolCall(i, "ask"))
		}
		p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":299}}`, `{"jsonrpc":"2.0","id":"p","method":"ping"}`)
	}()
	asked, answered, pinged := 0, 0, false
	var held []string // answers, until no further question comes without one
	for answered < calls-1 {
		switch message := p.next(); {
		case strings.Contains(message, `"elicitation/create"`):
			asked++
			_, id, _ := strings.Cut(message, `"id":`)
			id, _, _ = strings.Cut(id, ",")
			held = append(held, `{"jsonrpc":"2.0","id":`+id+`,"result":{"action":"accept"}}`)
		case strings.Contains(message, `"id":"p"`):
			pinged = true
		case strings.Contains(message, `"accept"`):
			answered++
		default:
			t.Error(message)
		}
		if pinged && asked >= 256 && len(held) > 0 {
			go p.send(held...)
			held = nil
		}
	}
	if asked != calls-1 {
		t.Errorf("%d questions, want one of each call that was not cancelled", asked)
	}
}

// TestPipeIsBounded sends more calls than may run and wait: the last is told, at once.
func TestPipeIsBounded(t *testing.T) {
	t.Parallel()
	p := newPipe(t, func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if call.Refused == nil && call.Method == mcp.MethodToolsCall {
			<-ctx.Done()
			return ctx.Err()
		}
		return doortest.Answer(ctx, call, reply)
	}, time.Second)
	p.initialize()
	for i := range 256 + 1024 + 1 {
		p.send(toolCall(i, "wait"))
	}
	got := p.next()
	if !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":1280,"error":{"code":-32603,"message":"too many calls at once`) {
		t.Error(got)
	}
	// The client leaves: what still runs, and what waits, is cancelled after the grace.
	start := time.Now()
	p.in.Close()
	go func() {
		for p.out.Scan() {
			continue
		}
	}()
	select {
	case err := <-p.ended:
		if took := time.Since(start); err != nil || took < time.Second {
			t.Errorf("ended after %v: %v", took, err)
		}
	case <-time.After(10 * time.Second):
		t.Error("calls that never end hold the door open")
	}
}

// TestPipeListensOnce says often that the session is initialized.
func TestPipeListensOnce(t *testing.T) {
	t.Parallel()
	var listening atomic.Int32
	p := newPipe(t, func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if call.Method == mcp.MethodListen {
			listening.Add(1)
		}
		return doortest.Answer(ctx, call, reply)
	}, 0)
	p.initialize()
	for range 1000 {
		p.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	}
	p.in.Close()
	if err := <-p.ended; err != nil || listening.Load() != 1 {
		t.Errorf("%d listen calls, want 1; %v", listening.Load(), err)
	}
}

// TestPipeFreesIDs uses an id again as soon as it is answered, while the call that had it has still to come to its end.
func TestPipeFreesIDs(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	p := newPipe(t, func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		err := doortest.Answer(ctx, call, reply)
		if call.Method == mcp.MethodToolsCall {
			<-end
		}
		return err
	}, 0)
	p.initialize()
	for range 3 {
		p.send(toolCall(1, "echo"))
		if got := p.next(); !strings.Contains(got, `"result"`) {
			t.Error(got)
		}
	}
	close(end)
}

// A client on a pipe that was too slow is told so in words, since it has no stream that it could open anew, and listens on.
func TestPipeTellsOfLostNotices(t *testing.T) {
	heard := 0
	p := newPipe(t, func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if call.Method != mcp.MethodListen {
			return doortest.Answer(ctx, call, reply)
		}
		if heard++; heard == 1 {
			return &notice.LostError{N: 3}
		}
		return doortest.Notify(ctx, reply, `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	}, 50*time.Millisecond)
	p.send(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	got := []string{p.next(), p.next(), p.next()} // the answer to initialize may come last
	for _, want := range []string{
		`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"warning","logger":"sumun",` +
			`"data":"3 messages are lost, since they were not read in time; read anew what you follow"}}`,
		`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`,
	} {
		if !slices.Contains(got, want) {
			t.Errorf("told %s\nwant %s", got, want)
		}
	}
}
