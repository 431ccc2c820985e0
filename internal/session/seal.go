package session

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// ErrForged says that a token was not made by us, or not for what it is shown for.
var ErrForged = errors.New("the token is not one of ours")

const (
	// KeyBytes is the length of a sealing key.
	KeyBytes = 32
	// mark begins each of our tokens. With the name of the key behind it a server's own
	// state is told from ours.
	mark = "sumun1."
	// overhead is what sealing adds: the nonce, and the tag that proves it.
	overhead = 12 + 16
)

// coding has one spelling for each token.
var coding = base64.RawURLEncoding.Strict()

// NewKey returns a new random sealing key.
func NewKey() []byte {
	key := make([]byte, KeyBytes)
	// Read never fails (crypto/rand).
	_, _ = rand.Read(key)
	return key
}

// A Sealer makes tokens that clients keep for us and can neither read nor change:
// AES-256-GCM with random nonces, good for 2^32 tokens a key (NIST SP 800-38D,
// 8.3), which is 1,600 a second for as long as a key seals. A token names its key.
// Its methods may be called concurrently.
type Sealer struct {
	// ring holds the key that seals, before the others that open.
	ring atomic.Pointer[[]sealing]
	// close ends the reading of newer keys, and waits; nil where none are read.
	close func()
}

// A sealing is one key of a ring.
type sealing struct {
	id   keyID
	aead cipher.AEAD
}

// A keyID tells keys apart. It is made of the key, so that every instance which
// has the key gives it the same name.
type keyID [4]byte

// NewSealer returns a Sealer that seals with the first key and opens with each.
func NewSealer(keys ...[]byte) (*Sealer, error) {
	s := &Sealer{}
	if err := s.use(keys); err != nil {
		return nil, err
	}
	return s, nil
}

// use replaces the keys.
func (s *Sealer) use(keys [][]byte) error {
	if len(keys) == 0 {
		return errors.New("a sealer needs a key")
	}
	ring := make([]sealing, 0, len(keys))
	for _, key := range keys {
		if len(key) != KeyBytes {
			return fmt.Errorf("a sealing key has %d bytes, want %d", len(key), KeyBytes)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return fmt.Errorf("reading a sealing key: %w", err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return fmt.Errorf("reading a sealing key: %w", err)
		}
		ring = append(ring, sealing{idOf(key), aead})
	}
	s.ring.Store(&ring)
	return nil
}

func idOf(key []byte) keyID {
	sum := sha256.Sum256(append([]byte("sumun: the name of a sealing key\x00"), key...))
	return keyID(sum[:])
}

// Seal returns a token of visible ASCII that holds plain and opens only together
// with bound.
func (s *Sealer) Seal(plain, bound []byte) string {
	key := (*s.ring.Load())[0]
	sealed := make([]byte, len(key.id), len(key.id)+len(plain)+overhead)
	copy(sealed, key.id[:])
	sealed = key.aead.Seal(sealed, nil, plain, bound) //nolint:gosec // the AEAD makes the nonce itself
	token := make([]byte, len(mark), len(mark)+coding.EncodedLen(len(sealed)))
	copy(token, mark)
	return string(coding.AppendEncode(token, sealed))
}

// Open returns what a token holds. The only error is ErrForged.
func (s *Sealer) Open(token string, bound []byte) ([]byte, error) {
	coded, ok := strings.CutPrefix(token, mark)
	sealed, err := coding.DecodeString(coded)
	// The coding skips line breaks, which would be a second spelling.
	if !ok || err != nil || len(sealed) < len(keyID{})+overhead || strings.ContainsAny(coded, "\r\n") {
		return nil, ErrForged
	}
	id, sealed := keyID(sealed), sealed[len(keyID{}):]
	for _, key := range *s.ring.Load() {
		if key.id != id {
			continue
		}
		if plain, err := key.aead.Open(nil, nil, sealed, bound); err == nil {
			return plain, nil
		}
	}
	return nil, ErrForged
}

// IsOurs reports whether a token claims to be sealed with one of the keys. Another
// gateway, such as one behind this one, has keys of its own, and its tokens are no
// more ours than what any other server writes.
func (s *Sealer) IsOurs(token string) bool {
	coded, ok := strings.CutPrefix(token, mark)
	if !ok {
		return false
	}
	named := coding.EncodedLen(len(keyID{}))
	head, err := base64.RawURLEncoding.DecodeString(coded[:min(named, len(coded))])
	if err != nil || len(head) < len(keyID{}) {
		return true // it names nobody else's key
	}
	return slices.ContainsFunc(*s.ring.Load(), func(key sealing) bool { return key.id == keyID(head) })
}
