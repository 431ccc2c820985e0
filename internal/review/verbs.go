package review

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/internal/usage"
)

// Store is what a review reads.
type Store interface {
	Keys(ctx context.Context) ([]keyring.Key, error)
	Usage(ctx context.Context) ([]usage.Row, error)
}

// Gather reads what a review goes by.
func Gather(ctx context.Context, cfg *config.Config, from Store, days int) (Facts, error) {
	f := Facts{Config: cfg, Now: time.Now(), Days: days}
	var err error
	if f.Keys, err = from.Keys(ctx); err == nil {
		f.Usage, err = from.Usage(ctx)
	}
	return f, err
}

// A Desk is where the verbs of `sumun scope` are spoken.
type Desk struct {
	*terminal.Voice

	// Open returns the configuration that the command line names, with its store, and what closes that.
	Open func(ctx context.Context) (*config.Config, Store, func() error, error)
	// Load reads a configuration.
	Load func(path string) (*config.Config, error)
}

// Verbs are those of `sumun scope`.
func (d *Desk) Verbs() []*cobra.Command { return []*cobra.Command{d.list(), d.review()} }

// with does something with the facts.
func (d *Desk) with(ctx context.Context, days int, do func(f *Facts) error) (err error) {
	cfg, from, closes, err := d.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, closes()) }()
	if days < 0 {
		days = cfg.Review.Days
	}
	f, err := Gather(ctx, cfg, from, days)
	if err != nil {
		return err
	}
	return do(&f)
}

// A line is what is told of one scope.
type line struct {
	Scope  string   `json:"scope"`
	Names  []string `json:"names"`
	When   string   `json:"when,omitempty"`
	StepUp bool     `json:"stepUp,omitempty"`
	// Keys are the keys that have it.
	Keys []string `json:"keys"`
	// LastUsed is when something that it lists was used by one of them.
	LastUsed *time.Time `json:"lastUsed,omitempty"`
}

func (d *Desk) list() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List scopes, who has them, and when they were used", Args: cobra.NoArgs,
		Example: "  sumun scope list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return d.with(cmd.Context(), -1, func(f *Facts) error { return d.showScopes(scopes(f)) })
		},
	}
}

// scopes returns what is told of all scopes.
func scopes(f *Facts) []line {
	j := &judge{Facts: *f, holders: map[string][]string{}, used: map[string][]usage.Thing{}, report: &Report{}}
	j.gather()
	lines := []line{}
	for _, name := range f.Config.ScopeNames() {
		s := f.Config.Scopes[name]
		l := line{Scope: name, Names: s.Names, When: s.When, StepUp: s.StepUp, Keys: []string{}}
		for _, holder := range j.holders[name] {
			l.Keys = append(l.Keys, cmp.Or(holder, "(tokens)"))
		}
		slices.Sort(l.Keys)
		l.Keys = slices.Compact(l.Keys)
		for _, row := range f.Usage {
			if row.Caller == "" || !j.holds(name, row.Caller) || l.LastUsed != nil && !row.Last.After(*l.LastUsed) {
				continue
			}
			if slices.ContainsFunc(s.Names, func(p string) bool { return mcp.Match(p, row.Name) }) {
				l.LastUsed = new(row.Last.UTC())
			}
		}
		lines = append(lines, l)
	}
	return lines
}

func (d *Desk) showScopes(lines []line) error {
	if d.JSON {
		return d.WriteJSON(lines)
	}
	w := tabwriter.NewWriter(d.Data, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "SCOPE\tNAMES\tWHEN\tKEYS\tLAST USED")
	for _, l := range lines {
		when := l.When
		if l.StepUp {
			when = strings.TrimSpace(when + " (step up)")
		}
		last := "never"
		if l.LastUsed != nil {
			last = l.LastUsed.Format(time.DateTime)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.Scope, listed(l.Names), cmp.Or(terminal.Harmless(when), "-"), listed(l.Keys), last)
	}
	return w.Flush()
}

func (d *Desk) review() *cobra.Command {
	days, fix, failOn := -1, "", ""
	cmd := &cobra.Command{
		Use: "review", Short: "Tell which scopes, keys, tools and resources nobody uses, and which are too wide", Args: cobra.NoArgs,
		Long: `Compare what keys may do with what they do. Each finding comes with the command that does something about it.
Uses are counted by gateways that run on the same store.`,
		Example: `  sumun scope review --days 90
  sumun scope review --fail-on medium       # exits 6 with findings as bad as that
  sumun scope review --fix unused-scope/invoke:old`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			threshold, err := alert.ParseSeverity(cmp.Or(failOn, "critical"))
			if err != nil {
				return &exit.Error{Code: exit.Usage, Err: err, Hint: "sumun scope review --fail-on low"}
			}
			return d.with(cmd.Context(), days, func(f *Facts) error {
				report := Judge(*f)
				if fix != "" {
					return d.fix(f.Config, report, fix)
				}
				return d.show(report, threshold, failOn != "")
			})
		},
	}
	cmd.Flags().IntVar(&days, "days", -1, "what was not used for `N` days is unused (default: review.days of mcp.yaml)")
	cmd.Flags().Lookup("days").DefValue = "0" // help names review.days instead
	cmd.Flags().StringVar(&fix, "fix", "", "change mcp.yaml as the finding of that `ID` says")
	cmd.Flags().StringVar(&failOn, "fail-on", "", "exit with 6 if a finding is of this `SEVERITY` or worse: info, low, medium, high, critical")
	return cmd
}

func (d *Desk) show(r *Report, threshold alert.Severity, fails bool) error {
	if d.JSON {
		if err := d.WriteJSON(r); err != nil {
			return err
		}
	} else {
		d.tell(r)
	}
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Severity >= threshold {
			n++
		}
	}
	if fails && n > 0 {
		return &exit.Error{Code: exit.Findings, Msg: findings(n) + " at or above the threshold", Shown: true}
	}
	return nil
}

func (d *Desk) tell(r *Report) {
	for i := range r.Findings {
		f := &r.Findings[i]
		_, _ = fmt.Fprintf(d.Data, "%-6s  %s  %s\n        %s\n        %s\n", f.Level, f.Kind, terminal.Harmless(f.Subject), terminal.Harmless(f.Text), f.Command)
		for _, e := range f.Patch {
			_, _ = fmt.Fprintln(d.Data, strings.TrimRight(fmt.Sprintf("        mcp.yaml: %s %s %s", e.Op, e.Path, value(e)), " "))
		}
	}
	for _, note := range r.Notes {
		d.Note("%s", note)
	}
	d.Note("%s", findings(len(r.Findings)))
}

// findings counts findings in words.
func findings(n int) string {
	if n == 1 {
		return "1 finding"
	}
	return strconv.Itoa(n) + " findings"
}

func value(e Edit) string {
	if e.Value == nil {
		return ""
	}
	return fmt.Sprint(e.Value)
}

// fix does what a finding says.
func (d *Desk) fix(cfg *config.Config, r *Report, id string) error {
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.ID == id })
	if i < 0 {
		return &exit.Error{Code: exit.Failed, Msg: "there is no finding " + id, Hint: "sumun scope review"}
	}
	f := &r.Findings[i]
	if len(f.Patch) == 0 {
		return &exit.Error{Code: exit.Usage, Msg: "the finding is not about mcp.yaml", Hint: f.Command}
	}
	if err := Apply(cfg, f.Patch, d.Load); err != nil {
		return &exit.Error{Code: exit.Failed, Err: err, Target: cfg.Path}
	}
	d.Note("%s is changed; a gateway that runs takes it over", cfg.Path)
	return nil
}
