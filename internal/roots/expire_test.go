package roots

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestExpire closes roots that are not used for their time, and only those, also over a restart.
func TestExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf()
		h, s := open(t, store, testSettings), &server{}
		h.must("ann", mcp.MethodRootCreate, `{"rootId":"short","ttl":60}`)
		h.must("ann", mcp.MethodRootCreate, `{"rootId":"used","ttl":"60s"}`)
		h.must("ann", mcp.MethodRootCreate, `{"rootId":"long"}`)
		h.must("ann", mcp.MethodSamplingUpdate, `{"topK":1}`) // default, for a day
		time.Sleep(50 * time.Second)
		h.mustSend(s, inContext(t, "ann", mcp.MethodToolsCall, tool, `{"rootId":"used"}`))
		h.must("ann", mcp.MethodRootGet, `{"rootId":"short"}`) // to look is no use
		time.Sleep(10 * time.Second)
		h.refused("ann", mcp.MethodRootGet, `{"rootId":"short"}`, "root closed: \"short\" was not used")
		if _, err := h.send(s, inContext(t, "ann", mcp.MethodToolsCall, tool, `{"rootId":"short"}`), &scripted{}); mcp.AsError(err) == nil {
			t.Errorf("a call in a root that has expired: %v", err)
		}
		if got := h.must("ann", mcp.MethodRootList, `{}`); strings.Contains(got, "short") || !strings.Contains(got, "used") {
			t.Errorf("the list is %s", got)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		h = open(t, store, testSettings)
		h.refused("ann", mcp.MethodRootGet, `{"rootId":"short"}`, "root closed: \"short\" was not used")
		h.must("ann", mcp.MethodRootGet, `{"rootId":"used"}`) // its use was stored
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		h = open(t, store, testSettings) // it has expired while nothing ran
		h.refused("ann", mcp.MethodRootGet, `{"rootId":"used"}`, "root closed")
		time.Sleep(24 * time.Hour) // nobody asks: they are looked for
		synctest.Wait()
		h.mu.Lock()
		closed := slices.Sorted(slices.Values(h.closed))
		h.mu.Unlock()
		if !slices.Equal(closed, []string{"ann default", "ann long", "ann used"}) {
			t.Errorf("closed are %v", closed)
		}
		same(t, h.must("ann", mcp.MethodSamplingGet, `{}`), `{"levels":{}}`)
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWorkspace finds out what a client works in: by asking it once, when that makes a difference, and again when it says
// so; else by what the transport tells.
func TestWorkspace(t *testing.T) {
	h, s := open(t, newShelf(), testSettings), &server{}
	asked := 0
	uri := "file:///a"
	client := &scripted{ask: func(_ context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
		asked++
		if len(questions) != 1 || questions[0].Method != mcp.MethodRoots {
			t.Errorf("the client is asked %v", questions)
		}
		return []mcp.Answer{{Result: []byte(`{"roots":[{"uri":"` + uri + `"},{"uri":"file:///other"}]}`)}}, nil
	}}
	from := func(method, params string) *mcp.Call {
		call := request(t, "ann", method, params)
		call.Session, call.Capabilities, call.Workspace = &mcp.Session{ID: "s1"}, []byte(`{"roots":{}}`), "file:///connect"
		return call
	}
	send := func(method, params string) string {
		t.Helper()
		got, err := h.send(s, from(method, params), client)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	send(mcp.MethodToolsCall, tool)
	h.must("ann", mcp.MethodSamplingUpdate, `{"topK":9}`) // in the default root, which is none of the project's business
	send(mcp.MethodToolsCall, tool)
	if asked != 0 || s.last() != "" {
		t.Errorf("asked %d times without need, told %s", asked, s.last())
	}
	steer := &server{answer: func(*mcp.Call) string {
		return `{"content":[],"_meta":{"` + mcp.MetaSampling + `":{"topK":5}}}`
	}}
	for range 2 {
		if _, err := h.send(steer, from(mcp.MethodToolsCall, tool), client); err != nil {
			t.Fatal(err)
		}
	}
	send(mcp.MethodToolsCall, tool)
	id := derivedID("ann", "file:///a")
	same(t, s.last(), `{"rootId":"`+id+`","uri":"file:///a","sampling":{"topK":5}}`)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	same(t, member(h.must("ann", mcp.MethodRootGet, `{"rootId":"`+id+`"}`), "uri"), `"file:///a"`)
	if _, err := h.send(s, request(t, "bob", mcp.MethodToolsCall, `{"name":"t","_meta":{"`+mcp.MetaContext+`":{"uri":"file:///a"}}}`), client); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.last(), "topK") {
		t.Errorf("another caller in the same directory is told %s", s.last())
	}

	uri = "file:///b" // another project is opened
	if err := h.Middleware(mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error { return nil })).
		Handle(t.Context(), from(mcp.NoticeRoots, `{}`), client); err != nil {
		t.Fatal(err)
	}
	send(mcp.MethodToolsCall, tool)
	same(t, s.last(), `{"rootId":"`+derivedID("ann", "file:///b")+`","uri":"file:///b"}`)
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}

	client.ask = func(context.Context, []mcp.Question) ([]mcp.Answer, error) { return nil, errors.New("gone") }
	h.SessionEnded("s1")
	told := from(mcp.MethodToolsCall, `{"name":"t","_meta":{"`+mcp.MetaContext+`":{"sampling":{"topP":1}}}}`)
	if _, err := h.send(s, told, client); err != nil {
		t.Fatal(err)
	}
	same(t, member(s.last(), "rootId"), `"`+derivedID("ann", "file:///connect")+`"`)
	for _, odd := range []string{"", "not a uri", "/relative", "file:///x\x00"} {
		call := request(t, "ann", mcp.MethodToolsCall, tool)
		call.Workspace = odd
		h.mustSend(s, call)
		same(t, member(s.last(), "rootId"), `"default"`)
	}
}

// TestSilentClient does not wait for long for a client that does not say what it works in.
func TestSilentClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s := open(t, newShelf(), testSettings), &server{}
		h.must("ann", mcp.MethodSamplingUpdate, `{"context":{"rootId":"`+derivedID("ann", "file:///a")+`"},"topK":9}`)
		client := &scripted{ask: func(ctx context.Context, _ []mcp.Question) ([]mcp.Answer, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}}
		began := time.Now()
		for range 3 {
			call := request(t, "ann", mcp.MethodToolsCall, tool)
			call.Session, call.Capabilities = &mcp.Session{ID: "s1"}, []byte(`{"roots":{}}`)
			if _, err := h.send(s, call, client); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(began); waited != askTimeout {
			t.Errorf("the calls waited for %s", waited)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWorkspaceMemory gives the roots of workspaces a memory where the operator wants it.
func TestWorkspaceMemory(t *testing.T) {
	settings := testSettings
	settings.Workspaces = true
	h, s := open(t, newShelf(), settings), &server{}
	call := func() *mcp.Call {
		call := request(t, "ann", mcp.MethodToolsCall, tool)
		call.Workspace = "file:///a"
		return call
	}
	if h.remembers(s, call()) || !h.remembers(s, call()) {
		t.Error("a workspace remembers nothing")
	}
	plain := request(t, "ann", mcp.MethodToolsCall, tool)
	if h.remembers(s, plain) || h.remembers(s, request(t, "ann", mcp.MethodToolsCall, tool)) {
		t.Error("the default root remembers")
	}
}

// TestWorkspaceWithoutRoom has a caller use its tools also when it has as many roots as may be.
func TestWorkspaceWithoutRoom(t *testing.T) {
	settings := testSettings
	settings.Workspaces, settings.Max = true, 1
	h, s := open(t, newShelf(), settings), &server{}
	h.must("ann", mcp.MethodRootCreate, `{}`)
	call := request(t, "ann", mcp.MethodToolsCall, tool)
	call.Workspace = "file:///a"
	h.mustSend(s, call)
}

// TestWorkspaceTold tells our own tools, prompts and resources the directory that the client works in, and nobody else.
func TestWorkspaceTold(t *testing.T) {
	h, s := open(t, newShelf(), testSettings), &server{}
	for _, method := range []string{mcp.MethodToolsCall, mcp.MethodPromptsGet, mcp.MethodRead} {
		for _, trusted := range []bool{true, false} {
			h.target.Trusted = trusted
			call := request(t, "ann", method, tool)
			call.Workspace = "file:///a"
			h.mustSend(s, call)
			if want := `{"rootId":"` + derivedID("ann", "file:///a") + `","uri":"file:///a"}`; trusted && s.last() != want || !trusted && s.last() != "" {
				t.Errorf("%s, trusted %t: told %s", method, trusted, s.last())
			}
		}
	}
}
