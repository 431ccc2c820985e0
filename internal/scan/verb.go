package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/suppress"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/host"
	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/internal/report"
	"github.com/sumun-mcp/sumun/internal/terminal"
	"github.com/sumun-mcp/sumun/trust"
)

// A Desk is where the verb scan is spoken.
type Desk struct {
	*terminal.Voice

	// Version is the program's, and Reaper the beginning of the command line under which programs are started.
	Version string
	Reaper  []string
	// Config is the file of --config, "" for the one that lies here. It is asked when the verb runs.
	Config func() string
	// Getenv and Lookup read the environment.
	Getenv func(string) string
	Lookup func(string) (string, bool)
	// Terminal says that somebody watches standard error.
	Terminal bool
	// Verdict is handed each verdict; nil if nobody keeps them.
	Verdict func(context.Context, *trust.Subject, trust.Verdict)
}

// An order is what the command line says.
type order struct {
	format, output, save, from, baseline, suppress, failOn string
	update, active, discover, list, noHistory, all, quiet  bool
	headers, as                                            []string
	timeout, pause                                         time.Duration
	rounds, parallel                                       int
}

// Verb is the verb scan.
func (d *Desk) Verb() *cobra.Command {
	var o order
	cmd := &cobra.Command{
		Use:   "scan [URL | FILE]… [-- COMMAND ARG…]",
		Short: "Look at MCP servers and say what is to be thought of them",
		Long: `Look at MCP servers and say what is to be thought of them: a tier, a score, and what was found.

A target is a URL, a file (mcp.yaml, a host's configuration, or a manifest), or a command behind --,
which is started with your rights. Without one, the servers of this directory's mcp.yaml are looked
at; --discover finds those of Claude, Cursor, VS Code and others on this machine.

Only what an honest client might ask is asked. Tools are called only if their names, texts and
annotations tell that they change nothing; --quiet-tools calls none, --active tries more.

The program ends with 6 if a finding is at --fail-on or above, with 4 if a server could not be
looked at, and with 3 if it asks for credentials.`,
		Example: `  sumun scan https://mcp.example.com/mcp
  sumun scan -- npx -y @modelcontextprotocol/server-everything
  sumun scan ~/.cursor/mcp.json --format html --output report.html
  sumun scan --discover --list
  sumun scan --config mcp.yaml --baseline baseline.json --fail-on medium`,
		RunE: func(cmd *cobra.Command, args []string) error { return d.scan(cmd, &o, args) },
	}
	o.flags(cmd)
	return cmd
}

func (o *order) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.format, "format", "f", "text", "write it as `FORMAT`: "+strings.Join(report.Formats(), ", "))
	f.StringVarP(&o.output, "output", "o", "", "write it to this `FILE` (default: standard output)")
	f.StringVar(&o.failOn, "fail-on", "high", "end with 6 from this `SEVERITY` on: info, low, medium, high, critical")
	f.StringVar(&o.baseline, "baseline", "", "findings in this `FILE` are known and do not count")
	f.BoolVar(&o.update, "update-baseline", false, "write what is found now to the file of --baseline, and end with 0")
	f.StringVar(&o.suppress, "suppress", "", "findings that this `FILE` names do not count")
	f.BoolVar(&o.all, "all", false, "show findings that do not count, too")
	f.StringVar(&o.save, "save", "", "write the facts to this `FILE`, for --from")
	f.StringVar(&o.from, "from", "", "judge the facts in this `FILE`, and ask nobody (- for standard input)")
	f.BoolVar(&o.discover, "discover", false, "look at the servers of all hosts on this machine")
	f.BoolVar(&o.list, "list", false, "with --discover: only list them")
	f.BoolVar(&o.active, "active", false, "also try whether tools leave their bounds: paths upwards, addresses of this machine, hidden commands")
	f.BoolVar(&o.quiet, "quiet-tools", false, "call no tool at all")
	f.StringArrayVar(&o.headers, "header", nil, "send this `HEADER` to URLs, as 'Name: value' (repeatable)")
	f.StringArrayVar(&o.as, "identify-as", nil, "ask again as this client, `NAME[@VERSION]` (repeatable; default: claude-ai, cursor-vscode)")
	f.DurationVar(&o.timeout, "timeout", 90*time.Second, "how `LONG` one server may take in all")
	f.IntVar(&o.rounds, "rounds", 2, "ask tools in this `NUMBER` of rounds")
	f.DurationVar(&o.pause, "pause", time.Second, "wait so `LONG` between two rounds")
	f.IntVar(&o.parallel, "parallel", 4, "look at this `NUMBER` of servers at once")
	f.BoolVar(&o.noHistory, "no-history", false, "neither compare with the last scan nor remember this one")
}

func (d *Desk) scan(cmd *cobra.Command, o *order, args []string) error {
	finder, err := d.finder(o)
	if err != nil {
		return err
	}
	if o.list {
		places, _ := finder.Discover(d.env())
		return d.places(places)
	}
	targets, err := d.targets(cmd, o, finder, args)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return &exit.Error{Code: exit.Usage, Msg: "there is no server to look at", Hint: "name a URL, a file, or a command behind --; see " + cmd.CommandPath() + " --help"}
	}
	d.warn(targets)
	job, err := d.job(o, targets)
	if err != nil {
		return err
	}
	return d.run(cmd.Context(), o, job)
}

// finder returns what finds targets.
func (d *Desk) finder(o *order) (*Finder, error) {
	f := &Finder{Reaper: d.Reaper, Lookup: d.Lookup}
	if len(o.headers) > 0 {
		f.Header = http.Header{}
	}
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, &exit.Error{Code: exit.Usage, Msg: "a header is written as 'Name: value'", Target: "--header"}
		}
		f.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return f, nil
}

func (d *Desk) env() host.Env {
	env, _ := host.Here(d.Getenv) // without a directory there are no files of projects
	return env
}

// targets returns what the command line names.
func (d *Desk) targets(cmd *cobra.Command, o *order, f *Finder, args []string) ([]Target, error) {
	if o.from != "" {
		return d.saved(cmd, o.from)
	}
	var all []Target
	dash := cmd.ArgsLenAtDash()
	if dash < 0 {
		dash = len(args)
	}
	for _, a := range args[:dash] {
		var found []Target
		var err error
		if IsURL(a) {
			var one Target
			one, err = f.URL(a)
			found = []Target{one}
		} else {
			found, err = f.File(a)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if dash < len(args) {
		all = append(all, f.Command(args[dash:]))
	}
	if o.discover {
		places, found := f.Discover(d.env())
		for _, p := range places {
			d.Note("%s: %s", terminal.Harmless(p.File), terminal.Count(len(p.Servers), "server"))
		}
		return append(all, found...), nil
	}
	named := d.Config()
	if named == "" && len(all) == 0 {
		named = config.Find(".")
	}
	if named != "" {
		found, err := f.File(named)
		return append(all, found...), err
	}
	return all, nil
}

// saved reads the facts of an earlier scan.
func (d *Desk) saved(cmd *cobra.Command, name string) ([]Target, error) {
	if name == "-" {
		all, err := Facts(cmd.InOrStdin())
		return all, usage(err, "standard input")
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Err: err, Target: name}
	}
	defer func() { _ = file.Close() }() // it was only read
	all, err := Facts(file)
	return all, usage(err, name)
}

func usage(err error, target string) error {
	if err == nil {
		return nil
	}
	return &exit.Error{Code: exit.Usage, Err: err, Target: target}
}

// warn says which programs are started.
func (d *Desk) warn(targets []Target) {
	var names []string
	for i := range targets {
		if targets[i].Command != nil {
			names = append(names, targets[i].Title)
		}
	}
	if len(names) > 0 {
		d.Note("started with your rights, and ended after the scan: %s", terminal.Harmless(strings.Join(names, ", ")))
	}
}

// job returns the scan that the command line orders, which tells nobody yet.
func (d *Desk) job(o *order, targets []Target) (*Job, error) {
	job := &Job{
		Targets: targets, Parallel: o.parallel, Detector: inspect.New(), Program: "sumun", Version: d.Version, Verdict: d.Verdict,
		Probe: probe.Options{
			Self: probe.Identity{Name: "sumun", Version: d.Version}, Active: o.active, Quiet: o.quiet, Whole: o.timeout,
			Rounds: probe.Rounds{Count: o.rounds, Pause: o.pause},
		},
	}
	for _, as := range o.as {
		name, version, _ := strings.Cut(as, "@")
		if name == "" {
			return nil, &exit.Error{Code: exit.Usage, Msg: "a client is written as NAME or NAME@VERSION", Target: "--identify-as"}
		}
		if version == "" {
			version = "1.0.0"
		}
		job.Probe.As = append(job.Probe.As, probe.Identity{Name: name, Version: version})
	}
	if o.rounds < 1 || o.parallel < 1 || o.timeout <= 0 || o.pause < 0 {
		return nil, &exit.Error{Code: exit.Usage, Msg: "--rounds and --parallel are at least 1, --timeout is positive"}
	}
	if !o.noHistory && o.from == "" {
		job.History = &History{Dir: filepath.Join(d.state(), "history")}
	}
	return job, nil
}

// state is the directory in which the gateway of this directory keeps its state.
func (d *Desk) state() string {
	cfg, err := config.Load("", d.Lookup)
	if err != nil || cfg == nil {
		cfg = config.Default()
	}
	return cfg.StateDir()
}

// run scans, and tells of it as ordered.
func (d *Desk) run(ctx context.Context, o *order, job *Job) error {
	if d.JSON && o.format == "text" {
		o.format = "json"
	}
	at := new(trust.Severity)
	if err := at.UnmarshalText([]byte(o.failOn)); err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Target: "--fail-on"}
	}
	filter, err := d.filter(o)
	if err != nil {
		return err
	}
	var data io.Writer = d.Data
	var whole bytes.Buffer
	if o.output != "" {
		data = &whole
	}
	writer, err := report.New(o.format, data, report.Options{Color: report.Color(d.Terminal && o.output == "", d.Getenv), All: o.all})
	if err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Target: "--format"}
	}
	gathered := &gatherer{next: writer}
	threshold := &report.Threshold{Next: gathered, At: *at}
	filter.Next = threshold
	var out report.Handler = filter
	var facts bytes.Buffer
	if o.save != "" {
		if out, err = Save(&facts, out); err != nil {
			return err
		}
	}
	if d.Terminal && !d.Quiet {
		out = both{report.NewProgress(d.People), out}
	}
	job.Out = out
	if err := job.Run(ctx); err != nil {
		return err
	}
	if err := d.put(o, &whole, &facts, gathered); err != nil {
		return err
	}
	return ending(o, job, threshold)
}

// ending returns how the program ends.
func ending(o *order, job *Job, threshold *report.Threshold) error {
	err := threshold.Err()
	e, ok := errors.AsType[*exit.Error](err)
	switch {
	case !ok:
		return err
	case e.Code == exit.Findings && o.update:
		return nil
	case e.Code == exit.Unreachable && job.Denied():
		e.Code, e.Hint = exit.Denied, "show credentials with --header 'Authorization: Bearer …'"
	}
	return err
}

// filter returns what marks findings that are known or suppressed.
func (d *Desk) filter(o *order) (*report.Filter, error) {
	f := &report.Filter{Now: time.Now()}
	if o.update && o.baseline == "" {
		return nil, &exit.Error{Code: exit.Usage, Msg: "--update-baseline needs the file of --baseline", Target: "--update-baseline"}
	}
	if o.baseline != "" && !o.update {
		data, err := os.ReadFile(o.baseline)
		if err == nil {
			f.Baseline, err = report.ParseBaseline(data)
		}
		if err != nil {
			return nil, &exit.Error{Code: exit.Usage, Err: err, Target: o.baseline, Hint: "--update-baseline writes one"}
		}
	}
	if cfg, err := config.Load(d.Config(), d.Lookup); err == nil && cfg != nil {
		f.Suppressions = append(f.Suppressions, suppressions(cfg)...)
	}
	if o.suppress != "" {
		data, err := os.ReadFile(o.suppress)
		if err != nil {
			return nil, &exit.Error{Code: exit.Usage, Err: err, Target: o.suppress}
		}
		more, err := report.ParseSuppressions(o.suppress, data)
		if err != nil {
			return nil, &exit.Error{Code: exit.Usage, Err: err, Target: o.suppress}
		}
		f.Suppressions = append(f.Suppressions, more...)
	}
	return f, nil
}

// suppressions returns those of mcp.yaml.
func suppressions(cfg *config.Config) []suppress.Suppression { return cfg.Trust.Suppress }

// put writes the files that were ordered.
func (d *Desk) put(o *order, whole, facts *bytes.Buffer, g *gatherer) error {
	var errs []error
	if o.output != "" {
		errs = append(errs, writeFile(o.output, whole.Bytes(), 0o644))
	}
	if o.save != "" {
		errs = append(errs, writeFile(o.save, facts.Bytes(), 0o600))
	}
	if o.update {
		var text bytes.Buffer
		errs = append(errs, report.NewBaseline(g.found).Write(&text), writeFile(o.baseline, text.Bytes(), 0o644))
		d.Note("%s: %s", o.baseline, terminal.Count(len(g.found), "finding"))
	}
	return errors.Join(errs...)
}

// places lists the files of hosts that were found.
func (d *Desk) places(places []Place) error {
	if d.JSON {
		return d.WriteJSON(places)
	}
	for _, p := range places {
		text := strings.Join(p.Servers, ", ")
		if p.Error != "" {
			text = p.Error
		}
		if _, err := fmt.Fprintf(d.Data, "%s (%s)  %s\n  %s\n", p.Host, p.Scope, terminal.Harmless(p.File), terminal.Harmless(text)); err != nil {
			return err
		}
	}
	if len(places) == 0 {
		d.Note("no host on this machine has a list of servers")
	}
	return nil
}

// A gatherer keeps the findings for a baseline.
type gatherer struct {
	next  report.Handler
	found []report.Finding
}

// Handle keeps the event if it is a finding, and hands it on.
func (g *gatherer) Handle(e *report.Event) error {
	if e.Finding != nil {
		g.found = append(g.found, *e.Finding)
	}
	return g.next.Handle(e)
}

// both hands events to two handlers.
type both [2]report.Handler

// Handle hands the event on.
func (b both) Handle(e *report.Event) error {
	return errors.Join(b[0].Handle(e), b[1].Handle(e))
}
