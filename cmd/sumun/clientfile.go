package main

import (
	"cmp"
	"context"
	"errors"
	"os"

	"github.com/sumun-mcp/sumun/internal/chaperon"
	"github.com/sumun-mcp/sumun/internal/config/clientfile"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// clientRule is what the client files say that hold here, nil if there are none.
func (a *app) clientRule() (*clientfile.Rule, error) {
	here, _ := os.Getwd() // where that cannot be told, there is no file either
	home, _ := os.UserHomeDir()
	return chaperon.Rule(a.client, cmp.Or(a.began, here), home, a.lookupEnv)
}

// connectBy serves standard input and output as the client files say.
func (a *app) connectBy(ctx context.Context, rule *clientfile.Rule) error {
	for _, warning := range rule.Warnings() {
		a.Note("warning: %s", warning)
	}
	c := &chaperon.Chaperon{Rule: rule, Version: version, Note: a.Note}
	to, header, err := a.wayOf(ctx, rule)
	if err != nil {
		return err
	}
	if to == nil {
		cfg, err := a.loadConfig()
		if err != nil {
			return err
		}
		c.Hold(ctx, cfg)
		return a.serveAsked(ctx, cfg, gateway.Parts{})
	}
	cfg, err := c.Towards(ctx, chaperon.Way{URL: to.URL, Key: to.Key, Header: header, Carrier: to.Carrier})
	if errors.Is(err, chaperon.ErrRefused) {
		return &exit.Error{Code: exit.Denied, Err: err, Target: to.URL, Hint: "add it to the whitelist there, if you trust it"}
	}
	if err != nil {
		return notReached(to, rule, err)
	}
	return a.serveAsked(ctx, cfg, gateway.Parts{TLS: to.TLS()})
}

// notReached tells what to try when the server of the client files could not be asked.
func notReached(to *local.Gateway, rule *clientfile.Rule, err error) error {
	err = dialError(to, err)
	if e, ok := errors.AsType[*exit.Error](err); ok && e.Code == exit.Denied && to.URL == rule.Server {
		e.Hint = "set apiKey in " + rule.Files[0].Path + ", or show a key with --key"
	}
	return err
}

// wayOf is the way to the server that is meant: that of --url, that of the client files, or the gateway that runs here; nil if there is
// none. Only a gateway of this user's own is told in which directory the host works.
func (a *app) wayOf(ctx context.Context, rule *clientfile.Rule) (to *local.Gateway, header map[string]string, err error) {
	if rule.Server == "" || cmp.Or(a.url, a.getenv("SUMUN_URL")) != "" {
		if to, err = a.gatewayHere(ctx); to == nil || err != nil {
			return nil, nil, err
		}
		if here := a.workspace(); here != "" {
			header = map[string]string{mcp.RootHeader: here}
		}
		return to, header, nil
	}
	place := local.Place{Dir: chaperon.StateDir(rule)}
	if err := a.secured(&place); err != nil {
		return nil, nil, err
	}
	return place.At(rule.Server, cmp.Or(a.key, rule.APIKey)), nil, nil
}

// gatewayOfClient is the gateway in a `sumun connect` that goes by client files and lets people decide, nil if there is none.
func (a *app) gatewayOfClient(ctx context.Context) *local.Gateway {
	rule, err := a.clientRule()
	if rule == nil || err != nil {
		return nil
	}
	for _, state := range []string{chaperon.StateDir(rule), local.Here(a.config, a.lookupEnv).Dir} {
		if g := chaperon.Running(ctx, state, cmp.Or(a.key, a.getenv("SUMUN_KEY"))); g != nil {
			return g
		}
	}
	return nil
}
