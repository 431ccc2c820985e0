package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// app is one run of the program: its streams, its environment and the flags that every verb knows.
// A verb reads and writes through it alone, so that a test can be its terminal.
type app struct {
	terminal.Voice // stdout and stderr, --json and --quiet

	stdin  io.Reader
	getenv func(string) string

	dir    string // --dir: the directory to run in, or "" for this one
	began  string // the directory that we were started in
	config string // --config: the mcp.yaml to use, or "" to look for one
	client string // --client: the client file to go by, or "" to look for some
	url    string // --url: the gateway that client verbs ask, or "" to look for one
	key    string // --key: the key shown to it, or "" to look for one
	ca     string // --ca: a file of authorities that its certificate may come from, beside the system's
	cert   string // --cert: the certificate shown to it, or ""

	certKey string // --cert-key: the key of that, or "" for the file beside it

	// started is set once a verb's own code runs. A failure before that is one of usage.
	started bool
}

// section is a part of the help text: a title and the verbs under it.
type section struct {
	title string
	verbs []*cobra.Command
}

// sections is the table of the program's verbs, in the order of the help text.
// A new verb is a line here and a file of its name.
func (a *app) sections() []section {
	return []section{
		{"Run", []*cobra.Command{
			a.serveCommand(),
			a.connectCommand(),
		}},
		{"Use", []*cobra.Command{
			a.callCommand(),
			a.toolCommand(),
			a.resourceCommand(),
			a.promptCommand(),
			a.rpcCommand(),
			a.serverCommand(),
			a.approveCommand(), a.alerts().Command(),
			a.auditCommand(),
			a.doctorCommand(),
		}},
		{"Set up", []*cobra.Command{
			a.bench().Init(), a.bench().Plugin(),
			a.configCommand(),
			a.keyCommand(),
			a.scopeCommand(),
			a.certCommand(),
			a.dbCommand(),
			a.clientCommand(),
		}},
		{"Trust", slices.Concat([]*cobra.Command{a.scanCommand()}, a.trustCommands(), a.notaryCommands())},
		{"About", []*cobra.Command{
			a.versionCommand(),
			a.completionCommand(),
		}},
	}
}

// run is the program: it carries out args and returns the exit code (see errors.go).
// SIGINT and SIGTERM cancel the verb's context; a second one ends the process at once.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	if len(args) > 1 && args[0] == reapVerb {
		return sandbox.Reap(args[1:])
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	if len(args) > 1 && args[0] == containVerb {
		return contain(ctx, args)
	}

	a := &app{Voice: terminal.Voice{Data: stdout, People: stderr}, stdin: stdin, getenv: getenv}
	root := a.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exit.OK
	}
	a.JSON = a.JSON || asksForJSON(args)
	return a.report(a.failure(ctx, cmd, err))
}

// reapVerb is the hidden verb under which the program watches over one server's process.
const reapVerb = "__reap"

// reaper is the beginning of the command line of that verb; empty where the
// program's own file cannot be found.
func (a *app) reaper() []string {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{self, reapVerb}
}

// asksForJSON reports whether args hold --json, for when they could not be parsed as far as that.
func asksForJSON(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}

// rootCommand is the whole tree of verbs.
func (a *app) rootCommand() *cobra.Command {
	root := a.group(&cobra.Command{
		Use:   "sumun",
		Short: "The gate between AI hosts and MCP servers",
		Long:  "Sumun stands between AI hosts and MCP servers: it routes, guards, scans and signs.",

		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	})
	root.SetIn(a.stdin)
	root.SetOut(a.Data)
	root.SetErr(a.People)
	root.SetFlagErrorFunc(flagError)

	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.enter() }

	flags := root.PersistentFlags()
	flags.StringVarP(&a.dir, "dir", "C", "", "run in this `DIRECTORY`")
	flags.StringVar(&a.config, "config", "", "use this `FILE` instead of ./mcp.yaml or ./config/mcp.yaml")
	flags.StringVar(&a.client, "client", "", "go by this client `FILE` instead of .cursor/mcp.yaml here and in the home directory")
	flags.StringVar(&a.url, "url", "", "ask the gateway at this `URL` (default: $SUMUN_URL, or the one of ./.sumun)")
	flags.StringVar(&a.key, "key", "", "show it this `KEY` (default: $SUMUN_KEY, or the one of ./.sumun)")
	flags.StringVar(&a.ca, "ca", "", "trust the authorities in this `FILE`, too (default: $SUMUN_CA)")
	flags.StringVar(&a.cert, "cert", "", "show it the certificate in this `FILE` (default: $SUMUN_CERT)")
	flags.StringVar(&a.certKey, "cert-key", "", "its key is in this `FILE` (default: $SUMUN_CERT_KEY, or NAME.key beside NAME.crt)")
	flags.BoolVar(&a.JSON, "json", false, "print data as JSON, and a failure as one line of JSON")
	flags.BoolVarP(&a.Quiet, "quiet", "q", false, "print nothing on stderr but failures")

	for i, s := range a.sections() {
		id := strconv.Itoa(i)
		root.AddGroup(&cobra.Group{ID: id, Title: s.title + ":"})
		for _, verb := range s.verbs {
			verb.GroupID = id
			root.AddCommand(verb)
		}
	}
	root.SetHelpCommand(a.helpCommand())
	root.SetHelpCommandGroupID(strconv.Itoa(len(a.sections()) - 1))
	a.watchStart(root)
	return root
}

// enter goes to --dir, in which everything that is named without a full path is looked for.
func (a *app) enter() error {
	if a.dir == "" {
		return nil
	}
	a.began, _ = os.Getwd() // where that cannot be told, nothing is made of it
	if err := os.Chdir(a.dir); err != nil {
		return &exit.Error{Code: exit.Usage, Msg: "entering the directory of --dir", Err: err, Target: a.dir}
	}
	return nil
}

// group makes cmd a command that only holds others: called itself, it is a fault of usage that
// names the verb that was probably meant.
func (a *app) group(cmd *cobra.Command, verbs ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(verbs...)
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownVerb(c, args[0])
		}
		if a.JSON {
			return usageError(c, c.CommandPath()+" needs a verb")
		}
		fmt.Fprint(a.People, c.UsageString())
		return &exit.Error{Code: exit.Usage, Shown: true, Msg: "no verb"}
	}
	return cmd
}

// watchStart makes every verb below cmd note that it began.
func (a *app) watchStart(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		a.watchStart(c)
	}
	if body := cmd.RunE; body != nil {
		cmd.RunE = func(c *cobra.Command, args []string) error {
			a.started = true
			return body(c, args)
		}
	}
}
