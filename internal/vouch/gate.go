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
	Keys  json.RawMessage `json:"keys,omitempty"` // a Set
	Epoch int64           `json:"epoch"`
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
		why = &signature.Error{Reason: Missing, Text: err.Error()}
	}
	if g.note(s, State{Reason: string(why.Reason), Refused: err.Error()}) && g.Blocked != nil {
		g.Blocked(ctx, s.Name, &signature.Error{Reason: why.Reason, Text: err.Error()})
	}
	return &mcp.Listing{Revision: l.Revision, Info: l.Info}
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
	papers, err := g.fetch(ctx, s)
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
	now, first, err := g.trusted(s, was, papers)
	if err != nil {
		return nil, err
	}
	demand := &Demand{Trusted: now, URI: addressOf(s.URL), Epoch: was.Epoch, Now: time.Now()}
	v, _, err := demand.Verify(papers)
	if err != nil {
		return nil, err
	}
	if err := Match(v.Manifest, subjectOf(l)); err != nil {
		return nil, err
	}
	return v, g.remember(s, was, papers, v, first)
}

// trusted returns the keys that are trusted of a server: those that are configured, those it was first seen with, or, the first time, its own.
func (g *Gate) trusted(s *Server, was *memory, p *Papers) (keys map[string]signature.Key, first bool, err error) {
	text := was.Keys
	if s.Keys != "" || text == nil {
		text, first = p.Keys, s.Keys == ""
	}
	if len(text) == 0 {
		return nil, false, &signature.Error{Reason: signature.UnknownKey, Text: "no key is trusted, and the server shows none"}
	}
	set, err := signature.ParseSet(text)
	if err != nil {
		return nil, false, &signature.Error{Reason: signature.Malformed, Text: err.Error()}
	}
	keys, err = signature.Trusting(set)
	return keys, first, err
}

// remember keeps what holds of a server from now on.
func (g *Gate) remember(s *Server, was *memory, p *Papers, v *signature.Verified, first bool) error {
	next := &memory{URL: s.URL, Keys: was.Keys, Epoch: v.Manifest.Epoch}
	if s.Keys == "" {
		set, err := signature.ParseSet(p.Keys)
		if err == nil && first {
			next.Keys, err = set.JSON()
			g.Log.Warn("a server's key is trusted on first use; compare its fingerprint with what its owner tells",
				slog.String("server", s.Name), slog.Any("fingerprints", v.By))
		} else if err == nil {
			next.Keys, err = joined(was.Keys, set.Statements)
		}
		if err != nil {
			return err
		}
	}
	if old := g.known[s.Name]; old != nil && old.URL == next.URL && old.Epoch == next.Epoch && string(old.Keys) == string(next.Keys) {
		return nil
	}
	g.known[s.Name] = next
	return g.save()
}

// joined returns a set of keys with the statements that have come to it since, so that a revocation is not forgotten when it is not shown any more.
func joined(keys json.RawMessage, said []json.RawMessage) (json.RawMessage, error) {
	set, err := signature.ParseSet(keys)
	if err != nil {
		return nil, err
	}
	for _, one := range said {
		if !slices.ContainsFunc(set.Statements, func(o json.RawMessage) bool { return compact(o) == compact(one) }) {
			set.Statements = append(set.Statements, one)
		}
	}
	return set.JSON()
}

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

// fetch gets the papers of a server from where they lie.
func (g *Gate) fetch(ctx context.Context, s *Server) (*Papers, error) {
	manifest, keys := s.Manifest, s.Keys
	origin := ""
	if s.URL != "" {
		var err error
		if origin, err = originOf(s.URL); err != nil {
			return nil, err
		}
	}
	if manifest == "" {
		if origin == "" {
			return nil, &signature.Error{Reason: Missing, Text: "a program shows no manifest; trust.manifest names where it lies"}
		}
		manifest = origin + PathManifest
	}
	optional := false
	if keys == "" && origin != "" {
		keys, optional = origin+PathKeys, true
	} else if keys == "" {
		keys, optional = beside(manifest, "keys.json"), true
	}
	p := &Papers{}
	for at, to := range map[string]*[]byte{manifest: &p.Manifest, beside(manifest, "server.sig"): &p.Signature, keys: &p.Keys} {
		text, err := g.get(ctx, s, origin, at)
		if refused, ok := errors.AsType[*signature.Error](err); ok && refused.Reason == Missing && at == keys && optional {
			continue
		}
		if err != nil {
			return nil, err
		}
		*to = text
	}
	return p, nil
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
	return os.ReadFile(at)
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
