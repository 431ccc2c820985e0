package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// gatewayPackage is what is built and measured when no binary is named.
const gatewayPackage = "github.com/sumun-mcp/sumun/cmd/sumun"

// buildGateway builds the gateway of this module into a directory, with further flags, and returns the binary's path.
func buildGateway(ctx context.Context, dir string, flags ...string) (string, error) {
	binary := filepath.Join(dir, "sumun")
	args := slices.Concat([]string{"build", "-o", binary}, flags, []string{gatewayPackage})
	c := exec.CommandContext(ctx, "go", args...) //nolint:gosec // fixed but for our own directory
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the gateway: %w\n%s", err, out)
	}
	return binary, nil
}

// A gatewayConfig says how the gateway is run.
type gatewayConfig struct {
	binary    string
	dir       string // for its configuration and its state; made if it is missing
	upstream  string
	anonymous bool // no key is asked; else one with scopes, and the calls are recorded under it
}

// startGateway runs S, the gateway, in front of the upstream and waits until it is ready. It returns the key to use.
func startGateway(ctx context.Context, c gatewayConfig) (p *process, key string, err error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, "", err
	}
	file, key, err := c.write(addr)
	if err != nil {
		return nil, "", err
	}
	log, err := os.Create(filepath.Join(c.dir, "sumun.log"))
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = log.Close() }()
	p, err = start(ctx, "S", []string{c.binary, "serve", "--config", file}, log, log)
	if err != nil {
		return nil, "", err
	}
	p.addr = addr
	p.memory = func(ctx context.Context) (memory, error) { return scrape(ctx, addr) }
	if err := p.awaitReady(ctx); err != nil {
		p.stop()
		said, _ := os.ReadFile(log.Name())
		return nil, "", fmt.Errorf("the gateway did not become ready: %w\n%s", err, said)
	}
	return p, key, nil
}

// write makes the gateway's directory with its mcp.yaml, and returns the file's path and the key that stands in it.
func (c gatewayConfig) write(addr string) (file, key string, err error) {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return "", "", err
	}
	access := "anonymous: true"
	if !c.anonymous {
		key = rand.Text()
		access = "apiKey: " + key + "\n" + scopes
	}
	file = filepath.Join(c.dir, "mcp.yaml")
	text := fmt.Sprintf("listen: %s\n%s\nbuiltin: false\nstore: sqlite:%s\n%sservers:\n  upstream:\n    url: %s\n    prefix: \"\"\n",
		addr, access, filepath.Join(c.dir, "sumun.db"), protected, c.upstream)
	return file, key, os.WriteFile(file, []byte(text), 0o600)
}

// scopes are what the key may use.
const scopes = `scopes:
  invoke:bench: ["*"]
  list:bench: ["*"]`

// protected is what else stands between callers and servers: limits that nobody reaches, and the sealed record. The rules of the guard
// are on by default.
const protected = `limits: {perKey: 1000000/s, burst: 1000000, concurrent: 10000, bytes: 100GiB/s, servers: {upstream: {rate: 1000000/s, concurrent: 10000}}}
audit: {sign: true, payloads: hash, checkpoint: 1s, durability: batch}
`

// freeAddr returns a loopback address on which nothing listens.
func freeAddr(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// awaitReady polls the gateway's /readyz.
func (p *process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := fetch(ctx, "http://"+p.addr+"/readyz", func(io.Reader) error { return nil })
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-p.exited:
			return fmt.Errorf("it ended: %s", p.cmd.ProcessState)
		case <-tick.C:
		}
	}
}

// scrape reads the gateway's heap figures from its Prometheus page.
func scrape(ctx context.Context, addr string) (memory, error) {
	var m memory
	err := fetch(ctx, "http://"+addr+"/metrics", func(r io.Reader) (err error) {
		m, err = parseMetrics(r)
		return err
	})
	return m, err
}

// parseMetrics finds the figures of the Go collector among all metrics.
func parseMetrics(r io.Reader) (memory, error) {
	found := map[string]float64{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if !ok || !strings.HasPrefix(name, "go_") {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			continue // a comment
		}
		found[name] = v
	}
	if _, ok := found["go_memstats_mallocs_total"]; !ok && lines.Err() == nil {
		return memory{}, errors.New("/metrics has no go_memstats_mallocs_total")
	}
	return memory{
		Mallocs: uint64(found["go_memstats_mallocs_total"]),
		Bytes:   uint64(found["go_memstats_alloc_bytes_total"]),
		Heap:    int64(found["go_memstats_heap_alloc_bytes"]),
		GCs:     found["go_gc_duration_seconds_count"],
	}, lines.Err()
}
