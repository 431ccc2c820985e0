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
	"syscall"

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
	if b.binary = b.opt.gateway; b.needsBinary() {
		if b.binary, err = buildGateway(ctx, b.dir); err != nil {
			return fmt.Errorf("%w\nthe yardsticks alone: -targets E,B,C", err)
		}
	}
	switch {
	case b.opt.profile != "":
		return b.profile(ctx, stdout)
	case b.opt.soak16k:
		return b.soak(ctx, stdout)
	case b.opt.sessions > 0:
		return b.idle(ctx, stdout)
	}
	return b.table(ctx, stdout, stderr)
}

// needsBinary reports whether a gateway is to be built.
func (b *bench) needsBinary() bool {
	if b.binary != "" || b.opt.profile != "" || !slices.Contains(b.targets, "S") {
		return false
	}
	return b.opt.soak16k || b.opt.sessions > 0 || slices.ContainsFunc(load.Shapes(), func(sh load.Shape) bool {
		return slices.ContainsFunc(works(sh), func(w work) bool { return len(b.matching(sh, w)) > 0 })
	})
}

// table measures all cells, and what no cell shows, and reports them.
func (b *bench) table(ctx context.Context, stdout, progress io.Writer) error {
	r := &result{Machine: thisMachine(), Setting: b.setting()}
	for _, sh := range load.Shapes() {
		for _, w := range works(sh) {
			cells, err := b.cells(ctx, sh, w, progress)
			if err != nil {
				return err
			}
			r.Cells = append(r.Cells, cells...)
		}
	}
	var err error
	if r.Figures, err = b.look(ctx, progress); err != nil {
		return err
	}
	if len(r.Cells)+len(r.Figures) == 0 {
		return fmt.Errorf("nothing matches -only %q", b.opt.only)
	}
	r.Note, r.Foreign = b.noise.note(), b.noise.share()
	return b.report(r, stdout)
}

// cells measures one work in one shape, at each number of connections.
func (b *bench) cells(ctx context.Context, sh load.Shape, w work, progress io.Writer) ([]*cell, error) {
	cells := b.matching(sh, w)
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

// matching returns the cells of a work in a shape that -only matches, still empty.
func (b *bench) matching(sh load.Shape, w work) []*cell {
	var cells []*cell
	conns := b.conns
	if w.Conns > 0 {
		conns = []int{w.Conns}
	}
	for _, n := range conns {
		c := &cell{Shape: sh.Name, Work: w.Name, Conns: n}
		if b.only.MatchString(c.name()) {
			cells = append(cells, c)
		}
	}
	return cells
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
	for _, f := range r.Figures {
		fmt.Fprintln(stdout, f)
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
