// Package herald is the verb `sumun alert`: it shows what people should know of, and takes what they say to it to the gateway.
package herald

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

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
}

// Command returns the verb.
func (d *Desk) Command() *cobra.Command {
	top := &cobra.Command{
		Use:   "alert",
		Short: "Show what people should know of, and approve or dismiss it",
		Long: `Show what people should know of, and approve or dismiss it. What a server offers and
nobody has approved is held back until somebody does: trust.pins in mcp.yaml. The key
needs the scope admin:gate, as local has.`,
	}
	top.AddCommand(d.listCommand(), d.showCommand(), d.approveCommand(), d.dismissCommand())
	return top
}

func (d *Desk) listCommand() *cobra.Command {
	all, server := false, ""
	cmd := &cobra.Command{
		Use: "list", Short: "List the alerts that are open", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.list(cmd.Context(), all, server) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "those too that are approved or dismissed")
	cmd.Flags().StringVar(&server, "server", "", "only those about the server `NAME`")
	return cmd
}

func (d *Desk) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show what has changed, in words, and what can come of it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return d.show(cmd.Context(), args[0]) },
	}
}

// An order is what is decided on.
type order struct {
	IDs    []string `json:"ids,omitempty"`
	Server string   `json:"server,omitempty"`
	Reason string   `json:"reason,omitempty"`
}

func (d *Desk) approveCommand() *cobra.Command {
	return d.deciding(mcp.MethodAlertApprove, &cobra.Command{
		Use:   "approve ID… | --server NAME",
		Short: "Approve what a server offers now: it is listed, and can be called",
		Example: `  sumun alert show k3vq7p2m5x
  sumun alert approve k3vq7p2m5x --reason 'announced in release 2.1'
  sumun alert approve --server issues`,
	})
}

func (d *Desk) dismissCommand() *cobra.Command {
	return d.deciding(mcp.MethodAlertDismiss, &cobra.Command{
		Use:   "dismiss ID… | --server NAME",
		Short: "Say that an alert is known; what is held back stays so",
	})
}

// deciding is a verb that decides on alerts.
func (d *Desk) deciding(method string, cmd *cobra.Command) *cobra.Command {
	var o order
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		if (len(ids) == 0) == (o.Server == "") {
			return &exit.Error{Code: exit.Usage, Msg: "name the alerts, or with --server the server whose open alerts are all meant", Hint: "`sumun alert list` shows them"}
		}
		o.IDs = ids
		return d.decide(cmd.Context(), method, &o)
	}
	cmd.Flags().StringVar(&o.Server, "server", "", "all open alerts about the server `NAME`")
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for the record: a `TEXT`")
	return cmd
}

// ask makes one request of the gateway. What it refuses, the list tells more about.
func (d *Desk) ask(ctx context.Context, method string, params any) ([]byte, error) {
	result, err := d.Ask(ctx, method, params)
	if failed, ok := errors.AsType[*exit.Error](err); ok && failed.Code == exit.Failed {
		failed.Hint = "`sumun alert list --all` shows all alerts"
	}
	return result, err
}

// list shows alerts.
func (d *Desk) list(ctx context.Context, all bool, server string) error {
	result, err := d.ask(ctx, mcp.MethodAlerts, map[string]any{"all": all, "server": server})
	if err != nil {
		return err
	}
	if d.JSON {
		return d.WriteJSON(json.RawMessage(wire.Get(result, "alerts")))
	}
	alerts, held := terminal.Elements(result, "alerts"), terminal.Elements(result, "held")
	if len(alerts) == 0 {
		d.Note("no alert is open")
	} else if err := d.table(alerts, all); err != nil {
		return err
	}
	if len(held) > 0 {
		d.Note("%s held back until somebody approves them; `sumun alert show ID` tells what has changed", things(len(held)))
	}
	return nil
}

func (d *Desk) table(alerts [][]byte, all bool) error {
	table := tabwriter.NewWriter(d.Data, 0, 0, 2, ' ', 0)
	state := func(a []byte) string {
		if all {
			return terminal.Text(a, "state") + "\t"
		}
		return ""
	}
	for _, a := range alerts {
		subject := about(a)
		fmt.Fprintf(table, "%s\t%s%s\t%s\t%s\t%s\n", terminal.Text(a, "id"), state(a), terminal.Text(a, "severity"), terminal.Text(a, "at"), subject, cell(terminal.Text(a, "message")))
	}
	return table.Flush()
}

// about says what an alert is about.
func about(a []byte) string {
	var words []string
	for _, member := range []string{"server", "thing", "subject"} {
		if word := terminal.Text(a, member); word != "" && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return cell(strings.Join(words, " "))
}

// cell returns a text as one line that is not long.
func cell(s string) string {
	const most = 120
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func things(n int) string {
	if n == 1 {
		return "1 thing is"
	}
	return fmt.Sprintf("%d things are", n)
}

// show shows all of an alert.
func (d *Desk) show(ctx context.Context, id string) error {
	result, err := d.ask(ctx, mcp.MethodAlert, map[string]string{"id": id})
	if err != nil {
		return err
	}
	if d.JSON {
		return d.WriteJSON(json.RawMessage(result))
	}
	a, diff := wire.Get(result, "alert"), wire.Get(result, "diff")
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s, %s\n", terminal.Text(a, "id"), terminal.Text(a, "severity"), terminal.Text(a, "state"), terminal.Text(a, "at"))
	if by := terminal.Text(a, "decidedBy"); by != "" {
		fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(terminal.Text(a, "state")+" by "+by+", "+terminal.Text(a, "decidedAt")+"  "+cell(terminal.Text(a, "reason"))))
	}
	fmt.Fprintf(&b, "%s: %s\n", about(a), cell(terminal.Text(a, "message")))
	for _, line := range terminal.Elements(diff, "changes") {
		text, _ := wire.Unquote(line)
		fmt.Fprintf(&b, "  %s\n", terminal.Harmless(text))
	}
	for _, f := range terminal.Elements(diff, "findings") {
		fmt.Fprintf(&b, "  ! %s: %s: %s\n", terminal.Text(f, "rule"), terminal.Text(f, "message"), cell(terminal.Text(f, "evidence")))
	}
	if risk := terminal.Text(diff, "risk"); risk != "" {
		fmt.Fprintf(&b, "risk: %s\n", risk)
	} else if evidence := wire.Get(a, "evidence"); evidence != nil {
		fmt.Fprintf(&b, "  %s\n", terminal.Harmless(string(evidence)))
	}
	if remedy := terminal.Text(a, "remedy"); remedy != "" && terminal.Text(a, "state") == "open" {
		if diff != nil {
			remedy = "sumun alert approve " + terminal.Text(a, "id") + "; or take the server out of mcp.yaml"
		}
		fmt.Fprintf(&b, "try: %s\n", remedy)
	}
	_, err = fmt.Fprint(d.Data, b.String())
	return err
}

// decide takes a decision to the gateway.
func (d *Desk) decide(ctx context.Context, method string, o *order) error {
	if o.Reason == "" {
		if u, err := user.Current(); err == nil {
			o.Reason = "by " + u.Username
		}
	}
	result, err := d.ask(ctx, method, o)
	if err != nil {
		return err
	}
	if d.JSON {
		return d.WriteJSON(json.RawMessage(wire.Get(result, "alerts")))
	}
	done := terminal.Elements(result, "alerts")
	if len(done) == 0 {
		d.Note("no alert of %s is open", o.Server)
	}
	slices.Reverse(done)
	for _, a := range done {
		d.Note("%s %s: %s", terminal.Text(a, "state"), terminal.Text(a, "id"), about(a))
	}
	return nil
}

// Hint says on stderr that something is held back, to who may know.
func (d *Desk) Hint(ctx context.Context) {
	if d.JSON {
		return
	}
	if _, held := d.Standing(ctx); held > 0 {
		d.Note("%s held back since nobody has approved them; `sumun alert list` tells which", things(held))
	}
}

// Standing returns how many alerts are open, and how many things are held back: none for who may not know.
func (d *Desk) Standing(ctx context.Context) (open, held int) {
	result, err := d.Ask(ctx, mcp.MethodAlerts, struct{}{})
	if err != nil {
		return 0, 0
	}
	return len(terminal.Elements(result, "alerts")), len(terminal.Elements(result, "held"))
}
