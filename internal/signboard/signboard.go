// Package signboard is the gateway's side of signatures: servers that have to be signed offer nothing otherwise, and the gateway shows a
// signed manifest of its own.
package signboard

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/internal/vouch"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// Options is what a Board works with.
type Options struct {
	// Dir is the state directory; empty keeps nothing, and has no manifest of our own.
	Dir string
	// TLS says whose certificates are believed where papers lie; nil is the system's.
	TLS *tls.Config
	// Server returns a configured server, or nil. Config is the configuration in force.
	Server func(name string) *config.Server
	Config func() *config.Config
	// Catalog returns what the gateway offers, once every server was tried.
	Catalog func(ctx context.Context) *catalog.Catalog
	// Again has the lists of a server asked for again.
	Again func(server string)
	// Alert tells people.
	Alert   func(alert.Alert)
	Version string
	Log     *slog.Logger
}

// A Board holds servers to their manifests and shows ours. Its methods may be called concurrently; a nil Board asks for nothing.
type Board struct {
	Options
	gate *vouch.Gate
	own  *vouch.Publisher
	at   atomic.Pointer[string] // where clients have reached us, for a configuration that names no address
	told sync.Map               // the ids of the alerts about servers, by their names
}

// Open returns a Board. Close ends what it does by and by.
func Open(o Options) *Board {
	b := &Board{Options: o}
	b.gate = &vouch.Gate{
		Carrier: &http.Transport{TLSClientConfig: o.TLS, DisableKeepAlives: true}, Blocked: b.blocked, Again: o.Again, Log: o.Log,
	}
	if o.Dir != "" {
		b.gate.File = filepath.Join(o.Dir, "vouched.json")
		b.own = &vouch.Publisher{Dir: filepath.Join(o.Dir, "identity")}
	}
	return b
}

// Close ends looking at servers again.
func (b *Board) Close() {
	if b != nil {
		b.gate.Close()
	}
}

// Offered returns what is offered of what a server lists: nothing, if it has to be signed and is not.
func (b *Board) Offered(ctx context.Context, name string, l *mcp.Listing) *mcp.Listing {
	s := b.required(name)
	if s == nil {
		return l
	}
	return b.gate.Check(ctx, named(name, s), l)
}

// Unlisted returns what is offered of a server that does not tell its lists: nil for what it listed before, nothing if its signature does
// not hold any more.
func (b *Board) Unlisted(ctx context.Context, name string) *mcp.Listing {
	s := b.required(name)
	if s == nil {
		return nil
	}
	return b.gate.Unlisted(ctx, named(name, s))
}

func named(name string, s *config.Server) *vouch.Server {
	return &vouch.Server{Name: name, URL: s.URL, Header: s.Headers, Manifest: s.Trust.Manifest, Keys: s.Trust.Keys}
}

// required returns a server that has to be signed.
func (b *Board) required(name string) *config.Server {
	if b == nil {
		return nil
	}
	if s := b.Server(name); s != nil && s.Trust.Signature == belief.Required {
		return s
	}
	return nil
}

// Signed returns what is known of a server's signature, nil if none is asked.
func (b *Board) Signed(name string) *vouch.State {
	if b.required(name) == nil {
		return nil
	}
	state, ok := b.gate.State(name)
	if !ok {
		return nil
	}
	return &state
}

// Signers returns the ids of the keys that have signed what a server offers, where that is asked and holds.
func (b *Board) Signers(name string) []string {
	if s := b.Signed(name); s != nil && s.Reason == "" {
		return s.By
	}
	return nil
}

// Trouble says why a server is blocked; empty if it is not.
func (b *Board) Trouble(name string) string {
	if s := b.Signed(name); s != nil && s.Reason != "" {
		return "blocked: " + s.Reason + ": " + s.Refused
	}
	return ""
}

// Refusal returns why nothing is there under a name: it belongs to a server whose signature does not hold. It is nil if it does not. Who may
// not use the name is told before that there is none.
func (b *Board) Refusal(name string) error {
	if b == nil {
		return nil
	}
	for i := range b.Config().Servers {
		s := &b.Config().Servers[i]
		if b.Trouble(s.Name) == "" || s.Prefix == "" || !strings.HasPrefix(name, s.Prefix+".") {
			continue
		}
		e := mcp.Errorf(mcp.CodeInternal, mcp.Blocked, "the server %q is blocked, since its signature does not hold; `sumun server show %s` tells why", s.Name, s.Name)
		if id, ok := b.told.Load(s.Name); ok {
			e.Data = wire.Object(nil).Text("reason", string(mcp.Blocked)).Text("alert", fmt.Sprint(id)).End()
		}
		return e
	}
	return nil
}

// blocked raises an alert, which is on record too.
func (b *Board) blocked(_ context.Context, server string, why *signature.Error) {
	evidence, id := wire.AppendQuote([]byte(`{"reason":`), string(why.Reason)), rand.Text()
	b.told.Store(server, id)
	b.Alert(alert.Alert{
		ID: id, Kind: "signature", Severity: alert.High, Server: server, Subject: server,
		Text: "the server is blocked: " + why.Text, Remedy: "ask its owner for a manifest that holds; `sumun verify --explain` shows what does not",
		Evidence: append(evidence, '}'),
	})
}

// papers are the gateway's own: of all that it offers, in the form of the newest revision, with full names. What a caller may not use stands in
// them too, so that there is one manifest; who may see it is the caller's own business.
func (b *Board) papers(ctx context.Context, uri string) (*vouch.Papers, error) {
	c := b.Catalog(ctx)
	s := &trust.Subject{Software: "sumun", Version: b.Version, Instructions: c.Instructions()}
	whole := &mcp.View{Whole: true}
	for _, list := range []struct {
		kind   mcp.Kind
		member string
		to     *[]json.RawMessage
	}{{mcp.Tool, "tools", &s.Tools}, {mcp.Prompt, "prompts", &s.Prompts}, {mcp.Template, "resourceTemplates", &s.Templates}} {
		for one := range wire.Elements(wire.Get(c.List(list.kind, whole, mcp.Latest(), mcp.FullNames).Value, list.member)) {
			*list.to = append(*list.to, one)
		}
	}
	p, err := b.own.Papers(s, uri, time.Now())
	if err != nil {
		return nil, fmt.Errorf("making the manifest: %w", err)
	}
	return p, nil
}

// Handle answers mcp.server.manifest: {manifest, serverSig, keys}.
func (b *Board) Handle(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
	if b == nil || b.own == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "this gateway has no manifest")
	}
	p, err := b.papers(ctx, b.Address())
	if err != nil {
		return err
	}
	return reply.Done(ctx, mcp.Own(wire.Object{}.Member("manifest", p.Manifest).Member("serverSig", p.Signature).Member("keys", p.Keys).End()))
}

// Paths are the places of papers, which ServeHTTP answers for.
func Paths() []string { return []string{vouch.PathManifest, vouch.PathSignature, vouch.PathKeys} }

// ServeHTTP shows the papers. Who may see them is decided before: a manifest names all tools.
func (b *Board) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b == nil || b.own == nil {
		http.NotFound(w, r)
		return
	}
	p, err := b.papers(r.Context(), b.Address())
	if err != nil {
		b.Log.ErrorContext(r.Context(), "the manifest cannot be shown", slog.Any("error", err))
		http.Error(w, "the manifest cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(map[string][]byte{vouch.PathManifest: p.Manifest, vouch.PathSignature: p.Signature, vouch.PathKeys: p.Keys}[r.URL.Path])
}

// At says where clients on this machine reach us, for a configuration that names no address.
func (b *Board) At(endpoint string) { b.at.Store(&endpoint) }

// Address is the URL that our manifest is bound to: never one that a client has named.
func (b *Board) Address() string {
	if u := local.Configured(b.Config()); u != "" {
		return u
	}
	if u := b.at.Load(); u != nil {
		return *u
	}
	return ""
}
