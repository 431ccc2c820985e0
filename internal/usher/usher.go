// Package usher shows the hosts of this machine to the gateway: the verbs of `sumun client`, which write it into their configuration,
// take it out again, and tell how each stands. Package host knows the files.
package usher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/caution"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/host"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// Flags are those of the whole program that say which gateway is meant.
type Flags struct{ URL, Config, Key string }

// An Usher is where the verbs are spoken.
type Usher struct {
	*terminal.Voice

	// Flags is asked when a verb runs: only then the command line is read.
	Flags  func() Flags
	Getenv func(string) string
	// Caution warns of a program before a host is told to start it for the first time; yes says that it is meant. An error leaves the host's
	// file as it is.
	Caution func(s caution.Server, yes bool) error
	// Endpoint is the URL of the gateway that is meant, for a host that talks to it itself.
	Endpoint func(ctx context.Context) (string, error)
}

// A verb is what the flags of the verbs say.
type verb struct {
	*Usher

	name      string
	scope     string
	transport string
	command   string
	literal   bool
	dryRun    bool
	yes       bool
}

// Long describes `sumun client`, with the hosts that it knows.
func Long() string {
	return `Add the gateway to the MCP configuration of a host on this machine, or remove it.
Files are edited in place: comments, order and layout stay, and a backup is made beside them.

` + hostHelp()
}

// AddVerbs puts the verbs below parent, and the flag that all of them have.
func (u *Usher) AddVerbs(parent *cobra.Command) {
	v := &verb{Usher: u}
	parent.AddCommand(v.addCommand(), v.listCommand(), v.removeCommand(), v.snippetCommand())
	parent.PersistentFlags().StringVar(&v.name, "name", "sumun", "the `NAME` under which the host lists the gateway")
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
func (v *verb) hostVerb(use, short string, run func(context.Context, host.Host) error) *cobra.Command {
	var ids []string
	for _, h := range host.All() {
		ids = append(ids, h.ID)
	}
	return &cobra.Command{
		Use:       use + " HOST",
		Short:     short,
		Long:      short + ".\n\n" + hostHelp(),
		ValidArgs: ids,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &exit.Error{Code: exit.Usage, Msg: cmd.CommandPath() + " needs one host", Hint: cmd.CommandPath() + " cursor"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			h, ok := host.Lookup(args[0])
			if !ok {
				e := &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("unknown host %q", args[0]), Target: args[0], Hint: "one of " + strings.Join(ids, ", ")}
				if near := terminal.Nearest(args[0], ids); near != "" {
					e.Msg += fmt.Sprintf("; did you mean %q?", near)
					e.Hint = cmd.CommandPath() + " " + near
				}
				return e
			}
			return run(cmd.Context(), h)
		},
	}
}

// addCommand is `sumun client add`.
func (v *verb) addCommand() *cobra.Command {
	cmd := v.hostVerb("add", "Add the gateway to the configuration of a host", v.add)
	cmd.Example = `  sumun client add claude-code
  sumun client add vscode --scope project --dry-run
  sumun client add cursor --url https://mcp.example.com/mcp`
	v.entryFlags(cmd)
	v.fileFlags(cmd)
	cmd.Flags().BoolVarP(&v.yes, "yes", "y", false, "the host may start the gateway on this machine: do not ask")
	return cmd
}

// removeCommand is `sumun client remove`.
func (v *verb) removeCommand() *cobra.Command {
	cmd := v.hostVerb("remove", "Remove the gateway from the configuration of a host", v.remove)
	v.fileFlags(cmd)
	return cmd
}

// snippetCommand is `sumun client snippet`.
func (v *verb) snippetCommand() *cobra.Command {
	cmd := v.hostVerb("snippet", "Print what to paste into the configuration of a host", v.snippet)
	v.entryFlags(cmd)
	v.scopeFlag(cmd)
	return cmd
}

// entryFlags are the flags that say how the host shall reach the gateway.
func (v *verb) entryFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&v.transport, "transport", "", "stdio (the host starts sumun connect) or http (default: stdio, or http with --url where the host can)")
	flags.StringVar(&v.command, "command", "", "start this `PROGRAM` for stdio: sumun, say, for a file that others share (default: the path of this one)")
	flags.BoolVar(&v.literal, "literal-key", false, "write the key itself into the file, for http")
}

// fileFlags are the flags of verbs that write a file.
func (v *verb) fileFlags(cmd *cobra.Command) {
	v.scopeFlag(cmd)
	cmd.Flags().BoolVar(&v.dryRun, "dry-run", false, "show the change as a diff and write nothing")
}

// scopeFlag is the flag that says which of a host's files is meant.
func (v *verb) scopeFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&v.scope, "scope", string(host.User), "user, or project: the file in this directory, where the host has one")
}

// add writes the gateway into the file of h.
func (v *verb) add(ctx context.Context, h host.Host) error {
	path, err := v.path(h)
	if err != nil {
		return err
	}
	entry, err := v.entry(ctx, h)
	if err != nil {
		return err
	}
	f, err := openHostFile(h, path)
	if err != nil {
		return err
	}
	names, err := h.Servers(f.Data)
	if err != nil {
		return v.unreadable(h, path, err)
	}
	data, err := h.Add(f.Data, entry)
	if err != nil {
		return v.unreadable(h, path, err)
	}
	if entry.Command != "" && !v.dryRun && string(data) != string(f.Data) {
		if err := v.Caution(caution.Server{Name: v.name, Command: entry.Command, Args: entry.Args}, v.yes); err != nil {
			return err
		}
	}
	action := "added"
	if slices.Contains(names, v.name) {
		action = "updated"
	}
	done, err := v.write(h, f, data, action)
	if err == nil && done && entry.URL != "" && entry.Key == "" && !h.AsksForKey() {
		v.Note("%s takes the key from the environment variable %s: set it where %[1]s starts", h.Title, host.KeyVariable)
	}
	return err
}

// remove takes the gateway out of the file of h.
func (v *verb) remove(_ context.Context, h host.Host) error {
	path, err := v.path(h)
	if err != nil {
		return err
	}
	f, err := openHostFile(h, path)
	if err != nil {
		return err
	}
	data, err := h.Remove(f.Data, v.name, f.Backups()...)
	if err != nil {
		return v.unreadable(h, path, err)
	}
	_, err = v.write(h, f, data, "removed")
	return err
}

// snippet prints what add would write into an empty file.
func (v *verb) snippet(ctx context.Context, h host.Host) error {
	entry, err := v.entry(ctx, h)
	if err != nil {
		return err
	}
	text, err := h.Snippet(entry)
	if err != nil {
		return err
	}
	path, err := v.path(h)
	if err != nil {
		return err
	}
	if v.JSON {
		return v.WriteJSON(map[string]string{"host": h.ID, "scope": v.scope, "file": path, "snippet": string(text)})
	}
	v.Note("for %s:", path)
	_, err = v.Data.Write(text)
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
func (v *verb) write(h host.Host, f *host.File, data []byte, action string) (done bool, err error) {
	ch := change{Host: h.ID, Scope: v.scope, File: f.Path, Name: v.name, Action: action, DryRun: v.dryRun}
	switch {
	case string(data) == string(f.Data):
		ch.Action = "unchanged"
	case v.dryRun:
		ch.Diff = f.Diff(data)
	default:
		ch.Backup, err = f.Write(data, v.scope == string(host.User) || v.literal)
		if err != nil {
			return false, &exit.Error{Code: exit.Unexpected, Msg: "writing " + f.Path, Err: err, Target: f.Path, Hint: tryAgain(err)}
		}
		done = true
		if v.literal && v.scope == string(host.Project) {
			ch.Warning = "the file holds the key: keep it out of version control"
		}
	}
	if v.JSON {
		return done, v.WriteJSON(ch)
	}
	return done, v.tell(h, ch)
}

// tell says in words what was done.
func (v *verb) tell(h host.Host, ch change) error {
	switch {
	case ch.Diff != "":
		_, err := fmt.Fprint(v.Data, ch.Diff)
		return err
	case ch.Action == "unchanged":
		v.Note("%s: nothing to change in %s", h.Title, ch.File)
	default:
		v.Note("%s: %s %q in %s", h.Title, ch.Action, ch.Name, ch.File)
	}
	if ch.Backup != "" {
		v.Note("  backup: %s", ch.Backup)
	}
	if ch.Warning != "" {
		v.Note("  warning: %s", ch.Warning)
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
func (v *verb) path(h host.Host) (string, error) {
	env, err := host.Here(v.Getenv)
	if err != nil {
		return "", err
	}
	path, err := h.File(env, host.Scope(v.scope))
	if err != nil {
		return "", &exit.Error{Code: exit.Usage, Err: err, Target: h.ID, Hint: "--scope user, or project where the host has one"}
	}
	return path, nil
}

// openHostFile reads the file of h.
func openHostFile(h host.Host, path string) (*host.File, error) {
	f, err := host.Open(path)
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Msg: "reading the configuration of " + h.Title, Err: err, Target: path}
	}
	return f, nil
}

// unreadable is the refusal to touch a file that is not understood.
func (v *verb) unreadable(h host.Host, path string, err error) error {
	return &exit.Error{
		Code: exit.Usage, Msg: path, Err: err, Target: path,
		Hint: fmt.Sprintf("repair the file, or paste what `sumun client snippet %s` prints", h.ID),
	}
}
