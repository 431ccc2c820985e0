// Package proofreader is the verb about mcp.yaml: what it says, and whether it is right.
package proofreader

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/doctor"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/own"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// A Desk is where the verb is served.
type Desk struct {
	*terminal.Voice

	// Path returns the file that the user names, empty if none; Lookup is how a configuration sees the environment.
	Path   func() string
	Lookup func(name string) (string, bool)
}

// Command returns the verb config. Group makes a verb of several.
func (d *Desk) Command(group func(cmd *cobra.Command, verbs ...*cobra.Command) *cobra.Command) *cobra.Command {
	return group(&cobra.Command{
		Use:   "config",
		Short: "Check or explain a configuration",
	}, d.check(), d.explain(), d.schema())
}

// check is `sumun config check`. Success is silent.
func (d *Desk) check() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Name everything that is wrong with the configuration",
		Long: `Name everything that is wrong with the configuration, each fault with its file,
line and column, and what to try. Nothing is printed when nothing is wrong. The
command of a server that is not on this machine is a warning: the file may be for another one.`,
		Example: `  sumun config check
  sumun config check --config config/mcp.yaml --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(d.Path(), d.Lookup)
			if err == nil {
				err = own.Check(cmd.Context(), cfg)
			}
			if err != nil {
				return Failure(err)
			}
			warnings := slices.Concat(cfg.Warnings, doctor.Missing(cfg))
			if d.JSON {
				return d.WriteJSON(checked{File: cfg.Path, Servers: len(cfg.Servers), Warnings: warnings})
			}
			for _, warning := range warnings {
				d.Note("warning: %s", warning)
			}
			return nil
		},
	}
}

// checked is what `sumun config check --json` prints of a configuration that is right.
type checked struct {
	File     string   `json:"file"` // "" for the built-in defaults
	Servers  int      `json:"servers"`
	Warnings []string `json:"warnings,omitempty"`
}

// explain is `sumun config explain`.
func (d *Desk) explain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain",
		Short: "Print the configuration in force, with the origin of each value",
		Long: `Print the configuration in force as YAML. A comment behind each value tells
where it comes from: the default, a line of the file, or the environment.
Keys, headers and environment variables of servers are masked.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			explanation, err := config.Explain(d.Path(), d.Lookup)
			if err != nil {
				return Failure(err)
			}
			if d.JSON {
				return d.WriteJSON(explanation)
			}
			_, err = fmt.Fprint(d.Data, explanation.YAML())
			return err
		},
	}
}

// schema is `sumun config schema`.
func (d *Desk) schema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of mcp.yaml, for editors",
		Example: `  sumun config schema > mcp.schema.json
  # then, in the first line of mcp.yaml:
  # yaml-language-server: $schema=mcp.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := d.Data.Write(config.Schema())
			return err
		},
	}
}

// Failure is the failure to load a configuration: all its faults, or why it could not be looked for.
func Failure(err error) error {
	faults, ok := errors.AsType[config.Faults](err)
	if !ok || len(faults) == 0 {
		return &exit.Error{Code: exit.Usage, Msg: "reading the configuration", Err: err}
	}
	e := &exit.Error{Code: exit.Usage, Target: faults[0].File, Faults: faults}
	where := "the configuration"
	if e.Target != "" {
		where = e.Target
	}
	e.Msg = fmt.Sprintf("%d faults in %s", len(faults), where)
	if len(faults) == 1 {
		e.Msg = "1 fault in " + where
	}
	return e
}
