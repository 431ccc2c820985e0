package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/doctor"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/own"
)

// configCommand is `sumun config`: what a configuration says, and whether it is right.
func (a *app) configCommand() *cobra.Command {
	return a.group(&cobra.Command{
		Use:   "config",
		Short: "Check or explain a configuration",
	}, a.configCheckCommand(), a.configExplainCommand(), a.configSchemaCommand())
}

// configCheckCommand is `sumun config check`. Success is silent.
func (a *app) configCheckCommand() *cobra.Command {
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
			cfg, err := config.Load(a.config, a.lookupEnv)
			if err == nil {
				err = own.Check(cmd.Context(), cfg)
			}
			if err != nil {
				return configError(err)
			}
			warnings := slices.Concat(cfg.Warnings, doctor.Missing(cfg))
			if a.JSON {
				return a.WriteJSON(checked{File: cfg.Path, Servers: len(cfg.Servers), Warnings: warnings})
			}
			for _, warning := range warnings {
				a.Note("warning: %s", warning)
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

// configExplainCommand is `sumun config explain`.
func (a *app) configExplainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain",
		Short: "Print the configuration in force, with the origin of each value",
		Long: `Print the configuration in force as YAML. A comment behind each value tells
where it comes from: the default, a line of the file, or the environment.
Keys, headers and environment variables of servers are masked.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			explanation, err := config.Explain(a.config, a.lookupEnv)
			if err != nil {
				return configError(err)
			}
			if a.JSON {
				return a.WriteJSON(explanation)
			}
			_, err = fmt.Fprint(a.Data, explanation.YAML())
			return err
		},
	}
}

// configSchemaCommand is `sumun config schema`.
func (a *app) configSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of mcp.yaml, for editors",
		Example: `  sumun config schema > mcp.schema.json
  # then, in the first line of mcp.yaml:
  # yaml-language-server: $schema=mcp.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.Data.Write(config.Schema())
			return err
		},
	}
}

// lookupEnv is how a configuration sees the environment. A variable that is set to nothing counts as not set.
func (a *app) lookupEnv(name string) (string, bool) {
	value := a.getenv(name)
	return value, value != ""
}

// configError is the failure to load a configuration: all its faults, or why it could not be looked for.
func configError(err error) error {
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
