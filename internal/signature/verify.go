package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sumun-mcp/sumun/trust"
)

// An Expectation is what a manifest has to be.
type Expectation struct {
	// Keys are those that are trusted for the server, by their ids.
	Keys map[string]Key
	// URI is where the server is reached; a manifest for another one is refused. Empty leaves it open.
	URI string
	// Epoch is the highest that was seen of the server.
	Epoch int64
	// Now is the time at which it has to hold.
	Now time.Time
	// Tell is told each step that went well, in a sentence; nil tells nobody.
	Tell func(step string)
}

func (e *Expectation) tell(format string, args ...any) {
	if e.Tell != nil {
		e.Tell(fmt.Sprintf(format, args...))
	}
}

// Verified is a manifest that holds.
type Verified struct {
	Manifest *trust.Manifest
	// By are the ids of the trusted keys that have signed it.
	By []string
	// Strangers are the ids of the keys that have signed it too, of which nothing is known.
	Strangers []string
}

// Verify checks a manifest against its server.sig. The error is an *Error: of a signature that is made with a trusted key and does not
// fit, whatever the others say; otherwise that no trusted key has signed, or that the manifest itself does not hold.
func Verify(manifest, signature []byte, want *Expectation) (*Verified, error) {
	m, payload, err := read(manifest)
	if err != nil {
		return nil, err
	}
	parts, err := parse(signature)
	if err != nil {
		return nil, err
	}
	want.tell("the manifest of %s %s can be read in one way only; its canonical form has %d bytes", m.Name, m.Version, len(payload))
	v := &Verified{Manifest: m}
	for i, p := range parts {
		id, err := check(p, Type, payload, want.Keys)
		switch {
		case err != nil:
			return nil, fmt.Errorf("signature %d: %w", i+1, err)
		case want.Keys[id].Public == nil:
			v.Strangers = append(v.Strangers, id)
			want.tell("signature %d is by the key %s, which is not known here: it counts for nothing", i+1, id)
		default:
			if err := revoked(want.Keys[id], m.Issued); err != nil {
				return nil, err
			}
			v.By = append(v.By, id)
			key := want.Keys[id]
			want.tell("signature %d holds: %s by the trusted key %s", i+1, key.Algorithm(), id)
		}
	}
	if len(v.By) == 0 {
		return nil, refuse(UnknownKey, "nobody who is trusted has signed it; it is signed by %s", v.Strangers)
	}
	return v, holds(m, want)
}

// read reads a manifest, and what of it is signed.
func read(manifest []byte) (*trust.Manifest, []byte, error) {
	m, err := trust.ParseManifest(manifest)
	if err != nil {
		return nil, nil, refuse(Malformed, "%v", err)
	}
	payload, err := trust.Canonical(manifest)
	if err != nil {
		return nil, nil, refuse(Malformed, "%v", err)
	}
	return m, payload, nil
}

// holds reports whether the manifest is the one that is wanted here and now.
func holds(m *trust.Manifest, want *Expectation) error {
	switch {
	case want.URI != "" && m.URI != "" && !SameURI(m.URI, want.URI):
		return refuse(OtherServer, "it is the manifest of %s, not of %s", m.URI, want.URI)
	case want.URI != "" && m.URI == "":
		return refuse(OtherServer, "it is bound to no address; the server is reached at %s", want.URI)
	case want.Now.Before(m.Issued):
		return refuse(Early, "it holds from %s on", m.Issued.Format(time.RFC3339))
	case !want.Now.Before(m.Expires):
		return refuse(Expired, "it has held until %s", m.Expires.Format(time.RFC3339))
	case m.Epoch < want.Epoch:
		return refuse(Replayed, "it is number %d; number %d was seen before", m.Epoch, want.Epoch)
	}
	if want.URI != "" {
		want.tell("it is bound to %s, where the server is reached", m.URI)
	}
	want.tell("it holds from %s until %s, and is number %d", m.Issued.Format(time.RFC3339), m.Expires.Format(time.RFC3339), m.Epoch)
	return nil
}

// SameURI reports whether two addresses of a server are one: neither the case of the host, a port that goes without saying, nor a final
// slash makes a difference (RFC 3986, section 6.2).
func SameURI(a, b string) bool { return plainURI(a) == plainURI(b) }

func plainURI(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return text
	}
	host := strings.ToLower(u.Host)
	if port := u.Port(); port == "443" && u.Scheme == "https" || port == "80" && u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return u.Scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/")
}

func revoked(k Key, issued time.Time) error {
	if !k.Revoked.IsZero() && !issued.Before(k.Revoked) {
		if k.Revoked.Equal(always) {
			return refuse(Revoked, "the key %s was revoked: somebody else may have it", k.ID)
		}
		return refuse(Revoked, "the key %s was revoked at %s", k.ID, k.Revoked.Format(time.RFC3339))
	}
	return nil
}

// parse reads server.sig strictly: nothing stands in it but signatures with protected headers.
func parse(signature []byte) ([]part, error) {
	if len(signature) > maxSignature {
		return nil, refuse(Malformed, "the signature has more than %d bytes", maxSignature)
	}
	if _, err := trust.Canonical(signature); err != nil { // no member stands twice, nothing follows
		return nil, refuse(Malformed, "the signature cannot be read: %v", err)
	}
	var whole map[string]json.RawMessage
	var parts []map[string]string
	if err := errors.Join(json.Unmarshal(signature, &whole), json.Unmarshal(whole["signatures"], &parts)); err != nil {
		return nil, refuse(Malformed, "the signature is no JWS with a list of signatures: %v", err)
	}
	if len(whole) != 1 || len(parts) == 0 || len(parts) > maxSignatures {
		return nil, refuse(Malformed, "the signature is no detached JWS with 1 to %d signatures and nothing else", maxSignatures)
	}
	all := make([]part, len(parts))
	for i, p := range parts {
		all[i] = part{Protected: p["protected"], Signature: p["signature"]}
		if len(p) != 2 || all[i].Protected == "" || all[i].Signature == "" {
			return nil, refuse(Malformed, "signature %d is not made of protected and signature alone", i+1)
		}
	}
	return all, nil
}

// check checks one signature and returns the id of its key; nothing is said of one whose key is not known.
func check(p part, typ string, payload []byte, keys map[string]Key) (string, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(p.Protected)
	if err != nil {
		return "", refuse(Malformed, "its header is not base64url")
	}
	if _, err := trust.Canonical(text); err != nil {
		return "", refuse(Malformed, "its header cannot be read: %v", err)
	}
	var members map[string]string
	if err := json.Unmarshal(text, &members); err != nil {
		return "", refuse(Malformed, "its header has members that are no texts")
	}
	h := header{Algorithm: members["alg"], KeyID: members["kid"], Type: members["typ"]}
	if len(members) != 3 || h.KeyID == "" || h.Type != typ {
		return "", refuse(Malformed, "its header has to be alg, kid and typ %s alone", typ)
	}
	key, known := keys[h.KeyID]
	switch {
	case !taken(h.Algorithm):
		return "", refuse(Algorithm, "its algorithm is %.20q; %v are taken", h.Algorithm, algorithms)
	case !known:
		return h.KeyID, nil
	case h.Algorithm != string(algorithmOf(key.Public)):
		return "", refuse(Algorithm, "its algorithm is %s, and its key is for %s", h.Algorithm, algorithmOf(key.Public))
	}
	compact := p.Protected + ".." + p.Signature
	parsed, err := jose.ParseDetached(compact, payload, algorithms)
	if err != nil {
		return "", refuse(Malformed, "it cannot be read: %v", err)
	}
	if err := parsed.DetachedVerify(payload, key.Public); err != nil {
		return "", refuse(Wrong, "it was made for something else, or by another key than %s", key.ID)
	}
	return key.ID, nil
}

func taken(algorithm string) bool {
	for _, a := range algorithms {
		if string(a) == algorithm {
			return true
		}
	}
	return false
}

// algorithmOf returns the one algorithm of a key.
func algorithmOf(public any) jose.SignatureAlgorithm {
	if _, ok := public.(ed25519.PublicKey); ok {
		return jose.EdDSA
	}
	return jose.ES256
}

func (s *Signer) algorithm() jose.SignatureAlgorithm { return algorithmOf(s.Public) }
