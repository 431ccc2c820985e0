package vouch

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

// A Verifier holds one server to its signed manifest, for a client. A nil Verifier asks nothing of the server. It is safe for concurrent use
// once it is open.
type Verifier struct {
	keys     [][]byte
	shown    *Papers // those that were brought along
	wanted   bool
	mu       sync.Mutex
	manifest *trust.Manifest
	tools    map[string]bool
}

// Trusting returns the verifier with the files of keys that it trusts.
func (w *Verifier) Trusting(keys [][]byte) *Verifier {
	if w == nil {
		w = &Verifier{}
	}
	w.keys, w.wanted = append(w.keys, keys...), true
	return w
}

// Showing returns the verifier with papers to check in place of those that the server shows.
func (w *Verifier) Showing(manifest, sig []byte) *Verifier {
	if w == nil {
		w = &Verifier{}
	}
	w.shown = &Papers{Manifest: manifest, Signature: sig}
	return w
}

// Open checks the papers of the server at a URL, which is empty for a program, and what it offers. The error of papers and offers is an
// *signature.Error.
func (w *Verifier) Open(ctx context.Context, carrier http.RoundTripper, header http.Header, server string, ask func(context.Context) (*trust.Subject, error)) error {
	if w == nil || !w.wanted {
		return nil
	}
	papers, err := w.papers(ctx, with{carrier, header}, server)
	if err != nil {
		return err
	}
	demand, err := w.demand(papers, server)
	if err != nil {
		return err
	}
	v, _, err := demand.Verify(papers)
	if err != nil {
		return err
	}
	s, err := ask(ctx)
	if err != nil {
		return err
	}
	if err := Match(v.Manifest, s); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.manifest, w.tools = v.Manifest, map[string]bool{}
	for _, t := range v.Manifest.Tools {
		w.tools[t.Name] = true
	}
	return nil
}

// with sends headers, such as a key, with each request.
type with struct {
	http.RoundTripper
	header http.Header
}

// RoundTrip sends a request, which it may change, since it is our own.
func (w with) RoundTrip(r *http.Request) (*http.Response, error) {
	maps.Copy(r.Header, w.header)
	return w.RoundTripper.RoundTrip(r)
}

func (w *Verifier) papers(ctx context.Context, carrier http.RoundTripper, server string) (*Papers, error) {
	switch {
	case w.shown != nil:
		return w.shown, nil
	case server == "":
		return nil, &signature.Error{Reason: Missing, Text: "a program shows no manifest; bring it along"}
	}
	return Fetch(ctx, carrier, server)
}

// demand returns what is asked of the papers. Keys that a server shows itself say only that whoever has its address has signed, and that
// not even without TLS.
func (w *Verifier) demand(p *Papers, server string) (*Demand, error) {
	files := w.keys
	var own []byte
	if len(files) == 0 {
		if !guarded(server) || len(p.Keys) == 0 {
			return nil, &signature.Error{Reason: signature.UnknownKey, Text: "no key is trusted, and the server shows none over TLS"}
		}
		files, own = [][]byte{p.Keys}, p.Keys
	}
	d := &Demand{URI: addressOf(server), Now: time.Now()}
	var sets []*signature.Set
	for _, text := range files {
		if IsPGP(text) {
			d.PGP = append(d.PGP, text...)
			continue
		}
		set, err := signature.ParseSet(text)
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	var err error
	if d.Trusted, err = signature.Trusting(sets...); err == nil && own != nil {
		p.Keys = nil // its statements have been followed
	}
	return d, err
}

// addressOf returns the URL that a manifest is bound to: a WebSocket's is that of its HTTP twin.
func addressOf(server string) string {
	if rest, ok := strings.CutPrefix(server, "ws"); ok {
		return "http" + rest
	}
	return server
}

// guarded reports whether nobody on the way can have changed what a server shows.
func guarded(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "wss" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// opened returns the manifest, once it has been checked, and an error when it has ended.
func (w *Verifier) opened() (*trust.Manifest, error) {
	if w == nil {
		return nil, nil //nolint:nilnil // nothing is asked
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.manifest != nil && !time.Now().Before(w.manifest.Expires) {
		return nil, &signature.Error{Reason: signature.Expired, Text: "the manifest has held until " + w.manifest.Expires.Format(time.RFC3339)}
	}
	return w.manifest, nil
}

// List checks one list of the server, which is a member such as tools of the answer.
func (w *Verifier) List(member string, elements []json.RawMessage) error {
	m, err := w.opened()
	if m == nil || err != nil {
		return err
	}
	s := &trust.Subject{}
	if to := listOf(s, member); to != nil {
		*to = elements
	}
	return Match(m, s)
}

// Call checks that a tool may be called.
func (w *Verifier) Call(tool string) error {
	m, err := w.opened()
	if m == nil || err != nil {
		return err
	}
	if !w.tools[tool] {
		return &signature.Error{Reason: Changed, Text: fmt.Sprintf("the tool %.80q is not in the server's manifest", tool)}
	}
	return nil
}

func listOf(s *trust.Subject, member string) *[]json.RawMessage {
	switch member {
	case "tools":
		return &s.Tools
	case "prompts":
		return &s.Prompts
	case "resources":
		return &s.Resources
	case "resourceTemplates":
		return &s.Templates
	}
	return nil
}

// Lists asks for the lists of a server that its capabilities, a JSON object, name.
func Lists(s *trust.Subject, capabilities json.RawMessage, ask func(method, member string) ([]json.RawMessage, error)) error {
	var has map[string]json.RawMessage
	if len(capabilities) > 0 {
		if err := json.Unmarshal(capabilities, &has); err != nil {
			return fmt.Errorf("reading the capabilities: %w", err)
		}
	}
	for _, list := range []struct{ capability, method, member string }{
		{"tools", mcp.MethodToolsList, "tools"},
		{"prompts", mcp.MethodPromptsList, "prompts"},
		{"resources", mcp.MethodResources, "resources"},
		{"resources", mcp.MethodTemplates, "resourceTemplates"},
	} {
		if _, ok := has[list.capability]; !ok {
			continue
		}
		elements, err := ask(list.method, list.member)
		if err != nil {
			return err
		}
		*listOf(s, list.member) = slices.Clip(elements)
	}
	return nil
}
