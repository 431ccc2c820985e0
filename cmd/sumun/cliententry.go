package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/host"
	"github.com/sumun-mcp/sumun/internal/local"
)

// The transports between a host and the gateway.
const (
	overStdio = "stdio" // the host starts `sumun connect`
	overHTTP  = "http"  // the host talks to a gateway that runs
)

// entry is how the flags want h to reach the gateway.
func (c *client) entry(ctx context.Context, h host.Host) (host.Entry, error) {
	e := host.Entry{Name: c.name}
	if c.name == "" {
		return e, &exitError{code: exitUsage, msg: "--name is empty", hint: "--name sumun"}
	}
	switch transport := c.transportFor(h); transport {
	case overStdio:
		if c.literal {
			return e, &exitError{code: exitUsage, msg: "--literal-key is for http: over stdio no key is in the file", hint: "--transport http"}
		}
		return c.stdioEntry(e)
	case overHTTP:
		return c.httpEntry(ctx, h, e)
	}
	return e, &exitError{code: exitUsage, msg: fmt.Sprintf("unknown transport %q", c.transport), target: c.transport, hint: "--transport stdio, or http"}
}

// transportFor is --transport, or what works best with h: stdio needs no key in a file.
func (c *client) transportFor(h host.Host) string {
	switch {
	case c.transport != "":
		return c.transport
	case (c.url != "" || c.literal) && h.HTTP() && (h.NamesKey() || c.literal):
		return overHTTP
	}
	return overStdio
}

// stdioEntry makes the host start `sumun connect` for the gateway of this directory. A host starts the commands of
// its user in a directory of its own choice, and those of a project in the project.
func (c *client) stdioEntry(e host.Entry) (host.Entry, error) {
	e.Args = []string{"connect"}
	mine := c.scope != string(host.Project)
	switch {
	case c.url != "":
		e.Args = append(e.Args, "--url", c.url)
	case c.config != "" && !mine:
		e.Args = append(e.Args, "--config", c.config)
	case c.config != "":
		path, err := filepath.Abs(c.config)
		if err != nil {
			return e, err
		}
		e.Args = append(e.Args, "--config", path)
	case mine:
		dir, err := os.Getwd()
		if err != nil {
			return e, err
		}
		e.Args = append(e.Args, "--dir", dir)
	}
	var err error
	e.Command, err = c.program()
	return e, err
}

// httpEntry makes the host talk to the gateway itself.
func (c *client) httpEntry(ctx context.Context, h host.Host, e host.Entry) (host.Entry, error) {
	switch {
	case !h.HTTP():
		return e, &exitError{code: exitUsage, msg: h.Title + " only starts commands", target: h.ID, hint: "--transport stdio"}
	case !h.NamesKey() && !c.literal:
		return e, &exitError{
			code: exitUsage, msg: h.Title + " takes a key for http from its file only", target: h.ID,
			hint: "--transport stdio, or --literal-key to write the key into the file",
		}
	}
	var err error
	if e.URL, err = c.endpoint(ctx); err != nil {
		return e, err
	}
	if c.literal {
		if e.Key = cmp.Or(c.key, c.getenv(host.KeyVariable)); e.Key == "" {
			return e, &exitError{code: exitUsage, msg: "--literal-key needs the key", hint: "--key KEY, or " + host.KeyVariable + "=KEY"}
		}
	}
	return e, nil
}

// endpoint is the URL for a host that talks to the gateway itself: the one of --url or SUMUN_URL, of the gateway that
// runs here, of the configuration, or the default.
func (c *client) endpoint(ctx context.Context) (string, error) {
	to, err := c.findGateway(ctx)
	if to != nil {
		return to.URL, nil // also if this machine does not trust it
	}
	if err != nil {
		return "", err
	}
	cfg, err := config.Load(c.config, c.lookupEnv)
	if cfg == nil {
		return "", configError(err)
	}
	if address := local.Configured(cfg); address != "" {
		return address, nil // the rest of the file may be faulty, or name variables that are not set here
	}
	return "", &exitError{
		code: exitUsage, msg: "the configuration lets the gateway listen on any port, and none runs here",
		hint: "start it with `sumun serve`, or name the address with --url",
	}
}

// program is what a host starts.
func (c *client) program() (string, error) {
	if c.command != "" {
		return c.command, nil
	}
	path, err := host.Program("sumun")
	if errors.Is(err, host.ErrPassing) {
		err = &exitError{code: exitUsage, err: err, hint: "go install github.com/sumun-mcp/sumun/cmd/sumun@latest, or --command PATH"}
	}
	return path, err
}
