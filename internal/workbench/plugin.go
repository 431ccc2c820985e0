package workbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/plugin/folder"
	"github.com/sumun-mcp/sumun/internal/plugin/starter"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Plugin is `sumun plugin`.
func (b *Bench) Plugin() *cobra.Command {
	top := &cobra.Command{
		Use:   "plugin",
		Short: "Make, try and list plugins: files whose functions become tools",
		Long: `Make, try and list plugins. A plugin is a file or a directory in a folder that mcp.yaml lists under plugins:
JavaScript or TypeScript (.mjs .js .ts), Python (.py), a directory of Go code, a WASI module (.wasm),
or any executable that speaks MCP. The gateway follows the folder: no restart is needed.`,
	}
	top.AddCommand(b.newCommand(), b.checkCommand(), b.listCommand())
	return top
}

func (b *Bench) newCommand() *cobra.Command {
	dir := ""
	cmd := &cobra.Command{
		Use:     "new " + strings.Join(starter.Languages(), "|") + " NAME",
		Short:   "Write a plugin to begin with",
		Example: "  sumun plugin new node greet\n  sumun call greet.hello name=Ann",
		Args:    cobra.ExactArgs(2),
		RunE:    func(_ *cobra.Command, args []string) error { return b.begin(args[0], args[1], dir) },
	}
	cmd.Flags().StringVar(&dir, "dir", "", "put it into this `DIRECTORY` instead of the folder of plugins")
	return cmd
}

// begin writes a new plugin.
func (b *Bench) begin(language, name, dir string) error {
	files, err := starter.Files(language, name)
	if err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Hint: "sumun plugin new node " + name}
	}
	if !folder.IsName(name) {
		return &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("%q cannot be the name of a plugin", name), Hint: "use letters, digits, _ and -, at most 64"}
	}
	followed := true
	if dir == "" {
		if dir, followed, err = b.folder(); err != nil {
			return err
		}
	}
	if other := slices.IndexFunc(folder.Find([]string{dir}), func(p folder.Plugin) bool { return p.Name == name }); other >= 0 {
		return &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("%s has a plugin called %s already", terminal.Relative(dir), name), Hint: "choose another name, or remove that one"}
	}
	for _, f := range files {
		if err := write(filepath.Join(dir, filepath.FromSlash(f.Name)), f.Text); err != nil {
			return &exit.Error{Code: exit.Unexpected, Msg: "writing the plugin", Err: err, Target: dir}
		}
	}
	return b.tellNew(dir, name, files, followed)
}

// folder returns the folder for new plugins, and whether the gateway here follows it.
func (b *Bench) folder() (string, bool, error) {
	c, err := b.Config()
	if err != nil {
		return "", false, err
	}
	if len(c.Plugins) > 0 {
		return c.Plugins[0], true, nil
	}
	return filepath.Join(c.Dir, "plugins"), false, nil
}

// write writes a file that is not there.
func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // others may read a plugin
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as above
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// tellNew says what was made, and what to do next.
func (b *Bench) tellNew(dir, name string, files []starter.File, followed bool) error {
	var paths []string
	for _, f := range files {
		paths = append(paths, filepath.Join(dir, filepath.FromSlash(f.Name)))
	}
	if b.JSON {
		return b.WriteJSON(map[string]any{"name": name, "files": paths, "followed": followed})
	}
	for _, p := range paths {
		if _, err := fmt.Fprintln(b.Data, terminal.Relative(p)); err != nil {
			return err
		}
	}
	if !followed {
		b.Note("nobody follows that folder yet: write `plugins: %s` into mcp.yaml", terminal.Relative(dir))
	}
	b.Note("try   sumun call %s.hello name=Ann", name)
	return nil
}

func (b *Bench) listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the plugins of the running gateway, and why some do not work", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.list(cmd.Context()) },
	}
}

// list shows how the plugins are.
func (b *Bench) list(ctx context.Context) error {
	result, err := b.Ask(ctx, mcp.MethodPlugins, struct{}{})
	if err != nil {
		return err
	}
	if b.JSON {
		return b.WriteJSON(json.RawMessage(wire.Get(result, "plugins")))
	}
	plugins := terminal.Elements(result, "plugins")
	if len(plugins) == 0 {
		b.Note("there are no plugins; mcp.yaml lists their folders under plugins, and `sumun plugin new` writes one")
		return nil
	}
	table := tabwriter.NewWriter(b.Data, 0, 0, 2, ' ', 0)
	for _, p := range plugins {
		since := terminal.Text(p, "since")
		if at, err := time.Parse(time.RFC3339, since); err == nil {
			since = at.Local().Format(time.DateTime)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", terminal.Text(p, "name"), terminal.Text(p, "state"), terminal.Text(p, "kind"),
			terminal.Text(p, "version"), since, terminal.Relative(terminal.Text(p, "path")))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, p := range plugins {
		if fault := terminal.Text(p, "error"); fault != "" {
			b.Note("%s: %s", terminal.Text(p, "name"), fault)
		}
		for _, n := range terminal.Elements(p, "notices") {
			text, _ := wire.Unquote(n)
			b.Note("%s: note: %s", terminal.Text(p, "name"), terminal.Harmless(text))
		}
	}
	return nil
}

// found returns the plugin at a path, or the one of that name in a folder of the configuration.
func (b *Bench) found(path string) (folder.Plugin, error) {
	p, err := folder.One(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return p, err
	}
	if c, failed := b.Config(); failed == nil {
		for _, one := range folder.Find(c.Plugins) {
			if one.Name == path && one.Fault == "" {
				return one, nil
			}
		}
	}
	return p, err
}
