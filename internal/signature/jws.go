package signature

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/sumun-mcp/sumun/trust"
)

// Type is the typ of the protected header.
const Type = "mcp-manifest+jws"

// The most that is read, in bytes, and the most signatures of one manifest.
const (
	maxSignature  = 64 << 10
	maxSignatures = 16
)

// algorithms are those that are taken. There is no other way to name one.
var algorithms = []jose.SignatureAlgorithm{jose.EdDSA, jose.ES256}

// A Reason is why a signature was refused, one word for programs.
type Reason string

// The reasons.
const (
	Malformed   Reason = "malformed"    // it cannot be read, or could be read in two ways
	Algorithm   Reason = "algorithm"    // its algorithm is not taken, or is not the key's
	UnknownKey  Reason = "unknown-key"  // nobody trusts who has signed
	Wrong       Reason = "wrong"        // the bytes are not what was signed
	Revoked     Reason = "revoked"      // the key was taken back before
	Expired     Reason = "expired"      // it held once
	Early       Reason = "early"        // it does not hold yet
	OtherServer Reason = "other-server" // it is another server's
	Replayed    Reason = "replayed"     // a later one was seen
)

// An Error is why a manifest is not trusted.
type Error struct {
	Reason Reason
	Text   string
}

// Error returns the text.
func (e *Error) Error() string { return e.Text }

func refuse(reason Reason, format string, args ...any) error {
	return &Error{Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// A header is a protected header of ours.
type header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
	Type      string `json:"typ"`
}

// A file is server.sig.
type file struct {
	Signatures []part `json:"signatures"`
}

type part struct {
	Protected string `json:"protected"`
	Signature string `json:"signature"`
}

// Sign returns server.sig: the signatures of a manifest with each of the keys.
func Sign(manifest []byte, with ...*Signer) ([]byte, error) {
	payload, err := trust.Canonical(manifest)
	if err != nil {
		return nil, fmt.Errorf("signing the manifest: %w", err)
	}
	var f file
	for _, s := range with {
		one, err := s.signAs(Type, payload)
		if err != nil {
			return nil, fmt.Errorf("signing the manifest: %w", err)
		}
		f.Signatures = append(f.Signatures, one)
	}
	return json.MarshalIndent(f, "", "  ")
}

// Join returns the signatures of two files, of which those of the second replace what the same keys have signed in the first.
func Join(old, more []byte) ([]byte, error) {
	var f file
	seen := map[string]bool{}
	for _, text := range [][]byte{more, old} {
		parts, err := parse(text)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			raw, _ := base64.RawURLEncoding.DecodeString(p.Protected) // what cannot be read has no id
			var h header
			if err := json.Unmarshal(raw, &h); err != nil {
				return nil, refuse(Malformed, "a header cannot be read: %v", err)
			}
			if !seen[h.KeyID] {
				seen[h.KeyID] = true
				f.Signatures = append(f.Signatures, p)
			}
		}
	}
	return json.MarshalIndent(f, "", "  ")
}
