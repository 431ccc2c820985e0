package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
)

// An eventsPeer is a peer behind HTTP+SSE, the transport of 2024-11-05: GET opens a talk and its only stream, which begins with the
// address for messages; answers come on the stream.
type eventsPeer struct {
	*peer
	web  *httptest.Server
	work sync.WaitGroup
}

func startEvents(t *testing.T, s *spec) *eventsPeer {
	t.Helper()
	p := &eventsPeer{peer: newPeer(false)}
	p.beStrict(s)
	p.web = httptest.NewServer(p)
	t.Cleanup(func() {
		p.web.CloseClientConnections()
		p.web.Close()
		p.work.Wait()
	})
	return p
}

// server is the peer as a server of a configuration, whose names are its own.
func (p *eventsPeer) server(name string) config.Server {
	s := config.NewServer(name)
	s.URL, s.Prefix = p.web.URL, ""
	s.Trust.Pins = belief.Flag // its lists change as tests want them to
	return s
}

// ServeHTTP opens a stream, or takes a message.
func (p *eventsPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := p.talk(r.URL.Query().Get("talk"))
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/":
		p.stream(w, r)
	case r.Method != http.MethodPost || r.URL.Path != "/message" || t == nil:
		w.WriteHeader(http.StatusMethodNotAllowed)
	default:
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		t.judge(string(body), r.Header)
		ctx, cancel := t.untilOver(context.WithoutCancel(r.Context()))
		p.work.Go(func() {
			defer cancel()
			if answer := t.take(ctx, string(body), r.Header, t.say); answer != "" {
				t.say(answer)
			}
		})
		w.WriteHeader(http.StatusAccepted)
	}
}

func (p *eventsPeer) stream(w http.ResponseWriter, r *http.Request) {
	t := p.open()
	defer p.end(t)
	s := &sayer{w: w, open: true}
	defer s.close()
	s.mu.Lock() // nothing is said before the address
	t.mu.Lock()
	t.unasked = s.say
	t.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "event: endpoint\ndata: /message?talk=%s\n\n", t.id)
	_ = http.NewResponseController(w).Flush()
	s.mu.Unlock()
	<-r.Context().Done()
}

// say says something on the stream of the talk.
func (t *talk) say(raw string) {
	t.mu.Lock()
	say := t.unasked
	t.mu.Unlock()
	say(raw)
}
