package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sumun-mcp/sumun/internal/host"
)

// The transports between a host and the gateway.
const (
	overStdio = "stdio" // the host starts `sumun connect`
	overHTTP  = "http"  // the host talks to a gateway that runs
)

// defaultEndpoint is where `sumun serve` listens when nothing else is said.
const defaultEndpoint = "http://127.0.0.1:8080/mcp"

// entry is how the flags want h to reach the gateway.
func (c *client) entry(h host.Host) (host.Entry, error) {
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
		return c.httpEntry(h, e)
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

// httpEntry makes the host talk to the gateway at --url.
func (c *client) httpEntry(h host.Host, e host.Entry) (host.Entry, error) {
	switch {
	case !h.HTTP():
		return e, &exitError{code: exitUsage, msg: h.Title + " only starts commands", target: h.ID, hint: "--transport stdio"}
	case !h.NamesKey() && !c.literal:
		return e, &exitError{
			code: exitUsage, msg: h.Title + " takes a key for http from its file only", target: h.ID,
			hint: "--transport stdio, or --literal-key to write the key into the file",
		}
	}
	e.URL = cmp.Or(c.url, c.getenv("SUMUN_URL"), defaultEndpoint)
	if c.literal {
		if e.Key = cmp.Or(c.key, c.getenv(host.KeyVariable)); e.Key == "" {
			return e, &exitError{code: exitUsage, msg: "--literal-key needs the key", hint: "--key KEY, or " + host.KeyVariable + "=KEY"}
		}
	}
	return e, nil
}

// program is the absolute path under which this program can be started later.
func (c *client) program() (string, error) {
	if c.command != "" {
		return c.command, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding the path of this program: %w", err)
	}
	found, err := exec.LookPath("sumun")
	if err == nil {
		if found, err = filepath.Abs(found); err == nil && (sameFile(found, self) || passing(self)) {
			return found, nil
		}
	}
	if passing(self) {
		return "", &exitError{
			code: exitUsage, msg: "this program was built by go run and will be gone: a host could not start it",
			hint: "go install github.com/sumun-mcp/sumun/cmd/sumun@latest, or --command PATH",
		}
	}
	return self, nil
}

// sameFile reports whether two paths lead to one file. A link on the PATH outlives the release that it leads to.
func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// passing reports whether a program lies where `go run` and `go test` build.
func passing(path string) bool {
	return strings.Contains(filepath.ToSlash(path), "/go-build")
}
