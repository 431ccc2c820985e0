package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/proofreader"
	"github.com/sumun-mcp/sumun/internal/usher"
)

// clientCommand is `sumun client`: the gateway in the configuration of the hosts on this machine. Its verbs stand in package usher.
func (a *app) clientCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "client", Short: "Add the gateway to Claude, Cursor, VS Code and other hosts", Long: usher.Long()}
	u := &usher.Usher{Voice: &a.Voice, Flags: a.named, Getenv: a.getenv, Endpoint: a.endpoint, Caution: a.warner().Add}
	u.AddVerbs(cmd)
	return a.group(cmd)
}

// named is the gateway that the command line names.
func (a *app) named() usher.Flags { return usher.Flags{URL: a.url, Config: a.config, Key: a.key} }

// endpoint is the URL for a host that talks to the gateway itself: the one of --url or SUMUN_URL, of the gateway that
// runs here, of the configuration, or the default.
func (a *app) endpoint(ctx context.Context) (string, error) {
	to, err := a.findGateway(ctx)
	if to != nil {
		return to.URL, nil // also if this machine does not trust it
	}
	if err != nil {
		return "", err
	}
	cfg, err := config.Load(a.config, a.lookupEnv)
	if cfg == nil {
		return "", proofreader.Failure(err)
	}
	if address := local.Configured(cfg); address != "" {
		return address, nil // the rest of the file may be faulty, or name variables that are not set here
	}
	return "", &exit.Error{
		Code: exit.Usage, Msg: "the configuration lets the gateway listen on any port, and none runs here",
		Hint: "start it with `sumun serve`, or name the address with --url",
	}
}
