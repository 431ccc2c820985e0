package keyring

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// A Key is a key as the store keeps it. Of its secrets only the hashes are known.
type Key struct {
	// ID tells the key from all others. It is no secret, and stands in each of the key's secrets.
	ID string
	// Name is what people call the key. The audit record has it, and what a caller owns is owned under it: so no two keys ever have one
	// name, those that are revoked included.
	Name string
	// Scopes and Roles are what the key was given, by their names in mcp.yaml; Everything among the scopes stands for all that there is.
	Scopes, Roles []string
	// Created is when the key was made. Expires is when it ends, Revoked when it was ended; zero for never.
	Created, Expires, Revoked time.Time
	// Secrets are the hashes of what callers may show.
	Secrets []Secret
	// Uses is how often the key was shown and let in, LastUsed when that was last, zero for never; both run a few seconds late.
	// They are known where keys are listed.
	Uses     int64
	LastUsed time.Time
}

// A Secret is what one secret of a key is known by.
type Secret struct {
	Hash [32]byte
	// Ends is when it is good for nothing any more, because another has taken its place; zero if the key's own end is its.
	Ends time.Time
}

// Everything is the scope that grants all that there is, now and later, but not to run the gate.
const Everything = "*"

// Errors of those who change keys.
var (
	// ErrTaken says that a key of that name is there, or was.
	ErrTaken = errors.New("there is a key of that name already, or there was one")
	// ErrUnknown says that no key has that name or id.
	ErrUnknown = errors.New("no such key")
	// ErrOver says that the key was revoked or has expired.
	ErrOver = errors.New("the key is revoked or has expired; make another one")
)

// name is the form of names of keys. They stand in the record and in commands, and must not be taken for callers of another sort.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// reserved are the names of callers that need no key in the store.
var reserved = []string{"local", "apiKey", "anonymous"}

// CheckName returns why a key cannot have that name, nil if it can.
func CheckName(s string) error {
	switch {
	case slices.Contains(reserved, s):
		return fmt.Errorf("%s is a name of the gateway's own; choose another one", s)
	case !name.MatchString(s):
		return fmt.Errorf("%q cannot be the name of a key; use letters, digits, dots, _ and -, at most 64, and begin with a letter or digit", s)
	}
	return nil
}

// Over reports whether the key is good for nothing at that time.
func (k *Key) Over(now time.Time) bool {
	return !k.Revoked.IsZero() || !k.Expires.IsZero() && !now.Before(k.Expires)
}

// State says in a word how the key is at that time: valid, expired or revoked.
func (k *Key) State(now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case k.Over(now):
		return "expired"
	}
	return "valid"
}

// ends returns when the secret is good for nothing any more, zero for never.
func (k *Key) ends(s Secret) time.Time {
	if k.Expires.IsZero() || !s.Ends.IsZero() && s.Ends.Before(k.Expires) {
		return s.Ends
	}
	return k.Expires
}
