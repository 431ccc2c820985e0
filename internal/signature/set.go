package signature

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/sumun-mcp/sumun/trust"
)

// maxSet is the most bytes of a file of keys that are read, and maxKeys the most keys and statements in it.
const (
	maxSet  = 256 << 10
	maxKeys = 64
)

// A Set is a file of public keys: a JWK Set (RFC 7517, section 5), whose further member statements holds what their owner has said of them.
// That somebody shows a Set proves nothing: see [Follow].
type Set struct {
	Keys []Key
	// Statements are rotations and revocations, each a JWS.
	Statements []json.RawMessage
}

// GenerateP256 makes an ECDSA key on P-256, for those who cannot check Ed25519.
func GenerateP256() (*Signer, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return signer(private)
}

// Algorithm returns the one algorithm that the key is for, EdDSA or ES256.
func (k *Key) Algorithm() string { return string(algorithmOf(k.Public)) }

// ParseSet reads public keys: a JWK Set with or without statements, one JWK, or any number of PEM blocks.
func ParseSet(text []byte) (*Set, error) {
	if len(text) > maxSet {
		return nil, fmt.Errorf("reading the keys: they have more than %d bytes", maxSet)
	}
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("{")) {
		return parsePEM(text)
	}
	if _, err := trust.Canonical(text); err != nil { // no member stands twice
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	var f struct {
		Keys       []json.RawMessage `json:"keys"`
		Statements []json.RawMessage `json:"statements"`
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("reading the keys: %w", err)
	}
	if f.Keys == nil { // one JWK
		f.Keys = []json.RawMessage{text}
	}
	if len(f.Keys) > maxKeys || len(f.Statements) > maxKeys {
		return nil, fmt.Errorf("reading the keys: there are more than %d of them, or of statements", maxKeys)
	}
	s := &Set{Statements: f.Statements}
	for _, raw := range f.Keys {
		k, err := ParseKey(raw)
		if err != nil {
			return nil, err
		}
		s.Keys = append(s.Keys, k)
	}
	return s, nil
}

func parsePEM(text []byte) (*Set, error) {
	s := &Set{}
	for len(bytes.TrimSpace(text)) > 0 {
		_, rest := pem.Decode(text)
		k, err := ParseKey(text[:len(text)-len(rest)])
		if err != nil {
			return nil, err
		}
		if s.Keys, text = append(s.Keys, k), rest; len(s.Keys) > maxKeys {
			return nil, fmt.Errorf("reading the keys: there are more than %d", maxKeys)
		}
	}
	if len(s.Keys) == 0 {
		return nil, errors.New("reading the keys: there is none")
	}
	return s, nil
}

// JSON returns the set as a JWK Set.
func (s *Set) JSON() ([]byte, error) {
	f := struct {
		Keys       []jose.JSONWebKey `json:"keys"`
		Statements []json.RawMessage `json:"statements,omitempty"`
	}{Keys: []jose.JSONWebKey{}, Statements: s.Statements}
	for _, k := range s.Keys {
		f.Keys = append(f.Keys, jwk(k))
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the keys: %w", err)
	}
	return append(text, '\n'), nil
}

func jwk(k Key) jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.Public, KeyID: k.ID, Algorithm: k.Algorithm(), Use: "sig"}
}

// Trusting returns the keys of some sets by their ids, with what the statements beside them say: for sets that are believed themselves,
// because their bytes came from whoever asks.
func Trusting(sets ...*Set) (map[string]Key, error) {
	keys := map[string]Key{}
	var said []json.RawMessage
	for _, s := range sets {
		for _, k := range s.Keys {
			keys[k.ID] = k
		}
		said = append(said, s.Statements...)
	}
	return Follow(keys, said)
}
