package oauth

import (
	"context"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
)

// Try asks an issuer for its signing keys once, as a gateway does, and returns how many of them can be used.
func Try(ctx context.Context, issuer *config.Issuer) (int, error) {
	client, hangUp, err := dialer(issuer)
	if err != nil {
		return 0, err
	}
	defer hangUp()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	keys, err := (&source{issuer: issuer.Issuer, jwks: issuer.JWKS, http: client, started: time.Now()}).fetch(ctx)
	return len(keys), err
}
