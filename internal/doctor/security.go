package doctor

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/oauth"
	"github.com/sumun-mcp/sumun/internal/port"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// warning is how long before its end a certificate is a fault; of one with a short life it is the last fifth.
const warning = 14 * 24 * time.Hour

// certificate tells whether clients can be shown the certificate at a time, and for how long.
func certificate(cfg *config.Config, now time.Time) Remark {
	r := Remark{Check: "certificate"}
	files := port.TLS{CertFile: cfg.TLS.CertFile, KeyFile: cfg.TLS.KeyFile, ClientCAFile: cfg.TLS.ClientCAFile, CRLFile: cfg.TLS.CRLFile}
	shown, lists, err := files.Term()
	if err != nil {
		r.Found = err.Error()
		if fault, ok := errors.AsType[*port.FileError](err); ok {
			r.Remedy = fault.Remedy
		}
		return r
	}
	left := shown.NotAfter.Sub(now)
	r.Remedy = "replace it; a gateway that runs takes the new files over"
	switch {
	case now.Before(shown.NotBefore):
		r.Found = "it is in force from " + day(shown.NotBefore) + " on only"
	case left <= 0:
		r.Found = "it has ended: " + day(shown.NotAfter)
	case left < min(warning, shown.NotAfter.Sub(shown.NotBefore)/5):
		r.Found = "it ends soon: " + day(shown.NotAfter)
	case !lists.IsZero() && lists.Before(now):
		r.Found = "a list of tls.crlFile was to be renewed by " + day(lists) + ", so clients of its authority are refused"
		r.Remedy = "replace the list"
	default:
		r.OK, r.Remedy, r.Found = true, "", "it ends "+day(shown.NotAfter)
	}
	return r
}

func day(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// issuers asks each authorization server whose tokens are taken for its keys.
func issuers(ctx context.Context, cfg *config.Config) iter.Seq[Remark] {
	return func(yield func(Remark) bool) {
		if cfg.OAuth == nil {
			return
		}
		for i := range cfg.OAuth.Issuers {
			issuer := &cfg.OAuth.Issuers[i]
			r := Remark{Check: "issuer " + issuer.Name}
			n, err := oauth.Try(ctx, issuer)
			switch {
			case err != nil:
				r.Found, r.Remedy = err.Error(), "see that it runs, and that issuer or jwks in mcp.yaml says where; its tokens are refused meanwhile"
			case n == 0:
				r.Found, r.Remedy = "it publishes no key that can be used", "have it sign with one of the algorithms of the issuer in mcp.yaml"
			default:
				r.OK, r.Found = true, fmt.Sprintf("%s, %s", issuer.Issuer, terminal.Count(n, "key"))
			}
			if !yield(r) {
				return
			}
		}
	}
}
