package workbench

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/scaffold"
)

// initResult is what `sumun init --json` prints.
type initResult struct {
	Dir    string   `json:"dir"`
	Files  []string `json:"files"`
	DryRun bool     `json:"dryRun"`
}

// Init is `sumun init`.
func (b *Bench) Init() *cobra.Command {
	var force, dryRun bool
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Make a project: an MCP server in TypeScript behind the gateway",
		Long: `Make a project in DIR, or in this directory: an MCP server in TypeScript with a tool and a resource,
the configuration of the gateway in front of it, and a Dockerfile for both.
Files that are there already are never overwritten, unless --force is given.`,
		Example: "  sumun init my-server",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := filepath.Abs(cmp.Or(strings.Join(args, ""), "."))
			if err != nil {
				return err
			}
			files, err := scaffold.Files(scaffold.Name(dir), b.Version)
			if err != nil {
				return err
			}
			if err := initConflicts(dir, files, force); err != nil {
				return err
			}
			if !dryRun {
				if err := scaffold.Write(dir, files); err != nil {
					return &exit.Error{Code: exit.Unexpected, Msg: "making the project", Err: err, Target: dir}
				}
			}
			return b.tellInit(dir, files, dryRun)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite files that are there already")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "list the files and write nothing")
	return cmd
}

// initConflicts refuses a directory in which some of the files are there already.
func initConflicts(dir string, files []scaffold.File, force bool) error {
	there, err := scaffold.Existing(dir, files)
	switch {
	case err != nil:
		return &exit.Error{Code: exit.Usage, Err: err, Target: dir}
	case len(there) == 0 || force:
		return nil
	}
	return &exit.Error{
		Code: exit.Usage, Msg: fmt.Sprintf("%s has %s already", dir, strings.Join(there, ", ")), Target: dir,
		Hint: "sumun init in another directory, or --force to overwrite",
	}
}

// tellInit says what was made, and what to do next.
func (b *Bench) tellInit(dir string, files []scaffold.File, dryRun bool) error {
	result := initResult{Dir: dir, DryRun: dryRun}
	for _, f := range files {
		result.Files = append(result.Files, f.Name)
	}
	switch {
	case b.JSON:
		return b.WriteJSON(result)
	case dryRun:
		_, err := fmt.Fprintln(b.Data, strings.Join(result.Files, "\n"))
		return err
	}
	b.Note("made %s", dir)
	for _, name := range result.Files {
		b.Note("  %s", name)
	}
	b.Note(`next
  cd %s
  npm install && npm run build
  export MCP_API_KEY=$(openssl rand -hex 32)
  sumun serve`, dir)
	return nil
}
