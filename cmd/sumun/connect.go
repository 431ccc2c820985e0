package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/scan"
)

// connectCommand is the verb connect: what hosts start to speak over a pipe.
func (a *app) connectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "connect",
		Short: "Speak MCP on standard input and output, as hosts want it",
		Long: `Speak MCP on standard input and output, as hosts want it.

If a gateway runs (--url, SUMUN_URL, or one started here with sumun serve), this
is a bridge to it. Otherwise the gateway runs in this process, with the same
mcp.yaml, until the host closes its end.

A client file (--client, or .cursor/mcp.yaml or cursor.yaml here, and .cursor/mcp.yaml
in the home directory) says which server this leads to, whether tools run without being
asked for, and which servers there may be at all: docs/client-file.md.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.connect(cmd.Context()) },
	}
}

func (a *app) connect(ctx context.Context) error {
	rule, err := a.clientRule()
	if err != nil {
		return err
	}
	if rule != nil {
		return a.connectBy(ctx, rule)
	}
	running, err := a.gatewayHere(ctx)
	if err != nil {
		return err
	}
	if running != nil {
		// A bridge that leads nowhere would look to the host like a gateway without tools.
		probe, err := a.open(ctx, running)
		if err != nil {
			return err
		}
		probe.Close()
		cfg := bridgeTo(running, a.workspace())
		behind, err := behind(running, &cfg.Servers[0])
		if err != nil {
			return err
		}
		return a.servePipe(ctx, cfg, gateway.Parts{Bridge: true, Behind: behind, TLS: running.TLS()})
	}
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	return a.servePipe(ctx, cfg, gateway.Parts{Scanner: scan.NewLive(version, cfg.StateDir())})
}

// bridgeTo is the configuration of a gateway of one server: the running gateway.
// The doors and ways out are the same as everywhere, so that both eras, questions
// and notices cross the bridge. Workspace is told to the gateway with each call.
func bridgeTo(to *local.Gateway, workspace string) *config.Config {
	cfg := config.Default()
	cfg.Builtin = false
	cfg.Log.Level = "warn"
	server := config.NewServer("gateway")
	server.URL, server.Prefix = to.URL, ""
	server.Headers = map[string]string{}
	if to.Key != "" {
		server.Headers["Authorization"] = "Bearer " + to.Key
	}
	if workspace != "" {
		server.Headers[mcp.RootHeader] = workspace
	}
	cfg.Servers = []config.Server{server}
	return cfg
}

// behind takes messages of the dialect to the running gateway, which answers them itself.
func behind(to *local.Gateway, server *config.Server) (*line.Post, error) {
	address, err := url.Parse(to.URL)
	if err != nil {
		return nil, fmt.Errorf("reading the gateway's URL: %w", err)
	}
	header := http.Header{}
	for name, value := range server.Headers {
		header.Set(name, value)
	}
	return &line.Post{Options: line.Options{URL: address, Header: header, RoundTripper: to.Carrier, MaxMessage: maxAnswer}}, nil
}

// servePipe serves standard input and output with a gateway in this process.
func (a *app) servePipe(ctx context.Context, cfg *config.Config, parts gateway.Parts) error {
	parts.Log, parts.Version, parts.Reaper = a.logger(cfg, nil, a.People), version, a.reaper()
	parts.Warden = a.confiner(cfg, parts.Log)
	a.warned(cfg, parts.Log)
	g, err := gateway.Open(ctx, cfg, parts)
	if err != nil {
		return openError(err)
	}
	key := ""
	if !parts.Bridge { // there the gateway behind asks for it
		key = a.getenv("SUMUN_KEY")
	}
	pipe := gateway.Pipe{In: a.stdin, Out: a.Data}
	if !parts.Bridge {
		pipe.Workspace = a.workspace()
	}
	err = g.ServePipe(ctx, key, pipe)
	if told := mcp.AsError(err); told != nil {
		err = &exit.Error{
			Code: exit.Denied, Msg: "the key in SUMUN_KEY is not one of this gateway", Err: err,
			Hint: "without SUMUN_KEY the key local is used",
		}
	}
	return errors.Join(err, closeGateway(ctx, g))
}

// workspace returns the URI of the directory that the host has started us in, from
// which the root of its calls is derived, or else of the one that we were told to run
// in. The home directory and / are no workspaces: many hosts start everything there.
func (a *app) workspace() string {
	here, _ := os.Getwd() // where that cannot be told, it is no workspace
	home, _ := os.UserHomeDir()
	for _, dir := range [...]string{a.began, here} {
		if dir == "" || dir == home || filepath.Dir(dir) == dir {
			continue
		}
		path := filepath.ToSlash(dir)
		if !strings.HasPrefix(path, "/") { // a drive's letter
			path = "/" + path
		}
		return (&url.URL{Scheme: "file", Path: path}).String()
	}
	return ""
}
