package gateway_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
)

// An httpPeer is a peer behind Streamable HTTP.
type httpPeer struct {
	*peer
	web *httptest.Server
	all *talk // of a modern peer
	// busy is how many requests are being answered.
	busy atomic.Int64
}

func startPeer(t *testing.T, modern bool) *httpPeer {
	t.Helper()
	p := &httpPeer{peer: newPeer(modern)}
	if modern {
		p.all = p.open()
	}
	p.web = httptest.NewServer(p)
	t.Cleanup(func() {
		p.web.CloseClientConnections()
		p.web.Close()
	})
	return p
}

// server is the peer as a server of a configuration, whose names are its own.
func (p *httpPeer) server(name string) config.Server {
	s := config.NewServer(name)
	s.URL, s.Prefix = p.web.URL, ""
	s.Trust.Pins = belief.Flag // its lists change as tests want them to
	return s
}

// ServeHTTP answers a request.
func (p *httpPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.busy.Add(1)
	defer p.busy.Add(-1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	t := p.all
	switch {
	case t != nil:
	case strings.Contains(string(body), `"method":"initialize"`):
		t = p.open()
		w.Header().Set("Mcp-Session-Id", t.id)
	case r.Header.Get("Mcp-Session-Id") == "":
		http.Error(w, "no session", http.StatusBadRequest)
		return
	default:
		if t = p.talk(r.Header.Get("Mcp-Session-Id")); t == nil {
			http.Error(w, "no such session", http.StatusNotFound)
			return
		}
	}
	switch r.Method {
	case http.MethodPost:
		p.post(w, r, t, string(body))
	case http.MethodGet:
		p.get(w, r, t)
	case http.MethodDelete:
		p.end(t)
	}
}

// post answers a message with one JSON document, or with a stream if something is said before the answer.
func (p *httpPeer) post(w http.ResponseWriter, r *http.Request, t *talk, body string) {
	s := &sayer{w: w}
	t.judge(body, r.Header)
	ctx := r.Context()
	if p.spec != nil && !p.modern { // there a lost connection is no cancellation
		var cancel context.CancelFunc
		ctx, cancel = t.untilOver(context.WithoutCancel(ctx))
		defer cancel()
	}
	answer := t.take(ctx, body, r.Header, s.say)
	switch {
	case answer == "" && !s.open:
		w.WriteHeader(http.StatusAccepted)
	case answer != "" && s.open:
		s.say(answer)
	case answer != "":
		w.Header().Set("Content-Type", "application/json")
		if t.peer.modern && strings.Contains(answer, `"error":{"code":-3260`) {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = io.WriteString(w, answer)
	}
	s.close()
}

// untilOver returns a context that ends with the talk.
func (t *talk) untilOver(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-t.over:
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// get is the stream of a legacy talk for what belongs to no call.
func (p *httpPeer) get(w http.ResponseWriter, r *http.Request, t *talk) {
	if p.modern {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	s := &sayer{w: w}
	s.say("")
	t.mu.Lock()
	t.unasked = s.say
	t.mu.Unlock()
	select {
	case <-r.Context().Done():
	case <-t.over:
	}
	s.close()
}

// A sayer writes events; the first opens the stream.
type sayer struct {
	mu     sync.Mutex
	w      http.ResponseWriter
	open   bool
	closed bool
}

func (s *sayer) say(raw string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if !s.open {
		s.open = true
		s.w.Header().Set("Content-Type", "text/event-stream")
	}
	if raw == "" {
		_, _ = io.WriteString(s.w, ": open\n\n")
	} else {
		_, _ = io.WriteString(s.w, "data: "+strings.ReplaceAll(raw, "\n", "\ndata: ")+"\n\n")
	}
	_ = http.NewResponseController(s.w).Flush()
}

func (s *sayer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// direct posts a message straight to the peer and returns the body of the answer.
func (p *httpPeer) direct(ctx context.Context, t *testing.T, header http.Header, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.web.URL, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}
