package locksmith

import (
	"cmp"
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/terminal"
)

// A Desk is where the verbs are spoken.
type Desk struct {
	*terminal.Voice

	// Open returns a Locksmith for the configuration that the command line names, and what closes its store.
	Open func(ctx context.Context) (*Locksmith, func() error, error)
}

// Verbs are those of `sumun key`.
func (d *Desk) Verbs() []*cobra.Command {
	return []*cobra.Command{d.create(), d.list(), d.rotate(), d.revoke()}
}

// with does something with a Locksmith.
func (d *Desk) with(ctx context.Context, do func(l *Locksmith) error) (err error) {
	l, closes, err := d.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, closes()) }()
	return do(l)
}

func (d *Desk) create() *cobra.Command {
	var o Order
	cmd := &cobra.Command{
		Use:   "create --name NAME --scope SCOPE…",
		Short: "Make a key, which is shown only here",
		Long: `Make a key that may do what its scopes and roles grant, both by their names in mcp.yaml.
The key itself is printed on standard output, this once: the store keeps its SHA-256 only.
A gateway that runs lets it in at once.`,
		Example: `  sumun key create --name ci --scope read:file --expires 90d
  sumun key create --name laptop --role reader --json
  sumun key create --name admin --scope '*' --scope admin:gate`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.with(cmd.Context(), func(l *Locksmith) error {
				made, err := l.Create(cmd.Context(), o)
				if err != nil {
					return err
				}
				return d.show(made)
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "name", "", "call the key `NAME`, which the audit record will have")
	flags.StringArrayVar(&o.Scopes, "scope", nil, "give it this `SCOPE`; '*' is all that there is (repeatable)")
	flags.StringArrayVar(&o.Roles, "role", nil, "give it the scopes of this `ROLE` (repeatable)")
	flags.StringVar(&o.Expires, "expires", "", "end it after a `TIME`, such as 90d or 12h, or at a date or time")
	return cmd
}

// show prints a new key.
func (d *Desk) show(made Issued) error {
	if d.JSON {
		return d.WriteJSON(made)
	}
	d.Note("the key %s (%s) may use %s; it %s, and is shown only here", made.Name, made.ID, describe(made.Scopes, made.Roles), ending(made.ExpiresAt))
	_, err := fmt.Fprintln(d.Data, made.Key)
	return err
}

func ending(t *time.Time) string {
	if t == nil {
		return "does not end"
	}
	return "ends " + t.Format(time.RFC3339)
}

func (d *Desk) list() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the keys, with when each was last used", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.with(cmd.Context(), func(l *Locksmith) error {
				keys, err := l.List(cmd.Context(), all)
				if err != nil {
					return err
				}
				if d.JSON {
					return d.WriteJSON(keys)
				}
				return d.table(keys)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "those that are revoked or have expired, too")
	return cmd
}

func (d *Desk) table(keys []Listed) error {
	if len(keys) == 0 {
		d.Note("no keys in the store; `sumun key create` makes one")
		return nil
	}
	table := tabwriter.NewWriter(d.Data, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tID\tSTATE\tMAY USE\tENDS\tLAST USED\tUSES")
	for _, k := range keys {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\n",
			k.Name, k.ID, k.State, describe(k.Scopes, k.Roles), when(k.Expires), when(k.LastUsed), k.Uses)
	}
	return table.Flush()
}

func when(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.Format(time.RFC3339)
}

func (d *Desk) rotate() *cobra.Command {
	var overlap time.Duration
	var expires string
	cmd := &cobra.Command{
		Use:   "rotate NAME|ID",
		Short: "Give a key a new secret; the old one holds for a while yet",
		Long: `Give a key a new secret, which is shown only here. The key stays who it is: its sessions, tasks and roots go on.
The old secret holds until the overlap is over, so that every client can be given the new one meanwhile.`,
		Example: `  sumun key rotate ci
  sumun key rotate ci --overlap 0s     # the old one was lost`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.with(cmd.Context(), func(l *Locksmith) error {
				made, err := l.Rotate(cmd.Context(), args[0], overlap, expires)
				if err != nil {
					return err
				}
				return d.show(made)
			})
		},
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "let the old secret hold for this `TIME`")
	cmd.Flags().StringVar(&expires, "expires", "", "end the key after this `TIME` instead of when it would")
	return cmd
}

func (d *Desk) revoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke NAME|ID",
		Short: "End a key at once and for good",
		Long: `End a key at once and for good: within a second every gateway that shares the store refuses it, and ends its streams.
Its name is not given again, so that the record stays clear.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.with(cmd.Context(), func(l *Locksmith) error {
				k, err := l.Revoke(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if d.JSON {
					return d.WriteJSON(k)
				}
				d.Note("the key %s (%s) is revoked", k.Name, k.ID)
				return nil
			})
		},
	}
}
