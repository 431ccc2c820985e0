package scan

import (
	"context"
	"crypto/tls"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/advisory"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/host"
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
	// Detain returns what starts a program, watched in a box; nil starts programs with the rights of the user.
	Detain detainer
	// Config is the file of --config, "" for the one that lies here. It is asked when the verb runs.
	Config func() string
	// Getenv and Lookup read the environment.
	Getenv func(string) string
	Lookup func(string) (string, bool)
	// TLS says whose certificates servers over HTTPS may have, and which one they are shown; nil stands for the system's, and none.
	TLS func() (*tls.Config, error)
	// Terminal says that somebody watches standard error.
	Terminal bool
	// Warn is asked before a program is started that the command line names; its error is that nobody wants it. Nil starts all.
	Warn func(name string, argv []string) error
	// Book has the servers that are known to be vulnerable; nil stands for those that the program knows itself.
	Book func() *advisory.Book
	// Verdict is handed each verdict; nil if nobody keeps them.
	Verdict func(context.Context, *trust.Subject, trust.Verdict)
}

// An order is what the command line says.
type order struct {
	format, output, save, from, baseline, suppress, failOn string
	update, active, discover, list, noHistory, all, quiet  bool
	noSandbox                                              bool
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
which is started in a box, without a network, and watched (--no-sandbox: with your rights). Without one, the servers of this directory's mcp.yaml are looked
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
	f.BoolVar(&o.noSandbox, "no-sandbox", false, "start programs with your rights, and see only what they answer")
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
	d.warn(targets, o.noSandbox || d.Detain == nil)
	job, err := d.job(o, targets)
	if err != nil {
		return err
	}
	return d.run(cmd.Context(), o, job)
}

// finder returns what finds targets.
func (d *Desk) finder(o *order) (*Finder, error) {
	f := &Finder{Reaper: d.Reaper, Lookup: d.Lookup}
	if d.TLS != nil {
		var err error
		if f.TLS, err = d.TLS(); err != nil {
			return nil, err
		}
	}
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
		t := f.Command(args[dash:])
		if d.Warn != nil {
			if err := d.Warn(t.Name, args[dash:]); err != nil {
				return nil, err
			}
		}
		all = append(all, t)
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
	file, err := os.Open(name) //nolint:gosec // the user names it
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

// warn says which programs are started, and how.
func (d *Desk) warn(targets []Target, free bool) {
	var names []string
	for i := range targets {
		if targets[i].Command != nil {
			names = append(names, targets[i].Title)
		}
	}
	if len(names) > 0 {
		how := "in a box"
		if free {
			how = "with your rights"
		}
		d.Note("started %s, and ended after the scan: %s", how, terminal.Harmless(strings.Join(names, ", ")))
	}
}
