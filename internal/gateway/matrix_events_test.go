package gateway_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A line is what a client of HTTP+SSE has (2024-11-05, basic/transports): everything that is said to it comes on one stream, which
// is its session, and is handed on to who reads it, as it would come over Streamable HTTP.
type line struct {
	// endpoint is where messages are posted to.
	endpoint string
	// lose closes the stream, and waits until nothing is handed on any more.
	lose func()
	// unread takes what nobody reads.
	unread func(raw string)

	mu sync.Mutex
	// calls are the requests that are not answered yet, oldest first; listening takes what belongs to none of them.
	calls     []*inbox
	listening *inbox
}

// An inbox holds the messages for one reader. Its line's mutex guards it.
type inbox struct {
	// id and token are those of the request, as they were written.
	id, token string
	messages  chan string
	ended     bool
}

func newInbox(m message) *inbox {
	return &inbox{id: string(m.ID), token: m.param("_meta", "progressToken"), messages: make(chan string, 100)}
}

func (b *inbox) end() {
	if !b.ended {
		b.ended = true
		close(b.messages)
	}
}

// openLine gives the client a line of its own. Unread is told what comes for nobody, or in another way than that of the transport.
func (c *client) openLine(t *testing.T, unread func(raw string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.gate.origin()+"/sse", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	stream := c.gate.do(t, req, cancel)
	path := stream.message()
	if stream.event != "endpoint" || !strings.HasPrefix(path, "/") {
		t.Fatalf("the stream begins with %s %q, status %d", stream.event, path, stream.status)
	}
	l := &line{endpoint: c.gate.origin() + path, unread: unread}
	var reading sync.WaitGroup
	reading.Go(func() {
		for raw := stream.message(); raw != ""; raw = stream.message() {
			if stream.event != "message" || len(stream.ids) > 0 {
				unread(stream.event + " " + raw)
			}
			l.hand(raw)
		}
		l.over()
	})
	l.lose = func() {
		stream.end()
		reading.Wait()
	}
	t.Cleanup(l.lose)
	c.line = l
}

// hand gives a message to who reads it. A call reads no more after its answer.
func (l *line) hand(raw string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := messageOf(raw)
	b := l.reader(m)
	if b == nil || !b.ended && len(b.messages) == cap(b.messages) {
		l.unread(raw)
		return
	}
	if !b.ended {
		b.messages <- raw
	}
	if m.Method == "" {
		l.leave(b.id)
	}
}

// reader returns whose a message is, nil if it is nobody's. What says nothing of a call is of the one that was begun last, as far as
// it can be of any: who makes one call at a time need not guess.
func (l *line) reader(m message) *inbox {
	for _, b := range slices.Backward(l.calls) {
		its := false
		switch {
		case m.Method == "":
			its = b.id == string(m.ID)
		case m.Method == "notifications/progress":
			its = b.token != "" && b.token == m.param("progressToken")
		case m.ID != nil, m.Method == "notifications/message":
			its = !b.ended
		}
		if its {
			return b
		}
	}
	if m.Method == "" || m.Method == "notifications/progress" {
		return nil
	}
	return l.listening
}

// leave ends the call with that id: an answer to it is nobody's now.
func (l *line) leave(id string) {
	l.calls = slices.DeleteFunc(l.calls, func(b *inbox) bool {
		if b.id == id {
			b.end()
		}
		return b.id == id
	})
}

// over ends all that is read.
func (l *line) over() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.calls {
		b.end()
	}
	if l.listening != nil {
		l.listening.end()
	}
}

// post sends a message. What is read of a request is what comes for it on the stream.
func (l *line) post(t *testing.T, c *client, body string) *incoming {
	t.Helper()
	m := messageOf(body)
	var b *inbox
	if m.Method != "" && m.ID != nil {
		b = newInbox(m)
		l.mu.Lock()
		l.calls = append(l.calls, b)
		l.mu.Unlock()
	}
	header := map[string]string{"Accept": ""}
	if c.speaks() >= "2025-06-18" && m.Method != "initialize" {
		header["Mcp-Protocol-Version"] = c.speaks()
	}
	in := c.send(t, http.MethodPost, body, header)
	if m.Method == "notifications/cancelled" {
		l.mu.Lock()
		l.leave(m.param("requestId"))
		l.mu.Unlock()
	}
	if rest := in.message(); in.status != http.StatusAccepted || rest != "" {
		t.Errorf("a message is answered with status %d: %q", in.status, rest)
	}
	if b != nil {
		l.read(in, b)
	}
	return in
}

// listen reads what belongs to no call from now on.
func (l *line) listen() *incoming {
	b := newInbox(message{})
	l.mu.Lock()
	l.listening = b
	l.mu.Unlock()
	in := &incoming{cancel: func() {}}
	l.read(in, b)
	return in
}

// read has in read an inbox.
func (l *line) read(in *incoming, b *inbox) {
	in.next = func() string {
		late := time.NewTimer(30 * time.Second)
		defer late.Stop()
		select {
		case raw := <-b.messages:
			return raw
		case <-late.C:
			return ""
		}
	}
	leave := in.cancel
	in.cancel = func() {
		leave()
		l.mu.Lock()
		defer l.mu.Unlock()
		b.end()
		if l.listening == b {
			l.listening = nil
		}
	}
}
