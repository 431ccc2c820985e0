package gateway_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
	"github.com/sumun-mcp/sumun/internal/store"
)

// A gate is a gateway with its HTTP door, as serve runs it.
type gate struct {
	*gateway.Gateway
	url  string
	web  *http.Client
	stop func() // ends it and waits; may be called more than once
}

// configured returns a configuration with those servers, and nothing else in it.
func configured(t *testing.T, servers ...config.Server) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Store = newStore(t)
	cfg.Builtin, cfg.Anonymous, cfg.Servers = false, true, servers
	return cfg
}

// open opens a gate in front of the servers.
func open(t *testing.T, servers ...config.Server) *gate {
	t.Helper()
	return openWith(t, configured(t, servers...))
}

// openPatient opens a gate that waits so long for the answers of modern clients.
func openPatient(t *testing.T, patience time.Duration, servers ...config.Server) *gate {
	t.Helper()
	return openParts(t, configured(t, servers...), patient(patience))
}

func patient(d time.Duration) gateway.Parts { return gateway.Parts{Patience: d} }

func openWith(t *testing.T, cfg *config.Config) *gate {
	t.Helper()
	return openParts(t, cfg, gateway.Parts{})
}

func openParts(t *testing.T, cfg *config.Config, parts gateway.Parts) *gate {
	t.Helper()
	parts.Log, parts.Version, parts.Reaper = testLog(t), "1.2.3", []string{os.Args[0], "__reap"}
	opened, err := gateway.Open(t.Context(), cfg, parts)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{Gateway: opened, url: "http://" + listener.Addr().String() + "/mcp", web: &http.Client{Transport: &http.Transport{}, Timeout: 2 * time.Minute}}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- g.Serve(ctx, listener) }()
	g.stop = sync.OnceFunc(func() {
		g.web.CloseIdleConnections()
		cancel()
		select {
		case err := <-served:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("Serve goes on a minute after its context has ended")
		}
		closing, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := g.Close(closing); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	t.Cleanup(g.web.CloseIdleConnections) // after all clients
	t.Cleanup(g.stop)
	offer := g.Settled(t.Context())
	for _, w := range offer.Warnings {
		t.Log("warning:", w)
	}
	return g
}

// testLog writes to the test's output.
func testLog(t *testing.T) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// records ends the gate and returns the audit records that it leaves.
func (g *gate) records(t *testing.T) []string {
	t.Helper()
	address := g.Config().Store
	g.stop()
	s, err := store.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all []string
	for row, err := range s.Records(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(bytes.Clone(row.Body)))
	}
	return all
}
