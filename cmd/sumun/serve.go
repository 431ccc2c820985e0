package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/chaperon"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/porter"
	"github.com/sumun-mcp/sumun/internal/proofreader"
	"github.com/sumun-mcp/sumun/internal/redact"
	"github.com/sumun-mcp/sumun/internal/scan"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// serveCommand is the verb serve: it runs the gateway until it is told to end.
func (a *app) serveCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: `Run the gateway: one endpoint for hosts, in front of the servers of mcp.yaml.

Without a configuration it listens on 127.0.0.1:8080, offers its own tools and
keeps its state in ./.sumun. A change of mcp.yaml is taken over at once; SIGHUP
has it read again. SIGTERM ends the gateway when the calls in flight are done.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), listen) },
	}
	cmd.Flags().StringVar(&listen, "listen", "", "listen on this `host:port` instead of the configured one")
	return cmd
}

// ballast is how much the garbage collector believes to be in use besides what is.
// Its size is reserved, never touched, and so not resident.
const ballast = 16 << 20

// patience is how long the end of the gateway waits for calls, and its log for the banner.
const patience = 5 * time.Second

func (a *app) serve(ctx context.Context, listen string) error {
	// A gate holds two or three megabytes, which are marked again whenever as many were
	// allocated: thirty times a second under load. The ballast puts that off by a
	// constant; GOGC would do so by a factor, which counts when many sessions are open.
	defer runtime.KeepAlive(make([]byte, ballast))
	load := func() (*config.Config, error) { return a.loadServed(listen) }
	cfg, err := load()
	if err != nil {
		return err
	}
	level, logged := new(slog.LevelVar), &terminal.Latch{Out: a.People}
	defer logged.Lift()
	log := a.logger(cfg, level, logged)
	a.warned(cfg, log)
	listener, err := porter.Listen(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // closed by Serve, unless that was never reached
	parts, scanner := gateway.Parts{Log: log, Version: version, Reaper: a.reaper(), Warden: a.confiner(cfg, log)}, scan.NewLive(version, cfg.StateDir())
	parts.Scanner, scanner.Detain = scanner, parts.Warden.Detain
	if !a.Quiet { // what the command line says outlasts a change of the file
		parts.Level = level
	}
	g, err := gateway.Open(ctx, cfg, parts)
	if err != nil {
		return openError(err)
	}
	endpoint := local.Endpoint(cfg, listener.Addr().String())
	forget, err := local.Of(cfg).Announce(endpoint)
	if err != nil {
		return errors.Join(err, g.Close(ctx))
	}
	defer forget()
	var background sync.WaitGroup
	ending, end := context.WithCancel(ctx)
	background.Go(func() {
		a.watch(ending, g, func() (*config.Config, error) {
			cfg, err := load()
			if err == nil {
				a.warned(cfg, log)
			}
			return cfg, err
		})
	})
	background.Go(func() {
		defer logged.LiftIn(patience)()
		a.banner(ending, g, endpoint)
	})
	err = g.Serve(ctx, listener)
	end()
	background.Wait()
	return errors.Join(err, closeGateway(ctx, g))
}

// closeGateway closes a gateway whose clients have left or were sent away: what may
// still be in flight is not waited for long.
func closeGateway(ctx context.Context, g *gateway.Gateway) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return g.Close(ctx)
}

// loadServed loads the configuration and lays the flag over it.
func (a *app) loadServed(listen string) (*config.Config, error) {
	cfg, err := a.loadConfig()
	if err == nil {
		home, _ := os.UserHomeDir() // without one there is no file there
		err = chaperon.Heed(cfg, home, a.lookupEnv)
	}
	if err != nil || listen == "" {
		return cfg, err
	}
	cfg, err = cfg.ListeningOn(listen)
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Msg: "--listen", Err: err}
	}
	return cfg, nil
}

// loadConfig loads the configuration that the user means.
func (a *app) loadConfig() (*config.Config, error) {
	cfg, err := config.Load(a.config, a.lookupEnv)
	if err != nil {
		return nil, proofreader.Failure(err)
	}
	return cfg, nil
}

// logger writes what the gateway tells people to out, from the configured level
// on, which is put into level if there is one.
func (a *app) logger(cfg *config.Config, level *slog.LevelVar, out io.Writer) *slog.Logger {
	if level == nil {
		level = new(slog.LevelVar)
	}
	// The configuration has checked the level.
	_ = level.UnmarshalText([]byte(cfg.Log.Level))
	if a.Quiet {
		level.Set(max(level.Level(), slog.LevelError))
	}
	options := &slog.HandlerOptions{Level: level}
	if cfg.Log.Format == "json" {
		return slog.New(redact.Handler(slog.NewJSONHandler(out, options), nil))
	}
	return slog.New(redact.Handler(slog.NewTextHandler(out, options), nil))
}

// watch takes over changes of the configuration.
func (a *app) watch(ctx context.Context, g *gateway.Gateway, load func() (*config.Config, error)) {
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	g.Watch(ctx, load, again)
}

// banner tells, once, where the gateway is, what it offers and what to try next.
func (a *app) banner(ctx context.Context, g *gateway.Gateway, endpoint string) {
	if a.Quiet {
		return
	}
	cfg := g.Config()
	key := "key: " + terminal.Relative(gateway.LocalKeyFile(cfg))
	if cfg.Anonymous {
		key = "NO KEY IS ASKED (anonymous: true)"
	}
	fmt.Fprintf(a.People, "sumun %s   %s   %s\n", version, endpoint, key)
	for _, warning := range cfg.Warnings {
		fmt.Fprintf(a.People, "  warning: %s\n", warning)
	}
	offer := g.Settled(ctx)
	if ctx.Err() != nil {
		return
	}
	fmt.Fprintf(a.People, "  %s, %s, %s from %s %s\n", terminal.Count(offer.Tools, "tool"), terminal.Count(offer.Resources, "resource"),
		terminal.Count(offer.Prompts, "prompt"), terminal.Count(len(offer.Servers), "server"), "("+strings.Join(offer.Servers, ", ")+")")
	for _, warning := range offer.Warnings {
		fmt.Fprintf(a.People, "  warning: %s\n", warning)
	}
	tour(a.People, cfg)
}

// tour is the next thing to try.
func tour(w io.Writer, cfg *config.Config) {
	if cfg.Builtin {
		fmt.Fprintln(w, "  try   sumun call calc.evaluate expression='2*(3+4)'")
	} else {
		fmt.Fprintln(w, "  try   sumun tool list")
	}
	fmt.Fprintln(w, "        sumun client add claude-code | cursor | vscode")
}
