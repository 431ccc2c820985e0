package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// connectCommand is the verb connect: what hosts start to speak over a pipe.
func (a *app) connectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "connect",
		Short: "Speak MCP on standard input and output, as hosts want it",
		Long: `Speak MCP on standard input and output, as hosts want it.

If a gateway runs (--url, SUMUN_URL, or one started here with sumun serve), this
is a bridge to it. Otherwise the gateway runs in this process, with the same
mcp.yaml, until the host closes its end.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.connect(cmd.Context()) },
	}
}

func (a *app) connect(ctx context.Context) error {
	running, err := a.findGateway(ctx)
	if err != nil {
		return err
	}
	if running != nil {
		return a.bridge(ctx, running)
	}
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	return a.servePipe(ctx, cfg, false, func(g *gateway.Gateway) (*mcp.Caller, error) {
		if key := a.getenv("SUMUN_KEY"); key != "" {
			return g.Caller(key)
		}
		return g.Local(), nil
	})
}

// bridge serves the pipe with a gateway of one server: the running gateway. The
// doors and ways out are the same as everywhere, so that both eras, questions and
// notices cross the bridge.
func (a *app) bridge(ctx context.Context, to *running) error {
	cfg := config.Default()
	cfg.Builtin = false
	cfg.Log.Level = "warn"
	server := config.NewServer("gateway")
	server.URL, server.Prefix = to.url, ""
	if to.key != "" {
		server.Headers = map[string]string{"Authorization": "Bearer " + to.key}
	}
	cfg.Servers = []config.Server{server}
	return a.servePipe(ctx, cfg, true, func(g *gateway.Gateway) (*mcp.Caller, error) { return g.Local(), nil })
}

// servePipe serves standard input and output with a gateway in this process.
func (a *app) servePipe(ctx context.Context, cfg *config.Config, bridge bool, who func(*gateway.Gateway) (*mcp.Caller, error)) error {
	g, err := gateway.Open(ctx, cfg, gateway.Parts{
		Log: a.logger(cfg), Version: version, Reaper: a.reaper(), Bridge: bridge,
	})
	if err != nil {
		return fmt.Errorf("opening the gateway: %w", err)
	}
	caller, err := who(g)
	if err == nil {
		err = g.ServePipe(ctx, caller, gateway.Pipe{In: a.stdin, Out: a.stdout})
	} else {
		err = &exitError{code: exitDenied, msg: "the key in SUMUN_KEY is not one of this gateway", hint: "sumun connect without SUMUN_KEY uses the key local", err: err}
	}
	return errors.Join(err, g.Close(context.WithoutCancel(ctx)))
}
