package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/sumun-mcp/sumun/internal/chaperon"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/local"
)

// serveAsked serves standard input and output with a gateway in this process that goes by client files. It listens on loopback too, for the
// verbs by which people decide: approve, alert.
func (a *app) serveAsked(ctx context.Context, cfg *config.Config, parts gateway.Parts) error {
	parts.Log, parts.Version, parts.Reaper = a.logger(cfg, nil, a.People), version, a.reaper()
	parts.Warden = a.confiner(cfg, parts.Log)
	a.warned(cfg, parts.Log)
	g, err := gateway.Open(ctx, cfg, parts)
	if err != nil {
		return openError(err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("listening for decisions of people: %w", err), closeGateway(ctx, g))
	}
	forget, err := chaperon.Announce(cfg.StateDir(), local.Endpoint(&config.Config{}, listener.Addr().String()))
	if err != nil {
		return errors.Join(err, listener.Close(), closeGateway(ctx, g))
	}
	defer forget()
	ending, end := context.WithCancel(ctx)
	var beside sync.WaitGroup
	var served error
	beside.Go(func() { served = g.Serve(ending, listener) })
	err = g.ServePipe(ctx, "", gateway.Pipe{In: a.stdin, Out: a.Data, Workspace: a.workspace()})
	end()
	beside.Wait()
	return errors.Join(err, served, closeGateway(ctx, g))
}
