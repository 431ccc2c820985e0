// Bench measures what the gateway costs, beside three yardsticks in the same run: E, a bare net/http server; B,
// httputil.ReverseProxy in front of it; C, a naive gateway made with the official SDK; and S, Sumun.
// See docs/performance.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sumun-mcp/sumun/bench/load"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the program. It returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(args) > 0 && args[0] == childVerb {
		err = runChild(ctx, args[1:], stdin, stdout, stderr)
	} else {
		err = runBench(ctx, args, stdout, stderr)
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "bench: interrupted")
		return 130
	}
	fmt.Fprintln(stderr, "bench:", err)
	return 1
}

// options are the flags.
type options struct {
	rounds    int
	duration  time.Duration
	conns     string
	only      string
	targets   string
	gateway   string
	anonymous bool
	quick     bool
	json      string
	markdown  string
	soak16k   bool
	soakCalls int64
	sessions  int
}

// parse reads the flags.
func (o *options) parse(args []string, stderr io.Writer) error {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.IntVar(&o.rounds, "rounds", 3, "how often each target is measured in each cell")
	f.DurationVar(&o.duration, "duration", 1500*time.Millisecond, "how long a target is loaded in a round, after its warm-up")
	f.StringVar(&o.conns, "conns", "1,16,64", "numbers of connections")
	f.StringVar(&o.only, "only", "", "measure only cells whose name, such as \"legacy SSE, 16 KB, c=64\", matches this expression")
	f.StringVar(&o.targets, "targets", "E,B,C,S", "which of the yardsticks E, B, C and the gateway S to measure")
	f.StringVar(&o.gateway, "gateway", "", "binary of the gateway (default: built from this module)")
	f.BoolVar(&o.anonymous, "anonymous", false, "run the gateway without a key")
	f.BoolVar(&o.quick, "quick", false, "one round of 300 ms at 1 and 16 connections: does it work at all?")
	f.StringVar(&o.json, "json", "", "keep the raw figures in this file")
	f.StringVar(&o.markdown, "markdown", "", "put the table between the marks of this page")
	f.BoolVar(&o.soak16k, "soak16k", false, "instead of the table: 100,000 calls of 16 KB through each target, counting dropped connections")
	f.Int64Var(&o.soakCalls, "soak-calls", 100_000, "how many calls -soak16k makes")
	f.IntVar(&o.sessions, "sessions", 0, "instead of the table: memory of so many idle legacy sessions")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if o.quick {
		o.rounds, o.duration, o.conns = 1, 300*time.Millisecond, "1,16"
	}
	if o.rounds < 1 || o.duration <= 0 {
		return errors.New("-rounds and -duration must be positive")
	}
	return nil
}

// A bench is one run of this program.
type bench struct {
	opt      options
	targets  []string
	conns    []int
	only     *regexp.Regexp
	binary   string // of the gateway
	dir      string // for what the gateways leave behind
	gateways int    // started so far
	noise    noise
}

// runBench measures what the flags ask for.
func runBench(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	b := &bench{}
	if err := b.opt.parse(args, stderr); err != nil {
		return err
	}
	if b.targets, err = parseTargets(b.opt.targets); err != nil {
		return err
	}
	if b.conns, err = parseConns(b.opt.conns); err != nil {
		return err
	}
	if b.only, err = regexp.Compile(b.opt.only); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp("", "sumun-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.binary = b.opt.gateway; b.binary == "" && slices.Contains(b.targets, "S") {
		if b.binary, err = buildGateway(ctx, b.dir); err != nil {
			return fmt.Errorf("%w\nthe yardsticks alone: -targets E,B,C", err)
		}
	}
	switch {
	case b.opt.soak16k:
		return b.soak(ctx, stdout)
	case b.opt.sessions > 0:
		return b.idle(ctx, stdout)
	}
	return b.table(ctx, stdout, stderr)
}

// table measures all cells and reports them.
func (b *bench) table(ctx context.Context, stdout, progress io.Writer) error {
	r := &result{Machine: thisMachine(), Setting: b.setting()}
	for _, sh := range load.Shapes() {
		works := []work{callWork(load.Small()), callWork(load.Large())}
		if !sh.Stream {
			works = append(works, listWork())
		}
		for _, w := range works {
			cells, err := b.cells(ctx, sh, w, progress)
			if err != nil {
				return err
			}
			r.Cells = append(r.Cells, cells...)
		}
	}
	if len(r.Cells) == 0 {
		return fmt.Errorf("no cell matches -only %q", b.opt.only)
	}
	r.Note, r.Foreign = b.noise.note(), b.noise.share()
	return b.report(r, stdout)
}

// cells measures one work in one shape, at each number of connections.
func (b *bench) cells(ctx context.Context, sh load.Shape, w work, progress io.Writer) ([]*cell, error) {
	var cells []*cell
	for _, n := range b.conns {
		c := &cell{Shape: sh.Name, Work: w.Name, Conns: n}
		if b.only.MatchString(c.name()) {
			cells = append(cells, c)
		}
	}
	if len(cells) == 0 {
		return nil, nil
	}
	s, err := b.openStand(ctx, sh, w.Tools)
	if err != nil {
		return nil, err
	}
	defer s.close()
	for _, c := range cells {
		fmt.Fprintln(progress, c.name())
		if err := b.fill(ctx, c, s, w); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// setting returns the line that says how the figures came about.
func (b *bench) setting() string {
	return fmt.Sprintf("Median of %d rounds of %v (least–greatest), then the ratio to B and to E. CPU, allocations and bytes are those of the process named.",
		b.opt.rounds, b.opt.duration)
}

// report writes the table and keeps what the flags ask to keep.
func (b *bench) report(r *result, stdout io.Writer) error {
	if err := r.text(stdout); err != nil {
		return err
	}
	for _, line := range r.goals() {
		fmt.Fprintln(stdout, line)
	}
	if b.opt.json != "" {
		raw, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(b.opt.json, append(raw, '\n'), 0o600); err != nil {
			return err
		}
	}
	if b.opt.markdown == "" {
		return nil
	}
	page, err := os.ReadFile(b.opt.markdown)
	if err != nil {
		return err
	}
	text, err := between(string(page), r.markdown())
	if err != nil {
		return fmt.Errorf("%s: %w", b.opt.markdown, err)
	}
	return os.WriteFile(b.opt.markdown, []byte(text), 0o600) //nolint:gosec // the page that the user named
}

// parseConns reads a list of numbers of connections.
func parseConns(list string) ([]int, error) {
	var conns []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(field))
		if err != nil || n < 1 || n > 1000 {
			return nil, fmt.Errorf("-conns: %q is not a number from 1 to 1000", field)
		}
		conns = append(conns, n)
	}
	return conns, nil
}
