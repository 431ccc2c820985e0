// Through runs a client of the official conformance suite through a gateway: it starts one in front of the server whose URL is
// its last argument, and runs the client with the gateway's URL in that place.
//
//	through GATEWAY CLIENT URL
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: through GATEWAY CLIENT URL")
		os.Exit(2)
	}
	err := through(os.Args[1], os.Args[2], os.Args[3])
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// through runs the client until it ends, and the gateway as long.
func through(gateway, client, url string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) //nolint:forbidigo // this is main's
	defer cancel()
	dir, err := os.MkdirTemp("", "through-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("listen: %s\nbuiltin: false\nanonymous: true\nservers:\n  suite:\n    url: %q\n    prefix: \"\"\n", address, url)
	if err := os.WriteFile(filepath.Join(dir, "mcp.yaml"), []byte(text), 0o600); err != nil { //nolint:gosec // a folder of our own
		return err
	}
	serve := exec.CommandContext(ctx, gateway, "serve") //nolint:gosec // what the suite's caller names
	serve.Dir, serve.Stderr = dir, os.Stderr
	serve.Cancel = func() error { return serve.Process.Signal(syscall.SIGTERM) }
	serve.WaitDelay = 10 * time.Second
	if err := serve.Start(); err != nil {
		return err
	}
	defer func() {
		cancel()
		_ = serve.Wait() // it was told to end
	}()
	if err := ready(ctx, "http://"+address+"/readyz"); err != nil {
		return err
	}
	run := exec.CommandContext(ctx, client, "http://"+address+"/mcp") //nolint:gosec // as above
	run.Stdout, run.Stderr = os.Stdout, os.Stderr
	return run.Run()
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ready waits until the gateway has tried the server.
func ready(ctx context.Context, url string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := new(http.Client).Do(req); err == nil {
			_ = resp.Body.Close() // read for its status only
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the gateway is not ready: %w", ctx.Err())
		}
	}
}
