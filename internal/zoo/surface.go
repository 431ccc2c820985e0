package zoo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Key is the bearer token of servers that ask for one.
const Key = "zoo-visitor-0000"

// A Surface is what a server shows of itself on HTTP. The zero value is that of an honest server: it asks for [Key], looks at Host and
// Origin, and has sessions.
type Surface struct {
	// Open asks nobody who they are, AnyKey takes every bearer token.
	Open, AnyKey bool
	// AnyHost and AnyOrigin do not look at these headers.
	AnyHost, AnyOrigin bool
	// Stateless answers requests without a session, Stream answers them as event streams.
	Stateless, Stream bool
	// Paths are what there is beside /mcp.
	Paths map[string]http.HandlerFunc
}

// maxMessage is how large a message may be, in bytes.
const maxMessage = 4 << 20

// A door serves a server over HTTP.
type door struct {
	*Server

	mu    sync.Mutex
	talks map[string]*talk
}

// Door returns the server as it stands on HTTP, at /mcp.
func (s *Server) Door() http.Handler { return &door{Server: s, talks: map[string]*talk{}} }

// ServeHTTP answers a request.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if handler, ok := d.HTTP.Paths[r.URL.Path]; ok {
		handler(w, r)
		return
	}
	if status := d.refuse(w, r); status != 0 {
		http.Error(w, strings.ToLower(http.StatusText(status)), status)
		return
	}
	if r.Method == http.MethodDelete {
		d.mu.Lock()
		delete(d.talks, r.Header.Get("Mcp-Session-Id"))
		d.mu.Unlock()
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxMessage+1))
	if err != nil || len(body) > maxMessage {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	t, status := d.talk(w, r, body)
	if t == nil {
		http.Error(w, "no such session", status)
		return
	}
	answer := d.answer(r.Context(), t, body)
	switch {
	case answer == nil:
		w.WriteHeader(http.StatusAccepted)
	case d.HTTP.Stream:
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "event: message\ndata: %s\n\n", answer)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}
}

// refuse returns the status that a request is refused with, 0 if it is not.
func (d *door) refuse(w http.ResponseWriter, r *http.Request) int {
	bearer, named := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.URL.Path != "/mcp":
		return http.StatusNotFound
	case !d.HTTP.AnyHost && !loopback(r.Host):
		return http.StatusMisdirectedRequest
	case !d.HTTP.AnyOrigin && r.Header.Get("Origin") != "" && !own(r.Header.Get("Origin")):
		return http.StatusForbidden
	case !d.HTTP.Open && (!named || !d.HTTP.AnyKey && bearer != Key):
		w.Header().Set("WWW-Authenticate", "Bearer")
		return http.StatusUnauthorized
	case r.Method == http.MethodDelete:
		return 0
	case r.Method != http.MethodPost:
		return http.StatusMethodNotAllowed
	case !strings.Contains(r.Header.Get("Accept"), "application/json"):
		return http.StatusNotAcceptable
	case !speaks(r.Header.Get("Mcp-Protocol-Version")):
		return http.StatusBadRequest
	}
	return 0
}

// speaks reports whether the revision that a header names, if it does, is one of ours.
func speaks(revision string) bool {
	return revision == "" || mcp.ParseRevision(revision) != nil && !mcp.NamesModern(revision)
}

func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return slices.Contains([]string{"127.0.0.1", "localhost", "::1", "[::1]"}, host)
}

func own(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && loopback(u.Host)
}

// talk returns the conversation that a request belongs to; nil, with a status, if there is none.
func (d *door) talk(w http.ResponseWriter, r *http.Request, body []byte) (*talk, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	id := r.Header.Get("Mcp-Session-Id")
	switch {
	case strings.Contains(string(body), `"initialize"`) && !d.HTTP.Stateless:
		t := &talk{}
		id = rand.Text()
		d.talks[id] = t
		w.Header().Set("Mcp-Session-Id", id)
		return t, 0
	case d.HTTP.Stateless:
		return &talk{}, 0
	case id == "":
		return nil, http.StatusBadRequest
	case d.talks[id] == nil:
		return nil, http.StatusNotFound
	}
	return d.talks[id], 0
}

// listen serves a server on an address of loopback until ctx ends, and says where.
func (s *Server) listen(ctx context.Context, address string, where func(address string)) error {
	var setup net.ListenConfig
	listener, err := setup.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening for an animal: %w", err)
	}
	where("http://" + listener.Addr().String() + "/mcp")
	web := &http.Server{Handler: s.Door(), ReadHeaderTimeout: patience}
	defer context.AfterFunc(ctx, func() { _ = web.Close() })()
	if err := web.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving an animal: %w", err)
	}
	return nil
}
