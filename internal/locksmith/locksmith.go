// Package locksmith makes keys, lists them, and ends them: the verbs of `sumun key`. It works on the store itself, so that it needs no
// gateway that runs; those that do notice within a second.
package locksmith

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/keyring"
)

// A Store keeps keys.
type Store interface {
	AddKey(ctx context.Context, k *keyring.Key) error
	RotateKey(ctx context.Context, ref string, until, expires time.Time, mint func(id string) [32]byte) (keyring.Key, error)
	RevokeKey(ctx context.Context, ref string) (keyring.Key, error)
	Keys(ctx context.Context) ([]keyring.Key, error)
}

// A Locksmith works for one configuration.
type Locksmith struct {
	Store  Store
	Config *config.Config
	// Record puts an event on the audit record; nil where none is kept. A key is shown to
	// nobody unless its making is on record.
	Record func(ctx context.Context, e audit.Event) error
}

// record puts on record what was done with a key.
func (l *Locksmith) record(ctx context.Context, kind audit.Kind, k *keyring.Key) error {
	if l.Record == nil {
		return nil
	}
	detail := map[string]any{"name": k.Name, "scopes": list(k.Scopes)}
	if len(k.Roles) > 0 {
		detail["roles"] = k.Roles
	}
	if !k.Expires.IsZero() {
		detail["expires"] = k.Expires.UTC()
	}
	if err := l.Record(ctx, audit.Event{Kind: kind, Subject: k.ID, Detail: detail}); err != nil {
		return fmt.Errorf("the key %s (%s) is changed in the store all the same: %w", k.Name, k.ID, err)
	}
	return nil
}

// Issued is a key with its secret, which nobody is told again.
type Issued struct {
	// Name is the key's, for people.
	Name   string   `json:"-"`
	ID     string   `json:"id"`
	Key    string   `json:"key"`
	Scopes []string `json:"scopes"`
	Roles  []string `json:"roles,omitempty"`
	// ExpiresAt is when the key ends; nil for never.
	ExpiresAt *time.Time `json:"expiresAt"`
}

// An Order is what a new key is to be.
type Order struct {
	Name          string
	Scopes, Roles []string
	// Expires is when it ends: a time, a date, or how long it lasts; empty for never.
	Expires string
}

// An OrderError says what of an order cannot be done. It is the fault of who gave it.
type OrderError struct{ Reason, Hint string }

// Error returns the reason.
func (e *OrderError) Error() string { return e.Reason }

// Create makes a key. What it is given must stand in the configuration.
func (l *Locksmith) Create(ctx context.Context, o Order) (Issued, error) {
	if err := l.check(o); err != nil {
		return Issued{}, err
	}
	now := time.Now()
	expires, err := parseExpiry(o.Expires, now)
	if err != nil {
		return Issued{}, err
	}
	id := keyring.NewID()
	secret := keyring.Mint(id)
	k := keyring.Key{
		ID: id, Name: o.Name, Scopes: o.Scopes, Roles: o.Roles, Created: now, Expires: expires,
		Secrets: []keyring.Secret{{Hash: keyring.Hash(secret)}},
	}
	if err := l.Store.AddKey(ctx, &k); err != nil {
		return Issued{}, err
	}
	if err := l.record(ctx, audit.KeyCreated, &k); err != nil {
		return Issued{}, err
	}
	return issued(&k, secret), nil
}

func (l *Locksmith) check(o Order) error {
	if err := keyring.CheckName(o.Name); err != nil {
		return &OrderError{Reason: err.Error()}
	}
	if len(o.Scopes) == 0 && len(o.Roles) == 0 {
		return &OrderError{"a key needs a scope or a role", "--scope NAME for each scope; --scope '*' for all that there is"}
	}
	for _, scope := range o.Scopes {
		if err := l.Config.CheckScope(scope); err != nil {
			hint := document.Suggest(scope, l.Config.ScopeNames())
			return &OrderError{err.Error() + " of the configuration", cmp.Or(hint, "write it there with the names that it grants, or give --scope '*' for all that there is")}
		}
	}
	for _, role := range o.Roles {
		if _, ok := l.Config.Roles[role]; !ok {
			return &OrderError{"the role " + strconv.Quote(role) + " is not among roles of the configuration", "write it there with its scopes"}
		}
	}
	return nil
}

// Rotate gives the key of that name or id another secret. The one before holds for the overlap yet.
func (l *Locksmith) Rotate(ctx context.Context, ref string, overlap time.Duration, expires string) (Issued, error) {
	now := time.Now()
	end, err := parseExpiry(expires, now)
	if err != nil {
		return Issued{}, err
	}
	if overlap < 0 || overlap > 90*24*time.Hour {
		return Issued{}, &OrderError{Reason: "an overlap is between nothing and 90 days"}
	}
	var secret string
	k, err := l.Store.RotateKey(ctx, ref, now.Add(overlap), end, func(id string) [32]byte {
		secret = keyring.Mint(id)
		return keyring.Hash(secret)
	})
	if err == nil {
		err = l.record(ctx, audit.KeyRotated, &k)
	}
	if err != nil {
		return Issued{}, err
	}
	return issued(&k, secret), nil
}

func issued(k *keyring.Key, secret string) Issued {
	return Issued{Name: k.Name, ID: k.ID, Key: secret, Scopes: list(k.Scopes), Roles: k.Roles, ExpiresAt: moment(k.Expires)}
}

// A Listed is a key as it is shown to people. It has no secret.
type Listed struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	State    string     `json:"state"`
	Scopes   []string   `json:"scopes"`
	Roles    []string   `json:"roles"`
	Created  *time.Time `json:"createdAt"`
	Expires  *time.Time `json:"expiresAt"`
	Revoked  *time.Time `json:"revokedAt"`
	Overlap  *time.Time `json:"overlapUntil"`
	LastUsed *time.Time `json:"lastUsedAt"`
	Uses     int64      `json:"uses"`
}

// List returns the keys, those that are over only if all are asked for.
func (l *Locksmith) List(ctx context.Context, all bool) ([]Listed, error) {
	keys, err := l.Store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	listed := []Listed{}
	for i := range keys {
		if all || !keys[i].Over(now) {
			listed = append(listed, show(&keys[i], now))
		}
	}
	return listed, nil
}

// Revoke ends the key of that name or id.
func (l *Locksmith) Revoke(ctx context.Context, ref string) (Listed, error) {
	k, err := l.Store.RevokeKey(ctx, ref)
	if err == nil {
		err = l.record(ctx, audit.KeyRevoked, &k)
	}
	if err != nil {
		return Listed{}, err
	}
	return show(&k, time.Now()), nil
}

func show(k *keyring.Key, now time.Time) Listed {
	s := Listed{
		ID: k.ID, Name: k.Name, State: k.State(now), Scopes: list(k.Scopes), Roles: list(k.Roles), Uses: k.Uses,
		Created: moment(k.Created), Expires: moment(k.Expires), Revoked: moment(k.Revoked), LastUsed: moment(k.LastUsed),
	}
	var ends time.Time
	for _, secret := range k.Secrets {
		if secret.Ends.After(now) && secret.Ends.After(ends) {
			ends = secret.Ends
		}
	}
	s.Overlap = moment(ends)
	return s
}

func list(names []string) []string { return append([]string{}, names...) }

// moment is a time as documents have it, nil for never.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return new(t.UTC().Truncate(time.Millisecond))
}

// The longest life of a key that ends at all.
const longest = 100 * 365 * 24 * time.Hour

// parseExpiry reads when a key ends: a time (RFC 3339), a date (its end, in UTC), or how long it lasts, as 90d, 12h or 30m.
func parseExpiry(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	end, err := time.Parse(time.RFC3339, s)
	if err != nil {
		if end, err = time.Parse(time.DateOnly, s); err == nil {
			end = end.AddDate(0, 0, 1)
		}
	}
	if err != nil {
		var d time.Duration
		if d, err = parseDuration(s); err == nil {
			end = now.Add(d)
		}
	}
	switch {
	case err != nil:
		return time.Time{}, &OrderError{fmt.Sprintf("%q is no time at which a key ends", s), "write 90d, 12h, a date or a time (RFC 3339)"}
	case !end.After(now):
		return time.Time{}, &OrderError{fmt.Sprintf("a key that ends at %s is over already", s), "write a time to come"}
	case end.After(now.Add(longest)):
		return time.Time{}, &OrderError{s + " is more than a hundred years away", "leave --expires out for a key that does not end"}
	}
	return end.Truncate(time.Millisecond), nil
}

// parseDuration reads a duration, which may be told in days.
func parseDuration(s string) (time.Duration, error) {
	if digits, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.ParseUint(digits, 10, 15)
		return min(time.Duration(days)*24*time.Hour, longest), err
	}
	return time.ParseDuration(s)
}

// describe says in a line what a key may do.
func describe(scopes, roles []string) string {
	all := slices.Clone(scopes)
	for _, role := range roles {
		all = append(all, "role "+role)
	}
	return strings.Join(all, ", ")
}
