package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// findGateway finds the gateway that the user means: the one of --url or
// SUMUN_URL, else the one that was started here, else the one in a `sumun connect`
// that goes by a client file. It returns nil if there is none, and one that runs here
// but is not trusted with an error.
func (a *app) findGateway(ctx context.Context) (*local.Gateway, error) {
	to, err := a.gatewayHere(ctx)
	if to != nil || err != nil {
		return to, err
	}
	return a.gatewayOfClient(ctx), nil
}

// gatewayHere finds the gateway of --url or SUMUN_URL, else the one that was started here with `sumun serve`.
func (a *app) gatewayHere(ctx context.Context) (*local.Gateway, error) {
	key := cmp.Or(a.key, a.getenv("SUMUN_KEY"))
	named, here := cmp.Or(a.url, a.getenv("SUMUN_URL")), local.Here(a.config, a.lookupEnv)
	if err := a.secured(&here); err != nil {
		return nil, err
	}
	if named == "" {
		g, err := here.Find(ctx, key)
		if err != nil && ctx.Err() == nil {
			err = &exit.Error{Code: exit.Unreachable, Err: err, Hint: certificateHint}
		}
		return g, err
	}
	if u, err := url.Parse(named); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("%q is no URL of a gateway", named), Target: named, Hint: "write it as http://127.0.0.1:8080/mcp"}
	}
	return here.At(named, key), nil
}

const certificateHint = "the certificate must name the host of the URL, be in force, and come from an authority that this system trusts, or that --ca names; --url names another gateway, --cert a certificate to show"

// dial opens a session with the gateway for a client verb.
func (a *app) dial(ctx context.Context) (*transport.Session, error) {
	to, err := a.findGateway(ctx)
	if err != nil {
		return nil, err
	}
	if to == nil {
		return nil, &exit.Error{
			Code: exit.Unreachable, Msg: "no gateway runs here",
			Hint: "start one with `sumun serve`, or name one with --url",
		}
	}
	return a.open(ctx, to)
}

// open opens a session with a gateway, which says whether it can be reached and takes the key.
func (a *app) open(ctx context.Context, to *local.Gateway) (*transport.Session, error) {
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
	reason := reasonOf(told)
	return reason == mcp.Unauthenticated || reason == mcp.Forbidden
}

// reasonOf returns the reason that an error of the gateway tells, if it tells one.
func reasonOf(told *mcp.Error) mcp.Reason {
	if told == nil {
		return ""
	}
	return mcp.Reason(terminal.Text(told.Data, "reason"))
}

// hintLimited is what to try when the gateway refuses for now.
const hintLimited = "the key has used up what `limits` in mcp.yaml allow it; wait, or raise them"

// dialError tells what to try when the gateway could not be asked.
func dialError(to *local.Gateway, err error) error {
	e := &exit.Error{Code: exit.Unreachable, Msg: "asking the gateway", Target: to.URL, Err: err}
	switch told := mcp.AsError(err); {
	case isDenied(told):
		e.Code, e.Hint = exit.Denied, "show a key with --key or SUMUN_KEY; the key local lies in .sumun/local.key of the gateway's directory"
	case reasonOf(told) == mcp.RateLimited:
		e.Code, e.Msg, e.Hint, e.Err = exit.Denied, told.Message, hintLimited, nil
	case reasonOf(told) == mcp.Unavailable:
		e.Msg, e.Hint, e.Err = told.Message, "the gateway runs; its log says what it cannot reach", nil
	case strings.Contains(err.Error(), "x509: "):
		e.Hint = certificateHint
	default:
		e.Hint = "is it running? `sumun serve` starts one"
	}
	return e
}
