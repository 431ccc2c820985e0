package credential

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The kinds of records.
const (
	tokenKind  = "token"  // by its owner and the server
	loginKind  = "login"  // one under way, by the digest of its ticket
	clientKind = "client" // what the gateway is registered as, by issuer and redirect URI
)

// A Key names a record.
type Key struct{ Kind, Owner, Of string }

// A Record is something sealed, as it lies in the store.
type Record struct {
	Key    Key
	Sealed []byte
	// Revision changes with each change of the record; 0 stands for none.
	Revision int64
	// Ends is when the record is good for nothing any more; zero for never.
	Ends time.Time
}

// The errors of a Store.
var (
	ErrNone    = errors.New("there is no such credential")
	ErrChanged = errors.New("the credential has changed meanwhile")
)

// A Store keeps records. Package store implements it.
type Store interface {
	// Credential returns a record, or ErrNone.
	Credential(ctx context.Context, key Key) (Record, error)
	// PutCredential stores a record in place of the one of its revision, which ends whoever's turn it was, and returns the new revision.
	// The error is ErrChanged if that revision is not there any more; for revision 0, if there is any.
	PutCredential(ctx context.Context, r Record) (int64, error)
	// DropCredential deletes a record; the error is ErrChanged if it has another revision by now. Revision 0 stands for any.
	DropCredential(ctx context.Context, r Record) error
	// TurnCredential takes the turn to change a record until some time, and reports false if somebody else has it, or the record has another
	// revision. The zero time gives it back.
	TurnCredential(ctx context.Context, r Record, until time.Time) (bool, error)
	// LatestCredential returns the owner of the record of that kind, of that thing, that was changed last, or ErrNone.
	LatestCredential(ctx context.Context, kind, of string) (owner string, err error)
}

// errSealed says that a record was sealed with another key.
var errSealed = errors.New("it was sealed with another key")

// A sealer seals records (AES-256-GCM), each for its own key, so that none can be put in the place of another.
type sealer struct{ aead cipher.AEAD }

// keyBytes is the length of keys.
const keyBytes = 32

// openSealer returns a sealer with the key of the configuration, or else with the one in the file, which is made where there is none.
func openSealer(secret, file string) (*sealer, error) {
	if secret == "" {
		var err error
		if secret, err = keyIn(file); err != nil {
			return nil, err
		}
	}
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "sumun credentials", keyBytes)
	if err != nil {
		return nil, fmt.Errorf("deriving the key of the credentials: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making the cipher of the credentials: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("making the cipher of the credentials: %w", err)
	}
	return &sealer{aead}, nil
}

// keyIn returns the key in a file. Of several instances that make it at once, one does.
func keyIn(path string) (string, error) {
	for range 2 {
		text, err := os.ReadFile(path) //nolint:gosec // the file beside the store
		if err == nil && len(strings.TrimSpace(string(text))) >= keyBytes {
			return strings.TrimSpace(string(text)), nil
		}
		if err == nil {
			return "", fmt.Errorf("%s is no key of credentials; move it away to have another made, with which all log in anew", path)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("reading the key of the credentials: %w", err)
		}
		if err := makeKey(path); err != nil {
			return "", fmt.Errorf("making the key of the credentials: %w", err)
		}
	}
	return "", fmt.Errorf("the key of the credentials, %s, does not stay where it is made", path)
}

// makeKey makes a file with a key, for its owner only and whole from the moment it is there, unless there is one.
func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // it never fails
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// bound is what a record's seal holds beside its content.
func bound(k Key) []byte {
	var dst []byte
	for _, part := range []string{"sumun credential 1", k.Kind, k.Owner, k.Of} {
		dst = append(strconv.AppendInt(dst, int64(len(part)), 10), ' ')
		dst = append(dst, part...)
	}
	return dst
}

// seal returns a record with that content.
func (s *sealer) seal(key Key, content any) (Record, error) {
	plain, err := json.Marshal(content)
	if err != nil {
		return Record{}, fmt.Errorf("writing a credential: %w", err)
	}
	return Record{Key: key, Sealed: s.aead.Seal(nil, nil, plain, bound(key))}, nil //nolint:gosec // the cipher makes a nonce itself
}

// open reads the content of a record.
func (s *sealer) open(r Record, content any) error {
	plain, err := s.aead.Open(nil, nil, r.Sealed, bound(r.Key))
	if err != nil {
		return errSealed
	}
	if err := json.Unmarshal(plain, content); err != nil {
		return errSealed // what it says is not told, since it is secret
	}
	return nil
}

// get reads a record with its content.
func (k *Keeper) get(ctx context.Context, key Key, content any) (Record, error) {
	r, err := k.o.Store.Credential(ctx, key)
	if err != nil {
		return r, err
	}
	return r, k.seals().open(r, content)
}

// put stores content in place of a record, and notes what revision that makes it.
func (k *Keeper) put(ctx context.Context, r *Record, content any) error {
	next, err := k.seals().seal(r.Key, content)
	if err != nil {
		return err
	}
	next.Revision, next.Ends = r.Revision, r.Ends
	next.Revision, err = k.o.Store.PutCredential(ctx, next)
	if err == nil {
		*r = next
	}
	return err
}

// replace stores content whatever is there.
func (k *Keeper) replace(ctx context.Context, key Key, ends time.Time, content any) error {
	for {
		r, err := k.o.Store.Credential(ctx, key)
		if err != nil && !errors.Is(err, ErrNone) {
			return err
		}
		r.Key, r.Ends = key, ends
		if err = k.put(ctx, &r, content); !errors.Is(err, ErrChanged) || ctx.Err() != nil {
			return err
		}
	}
}

// seals returns the sealer in force.
func (k *Keeper) seals() *sealer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sealer
}

// digest returns a name for a secret, from which it cannot be found.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
