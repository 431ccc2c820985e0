package usher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/host"
)

// The transports between a host and the gateway.
const (
	overStdio = "stdio" // the host starts `sumun connect`
	overHTTP  = "http"  // the host talks to a gateway that runs
)

// entry is how the flags want h to reach the gateway.
func (v *verb) entry(ctx context.Context, h host.Host) (host.Entry, error) {
	e := host.Entry{Name: v.name}
	if v.name == "" {
		return e, &exit.Error{Code: exit.Usage, Msg: "--name is empty", Hint: "--name sumun"}
	}
	switch transport := v.transportFor(h); transport {
	case overStdio:
		if v.literal {
			return e, &exit.Error{Code: exit.Usage, Msg: "--literal-key is for http: over stdio no key is in the file", Hint: "--transport http"}
		}
		return v.stdioEntry(e)
	case overHTTP:
		return v.httpEntry(ctx, h, e)
	}
	return e, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("unknown transport %q", v.transport), Target: v.transport, Hint: "--transport stdio, or http"}
}

// transportFor is --transport, or what works best with h: stdio needs no key in a file.
func (v *verb) transportFor(h host.Host) string {
	switch {
	case v.transport != "":
		return v.transport
	case (v.Flags().URL != "" || v.literal) && h.HTTP() && (h.NamesKey() || v.literal):
		return overHTTP
	}
	return overStdio
}

// stdioEntry makes the host start `sumun connect` for the gateway of this directory. A host starts the commands of
// its user in a directory of its own choice, and those of a project in the project.
func (v *verb) stdioEntry(e host.Entry) (host.Entry, error) {
	e.Args = []string{"connect"}
	named, mine := v.Flags(), v.scope != string(host.Project)
	switch {
	case named.URL != "":
		e.Args = append(e.Args, "--url", named.URL)
	case named.Config != "" && !mine:
		e.Args = append(e.Args, "--config", named.Config)
	case named.Config != "":
		path, err := filepath.Abs(named.Config)
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
	e.Command, err = v.program()
	return e, err
}

// httpEntry makes the host talk to the gateway itself.
func (v *verb) httpEntry(ctx context.Context, h host.Host, e host.Entry) (host.Entry, error) {
	switch {
	case !h.HTTP():
		return e, &exit.Error{Code: exit.Usage, Msg: h.Title + " only starts commands", Target: h.ID, Hint: "--transport stdio"}
	case !h.NamesKey() && !v.literal:
		return e, &exit.Error{
			Code: exit.Usage, Msg: h.Title + " takes a key for http from its file only", Target: h.ID,
			Hint: "--transport stdio, or --literal-key to write the key into the file",
		}
	}
	var err error
	if e.URL, err = v.Endpoint(ctx); err != nil {
		return e, err
	}
	if v.literal {
		if e.Key = cmp.Or(v.Flags().Key, v.Getenv(host.KeyVariable)); e.Key == "" {
			return e, &exit.Error{Code: exit.Usage, Msg: "--literal-key needs the key", Hint: "--key KEY, or " + host.KeyVariable + "=KEY"}
		}
	}
	return e, nil
}

// program is what a host starts.
func (v *verb) program() (string, error) {
	if v.command != "" {
		return v.command, nil
	}
	path, err := host.Program("sumun")
	if errors.Is(err, host.ErrPassing) {
		err = &exit.Error{Code: exit.Usage, Err: err, Hint: "go install github.com/sumun-mcp/sumun/cmd/sumun@latest, or --command PATH"}
	}
	return path, err
}
