// Package approver is the verb `sumun approve`: it shows the calls that wait for a person, and takes decisions on them to the gateway.
package approver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/approve"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Desk is where the verb is spoken.
type Desk struct {
	*terminal.Voice

	// Ask makes one request of the gateway.
	Ask func(ctx context.Context, method string, params any) ([]byte, error)
	// In is where a person types, if Typing says that one does.
	In     io.Reader
	Typing bool
}

// An order is what the command line says.
type order struct {
	deny, always, watch, list bool
	reason, lasts, forget     string
}

// Command returns the verb.
func (d *Desk) Command() *cobra.Command {
	var o order
	cmd := &cobra.Command{
		Use:   "approve [ID]",
		Short: "Show the calls that wait for a person, and allow or deny them",
		Long: `Show the calls that wait for a person, or with the id of one allow it, once or for
a while. What is not allowed in time is refused. Which calls wait at all is said by
autoRun and approvals in mcp.yaml. The key needs the scope admin:gate, as local has.`,
		Example: `  sumun approve
  sumun approve k3vq7p2m --reason 'as agreed'
  sumun approve k3vq7p2m --for 1h
  sumun approve k3vq7p2m --deny --reason 'not on a Friday'
  sumun approve --watch`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := ""
			if len(args) == 1 {
				id = args[0]
			}
			return d.do(cmd.Context(), id, &o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.deny, "deny", false, "deny the call")
	flags.StringVar(&o.reason, "reason", "", "why, for the record and the client: a `TEXT`")
	flags.StringVar(&o.lasts, "for", "", "allow further calls of the same tool by the same caller for a `TIME`, such as 30m or 8h")
	flags.BoolVar(&o.always, "always", false, "allow them until that is forgotten, or the tool changes")
	flags.BoolVar(&o.watch, "watch", false, "show calls as they come, and on a terminal ask about each")
	flags.BoolVar(&o.list, "list-remembered", false, "show what --for and --always have allowed")
	flags.StringVar(&o.forget, "forget", "", "forget the remembered decision with this `ID`")
	return cmd
}

// do does what the command line says.
func (d *Desk) do(ctx context.Context, id string, o *order) error {
	decides := o.deny || o.always || o.reason != "" || o.lasts != ""
	modes := 0
	for _, is := range []bool{id != "" || decides, o.watch, o.list, o.forget != ""} {
		if is {
			modes++
		}
	}
	switch {
	case modes > 1:
		return usage("an ID, --watch, --list-remembered and --forget are four things; do one of them", "sumun approve --help")
	case decides && id == "":
		return usage("the ID of the call is missing", "`sumun approve` shows what waits")
	case o.deny && (o.always || o.lasts != ""):
		return usage("only what is allowed is remembered", "a scope deny:… in mcp.yaml withholds a tool for good")
	case o.always && o.lasts != "":
		return usage("--for and --always say how long; give one of them", "")
	case id != "":
		return d.decide(ctx, approve.Verdict{ID: id, Allow: new(!o.deny), Reason: o.reason, For: o.lasts, Always: o.always})
	case o.watch:
		return d.watch(ctx)
	case o.list:
		return d.listRemembered(ctx)
	case o.forget != "":
		return d.forget(ctx, o.forget)
	}
	return d.list(ctx)
}

func usage(msg, hint string) error { return &exit.Error{Code: exit.Usage, Msg: msg, Hint: hint} }

// ask makes one request of the gateway. What it refuses, the list tells more about.
func (d *Desk) ask(ctx context.Context, method string, params any) ([]byte, error) {
	result, err := d.Ask(ctx, method, params)
	if failed, ok := errors.AsType[*exit.Error](err); ok && failed.Code == exit.Failed {
		failed.Hint = "`sumun approve` shows what waits, with --list-remembered what is remembered"
	}
	return result, err
}

// decide decides on a call.
func (d *Desk) decide(ctx context.Context, v approve.Verdict) error {
	result, err := d.ask(ctx, mcp.MethodDecide, v)
	if err != nil {
		return err
	}
	settled := wire.Get(result, "approval")
	if d.JSON {
		return d.raw(settled)
	}
	d.Note("%s %s: %s", terminal.Text(settled, "state"), terminal.Text(settled, "id"), what(settled))
	return nil
}

// list shows what waits.
func (d *Desk) list(ctx context.Context) error {
	result, err := d.ask(ctx, mcp.MethodApprovals, struct{}{})
	if err != nil {
		return err
	}
	if d.JSON {
		return d.raw(wire.Get(result, "approvals"))
	}
	waiting := terminal.Elements(result, "approvals")
	if len(waiting) == 0 {
		d.Note("no call waits for a person")
		return nil
	}
	for _, r := range waiting {
		if _, err := io.WriteString(d.Data, describe(r, time.Now())); err != nil {
			return err
		}
	}
	return nil
}

// whys say why a call waits.
var whys = map[string]string{
	"destructive": "it may destroy something", "write": "it may change something", "new": "the tool is new, or has changed", "always": "all such calls do",
}

// what says what a request is about.
func what(r []byte) string {
	text := terminal.Text(r, "name") + " for " + terminal.Text(r, "caller")
	if client := terminal.Text(r, "client"); client != "" {
		text += " (" + client + ")"
	}
	return line(text)
}

// line returns s as one line.
func line(s string) string {
	return string(bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		return r
	}, []byte(s)))
}

// describe tells a request in two lines: what is to be called, and with which arguments.
func describe(r []byte, now time.Time) string {
	why := terminal.Text(r, "why")
	if said, ok := whys[why]; ok {
		why = said
	}
	decider := ""
	if terminal.Text(r, "by") == "host" {
		decider = "; only the person in front of the host decides"
	}
	return fmt.Sprintf("%s  %s, of %s: waits for %s, since %s%s\n  %s\n", terminal.Text(r, "id"), what(r), line(terminal.Text(r, "server")),
		since(r, "askedAt", now), why, decider, line(terminal.Harmless(string(wire.Get(r, "arguments")))))
}

// since tells how long ago a time of a request is.
func since(r []byte, member string, now time.Time) string {
	at, err := time.Parse(time.RFC3339, terminal.Text(r, member))
	if err != nil {
		return "a while"
	}
	return max(now.Sub(at), 0).Truncate(time.Second).String()
}

// listRemembered shows what is remembered.
func (d *Desk) listRemembered(ctx context.Context) error {
	result, err := d.ask(ctx, mcp.MethodApprovals, struct{}{})
	if err != nil {
		return err
	}
	if d.JSON {
		return d.raw(wire.Get(result, "remembered"))
	}
	all := terminal.Elements(result, "remembered")
	if len(all) == 0 {
		d.Note("nothing is remembered; `sumun approve ID --for 1h` allows further calls")
		return nil
	}
	table := tabwriter.NewWriter(d.Data, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tCALLER\tMAY CALL\tENDS\tALLOWED BY\tREASON")
	for _, r := range all {
		ends := terminal.Text(r, "expiresAt")
		if ends == "" {
			ends = "never"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", terminal.Text(r, "id"), line(terminal.Text(r, "caller")), line(terminal.Text(r, "name")), ends,
			line(terminal.Text(r, "decidedBy")), line(terminal.Text(r, "reason")))
	}
	return table.Flush()
}

// forget forgets what is remembered.
func (d *Desk) forget(ctx context.Context, id string) error {
	result, err := d.ask(ctx, mcp.MethodForget, map[string]string{"id": id})
	if err != nil {
		return err
	}
	gone := wire.Get(result, "forgotten")
	if d.JSON {
		return d.raw(gone)
	}
	d.Note("forgotten %s: %s waits again", terminal.Text(gone, "id"), what(gone))
	return nil
}

// raw prints a JSON value of the gateway, indented.
func (d *Desk) raw(value []byte) error { return d.WriteJSON(json.RawMessage(value)) }
