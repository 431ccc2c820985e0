package main

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/transport"
)

// A remark is what doctor found: fine, or not, and what to do then.
type remark struct {
	Check  string `json:"check"`
	OK     bool   `json:"ok"`
	Found  string `json:"found"`
	Remedy string `json:"remedy,omitempty"`
}

// doctorCommand is the verb doctor.
func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look for faults: configuration, state, servers, the running gateway",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context()) },
	}
}

func (a *app) doctor(ctx context.Context) error {
	var all []remark
	add := func(r remark) error {
		all = append(all, r)
		return a.printRemark(r)
	}
	cfg, err := config.Load(a.config, a.lookupEnv)
	if err := add(configRemark(cfg, err)); err != nil {
		return err
	}
	if err == nil {
		if err := add(stateRemark(cfg)); err != nil {
			return err
		}
		for _, s := range cfg.Servers {
			if err := add(a.serverRemark(ctx, s)); err != nil {
				return err
			}
		}
	}
	if err := add(a.gatewayRemark(ctx)); err != nil {
		return err
	}
	for _, r := range all {
		if !r.OK {
			return &exitError{code: exitFailed, shown: true, msg: "doctor found faults"}
		}
	}
	return nil
}

func (a *app) printRemark(r remark) error {
	if a.json {
		return a.writeJSONLine(r)
	}
	mark := "ok    "
	if !r.OK {
		mark = "FAULT "
	}
	if _, err := fmt.Fprintf(a.stdout, "%s%s: %s\n", mark, r.Check, printable(r.Found)); err != nil {
		return err
	}
	if r.Remedy != "" {
		_, err := fmt.Fprintf(a.stdout, "      try: %s\n", r.Remedy)
		return err
	}
	return nil
}

func configRemark(cfg *config.Config, err error) remark {
	if err != nil {
		return remark{Check: "configuration", Found: err.Error(), Remedy: "mend the file; `sumun config check` tells when it is right"}
	}
	found := "none; built-in defaults are used"
	if cfg.Path != "" {
		found = cfg.Path
	}
	return remark{Check: "configuration", OK: true, Found: fmt.Sprintf("%s, %s", found, count(len(cfg.Servers), "server"))}
}

// stateRemark tells whether the gateway can keep its state.
func stateRemark(cfg *config.Config) remark {
	place := local.Of(cfg)
	if fault, remedy := place.Fault(); fault != "" {
		return remark{Check: "state", Found: fault, Remedy: remedy}
	}
	return remark{Check: "state", OK: true, Found: relative(place.Dir)}
}

// serverRemark starts a server as the gateway would and asks what it speaks.
func (a *app) serverRemark(ctx context.Context, s config.Server) remark {
	r := remark{Check: "server " + s.Name}
	if s.Disabled {
		r.OK, r.Found = true, "disabled"
		return r
	}
	target := transport.Target{Name: s.Name, URL: s.URL, Header: http.Header{}, StartTimeout: s.StartTimeout}
	for name, value := range s.Headers {
		target.Header.Set(name, value)
	}
	if s.Command != "" {
		if _, err := exec.LookPath(s.Command); err != nil {
			r.Found, r.Remedy = err.Error(), "install it, or write its whole path"
			return r
		}
		target.Command = &sandbox.Command{Path: s.Command, Args: s.Args, Env: s.Env, Dir: s.Cwd, Reaper: a.reaper()}
	}
	session, err := transport.Open(ctx, target, transport.Hello{})
	if err != nil {
		r.Found = err.Error()
		return r
	}
	defer session.Close()
	r.OK, r.Found = true, "speaks "+session.Revision().Name
	return r
}

func (a *app) gatewayRemark(ctx context.Context) remark {
	r := remark{Check: "running gateway"}
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
	return r
}
