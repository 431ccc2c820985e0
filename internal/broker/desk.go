package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/caution"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exchange"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// A Desk is where the verbs are spoken: further ones of `sumun registry`.
type Desk struct {
	*terminal.Voice

	// Config reads mcp.yaml.
	Config func() (*config.Config, error)
	// Servers are the servers that the registry of the gateway tells of.
	Servers func(ctx context.Context) (*registry.Answer, error)
	// Endpoint is the URL under which clients reach the gateway, and Version the program's version.
	Endpoint func(ctx context.Context) (string, error)
	Version  string
	// Key is shown to registries that ask for one; empty shows nothing.
	Key string
	// Caution warns of a program before it is added; yes says that it is meant.
	Caution func(s caution.Server, yes bool) error
}

// Verbs returns the verbs.
func (d *Desk) Verbs() []*cobra.Command {
	return []*cobra.Command{d.search(), d.add(), d.paper(), d.advisories()}
}

// Import takes a registry over, at a URL, or server.json files from a file. It is what `sumun registry import` does with what is no signed feed.
func (d *Desk) Import(ctx context.Context, source string) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	copied, skipped, err := d.take(ctx, Copies(cfg), source)
	if err != nil {
		return err
	}
	if d.JSON {
		return d.WriteJSON(map[string]any{"source": copied.Source, "servers": len(copied.Records), "skipped": skipped})
	}
	d.Note("taken over from %s: %s", copied.Source, terminal.Count(len(copied.Records), "version"))
	if skipped > 0 {
		d.Note("  left out, since not in the format: %d", skipped)
	}
	d.Note("  try   sumun registry search TEXT")
	return nil
}

func (d *Desk) take(ctx context.Context, copies exchange.Copies, source string) (*exchange.Copy, int, error) {
	if strings.Contains(source, "://") {
		copied, skipped, err := copies.Fetch(ctx, d.client(source))
		if err != nil {
			return nil, 0, &exit.Error{Code: exit.Unreachable, Err: err, Target: source, Hint: "the URL of a registry with the API v0.1; a signed feed needs --key"}
		}
		return copied, skipped, nil
	}
	data, err := os.ReadFile(source) //nolint:gosec // the user names it
	if err != nil {
		return nil, 0, &exit.Error{Code: exit.Usage, Err: err, Target: source}
	}
	records, err := exchange.Read(data)
	if err != nil {
		return nil, 0, &exit.Error{Code: exit.Usage, Err: err, Target: source, Hint: "a server.json, or a list of them; a signed feed needs --key"}
	}
	path, err := filepath.Abs(source)
	if err != nil {
		return nil, 0, err
	}
	copied := &exchange.Copy{Source: path, Records: records}
	return copied, 0, copies.Keep(copied)
}

func (d *Desk) client(at string) *exchange.Client { return &exchange.Client{URL: at, Key: d.Key} }

// search is `sumun registry search`.
func (d *Desk) search() *cobra.Command {
	var at string
	var every bool
	cmd := &cobra.Command{
		Use: "search TEXT", Short: "Find servers in the registries that were imported",
		Long: `Find servers whose name, title or description has a text: in the registries that were imported,
or with --at in the one at a URL, which looks at names only.`,
		Example: "  sumun registry import " + exchange.Official + "\n  sumun registry search filesystem",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			found, err := d.find(cmd.Context(), at, args[0], every)
			if err != nil {
				return err
			}
			return d.show(found)
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "ask the registry at this `URL`")
	cmd.Flags().BoolVar(&every, "all-versions", false, "show versions that are not the latest, too")
	return cmd
}

func (d *Desk) find(ctx context.Context, at, text string, every bool) ([]exchange.Found, error) {
	if at == "" {
		cfg, err := d.Config()
		if err != nil {
			return nil, err
		}
		found, err := Copies(cfg).Search(text, every)
		if err == nil && len(found) == 0 {
			d.Note("no registry that was imported has such a server; `sumun registry import %s` takes one over", exchange.Official)
		}
		return found, err
	}
	q := exchange.Query{Search: text}
	if !every {
		q.Version = "latest"
	}
	var found []exchange.Found
	for r, err := range d.client(at).All(ctx, q) {
		if err != nil {
			return nil, &exit.Error{Code: exit.Unreachable, Err: err, Target: at}
		}
		if s, err := r.Decode(); err == nil && s.Check() == nil {
			found = append(found, exchange.Found{Record: r, Server: s, From: at})
		}
	}
	return found, nil
}

func (d *Desk) show(found []exchange.Found) error {
	if d.JSON {
		all := []exchange.Record{}
		for _, f := range found {
			all = append(all, f.Record)
		}
		return d.WriteJSON(map[string]any{"servers": all})
	}
	w := tabwriter.NewWriter(d.Data, 0, 0, 2, ' ', 0)
	for _, f := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", line(f.Server.Name), line(f.Server.Version), strings.Join(ways(f.Server), ", "), line(f.Server.Description))
	}
	return w.Flush()
}

// line is a text of others in one line.
func line(s string) string { return strings.Join(strings.Fields(terminal.Harmless(s)), " ") }

// ways are the ways to reach or run a server.
func ways(s *exchange.Server) (all []string) {
	for _, r := range s.Remotes {
		all = append(all, line(r.Type))
	}
	for _, p := range s.Packages {
		all = append(all, line(p.RegistryType))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// An adding is what the flags of `sumun registry add` say.
type adding struct {
	at, as, version      string
	program, dryRun, yes bool
}

// add is `sumun registry add`.
func (d *Desk) add() *cobra.Command {
	var a adding
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add a server of a registry to mcp.yaml",
		Long: `Add a server of a registry to mcp.yaml: at its own address where it has one, else as the package that
npx, uvx or docker runs, in the version that the registry names. What has to be filled in becomes a
variable. What is known against the server is told before.`,
		Example: "  sumun registry add io.github.example/files --as files\n  sumun registry add com.example/search --at " + exchange.Official + " --dry-run",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return d.adds(cmd.Context(), args[0], &a) },
	}
	cmd.Flags().StringVar(&a.at, "at", "", "take it from the registry at this `URL`, not from those that were imported")
	cmd.Flags().StringVar(&a.as, "as", "", "call it by this `NAME` in mcp.yaml")
	cmd.Flags().StringVar(&a.version, "version", "latest", "this `VERSION`")
	cmd.Flags().BoolVar(&a.program, "package", false, "run its package here, although it has an address")
	cmd.Flags().BoolVar(&a.dryRun, "dry-run", false, "show what would be added and write nothing")
	cmd.Flags().BoolVarP(&a.yes, "yes", "y", false, "the program may run on this machine: do not ask")
	return cmd
}

func (d *Desk) adds(ctx context.Context, name string, a *adding) error {
	cfg, err := d.Config()
	if err != nil {
		return err
	}
	s, err := d.one(ctx, cfg, name, a)
	if err != nil {
		return err
	}
	e, err := s.Entry(a.as, a.program)
	if err != nil {
		return &exit.Error{Code: exit.Usage, Msg: "adding " + name, Err: err, Target: name}
	}
	for f := range d.book(cfg).Findings(e.Name, s.Parts(), "", "") {
		d.Note("%s: %s", f.Severity, line(f.Message))
	}
	text, err := e.YAML(2)
	if err != nil {
		return err
	}
	if a.dryRun {
		return d.told(e, text, "")
	}
	path := cmp.Or(cfg.Path, "mcp.yaml")
	if ext := filepath.Ext(path); ext == ".json" || ext == ".jsonc" {
		return &exit.Error{Code: exit.Usage, Msg: path + " is JSON; write the server there yourself", Hint: "sumun registry add " + name + " --dry-run --json"}
	}
	old, err := os.ReadFile(path) //nolint:gosec // the configuration that is in force
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return &exit.Error{Code: exit.Usage, Err: err, Target: path}
	}
	next, err := insert(path, cfg.Dir, old, e)
	if err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Target: path, Hint: "`sumun registry add " + name + " --dry-run` shows what to write"}
	}
	if e.Command != "" {
		if err := d.Caution(caution.Server{Name: e.Name, Command: e.Command, Args: e.Args}, a.yes); err != nil {
			return err
		}
	}
	if err := replace(path, next); err != nil {
		return err
	}
	return d.told(e, "", path)
}

// told tells what was, or would be, added.
func (d *Desk) told(e *exchange.Entry, text, path string) error {
	if d.JSON {
		return d.WriteJSON(map[string]any{"name": e.Name, "server": e, "file": path})
	}
	if text != "" {
		fmt.Fprint(d.Data, terminal.Harmless("servers:\n"+text))
	} else {
		d.Note("added %s to %s", e.Name, path)
	}
	for _, need := range slices.Sorted(maps.Keys(e.Needs)) {
		d.Note("  set %s: %s", need, cmp.Or(line(e.Needs[need]), "the registry does not say what it is"))
	}
	return nil
}

// one finds the server that is meant.
func (d *Desk) one(ctx context.Context, cfg *config.Config, name string, a *adding) (*exchange.Server, error) {
	if a.at != "" {
		r, err := d.client(a.at).One(ctx, name, a.version)
		if errors.Is(err, exchange.ErrNone) {
			return nil, &exit.Error{Code: exit.Failed, Err: err, Target: name, Hint: "sumun registry search TEXT --at " + a.at}
		}
		if err != nil {
			return nil, &exit.Error{Code: exit.Unreachable, Err: err, Target: a.at}
		}
		s, err := r.Decode()
		if err == nil {
			err = s.Check()
		}
		return s, err
	}
	found, err := Copies(cfg).Search(name, a.version != "latest")
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if f.Server.Name == name && (a.version == "latest" || a.version == f.Server.Version) {
			return f.Server, nil
		}
	}
	return nil, &exit.Error{Code: exit.Failed, Msg: "no registry that was imported has " + name, Target: name, Hint: "`sumun registry search TEXT`, or --at " + exchange.Official}
}
