package main

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// projectFS has the files of a new project. In their text {{name}} is the project and {{version}} our release; in
// their names "dot-" stands for the dot of a hidden file.
//
//go:embed template
var projectFS embed.FS

// initFile is a file that init makes.
type initFile struct {
	name string // slashed, below the project's directory
	text string
}

// initResult is what `sumun init --json` prints.
type initResult struct {
	Dir    string   `json:"dir"`
	Files  []string `json:"files"`
	DryRun bool     `json:"dryRun"`
}

// initCommand is `sumun init`.
func (a *app) initCommand() *cobra.Command {
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
			files, err := initFiles(projectName(dir))
			if err != nil {
				return err
			}
			if err := a.initConflicts(dir, files, force); err != nil {
				return err
			}
			if !dryRun {
				if err := writeProject(dir, files); err != nil {
					return &exitError{code: exitUnexpected, msg: "making the project", err: err, target: dir}
				}
			}
			return a.tellInit(dir, files, dryRun)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite files that are there already")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "list the files and write nothing")
	return cmd
}

// projectName is the name of the directory as npm and Docker accept it.
func projectName(dir string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, filepath.Base(dir))
	return cmp.Or(strings.Trim(name, "-"), "mcp-server")
}

// initFiles are the files of a project, in alphabetical order.
func initFiles(project string) ([]initFile, error) {
	fill := strings.NewReplacer("{{name}}", project, "{{version}}", version)
	var files []initFile
	err := fs.WalkDir(projectFS, "template", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := projectFS.ReadFile(name)
		if err != nil {
			return err
		}
		dir, base := path.Split(strings.TrimPrefix(name, "template/"))
		if hidden, ok := strings.CutPrefix(base, "dot-"); ok {
			base = "." + hidden
		}
		files = append(files, initFile{dir + base, fill.Replace(string(text))})
		return nil
	})
	slices.SortFunc(files, func(a, b initFile) int { return cmp.Compare(a.name, b.name) })
	return files, err
}

// initConflicts refuses a directory in which some of the files are there already.
func (a *app) initConflicts(dir string, files []initFile, force bool) error {
	var there []string
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f.name))); err == nil {
			there = append(there, f.name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return &exitError{code: exitUsage, err: err, target: dir}
		}
	}
	if len(there) == 0 || force {
		return nil
	}
	return &exitError{
		code: exitUsage, msg: fmt.Sprintf("%s has %s already", dir, strings.Join(there, ", ")), target: dir,
		hint: "sumun init in another directory, or --force to overwrite",
	}
}

// writeProject writes the files below dir, and nowhere else: links that lead out of it are refused.
func writeProject(dir string, files []initFile) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // others may read a project
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err = root.MkdirAll(path.Dir(f.name), 0o755); err != nil {
			break
		}
		if err = root.WriteFile(f.name, []byte(f.text), 0o644); err != nil {
			break
		}
	}
	return errors.Join(err, root.Close())
}

// tellInit says what was made, and what to do next.
func (a *app) tellInit(dir string, files []initFile, dryRun bool) error {
	result := initResult{Dir: dir, DryRun: dryRun}
	for _, f := range files {
		result.Files = append(result.Files, f.name)
	}
	switch {
	case a.json:
		return a.writeJSON(result)
	case dryRun:
		_, err := fmt.Fprintln(a.stdout, strings.Join(result.Files, "\n"))
		return err
	}
	a.note("made %s", dir)
	for _, name := range result.Files {
		a.note("  %s", name)
	}
	a.note(`next
  cd %s
  npm install && npm run build
  export MCP_API_KEY=$(openssl rand -hex 32)
  sumun serve`, dir)
	return nil
}
