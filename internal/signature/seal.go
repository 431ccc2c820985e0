package signature

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/trust"
)

// Seal returns a JSON document in its canonical form together with its signatures: a JWS in the General JSON form with its payload
// (RFC 7515, section 7.2.1). Typ is the type that its headers name, so that no document passes for one of another type.
func Seal(typ string, document []byte, with ...*Signer) ([]byte, error) {
	payload, err := trust.Canonical(document)
	if err != nil {
		return nil, fmt.Errorf("signing the document: %w", err)
	}
	f := signed{Payload: base64.RawURLEncoding.EncodeToString(payload)}
	for _, s := range with {
		one, err := s.signAs(typ, payload)
		if err != nil {
			return nil, fmt.Errorf("signing the document: %w", err)
		}
		f.Signatures = append(f.Signatures, one)
	}
	return json.MarshalIndent(f, "", "  ")
}

// Unseal returns the document that Seal has signed, at most so many bytes of it, and the ids of those of the keys that have signed it; there is
// one at least. Whether a key was revoked before the document was issued is for the caller to say, who knows when that was: see
// [Key.Holds]. The error is an *Error.
func Unseal(typ string, text []byte, keys map[string]Key, most int) (document []byte, by []string, err error) {
	if len(text) > most+most/2+maxSignature {
		return nil, nil, refuse(Malformed, "the document has more than %d bytes", most)
	}
	if _, err := trust.Canonical(text); err != nil { // no member stands twice, nothing follows
		return nil, nil, refuse(Malformed, "the document cannot be read: %v", err)
	}
	var f signed
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, nil, refuse(Malformed, "the document is no JWS with a payload and a list of signatures: %v", err)
	}
	if document, err = base64.RawURLEncoding.Strict().DecodeString(f.Payload); err != nil || len(document) > most {
		return nil, nil, refuse(Malformed, "its payload is not base64url, or has more than %d bytes", most)
	}
	if canonical, err := trust.Canonical(document); err != nil || string(canonical) != string(document) {
		return nil, nil, refuse(Malformed, "its payload is not in the canonical form")
	}
	if len(f.Signatures) == 0 || len(f.Signatures) > maxSignatures {
		return nil, nil, refuse(Malformed, "it has no signature, or more than %d", maxSignatures)
	}
	for i, p := range f.Signatures {
		id, err := check(p, typ, document, keys)
		if err != nil {
			return nil, nil, fmt.Errorf("signature %d: %w", i+1, err)
		}
		if _, known := keys[id]; known {
			by = append(by, id)
		}
	}
	if len(by) == 0 {
		return nil, nil, refuse(UnknownKey, "nobody who is trusted has signed it")
	}
	return document, by, nil
}

// Holds returns an *Error if the key was taken back before something that it has signed was issued.
func (k *Key) Holds(issued time.Time) error { return revoked(*k, issued) }
