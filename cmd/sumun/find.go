package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// findGateway finds the gateway that the user means: the one of --url or
// SUMUN_URL, else the one that was started here. It returns nil if none runs here.
func (a *app) findGateway(ctx context.Context) (*local.Gateway, error) {
	key := cmp.Or(a.key, a.getenv("SUMUN_KEY"))
	named := cmp.Or(a.url, a.getenv("SUMUN_URL"))
	if named == "" {
		return a.place().Find(ctx, key)
	}
	if u, err := url.Parse(named); err != nil || u.Host == "" {
		return nil, &exitError{code: exitUsage, msg: fmt.Sprintf("%q is no URL", named), hint: "write it as http://127.0.0.1:8080/mcp"}
	}
	return a.place().At(named, key), nil
}

// place is where a gateway of this directory keeps its state. A faulty
// configuration, or one whose variables are not set here, leaves the default.
func (a *app) place() local.Place {
	cfg, err := config.Load(a.config, a.lookupEnv)
	if err == nil {
		return placeOf(cfg)
	}
	dir := "."
	if a.config != "" {
		dir = filepath.Dir(a.config)
	}
	return local.Place{Dir: filepath.Join(dir, ".sumun")}
}

func placeOf(cfg *config.Config) local.Place {
	return local.Place{Dir: filepath.Dir(cfg.StoreFile()), CertFile: cfg.TLS.CertFile}
}

// dial opens a session with the gateway for a client verb.
func (a *app) dial(ctx context.Context) (*transport.Session, error) {
	to, err := a.findGateway(ctx)
	if err != nil {
		return nil, err
	}
	if to == nil {
		return nil, &exitError{
			code: exitUnreachable, msg: "no gateway runs here",
			hint: "start one with `sumun serve`, or name one with --url",
		}
	}
	header := http.Header{}
	if to.Key != "" {
		header.Set("Authorization", "Bearer "+to.Key)
	}
	session, err := transport.Open(ctx, transport.Target{
		Name: to.URL, URL: to.URL, Header: header, RoundTripper: to.Carrier, Era: transport.Modern,
	}, transport.Hello{Info: []byte(`{"name":"sumun-cli","version":"` + version + `"}`)})
	if err != nil {
		return nil, dialError(to, err)
	}
	return session, nil
}

// isDenied reports whether the gateway refused the key, or the key's holder.
func isDenied(told *mcp.Error) bool {
	if told == nil {
		return false
	}
	reason := mcp.Reason(text(told.Data, "reason"))
	return reason == mcp.Unauthenticated || reason == mcp.Forbidden
}

// dialError tells what to try when the gateway could not be asked.
func dialError(to *local.Gateway, err error) error {
	e := &exitError{code: exitUnreachable, msg: "asking the gateway", target: to.URL, err: err}
	switch {
	case isDenied(mcp.AsError(err)):
		e.code, e.hint = exitDenied, "show a key with --key or SUMUN_KEY; the key local lies in .sumun/local.key of the gateway's directory"
	default:
		e.hint = "is it running? `sumun serve` starts one"
	}
	return e
}
