package main

import (
	"context"
	"fmt"
	"net/http"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/bench/load"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// naive is yardstick C: the gateway that one writes in an afternoon with the official SDK. It lists the upstream's tools
// once, offers them as its own, and forwards each call through one shared client session.
type naive struct {
	http.Handler
	session *sdk.ClientSession
}

// newNaive connects to the upstream and returns the gateway in front of it. The caller closes it.
func newNaive(ctx context.Context, endpoint string, shape load.Shape) (*naive, error) {
	client := sdk.NewClient(&sdk.Implementation{Name: "naive", Version: "1"}, &sdk.ClientOptions{Capabilities: &sdk.ClientCapabilities{}})
	revision := mcp.LatestLegacy()
	if shape.Modern {
		revision = mcp.Latest()
	}
	session, err := client.Connect(ctx, &sdk.StreamableClientTransport{
		Endpoint:             endpoint,
		HTTPClient:           &http.Client{Transport: newTransport()},
		DisableStandaloneSSE: true,
	}, &sdk.ClientSessionOptions{ProtocolVersion: revision.Name})
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", endpoint, err)
	}
	server := sdk.NewServer(&sdk.Implementation{Name: "naive", Version: "1"},
		&sdk.ServerOptions{PageSize: 10_000, Capabilities: &sdk.ServerCapabilities{}})
	for tool, err := range session.Tools(ctx, nil) {
		if err != nil {
			return nil, fmt.Errorf("listing the tools of %s: %w", endpoint, err)
		}
		server.AddTool(tool, func(ctx context.Context, r *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			return session.CallTool(ctx, &sdk.CallToolParams{Name: r.Params.Name, Arguments: r.Params.Arguments})
		})
	}
	handler := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server },
		&sdk.StreamableHTTPOptions{Stateless: shape.Modern, JSONResponse: !shape.Stream})
	return &naive{handler, session}, nil
}

// Close ends the session with the upstream.
func (n *naive) Close() error { return n.session.Close() }
