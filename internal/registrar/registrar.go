// Package registrar has the verbs about who is trusted: trust, for the list of trusted servers, and registry, for what is thought of servers,
// here and by others.
package registrar

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// A Desk is where the verbs are spoken.
type Desk struct {
	*terminal.Voice

	// Ask has a registry do something: that of the running gateway, or else the store of this directory's mcp.yaml.
	Ask func(ctx context.Context, q *registry.Request) (*registry.Answer, error)
	// Open opens the registry of this directory's mcp.yaml, which the function that comes with it closes.
	Open func(ctx context.Context) (*registry.Registry, func() error, error)
	// Import takes over what is no signed feed: another registry at a URL, or server.json files.
	Import func(ctx context.Context, source string) error
}

// Trust returns the verb trust. Group makes a verb of several.
func (d *Desk) Trust(group func(cmd *cobra.Command, verbs ...*cobra.Command) *cobra.Command) *cobra.Command {
	return group(&cobra.Command{Use: "trust", Short: "List, add and remove the servers that are trusted"}, d.list(), d.show(), d.add(), d.remove())
}

// Registry returns the verb registry, with further verbs of it.
func (d *Desk) Registry(group func(cmd *cobra.Command, verbs ...*cobra.Command) *cobra.Command, more ...*cobra.Command) *cobra.Command {
	verbs := append([]*cobra.Command{d.choose(), d.export(), d.imports(), d.feeds(), d.drop()}, more...)
	return group(&cobra.Command{Use: "registry", Short: "Choose servers by their scores, and exchange scores with others"}, verbs...)
}

// ask has the registry do something. What it refuses gets its exit code.
func (d *Desk) ask(ctx context.Context, q *registry.Request) (*registry.Answer, error) {
	a, err := d.Ask(ctx, q)
	if told := mcp.AsError(err); told != nil {
		code := exit.Failed
		if told.Reason == mcp.InvalidArguments {
			code = exit.Usage
		}
		err = &exit.Error{Code: code, Msg: told.Message}
	}
	if failed, ok := errors.AsType[*exit.Error](err); ok && failed.Code == exit.Failed {
		failed.Hint = "`sumun trust list` shows what there is"
	}
	return a, err
}

// filters are the flags that say which servers are meant.
type filters struct {
	name, tool  string
	tier, score int
	listed      bool
}

func (f *filters) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.tool, "tool", "", "those that have a tool of this `NAME`, as they call it")
	cmd.Flags().IntVar(&f.tier, "tier", -1, "those of this `TIER`: 1, 2, 3, or 0 for those that nobody has asked")
	cmd.Flags().IntVar(&f.score, "score", 0, "those with this `SCORE` at least, of 100")
	cmd.Flags().BoolVar(&f.listed, "listed", false, "those that are on the list of trusted servers")
}

// filter returns what the flags say.
func (f *filters) filter() (registry.Filter, error) {
	filter := registry.Filter{Name: f.name, Score: f.score, Tool: f.tool, Listed: f.listed}
	if f.tier < -1 || f.tier > 3 || f.score < 0 || f.score > 100 {
		return filter, &exit.Error{Code: exit.Usage, Msg: "a tier is from 0 to 3, a score from 0 to 100"}
	}
	if f.tier >= 0 {
		filter.Tier = new(tierOf(f.tier))
	}
	return filter, nil
}

func (d *Desk) list() *cobra.Command {
	var f filters
	cmd := &cobra.Command{
		Use:   "list [NAME]",
		Short: "List the servers that are known, the best first",
		Long: `List the servers that are known, the best first: their score, their tier, whether they are
on the list of trusted servers, and on what the score rests: a scan, what the gateway sees of
the server, or its address alone. NAME is a name or a pattern with *, a URL or an id.`,
		Example: `  sumun trust list
  sumun trust list 'team-*' --score 60
  sumun trust list --tool search --tier 3 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.name = strings.Join(args, "")
			filter, err := f.filter()
			if err != nil {
				return err
			}
			a, err := d.ask(cmd.Context(), &registry.Request{Filter: filter})
			if err != nil {
				return err
			}
			return d.tell(a)
		},
	}
	f.flags(cmd)
	return cmd
}

// tell prints servers, a line each.
func (d *Desk) tell(a *registry.Answer) error {
	if d.JSON {
		return d.WriteJSON(a)
	}
	if len(a.Servers) == 0 {
		d.Note("the registry knows no such server")
		return nil
	}
	table := tabwriter.NewWriter(d.Data, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SCORE\tTIER\tLISTED\tBY\tNAME\tTARGET\tLAST SEEN")
	for i := range a.Servers {
		s := &a.Servers[i]
		listed := "no"
		if s.Allowed {
			listed = "yes"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Score, harmless(s.Label), listed, s.Basis, harmless(s.Name), harmless(s.Target), day(s.Seen))
	}
	return table.Flush()
}

// day tells when something was seen.
func day(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.Format(time.RFC3339)
}

// harmless returns a text on one line.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, terminal.Harmless(s))
}

func (d *Desk) show() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show all that is known of a server: score, reasons, history",
		Example: "  sumun trust show github\n  sumun trust show https://mcp.example.com/mcp --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := d.ask(cmd.Context(), &registry.Request{Filter: registry.Filter{Name: args[0], History: true}})
			if err != nil {
				return err
			}
			if len(a.Servers) == 0 {
				return &exit.Error{Code: exit.Failed, Msg: "the registry knows no server " + args[0], Target: args[0], Hint: "`sumun trust list` shows those that it knows"}
			}
			if d.JSON {
				return d.WriteJSON(a.Servers)
			}
			for i := range a.Servers {
				if _, err := fmt.Fprint(d.Data, describe(&a.Servers[i])); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// describe tells all that is known of a server.
func describe(s *registry.Shown) string {
	var b strings.Builder
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-10s %s\n", what, harmless(text))
		}
	}
	fmt.Fprintf(&b, "%s: %d of 100, %s (by %s)\n", harmless(s.Name), s.Score, harmless(s.Label), s.Basis)
	line("target", s.Target)
	line("id", s.ID)
	switch {
	case s.Listed:
		line("trusted", strings.TrimSuffix(fmt.Sprintf("since %s by %s: %s", day(s.Added), s.By, s.Why), ": "))
	case s.Allowed:
		line("trusted", "by trust.registry in mcp.yaml")
	default:
		line("trusted", "no")
	}
	line("signer", s.Signer)
	line("signed by", strings.Join(s.Signers, " "))
	line("software", strings.TrimSpace(s.Software+" "+s.Version))
	line("tools", strings.Join(s.Tools, ", "))
	line("seen", fmt.Sprintf("%s to %s", day(s.First), day(s.Seen)))
	for _, r := range s.Reasons {
		fmt.Fprintf(&b, "  %+4d %s\n", r.Points, harmless(r.Text))
	}
	for i := range s.History {
		e := &s.History[i]
		text := fmt.Sprintf("%s, score %d, %s", e.What, e.Score, e.Label)
		if e.By != "" {
			text += ", by " + e.By
		}
		if e.Why != "" {
			text += ": " + e.Why
		}
		fmt.Fprintf(&b, "  %s %s\n", e.At.Format(time.RFC3339), harmless(text))
		for _, c := range e.Changes {
			fmt.Fprintf(&b, "    %s\n", harmless(c))
		}
	}
	return b.String()
}

func (d *Desk) add() *cobra.Command {
	var a registry.Addition
	var revision int64
	cmd := &cobra.Command{
		Use:   "add NAME | URL | -- COMMAND ARG…",
		Short: "Put a server on the list of trusted servers",
		Long: `Put a server on the list of trusted servers: one of mcp.yaml by its name there, one at a URL, or
one that a command starts. What is kept is its URL or command line, not its name: another
server under that name is not trusted. With --signer it has to be signed with that key too.
What becomes of servers that are not on the list is said by trust.outside in mcp.yaml.`,
		Example: `  sumun trust add github --why 'reviewed by the platform team'
  sumun trust add https://mcp.example.com/mcp
  sumun trust add -- npx -y @example/server@1.2.3`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := meant(&a, args, cmd.ArgsLenAtDash() == 0); err != nil {
				return err
			}
			q := &registry.Request{Add: []registry.Addition{a}, IfRevision: ifRevision(cmd, &revision)}
			answer, err := d.ask(cmd.Context(), q)
			if err != nil {
				return err
			}
			d.Note("trusted: %s; the list is of revision %d", strings.Join(args, " "), answer.Revision)
			return d.asJSON(answer)
		},
	}
	cmd.Flags().StringVar(&a.Name, "name", "", "what to call it: a `NAME`, for one that is not in mcp.yaml")
	cmd.Flags().StringVar(&a.Why, "why", "", "why it is trusted: a `TEXT`, for those who read the list")
	cmd.Flags().StringVar(&a.Signer, "signer", "", "the `ID` of the key that it has to be signed with")
	cmd.Flags().Int64Var(&revision, "if-revision", 0, "only if the list is of this `REVISION`")
	return cmd
}

// meant fills in which server the command line means.
func meant(a *registry.Addition, args []string, command bool) error {
	switch {
	case command:
		dir, err := os.Getwd()
		if err != nil {
			return fmt.Errorf("finding the working directory: %w", err)
		}
		a.Command, a.Args, a.Dir = args[0], args[1:], dir
	case len(args) > 1:
		return &exit.Error{Code: exit.Usage, Msg: "one server is added at a time", Hint: "write -- before a command"}
	case strings.Contains(args[0], "://"):
		a.URL = args[0]
	default:
		a.Server = args[0]
	}
	return nil
}

// ifRevision returns the revision that was given, nil if none was.
func ifRevision(cmd *cobra.Command, revision *int64) *int64 {
	if !cmd.Flags().Changed("if-revision") {
		return nil
	}
	return revision
}

// asJSON prints the answer to a change, where that is wanted.
func (d *Desk) asJSON(a *registry.Answer) error {
	if !d.JSON {
		return nil
	}
	return d.WriteJSON(a)
}

func (d *Desk) remove() *cobra.Command {
	var m registry.Removal
	var revision int64
	cmd := &cobra.Command{
		Use:   "remove NAME | URL | ID",
		Short: "Take a server off the list of trusted servers",
		Long: `Take a server off the list of trusted servers. What is known of it stays, with its history, unless
--forget is given. A server that trust.registry in mcp.yaml names stays trusted.`,
		Example: `  sumun trust remove github --why 'its maintainer has changed'
  sumun trust remove https://mcp.example.com/mcp --forget`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			m.Server = args[0]
			answer, err := d.ask(cmd.Context(), &registry.Request{Remove: []registry.Removal{m}, IfRevision: ifRevision(cmd, &revision)})
			if err != nil {
				return err
			}
			d.Note("not trusted any more: %s; the list is of revision %d", args[0], answer.Revision)
			return d.asJSON(answer)
		},
	}
	cmd.Flags().StringVar(&m.Why, "why", "", "why: a `TEXT`, for its history")
	cmd.Flags().BoolVar(&m.Forget, "forget", false, "forget all that is known of it, its history too")
	cmd.Flags().Int64Var(&revision, "if-revision", 0, "only if the list is of this `REVISION`")
	return cmd
}
