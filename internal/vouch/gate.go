package vouch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

// recheck is after how long a server's papers are looked at again, at the latest.
const recheck = time.Hour

// A Server is one that has to be signed.
type Server struct {
	// Name is its name in the configuration, and URL where it is reached, empty for a program.
	Name, URL string
	// Manifest and Keys are where its papers lie, a file or a URL; empty is the well-known place at URL. The signature lies beside the
	// manifest, as server.sig.
	Manifest, Keys string
	// Header goes with what is asked of URL's own origin, such as a key; to nobody else.
	Header map[string]string
}

// A State is what is known of one server.
type State struct {
	// By are the fingerprints of the keys that have signed it.
	By []string `json:"by,omitempty"`
	// Expires is until when.
	Expires time.Time `json:"expires,omitzero"`
	// Epoch is the manifest's number.
	Epoch int64 `json:"epoch,omitempty"`
	// Reason and Refused say why it is blocked; empty if it is not.
	Reason  string `json:"reason,omitempty"`
	Refused string `json:"refused,omitempty"`
}

// A Gate holds the servers of a gateway to their signed manifests. It trusts the key that a server shows first, where none is named. It is
// safe for concurrent use in one process.
type Gate struct {
	// File is where it remembers keys and numbers; empty remembers nothing beyond the process.
	File string
	// Carrier asks for papers.
	Carrier http.RoundTripper
	// Blocked is told of each server that is blocked, once for each reason.
	Blocked func(ctx context.Context, server string, why *signature.Error)
	// Again has a server looked at again, by and by.
	Again func(server string)
	Log   *slog.Logger

	mu     sync.Mutex
	read   bool
	known  map[string]*memory
	states map[string]State
	timers map[string]*time.Timer
	closed bool
}

// A memory is what is kept of a server.
type memory struct {
	URL   string          `json:"url,omitempty"`
	Keys  json.RawMessage `json:"keys,omitempty"` // a Set, of a server whose keys are nowhere named
	Epoch int64           `json:"epoch"`
	// Statements are what owners of trusted keys have said of them, so that it is not forgotten when it is not shown any more.
	Statements []json.RawMessage `json:"statements,omitempty"`
}

// Check holds what a server lists to its manifest. What is returned is offered: the listing, or an empty one for a server that is blocked.
func (g *Gate) Check(ctx context.Context, s *Server, l *mcp.Listing) *mcp.Listing {
	v, err := g.verify(ctx, s, l)
	if err == nil {
		g.note(s, State{By: v.By, Expires: v.Manifest.Expires, Epoch: v.Manifest.Epoch})
		return l
	}
	why, ok := errors.AsType[*signature.Error](err)
	if !ok {
		why = &signature.Error{Reason: Missing}
	}
	g.block(ctx, s, why.Reason, err.Error())
	return &mcp.Listing{Revision: l.Revision, Info: l.Info}
}

// block notes that a server is blocked, and tells of it unless that was known.
func (g *Gate) block(ctx context.Context, s *Server, reason signature.Reason, text string) {
	if g.note(s, State{Reason: string(reason), Refused: text}) && g.Blocked != nil {
		g.Blocked(ctx, s.Name, &signature.Error{Reason: reason, Text: text})
	}
}

// Unlisted looks at the papers of a server that does not tell its lists now. What it listed before holds on, which is nil, as long as its
// papers do; a server that cannot be asked for them has those that it showed last. Otherwise an empty listing is returned.
func (g *Gate) Unlisted(ctx context.Context, s *Server) *mcp.Listing {
	known, ok := g.State(s.Name)
	if !ok {
		return nil
	}
	empty := &mcp.Listing{}
	if known.Reason != "" {
		g.note(s, known)
		return empty
	}
	v, err := g.verify(ctx, s, empty)
	why, refused := errors.AsType[*signature.Error](err)
	switch {
	case err == nil:
		known = State{By: v.By, Expires: v.Manifest.Expires, Epoch: v.Manifest.Epoch}
	case refused && why.Reason != Missing:
		g.block(ctx, s, why.Reason, err.Error())
		return empty
	case !time.Now().Before(known.Expires):
		g.block(ctx, s, signature.Expired, "it has held until "+known.Expires.Format(time.RFC3339))
		return empty
	}
	g.note(s, known)
	return nil
}

// State returns what is known of a server; ok is false for one that needs no signature or was not looked at.
func (g *Gate) State(server string) (State, bool) {
	if g == nil {
		return State{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.states[server]
	return s, ok
}

// Remembers reports whether a server at a URL was signed before, so that one without papers now is not taken for one that never had any.
func (g *Gate) Remembers(name, address string) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.load(); err != nil {
		return false, err
	}
	known := g.known[name]
	return known != nil && known.URL == address, nil
}

// Close ends looking at servers again.
func (g *Gate) Close() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	for _, t := range g.timers {
		t.Stop()
	}
}

func (g *Gate) verify(ctx context.Context, s *Server, l *mcp.Listing) (*signature.Verified, error) {
	papers, named, err := g.fetch(ctx, s)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.load(); err != nil {
		return nil, err
	}
	was := g.known[s.Name]
	if was == nil || was.URL != s.URL {
		was = &memory{URL: s.URL}
	}
	demand := &Demand{URI: addressOf(s.URL), Epoch: was.Epoch, Now: time.Now()}
	if IsPGP(named) {
		demand.PGP, papers.Keys = named, nil
	} else if was, err = g.trust(s, was, named, papers, demand); err != nil {
		return nil, err
	}
	v, _, err := demand.Verify(papers)
	if err != nil {
		return nil, err
	}
	if err := Match(v.Manifest, subjectOf(l)); err != nil {
		return nil, err
	}
	return v, g.remember(s, was, v, demand)
}

// trust finds the keys that are trusted of a server: those that are named, those that it was first seen with, or, the first time, its own;
// and what their owners have said of them, now or before. That is remembered whatever becomes of the papers: who shows a revoked key's
// papers again, without the revocation, is not believed.
func (g *Gate) trust(s *Server, was *memory, named []byte, p *Papers, d *Demand) (*memory, error) {
	shown := &signature.Set{}
	var err error
	if len(p.Keys) > 0 {
		if shown, err = signature.ParseSet(p.Keys); err != nil {
			return nil, &signature.Error{Reason: signature.Malformed, Text: "keys.json: " + err.Error()}
		}
	}
	p.Keys = nil // what it says is followed here
	text, set := was.Keys, shown
	if s.Keys != "" {
		text = named
	}
	if len(text) > 0 {
		if set, err = signature.ParseSet(text); err != nil {
			return nil, &signature.Error{Reason: signature.Malformed, Text: "the trusted keys: " + err.Error()}
		}
	}
	if len(set.Keys) == 0 {
		return nil, &signature.Error{Reason: signature.UnknownKey, Text: "no key is trusted, and the server shows none"}
	}
	keys := map[string]signature.Key{}
	for _, k := range set.Keys {
		keys[k.ID] = k
	}
	said := signature.Heard(keys, slices.Concat(set.Statements, was.Statements, shown.Statements))
	if d.Trusted, err = signature.Follow(keys, said); len(text) == 0 {
		return was, err
	}
	if next := (&memory{URL: was.URL, Keys: was.Keys, Epoch: was.Epoch, Statements: said}); len(said) > 0 {
		was, err = next, errors.Join(err, g.keep(s, next))
	}
	return was, err
}

// remember keeps what holds of a server from now on. Of the keys that it shows the first time those are trusted that have signed: their
// fingerprints are what people compare.
func (g *Gate) remember(s *Server, was *memory, v *signature.Verified, d *Demand) error {
	next := &memory{URL: s.URL, Keys: was.Keys, Epoch: v.Manifest.Epoch, Statements: was.Statements}
	if s.Keys == "" && was.Keys == nil {
		first := &signature.Set{}
		for _, id := range v.By {
			first.Keys = append(first.Keys, d.Trusted[id])
		}
		var err error
		if next.Keys, err = first.JSON(); err != nil {
			return err
		}
		g.Log.Warn("a server's key is trusted on first use; compare its fingerprint with what its owner tells",
			slog.String("server", s.Name), slog.Any("fingerprints", v.By))
	}
	return g.keep(s, next)
}

// keep writes down what is new of a server.
func (g *Gate) keep(s *Server, next *memory) error {
	old := g.known[s.Name]
	if old != nil && old.URL == next.URL && old.Epoch == next.Epoch && same(old.Keys, next.Keys) && slices.EqualFunc(old.Statements, next.Statements, same) {
		return nil
	}
	g.known[s.Name] = next
	return g.save()
}

// same reports whether two texts are the same JSON.
func same(a, b json.RawMessage) bool { return compact(a) == compact(b) }

func compact(raw json.RawMessage) string {
	text, err := trust.Canonical(raw)
	if err != nil {
		return string(raw)
	}
	return string(text)
}

func (g *Gate) load() error {
	if g.read {
		return nil
	}
	g.known = map[string]*memory{}
	if g.File != "" {
		text, err := os.ReadFile(g.File)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("reading which keys servers have: %w", err)
		}
		if err == nil {
			if err := json.Unmarshal(text, &g.known); err != nil {
				return fmt.Errorf("reading which keys servers have, %s: %w", g.File, err)
			}
		}
	}
	g.read = true
	return nil
}

func (g *Gate) save() error {
	if g.File == "" {
		return nil
	}
	text, err := json.MarshalIndent(g.known, "", "  ")
	if err != nil {
		return fmt.Errorf("writing which keys servers have: %w", err)
	}
	return replace(g.File, text, 0o600)
}

// note takes a state over, has the server looked at again in time, and reports whether it is blocked for another reason than before.
func (g *Gate) note(s *Server, now State) (news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.states == nil {
		g.states, g.timers = map[string]State{}, map[string]*time.Timer{}
	}
	was := g.states[s.Name]
	g.states[s.Name] = now
	if t := g.timers[s.Name]; t != nil {
		t.Stop()
	}
	wait := recheck
	if now.Reason != "" {
		wait = time.Minute
	} else {
		wait = max(min(wait, time.Until(now.Expires)), time.Second)
	}
	if g.Again != nil && !g.closed {
		g.timers[s.Name] = time.AfterFunc(wait, func() { g.Again(s.Name) })
	}
	return now.Reason != "" && (was.Reason != now.Reason || was.Refused != now.Refused)
}

// fetch gets the papers of a server from where they lie, and the keys that are named, if any are.
func (g *Gate) fetch(ctx context.Context, s *Server) (p *Papers, named []byte, err error) {
	origin, manifest := "", s.Manifest
	if s.URL != "" {
		if origin, err = originOf(s.URL); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case manifest == "" && origin == "":
		return nil, nil, &signature.Error{Reason: Missing, Text: "a program shows no manifest; trust.manifest names where it lies"}
	case manifest == "":
		manifest = origin + PathManifest
	}
	shown := beside(manifest, "keys.json")
	if origin != "" {
		shown = origin + PathKeys
	}
	p = &Papers{}
	if s.Keys != "" {
		if named, err = g.get(ctx, s, origin, s.Keys); err != nil {
			return nil, nil, err
		}
	}
	if p.Manifest, err = g.get(ctx, s, origin, manifest); err != nil {
		return nil, nil, err
	}
	if p.Signature, err = g.signature(ctx, s, origin, manifest, IsPGP(named)); err != nil {
		return nil, nil, err
	}
	if shown == s.Keys {
		return p, named, nil
	}
	if p.Keys, err = g.get(ctx, s, origin, shown); isMissing(err) {
		err = nil
	}
	return p, named, err
}

// signature gets the signature beside a manifest: server.sig, or first OpenPGP's where its keys are trusted.
func (g *Gate) signature(ctx context.Context, s *Server, origin, manifest string, pgp bool) ([]byte, error) {
	at := beside(manifest, "server.sig")
	if pgp {
		if text, err := g.get(ctx, s, origin, at+pgpEnd); !isMissing(err) {
			return text, err
		}
	}
	return g.get(ctx, s, origin, at)
}

func isMissing(err error) bool {
	refused, ok := errors.AsType[*signature.Error](err)
	return ok && refused.Reason == Missing
}

// get reads a paper from a URL or a file.
func (g *Gate) get(ctx context.Context, s *Server, origin, at string) ([]byte, error) {
	if origin != "" && strings.HasPrefix(at, origin+"/") {
		header := http.Header{}
		for name, value := range s.Header {
			header.Set(name, value)
		}
		return get(ctx, with{g.Carrier, header}, at)
	}
	if strings.Contains(at, "://") {
		return get(ctx, g.Carrier, at)
	}
	info, err := os.Stat(at)
	if err != nil || info.Size() > maxPaper {
		return nil, &signature.Error{Reason: Missing, Text: at + " cannot be read, or is too large"}
	}
	return os.ReadFile(at) //nolint:gosec // the operator names it
}

// beside returns the place of another file in the folder of one.
func beside(at, name string) string {
	if u, err := url.Parse(at); err == nil && strings.Contains(at, "://") {
		u.Path = path.Join(path.Dir(u.Path), name)
		return u.String()
	}
	return filepath.Join(filepath.Dir(at), name)
}

// subjectOf returns what a server lists, as package trust reads it.
func subjectOf(l *mcp.Listing) *trust.Subject {
	raw := func(list [][]byte) []json.RawMessage {
		all := make([]json.RawMessage, len(list))
		for i, one := range list {
			all[i] = one
		}
		return all
	}
	return &trust.Subject{
		Instructions: l.Instructions, Tools: raw(l.Tools), Prompts: raw(l.Prompts), Resources: raw(l.Resources), Templates: raw(l.Templates),
	}
}
