package main

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/broker"
	"github.com/sumun-mcp/sumun/internal/registry"
)

// brokerDesk is where registries of others are asked, and ours is told of: further verbs of registry.
func (a *app) brokerDesk() *broker.Desk {
	return &broker.Desk{
		Voice: &a.Voice, Config: a.loadConfig, Endpoint: a.endpoint, Version: version, Caution: a.warner().Add,
		Key:     a.getenv("SUMUN_REGISTRY_KEY"),
		Servers: func(ctx context.Context) (*registry.Answer, error) { return a.askRegistry(ctx, &registry.Request{}) },
	}
}
