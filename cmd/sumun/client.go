package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/host"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// client is what the flags of the verbs below `sumun client` say.
type client struct {
	*app

	name      string
	scope     string
	transport string
	command   string
	literal   bool
	dryRun    bool
}

// clientCommand is `sumun client`: the gateway in the configuration of the hosts on this machine.
func (a *app) clientCommand() *cobra.Command {
	c := &client{app: a}
	cmd := a.group(&cobra.Command{
		Use:   "client",
		Short: "Add the gateway to Claude, Cursor, VS Code and other hosts",
		Long: `Add the gateway to the MCP configuration of a host on this machine, or remove it.
Files are edited in place: comments, order and layout stay, and a backup is made beside them.

` + hostHelp(),
	}, c.addCommand(), c.listCommand(), c.removeCommand(), c.snippetCommand())
	cmd.PersistentFlags().StringVar(&c.name, "name", "sumun", "the `NAME` under which the host lists the gateway")
	return cmd
}

// hostHelp lists the hosts for the help text.
func hostHelp() string {
	var b strings.Builder
	b.WriteString("Hosts:")
	for _, h := range host.All() {
		fmt.Fprintf(&b, "\n  %-16s%s", h.ID, h.Title)
	}
	return b.String()
}

// hostVerb is a verb whose one argument is a host.
func (c *client) hostVerb(verb, short string, run func(context.Context, host.Host) error) *cobra.Command {
	var ids []string
	for _, h := range host.All() {
		ids = append(ids, h.ID)
	}
	return &cobra.Command{
		Use:       verb + " HOST",
		Short:     short,
		Long:      short + ".\n\n" + hostHelp(),
		ValidArgs: ids,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &exitError{code: exitUsage, msg: cmd.CommandPath() + " needs one host", hint: cmd.CommandPath() + " cursor"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			h, ok := host.Lookup(args[0])
			if !ok {
				e := &exitError{code: exitUsage, msg: fmt.Sprintf("unknown host %q", args[0]), target: args[0], hint: "one of " + strings.Join(ids, ", ")}
				if near := terminal.Nearest(args[0], ids); near != "" {
					e.msg += fmt.Sprintf("; did you mean %q?", near)
					e.hint = cmd.CommandPath() + " " + near
				}
				return e
			}
			return run(cmd.Context(), h)
		},
	}
}

// addCommand is `sumun client add`.
func (c *client) addCommand() *cobra.Command {
	cmd := c.hostVerb("add", "Add the gateway to the configuration of a host", c.add)
	cmd.Example = `  sumun client add claude-code
  sumun client add vscode --scope project --dry-run
  sumun client add cursor --url https://mcp.example.com/mcp`
	c.entryFlags(cmd)
	c.fileFlags(cmd)
	return cmd
}

// removeCommand is `sumun client remove`.
func (c *client) removeCommand() *cobra.Command {
	cmd := c.hostVerb("remove", "Remove the gateway from the configuration of a host", c.remove)
	c.fileFlags(cmd)
	return cmd
}

// snippetCommand is `sumun client snippet`.
func (c *client) snippetCommand() *cobra.Command {
	cmd := c.hostVerb("snippet", "Print what to paste into the configuration of a host", c.snippet)
	c.entryFlags(cmd)
	c.scopeFlag(cmd)
	return cmd
}

// entryFlags are the flags that say how the host shall reach the gateway.
func (c *client) entryFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.transport, "transport", "", "stdio (the host starts sumun connect) or http (default: stdio, or http with --url where the host can)")
	flags.StringVar(&c.command, "command", "", "start this `PROGRAM` for stdio: sumun, say, for a file that others share (default: the path of this one)")
	flags.BoolVar(&c.literal, "literal-key", false, "write the key itself into the file, for http")
}

// fileFlags are the flags of verbs that write a file.
func (c *client) fileFlags(cmd *cobra.Command) {
	c.scopeFlag(cmd)
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "show the change as a diff and write nothing")
}

// scopeFlag is the flag that says which of a host's files is meant.
func (c *client) scopeFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.scope, "scope", string(host.User), "user, or project: the file in this directory, where the host has one")
}

// add writes the gateway into the file of h.
func (c *client) add(ctx context.Context, h host.Host) error {
	path, err := c.path(h)
	if err != nil {
		return err
	}
	entry, err := c.entry(ctx, h)
	if err != nil {
		return err
	}
	f, err := openHostFile(h, path)
	if err != nil {
		return err
	}
	names, err := h.Servers(f.Data)
	if err != nil {
		return c.unreadable(h, path, err)
	}
	data, err := h.Add(f.Data, entry)
	if err != nil {
		return c.unreadable(h, path, err)
	}
	action := "added"
	if slices.Contains(names, c.name) {
		action = "updated"
	}
	done, err := c.write(h, f, data, action)
	if err == nil && done && entry.URL != "" && entry.Key == "" && !h.AsksForKey() {
		c.note("%s takes the key from the environment variable %s: set it where %[1]s starts", h.Title, host.KeyVariable)
	}
	return err
}

// remove takes the gateway out of the file of h.
func (c *client) remove(_ context.Context, h host.Host) error {
	path, err := c.path(h)
	if err != nil {
		return err
	}
	f, err := openHostFile(h, path)
	if err != nil {
		return err
	}
	data, err := h.Remove(f.Data, c.name, f.Backups()...)
	if err != nil {
		return c.unreadable(h, path, err)
	}
	_, err = c.write(h, f, data, "removed")
	return err
}

// snippet prints what add would write into an empty file.
func (c *client) snippet(ctx context.Context, h host.Host) error {
	entry, err := c.entry(ctx, h)
	if err != nil {
		return err
	}
	text, err := h.Snippet(entry)
	if err != nil {
		return err
	}
	path, err := c.path(h)
	if err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(map[string]string{"host": h.ID, "scope": c.scope, "file": path, "snippet": string(text)})
	}
	c.note("for %s:", path)
	_, err = c.stdout.Write(text)
	return err
}

// change is what `sumun client add|remove --json` prints.
type change struct {
	Host    string `json:"host"`
	Scope   string `json:"scope"`
	File    string `json:"file"`
	Name    string `json:"name"`
	Action  string `json:"action"` // added, updated, removed or unchanged
	DryRun  bool   `json:"dryRun"`
	Backup  string `json:"backup,omitempty"`
	Diff    string `json:"diff,omitempty"`    // with --dry-run
	Warning string `json:"warning,omitempty"` // a key lies in a file that others may see
}

// write puts data into the file, or shows what would change; done says that the file was written.
func (c *client) write(h host.Host, f *host.File, data []byte, action string) (done bool, err error) {
	ch := change{Host: h.ID, Scope: c.scope, File: f.Path, Name: c.name, Action: action, DryRun: c.dryRun}
	switch {
	case string(data) == string(f.Data):
		ch.Action = "unchanged"
	case c.dryRun:
		ch.Diff = f.Diff(data)
	default:
		ch.Backup, err = f.Write(data, c.scope == string(host.User) || c.literal)
		if err != nil {
			return false, &exitError{code: exitUnexpected, msg: "writing " + f.Path, err: err, target: f.Path, hint: tryAgain(err)}
		}
		done = true
		if c.literal && c.scope == string(host.Project) {
			ch.Warning = "the file holds the key: keep it out of version control"
		}
	}
	if c.json {
		return done, c.writeJSON(ch)
	}
	return done, c.tell(h, ch)
}

// tell says in words what was done.
func (c *client) tell(h host.Host, ch change) error {
	switch {
	case ch.Diff != "":
		_, err := fmt.Fprint(c.stdout, ch.Diff)
		return err
	case ch.Action == "unchanged":
		c.note("%s: nothing to change in %s", h.Title, ch.File)
	default:
		c.note("%s: %s %q in %s", h.Title, ch.Action, ch.Name, ch.File)
	}
	if ch.Backup != "" {
		c.note("  backup: %s", ch.Backup)
	}
	if ch.Warning != "" {
		c.note("  warning: %s", ch.Warning)
	}
	return nil
}

// tryAgain is the hint for a file that could not be written.
func tryAgain(err error) string {
	if errors.Is(err, host.ErrChanged) {
		return "the same command again"
	}
	return ""
}

// path is the file that --scope names.
func (c *client) path(h host.Host) (string, error) {
	env, err := host.Here(c.getenv)
	if err != nil {
		return "", err
	}
	path, err := h.File(env, host.Scope(c.scope))
	if err != nil {
		return "", &exitError{code: exitUsage, err: err, target: h.ID, hint: "--scope user, or project where the host has one"}
	}
	return path, nil
}

// openHostFile reads the file of h.
func openHostFile(h host.Host, path string) (*host.File, error) {
	f, err := host.Open(path)
	if err != nil {
		return nil, &exitError{code: exitUsage, msg: "reading the configuration of " + h.Title, err: err, target: path}
	}
	return f, nil
}

// unreadable is the refusal to touch a file that is not understood.
func (c *client) unreadable(h host.Host, path string, err error) error {
	return &exitError{
		code: exitUsage, msg: path, err: err, target: path,
		hint: fmt.Sprintf("repair the file, or paste what `sumun client snippet %s` prints", h.ID),
	}
}
