package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/registrar"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/trust"
)

// trustCommands are the verbs trust and registry. They stand in package registrar.
func (a *app) trustCommands() []*cobra.Command {
	others := a.brokerDesk()
	desk := &registrar.Desk{Voice: &a.Voice, Ask: a.askRegistry, Open: a.openRegistry, Import: others.Import}
	return []*cobra.Command{desk.Trust(a.group), desk.Registry(a.group, others.Verbs()...)}
}

// askRegistry asks the gateway that the user means, or where none runs the store of mcp.yaml itself.
func (a *app) askRegistry(ctx context.Context, q *registry.Request) (*registry.Answer, error) {
	to, err := a.gatewayHere(ctx)
	if err != nil {
		return nil, err
	}
	if to != nil {
		result, err := a.ask(ctx, mcp.MethodRegistry, "", q)
		if err != nil {
			return nil, err
		}
		answer := &registry.Answer{}
		if err := json.Unmarshal(result, answer); err != nil {
			return nil, fmt.Errorf("reading the answer: %w", err)
		}
		return answer, nil
	}
	r, done, err := a.openRegistry(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := r.Do(ctx, record.Person(), q)
	if closed := done(); err == nil {
		err = closed
	}
	return answer, err
}

// openRegistry opens the registry in the store of mcp.yaml, whether or not gateways run.
func (a *app) openRegistry(ctx context.Context) (*registry.Registry, func() error, error) {
	cfg, kept, err := a.openStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	witness := &record.Witness{Config: cfg, Store: kept}
	r, err := registry.Open(ctx, registry.Options{Store: kept, Config: func() *config.Config { return cfg }, Decided: func(ctx context.Context, server string, e registry.Event) error {
		return witness.Event(ctx, audit.Event{Kind: audit.Kind("trust." + e.What), Subject: server, Detail: e.Detail()})
	}})
	if err != nil {
		return nil, nil, fmt.Errorf("opening the registry: %w", errors.Join(err, kept.Close()))
	}
	return r, kept.Close, nil
}

// recordVerdict keeps the verdict of a scan in the store of mcp.yaml, if there is one: a scan makes none.
func (a *app) recordVerdict(ctx context.Context, s *trust.Subject, v trust.Verdict) {
	cfg, err := config.Load(a.config, a.lookupEnv)
	if err != nil {
		return // there is no project here, and the scan tells of what it needs itself
	}
	if name, ok := strings.CutPrefix(cfg.Store, "sqlite:"); ok {
		if _, err := os.Stat(name); err != nil {
			return
		}
	}
	r, done, err := a.openRegistry(ctx)
	if err == nil {
		err = errors.Join(r.Record(ctx, s, v), done())
	}
	if err != nil {
		a.Note("the verdict on %s is not kept: %v", terminal.Harmless(s.Name), err)
	}
}
