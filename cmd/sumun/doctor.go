package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/doctor"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/steward"
)

// doctorCommand is the verb doctor.
func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for faults: configuration, state, store, certificate, issuers of tokens, servers, the running gateway",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context()) },
	}
}

func (a *app) doctor(ctx context.Context) error {
	healthy := true
	add := func(r doctor.Remark) error {
		healthy = healthy && r.OK
		return r.Print(&a.Voice)
	}
	cfg, err := config.Load(a.config, a.lookupEnv)
	means := doctor.Means{Store: steward.Remark}
	if err == nil {
		means.Command = a.confiner(cfg, a.logger(cfg, nil, a.People)).Command
	}
	for r := range doctor.Look(ctx, cfg, err, means) {
		if err := add(r); err != nil {
			return err
		}
	}
	if err := add(a.gatewayRemark(ctx)); err != nil {
		return err
	}
	if !healthy {
		return &exit.Error{Code: exit.Failed, Shown: true, Msg: "doctor found faults"}
	}
	return nil
}

func (a *app) gatewayRemark(ctx context.Context) doctor.Remark {
	r := doctor.Remark{Check: "running gateway"}
	to, err := a.findGateway(ctx)
	switch {
	case err != nil:
		r.Found = err.Error()
		return r
	case to == nil:
		r.OK, r.Found = true, "none here; `sumun serve` starts one"
		return r
	}
	if _, err := a.ask(ctx, mcp.MethodToolsList, "", struct{}{}); err != nil {
		r.Found, r.Remedy = to.URL+": "+err.Error(), "check the key with --key, and the gateway's log"
		return r
	}
	r.OK, r.Found = true, to.URL+" answers"
	if open, held := a.alerts().Standing(ctx); open > 0 {
		r.OK, r.Found = held == 0, fmt.Sprintf("%s answers; alerts that are open: %d, things that are held back: %d", to.URL, open, held)
		r.Remedy = "sumun alert list"
	}
	return r
}
