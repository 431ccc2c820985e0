package client

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/vouch"
	"github.com/sumun-mcp/sumun/trust"
)

// VerifySignature speaks only with a server whose owner has signed what it offers: Dial, lists, and calls of tools that are not in the manifest,
// fail with [ErrUntrusted] otherwise. Each of keys is a file of public keys that are trusted, as `sumun signing-key create` writes it, in PEM, a JWK
// or a JWK Set; without any, the keys that the server shows at /.well-known/sumun/keys.json over TLS are. See docs/signatures.md.
func VerifySignature(keys ...[]byte) Option {
	return func(o *options) { o.verifier = o.verifier.Trusting(keys) }
}

// WithManifest brings the manifest and server.sig that [VerifySignature] checks, in place of those that the server shows: a program shows none.
func WithManifest(manifest, signature []byte) Option {
	return func(o *options) { o.verifier = o.verifier.Showing(manifest, signature) }
}

func (c *Client) untrusted(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: mcp.CodeInternal, Reason: reasonUntrusted, Message: err.Error(), doing: "verifying " + c.target.Name}
}

// Subject returns what the server says of itself and offers, as package trust reads it. Lists that it does not have are empty.
func (c *Client) Subject(ctx context.Context) (*trust.Subject, error) {
	info, err := c.Info(ctx)
	if err != nil {
		return nil, err
	}
	s := &trust.Subject{Name: c.target.Name, Target: c.target.URL, Software: info.Name, Version: info.Version, Instructions: info.Instructions}
	return s, vouch.Lists(s, info.Capabilities, func(method, member string) ([]json.RawMessage, error) {
		all, err := c.list(ctx, method, member)
		if errors.Is(err, ErrUnsupported) { // it says so of the ability as a whole
			return nil, nil
		}
		return all, err
	})
}
