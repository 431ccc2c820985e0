package registrar

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/trust"
)

func tierOf(n int) trust.Tier { return trust.Tier(n) }

func (d *Desk) choose() *cobra.Command {
	var f filters
	cmd := &cobra.Command{
		Use:   "choose",
		Short: "Choose the server with the best score among those that have a tool",
		Long: `Print the name of the server with the best score among those that have a tool, or its URL or
command where it has no name. A malicious server is never chosen, and none outside of the list
where trust.outside is warn or block. The exit code is 5 if there is none.`,
		Example: `  sumun registry choose --tool search
  sumun registry choose --tool search --tier 3 --score 70 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := f.filter()
			if err != nil {
				return err
			}
			if filter.Tool == "" {
				return &exit.Error{Code: exit.Usage, Msg: "--tool says what the server is for", Target: "--tool"}
			}
			a, err := d.ask(cmd.Context(), &registry.Request{Filter: filter})
			if err != nil {
				return err
			}
			best := a.Best()
			if best == nil {
				return &exit.Error{Code: exit.Failed, Msg: "no trusted server has the tool " + filter.Tool, Target: filter.Tool, Hint: "`sumun trust list --tool " + filter.Tool + "` shows all that have it"}
			}
			if d.JSON {
				return d.WriteJSON(best)
			}
			d.Note("%d of 100, %s", best.Score, harmless(best.Label))
			name := best.Name
			if name == "" {
				name = best.Target
			}
			_, err = fmt.Fprintln(d.Data, harmless(name))
			return err
		},
	}
	f.flags(cmd)
	return cmd
}

// An issue is what the command line says of a feed that is written.
type issue struct {
	keys                    []string
	output, issuer, expires string
	number                  int64
	all                     bool
}

func (d *Desk) export() *cobra.Command {
	var o issue
	cmd := &cobra.Command{
		Use:   "export --key FILE --issuer NAME",
		Short: "Write what is thought of servers as a signed feed, for others",
		Long: `Write what this registry thinks of servers as a feed that is signed with a key, for others to take
over. What feeds of others say does not go on, and neither do servers that only this machine
or network reaches, unless --all is given. The number of a feed rises; it is the time in
seconds unless --issue says another.`,
		Example: `  sumun registry export --key signing.pem --issuer example.com --output feed.json
  sumun registry export --key signing.pem --issuer example.com --expires 7d > feed.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.write(cmd.Context(), &o) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.keys, "key", nil, "sign it with the private key in this `FILE` (repeatable)")
	f.StringVarP(&o.output, "output", "o", "", "write it to this `FILE` (default: standard output)")
	f.StringVar(&o.issuer, "issuer", "", "who says it: a `NAME`, best a domain")
	f.StringVar(&o.expires, "expires", "30d", "how `LONG` it holds")
	f.Int64Var(&o.number, "issue", 0, "its `NUMBER`, which only rises (default: the time in seconds)")
	f.BoolVar(&o.all, "all", false, "servers that only this machine or network reaches, too")
	return cmd
}

// write writes a feed.
func (d *Desk) write(ctx context.Context, o *issue) error {
	lasts, err := span(o.expires)
	switch {
	case err != nil:
		return err
	case len(o.keys) == 0 || o.issuer == "":
		return &exit.Error{Code: exit.Usage, Msg: "--key and --issuer say who signs it", Hint: "`sumun signing-key create FILE` makes a key"}
	}
	signers := make([]*signature.Signer, len(o.keys))
	for i, name := range o.keys {
		text, err := os.ReadFile(name) //nolint:gosec // whoever types the command line names it
		if err != nil {
			return &exit.Error{Code: exit.Usage, Err: err, Target: name}
		}
		if signers[i], err = signature.ParseSigner(text); err != nil {
			return &exit.Error{Code: exit.Usage, Err: err, Target: name, Hint: "`sumun signing-key create FILE` makes one"}
		}
	}
	r, done, err := d.Open(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	if o.number == 0 {
		o.number = now.Unix()
	}
	feed := r.Feed(registry.Feed{Issuer: o.issuer, Issue: o.number, Issued: now, Expires: now.Add(lasts)}, o.all)
	if err := done(); err != nil {
		return err
	}
	text, err := feed.Sign(signers...)
	if err != nil {
		return &exit.Error{Code: exit.Usage, Err: err}
	}
	if o.output == "" {
		_, err = d.Data.Write(append(text, '\n'))
		return err
	}
	if err := replace(o.output, append(text, '\n')); err != nil {
		return &exit.Error{Code: exit.Usage, Msg: "writing " + o.output, Err: err, Target: o.output}
	}
	d.Note("%s tells of %s until %s", o.output, terminal.Count(len(feed.Servers), "server"), feed.Expires.Format(time.RFC3339))
	return nil
}

// replace writes a file as a whole: another is in its place, or nothing has happened.
func replace(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".sumun-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone where all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// span reads a length of time such as 90d or 12h.
func span(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if length, err := time.ParseDuration(text); err == nil && length > 0 {
		return length, nil
	}
	return 0, &exit.Error{Code: exit.Usage, Msg: fmt.Sprintf("%.40q is no length of time", text), Hint: "such as 30d or 12h"}
}

func (d *Desk) imports() *cobra.Command {
	var key, issuer string
	weight := 50
	cmd := &cobra.Command{
		Use:   "import FILE | URL [--key FILE]",
		Short: "Take over a signed feed of what others think of servers, or what another registry lists",
		Long: `Take over what others tell of servers. Without --key that is what a registry with the API v0.1 of the
official one lists, or server.json files; see registry search and registry add.

With --key it is a signed feed of what others think of servers. It has to be signed with a key in the file of
public keys, to hold now, and to follow the one before: neither an older one is taken, nor one of another
issuer. It counts for --weight percent of a score until it ends. To have one fetched again and
again write it under trust: {feeds: […]} in mcp.yaml.`,
		Example: `  sumun registry import https://registry.modelcontextprotocol.io
  sumun registry import feed.json --key example.pub
  sumun registry import https://example.com/feed.json --key example.pub --issuer example.com --weight 30`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if weight < 0 || weight > 100 {
				return &exit.Error{Code: exit.Usage, Msg: "--weight is from 0 to 100"}
			}
			if key == "" {
				return d.Import(cmd.Context(), args[0])
			}
			return d.take(cmd.Context(), args[0], key, &registry.Demand{Issuer: issuer, Now: time.Now()}, weight)
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "the public keys in this `FILE` count")
	cmd.Flags().StringVar(&issuer, "issuer", "", "it has to be of the issuer with this `NAME`")
	cmd.Flags().IntVar(&weight, "weight", weight, "how much of a score is theirs, in `PERCENT`")
	return cmd
}

// take takes a feed over.
func (d *Desk) take(ctx context.Context, source, key string, demand *registry.Demand, weight int) error {
	var err error
	if demand.Keys, err = registry.ReadKeys(key); err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Target: key, Hint: "`sumun signing-key create FILE` writes FILE.pub"}
	}
	text, err := registry.Read(ctx, source)
	if err != nil {
		return &exit.Error{Code: exit.Unreachable, Err: err, Target: source}
	}
	r, done, err := d.Open(ctx)
	if err != nil {
		return err
	}
	taken, err := r.Take(ctx, text, demand, registry.Taken{Weight: weight})
	if closed := done(); err == nil {
		err = closed
	}
	if refused, ok := errors.AsType[*signature.Error](err); ok {
		return &exit.Error{Code: exit.Integrity, Msg: string(refused.Reason), Err: err, Target: source}
	}
	if err != nil {
		return err
	}
	if d.JSON {
		return d.WriteJSON(map[string]any{"source": taken.Source, "issuer": taken.Feed.Issuer, "issue": taken.Feed.Issue, "servers": len(taken.Feed.Servers), "expires": taken.Feed.Expires})
	}
	d.Note("taken over: number %d of %s, about %s, until %s", taken.Feed.Issue, harmless(taken.Feed.Issuer), terminal.Count(len(taken.Feed.Servers), "server"), taken.Feed.Expires.Format(time.RFC3339))
	return nil
}

func (d *Desk) feeds() *cobra.Command {
	return &cobra.Command{
		Use: "feeds", Short: "List the feeds that were taken over", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := d.ask(cmd.Context(), &registry.Request{})
			if err != nil {
				return err
			}
			if d.JSON {
				if a.Feeds == nil {
					a.Feeds = []registry.Told{}
				}
				return d.WriteJSON(a.Feeds)
			}
			if len(a.Feeds) == 0 {
				d.Note("no feed was taken over")
				return nil
			}
			table := tabwriter.NewWriter(d.Data, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "ISSUER\tNUMBER\tSERVERS\tWEIGHT\tENDS\tSOURCE")
			for _, f := range a.Feeds {
				fmt.Fprintf(table, "%s\t%d\t%d\t%d %%\t%s\t%s\n", harmless(f.Issuer), f.Issue, f.Servers, f.Weight, f.Expires.Format(time.RFC3339), harmless(f.Source))
			}
			return table.Flush()
		},
	}
}

func (d *Desk) drop() *cobra.Command {
	return &cobra.Command{
		Use:   "drop SOURCE",
		Short: "Forget a feed, its number and its issuer too",
		Long: `Forget a feed: what it says counts no more, and neither do its number and its issuer, so that an older
one can be taken over again. SOURCE is as ` + "`sumun registry feeds`" + ` shows it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, done, err := d.Open(cmd.Context())
			if err != nil {
				return err
			}
			err = r.Store.DropFeed(cmd.Context(), args[0])
			if closed := done(); err == nil {
				err = closed
			}
			if errors.Is(err, registry.ErrUnknown) {
				return &exit.Error{Code: exit.Failed, Msg: "no feed of " + args[0] + " was taken over", Target: args[0], Hint: "`sumun registry feeds` lists those that were"}
			}
			return err
		},
	}
}
