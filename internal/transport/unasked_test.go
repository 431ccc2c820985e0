package transport

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestAnswerElsewhere has a server answer a call on the stream of unasked messages instead of the one that was resumed.
func TestAnswerElsewhere(t *testing.T) {
	called := make(chan string, 1)
	f := &fake{t: t}
	f.tool = func(w http.ResponseWriter, _ *http.Request, id string) {
		called <- id
		asEvents(w, "id: e1\nretry: 60000\ndata:\n\n")
	}
	f.get = func(w http.ResponseWriter, r *http.Request) {
		asEvents(w, ": here\n\n")
		_ = http.NewResponseController(w).Flush()
		id := <-called
		_, _ = io.WriteString(w, "data: "+answer(id, "there")+"\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	if got := call(t, f.open(), "x", nil); got != "there" {
		t.Errorf("answer = %q, want there", got)
	}
}

// TestHeardFirst has a server ask on the stream of unasked messages as soon as a tool is called, and a stream that is slow to open.
func TestHeardFirst(t *testing.T) {
	f := &fake{t: t}
	questions, answers := make(chan string), make(chan string, 1)
	f.tool = func(w http.ResponseWriter, _ *http.Request, id string) {
		select {
		case questions <- `{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{}}`:
			asJSON(w, http.StatusOK, answer(id, <-answers))
		case <-time.After(200 * time.Millisecond):
			asJSON(w, http.StatusOK, answer(id, "nobody is there to be asked"))
		}
	}
	slow := make(chan struct{})
	f.get = func(w http.ResponseWriter, r *http.Request) {
		<-slow
		asEvents(w, ": here\n\n")
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case q := <-questions:
				_, _ = fmt.Fprintf(w, "data: %s\n\n", q)
				_ = http.NewResponseController(w).Flush()
			case <-r.Context().Done():
				return
			}
		}
	}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if string(wire.Get(body, "id")) == `"q"` {
			text, _ := wire.Unquote(wire.Get(body, "result"))
			answers <- text
		}
		f.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close) // after the session
	sink := newRecorder()
	sink.question = func(*wire.Message) ([]byte, *mcp.Error) { return []byte(`"asked"`), nil }
	s := open(t, Target{URL: web.URL, MaxMessage: 1 << 20}, Hello{Capabilities: []byte(`{"elicitation":{}}`), Unsolicited: sink})
	close(slow)
	if got := call(t, s, "x", sink); got != "asked" {
		t.Errorf("answer = %q, want asked", got)
	}
}

// TestSilentStream has a server that opens the stream of unasked messages only when it has something to say: it is waited for once,
// not with each call.
func TestSilentStream(t *testing.T) {
	const calls = 3
	f := &fake{t: t}
	f.tool = func(w http.ResponseWriter, _ *http.Request, id string) { asJSON(w, http.StatusOK, answer(id, "done")) }
	f.get = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	web := httptest.NewServer(f)
	t.Cleanup(web.Close) // after the session
	s := open(t, Target{URL: web.URL, MaxMessage: 1 << 20}, Hello{Capabilities: []byte(`{"elicitation":{}}`)})
	began := time.Now()
	for range calls {
		if got := call(t, s, "x", nil); got != "done" {
			t.Errorf("answer = %q", got)
		}
	}
	if took := time.Since(began); took > 2*courtesy {
		t.Errorf("%d calls took %v", calls, took)
	}
}
