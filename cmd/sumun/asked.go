package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/local"
)

// serveAsked serves standard input and output with a gateway in this process, which listens on loopback too where calls wait for a person:
// there `sumun approve` finds it, by what is announced in the directory.
func (a *app) serveAsked(ctx context.Context, cfg *config.Config, parts gateway.Parts, announced string) error {
	parts.Log, parts.Version, parts.Reaper = a.logger(cfg, nil, a.People), version, a.reaper()
	a.warned(cfg, parts.Log)
	g, err := gateway.Open(ctx, cfg, parts)
	if err != nil {
		return openError(err)
	}
	var beside sync.WaitGroup
	ending, end := context.WithCancel(ctx)
	var served error
	if cfg.Asks() {
		listener, err := announce(ctx, cfg, announced)
		if err != nil {
			end()
			return errors.Join(err, closeGateway(ctx, g))
		}
		beside.Go(func() { served = g.Serve(ending, listener) })
	}
	err = g.ServePipe(ctx, "", gateway.Pipe{In: a.stdin, Out: a.Data, Workspace: a.workspace()})
	end()
	beside.Wait()
	return errors.Join(err, served, closeGateway(ctx, g))
}

// announce listens on a free port of loopback, and says so in the directory.
func announce(ctx context.Context, cfg *config.Config, dir string) (net.Listener, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of what is announced: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for decisions of people: %w", err)
	}
	// What is left there is tried before it is used.
	_, err = local.Place{Dir: dir}.Announce(local.Endpoint(&config.Config{}, listener.Addr().String()))
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}
