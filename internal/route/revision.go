package route

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// FromFile is who has set a policy that stands in the configuration.
const FromFile = "mcp.yaml"

// A Revision is one policy that is or was in force.
type Revision struct {
	// Number counts them from 1; 0 stands for a gate that never had a policy.
	Number int64
	// Policy is the policy as JSON.
	Policy []byte
	// Base identifies the policy that stood in the configuration when this one was set: it is in force until that changes.
	Base string
	// By is the caller who set it, or FromFile.
	By string
	At time.Time
}

// A Store keeps policies.
type Store interface {
	// Routing returns the newest revision, the zero value if there is none.
	Routing(ctx context.Context) (Revision, error)
	// AddRouting adds a revision. It is ErrTaken if there is one of that number.
	AddRouting(ctx context.Context, rev *Revision) error
}

// ErrTaken says that another instance has changed the policy meanwhile.
var ErrTaken = errors.New("there is a newer routing policy")

// newest returns the newest revision that is known anywhere.
func (r *Router) newest(ctx context.Context) (Revision, error) {
	if r.opts.Store == nil {
		return r.revision, nil
	}
	return r.opts.Store.Routing(ctx)
}

// add makes a revision the newest one.
func (r *Router) add(ctx context.Context, rev *Revision) error {
	if r.opts.Store == nil {
		return nil
	}
	return r.opts.Store.AddRouting(ctx, rev)
}

// settle returns the revision that is in force with that policy in the configuration: the newest one, if it was made for that policy,
// or else a new one.
func (r *Router) settle(ctx context.Context, file Policy) (Revision, error) {
	text, err := json.Marshal(file)
	if err != nil {
		return Revision{}, fmt.Errorf("writing the routing policy: %w", err)
	}
	base := baseOf(text)
	for again := false; ; again = true {
		newest, err := r.newest(ctx)
		if err != nil {
			return newest, fmt.Errorf("reading the routing policy: %w", err)
		}
		switch {
		case newest.Base == base:
			return newest, nil
		case newest.Number == 0 && len(file.Rules) == 0:
			return Revision{Policy: text, Base: base, By: FromFile}, nil
		}
		next := Revision{Number: newest.Number + 1, Policy: text, Base: base, By: FromFile, At: time.Now().UTC()}
		err = r.add(ctx, &next)
		if errors.Is(err, ErrTaken) && !again { // by another instance that has read the same file
			continue
		}
		if err != nil {
			return newest, fmt.Errorf("keeping the routing policy: %w", err)
		}
		return next, nil
	}
}

// baseOf returns a short name for a policy.
func baseOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
