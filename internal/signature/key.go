// Package signature makes and checks the signatures of manifests: server.sig, which is a JWS in the General JSON form with a detached
// payload (RFC 7515, section 7.2.1 and appendix F), and OpenPGP's detached signatures in armor (RFC 9580).
//
// What is signed is always the canonical form of the manifest (RFC 8785), so that neither blanks nor the order of members matter.
package signature

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A Key is a public key that signatures are checked with.
type Key struct {
	// ID is the key's thumbprint (RFC 7638), in base64url without padding.
	ID string
	// Public is an ed25519.PublicKey or an *ecdsa.PublicKey on P-256.
	Public crypto.PublicKey
	// Revoked is when the key ceased to be its owner's: what was issued later does not hold. Zero if it never did.
	Revoked time.Time
}

// A Signer is a private key with its public half. It is immutable.
type Signer struct {
	Key
	private crypto.Signer
}

// Generate makes an Ed25519 key.
func Generate() (*Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return signer(private)
}

// signer makes a Signer of a private key; the error says if it is of a kind that is not taken.
func signer(private crypto.Signer) (*Signer, error) {
	key, err := keyOf(private.Public())
	if err != nil {
		return nil, err
	}
	return &Signer{Key: key, private: private}, nil
}

func keyOf(public crypto.PublicKey) (Key, error) {
	if k, ok := public.(*ecdsa.PublicKey); ok && k.Curve != elliptic.P256() {
		return Key{}, errors.New("an ECDSA key has to be on P-256")
	}
	switch public.(type) {
	case ed25519.PublicKey, *ecdsa.PublicKey:
	default:
		return Key{}, fmt.Errorf("a key is Ed25519, or ECDSA on P-256; this is %T", public)
	}
	sum, err := (&jose.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return Key{}, fmt.Errorf("taking the thumbprint of a key: %w", err)
	}
	return Key{ID: base64.RawURLEncoding.EncodeToString(sum), Public: public}, nil
}

// The PEM blocks of keys.
const (
	privateBlock = "PRIVATE KEY"
	publicBlock  = "PUBLIC KEY"
)

// PEM returns the private key, as PKCS #8 in PEM.
func (s *Signer) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.private)
	if err != nil {
		return nil, fmt.Errorf("writing the private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: privateBlock, Bytes: der}), nil
}

// ParseSigner reads a private key that PEM, or openssl genpkey, has written.
func ParseSigner(text []byte) (*Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != privateBlock {
		return nil, errors.New("reading the private key: there is no PEM block PRIVATE KEY in it; a key with a passphrase is not taken")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the private key: %w", err)
	}
	private, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("reading the private key: a %T signs nothing", key)
	}
	return signer(private)
}

// PEM returns the public key, as PKIX in PEM.
func (k *Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(k.Public)
	if err != nil {
		return nil, fmt.Errorf("writing the public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicBlock, Bytes: der}), nil
}

// ParseKey reads a public key, in PEM or as a JWK (RFC 7517).
func ParseKey(text []byte) (Key, error) {
	if strings.HasPrefix(strings.TrimSpace(string(text)), "{") {
		var jwk jose.JSONWebKey
		if err := json.Unmarshal(text, &jwk); err != nil {
			return Key{}, fmt.Errorf("reading the public key: %w", err)
		}
		if !jwk.IsPublic() {
			return Key{}, errors.New("reading the public key: it is a private one; keep it to yourself, and give its public half")
		}
		return keyOf(jwk.Key)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != publicBlock {
		return Key{}, errors.New("reading the public key: there is no PEM block PUBLIC KEY in it, and it is no JWK")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Key{}, fmt.Errorf("reading the public key: %w", err)
	}
	return keyOf(public)
}

// Fingerprint returns the key's id in groups, for people who compare it with what they were told.
func (k *Key) Fingerprint() string {
	var b strings.Builder
	for i, r := range k.ID {
		if i > 0 && i%8 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
