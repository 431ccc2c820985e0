// Package vouch checks who a server is: it has the papers that a server shows, a manifest, its signature and its owner's keys, checked
// against the keys that are trusted, and its lists against the manifest.
package vouch

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

// Where a server shows its papers, below the root of its URL (RFC 8615).
const (
	PathManifest  = "/.well-known/sumun/manifest.json"
	PathSignature = "/.well-known/sumun/server.sig"
	PathKeys      = "/.well-known/sumun/keys.json"
)

// pgpEnd ends the name of a signature that is OpenPGP's.
const pgpEnd = ".asc"

// maxPaper is the most bytes of one paper that are read.
const maxPaper = 8 << 20

// Changed is why a server is not trusted: it offers something else than its manifest says. Missing: it shows no papers.
const (
	Changed signature.Reason = "changed"
	Missing signature.Reason = "missing"
)

// Papers are what a server, or its owner, shows of it.
type Papers struct {
	// Manifest is its manifest, and Signature server.sig, or an OpenPGP signature in armor.
	Manifest, Signature []byte
	// Keys is a file of the owner's keys and statements. It counts only as far as keys that are trusted have signed it.
	Keys []byte
}

// Fetch gets the papers of the server at a URL from their well-known places there. A server need not show keys, and may show OpenPGP's
// signature in the place of server.sig, as server.sig.asc. Redirects are not
// followed: it is this origin that is asked. The error is an *signature.Error if there are no papers.
func Fetch(ctx context.Context, carrier http.RoundTripper, server string) (*Papers, error) {
	origin, err := originOf(server)
	if err != nil {
		return nil, err
	}
	p := &Papers{}
	for _, one := range []struct {
		path string
		to   *[]byte
	}{{PathManifest, &p.Manifest}, {PathSignature, &p.Signature}, {PathKeys, &p.Keys}} {
		text, err := get(ctx, carrier, origin+one.path)
		if isMissing(err) && one.path == PathSignature {
			text, err = get(ctx, carrier, origin+one.path+pgpEnd)
		}
		if isMissing(err) && one.path == PathKeys {
			continue
		}
		if err != nil {
			return nil, err
		}
		*one.to = text
	}
	return p, nil
}

// originOf returns the scheme, host and port of a server's URL, over HTTP for a WebSocket.
func originOf(server string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%q is no URL of a server", server)
	}
	scheme := strings.Replace(u.Scheme, "ws", "http", 1)
	if scheme != "http" && scheme != "https" {
		return "", fmt.Errorf("papers are not to be had over %s", u.Scheme)
	}
	return scheme + "://" + u.Host, nil
}

// get gets one paper. One that changed while it was fetched shows by its signature.
func get(ctx context.Context, carrier http.RoundTripper, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", address, err)
	}
	r.Header.Set("Accept", "application/json")
	answer, err := carrier.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", address, err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	if answer.StatusCode != http.StatusOK {
		return nil, &signature.Error{Reason: Missing, Text: fmt.Sprintf("the server does not show %s: %s", address, answer.Status)}
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxPaper+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", address, err)
	}
	if len(text) > maxPaper {
		return nil, &signature.Error{Reason: signature.Malformed, Text: fmt.Sprintf("%s has more than %d bytes", address, maxPaper)}
	}
	return text, nil
}

// A Demand is what papers have to show.
type Demand struct {
	// Trusted are the keys that are trusted already, by their ids, and PGP OpenPGP keys in armor, for an OpenPGP signature.
	Trusted map[string]signature.Key
	PGP     []byte
	// URI, Epoch and Now are those of signature.Expectation.
	URI   string
	Epoch int64
	Now   time.Time
	// Tell is told each step that went well; nil tells nobody.
	Tell func(step string)
}

// Verify checks papers. It returns what holds, and the keys that are trusted from now on, by what those trusted before have said of
// their successors. The error is an *signature.Error.
func (d *Demand) Verify(p *Papers) (*signature.Verified, map[string]signature.Key, error) {
	keys := d.Trusted
	if len(p.Keys) > 0 {
		set, err := signature.ParseSet(p.Keys)
		if err != nil {
			return nil, nil, &signature.Error{Reason: signature.Malformed, Text: err.Error()}
		}
		if keys, err = signature.Follow(keys, set.Statements); err != nil {
			return nil, nil, err
		}
		if len(set.Statements) > 0 && d.Tell != nil {
			d.Tell(fmt.Sprintf("%d statements about keys lead from %d trusted keys to %d", len(set.Statements), len(d.Trusted), len(keys)))
		}
	}
	want := &signature.Expectation{Keys: keys, URI: d.URI, Epoch: d.Epoch, Now: d.Now, Tell: d.Tell}
	if IsPGP(p.Signature) {
		v, err := signature.VerifyPGP(p.Manifest, p.Signature, d.PGP, want)
		return v, keys, err
	}
	v, err := signature.Verify(p.Manifest, p.Signature, want)
	return v, keys, err
}

// IsPGP reports whether a signature, or a file of keys, is OpenPGP's in armor.
func IsPGP(text []byte) bool {
	return strings.HasPrefix(strings.TrimSpace(string(text)), "-----BEGIN PGP ")
}

// Match compares what a server offers to one caller with its manifest. What he is not offered is no fault: servers show each caller what he
// may use. The error is an *signature.Error that names each other difference, up to five.
func Match(m *trust.Manifest, s *trust.Subject) error {
	changes, err := m.Differences(s)
	if err != nil {
		return &signature.Error{Reason: signature.Malformed, Text: err.Error()}
	}
	changes = slices.DeleteFunc(changes, func(c trust.Change) bool { return c.What == trust.Removed })
	if len(changes) == 0 {
		return nil
	}
	const most = 5
	var parts []string
	for i, c := range changes {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(changes)-most))
			break
		}
		parts = append(parts, Words(c))
	}
	return &signature.Error{Reason: Changed, Text: "the server offers something else than its manifest says: " + strings.Join(parts, "; ")}
}

// Words says what a change is.
func Words(c trust.Change) string {
	what := c.Kind
	if c.Name != "" {
		what += fmt.Sprintf(" %.80q", c.Name)
	}
	switch c.What {
	case trust.Added:
		return what + " is not in the manifest"
	case trust.Removed:
		return what + " is not offered"
	}
	return what + " is another than in the manifest"
}
