package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a key set.
const (
	// maxKeys is how many keys of a set are looked at.
	maxKeys = 100
	// minRSA and maxRSA bound the length of RSA keys, in bits (RFC 7518 section 3.3; a very long one costs time for each token).
	minRSA, maxRSA = 2048, 8192
)

// A key is a public key that an issuer signs tokens with. It stays the same for as long as the issuer publishes it.
type key struct {
	id     string
	public any
	// algorithm is the only one that the issuer says the key is for; empty if it does not say.
	algorithm string
	// thumb is the key's thumbprint (RFC 7638).
	thumb string
	// gone says that the issuer does not publish the key any more.
	gone atomic.Bool

	mu sync.Mutex
	// ends are closed when the tokens that the key has signed are over: by the second, so that however many there are, few are open.
	ends map[int64]*end
}

// An end is when tokens are over.
type end struct {
	over  chan struct{}
	timer *time.Timer
}

// errNoKeys says that a key set is of no use.
var errNoKeys = errors.New("there is no key in it that tokens could be checked with")

// readKeys reads a JSON Web Key Set (RFC 7517 section 5). Keys of no use are left out: those of kinds that are not known, that are secret
// or ought to be, too short, or meant for something else.
func readKeys(data []byte) ([]*key, error) {
	var set struct {
		Keys []jsontext.Value `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, err
	}
	var keys []*key
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		if k := readKey(raw); k != nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// readKey returns the key, or nil if it is of no use.
func readKey(raw jsontext.Value) *key {
	var use struct {
		Operations []string `json:"key_ops"`
	}
	var j jose.JSONWebKey
	if json.Unmarshal(raw, &use) != nil || j.UnmarshalJSON(raw) != nil || !j.Valid() || !j.IsPublic() {
		return nil
	}
	signs := (j.Use == "" || j.Use == "sig") && (use.Operations == nil || slices.Contains(use.Operations, "verify"))
	if r, ok := j.Key.(*rsa.PublicKey); ok && (r.N.BitLen() < minRSA || r.N.BitLen() > maxRSA) {
		signs = false
	}
	thumb, err := j.Thumbprint(crypto.SHA256)
	if err != nil || !signs || len(j.KeyID) > maxKeyID {
		return nil
	}
	return &key{id: j.KeyID, public: j.Key, algorithm: j.Algorithm, thumb: string(thumb), ends: map[int64]*end{}}
}

// equal reports whether both are the same key for the same use.
func (k *key) equal(o *key) bool {
	return k.id == o.id && k.thumb == o.thumb && k.algorithm == o.algorithm
}

// fits reports whether the key may have signed something with that algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1): a public key
// is never taken for a secret.
func (k *key) fits(algorithm string) bool {
	if k.algorithm != "" && k.algorithm != algorithm {
		return false
	}
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return slices.Contains([]string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, algorithm)
	case *ecdsa.PublicKey:
		curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
		return curves[algorithm] == public.Curve
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}

// signed reports whether the key has signed the token, with the algorithm that its header says.
func (k *key) signed(t *token) bool {
	signature, err := jose.ParseSignedCompact(t.text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(t.header.Algorithm)})
	if err != nil {
		return false
	}
	_, err = signature.Verify(k.public)
	return err == nil
}

// over returns what is closed at that time, in seconds of Unix time, or when the key is gone.
func (k *key) over(at int64) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.ends[at]; e != nil {
		return e.over
	}
	e := &end{over: make(chan struct{})}
	if k.gone.Load() {
		close(e.over)
		return e.over
	}
	k.ends[at] = e
	e.timer = time.AfterFunc(time.Until(time.Unix(at, 0)), func() { k.close(at) })
	return e.over
}

// close closes what is over at that time.
func (k *key) close(at int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.ends[at]; e != nil {
		delete(k.ends, at)
		close(e.over)
	}
}

// open reports whether something waits for the end of a token of the key.
func (k *key) open() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.ends) > 0
}

// end ends all tokens of the key.
func (k *key) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gone.Store(true)
	for _, e := range k.ends {
		e.timer.Stop()
		close(e.over)
	}
	clear(k.ends)
}
