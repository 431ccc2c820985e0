// Package boxed measures what the box costs: starts, calls and memory of the same program in a box and as a plain process. It is a part
// of the bench.
package boxed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// What is measured of a program that repeats each line: a static one, and one for Node.
const (
	startStatic = "box, start, static binary"
	startNode   = "box, start, Node"
	callStatic  = "box, call, static binary"
	memoryOf20  = "box, memory of each of 20 servers"
	asPlain     = ", plain process"
)

// How much is done in one round.
const (
	startsARound  = 15
	callsARound   = 4_000
	serversAtOnce = 20
)

// What the box may add to a plain process, and how much longer a call may seem to take before it counts as longer.
const (
	goalStatic, goalNode = 15, 25 // milliseconds to the start
	goalMemory           = 8      // megabytes
	goalCall             = 1.1    // times
)

// ErrMissing is that this machine has not got what is to be measured.
var ErrMissing = errors.New("not on this machine")

// A Figure is something that is measured in rounds.
type Figure struct {
	Name, Unit string

	plain   bool
	program func(context.Context) (sandbox.Command, error)
	measure func(context.Context, sandbox.Command) (float64, error)
}

// Figures are all that is measured, that of a plain process before that of the box. What has to be built is built below dir.
func Figures(dir string) []*Figure {
	static := func(ctx context.Context) (sandbox.Command, error) { return static(ctx, dir) }
	var all []*Figure
	for _, f := range []Figure{
		{Name: startStatic, Unit: "ms", program: static, measure: startTime},
		{Name: startNode, Unit: "ms", program: node, measure: startTime},
		{Name: callStatic, Unit: "µs", program: static, measure: callTime},
		{Name: memoryOf20, Unit: "MB", program: static, measure: memoryEach},
	} {
		plain := f
		plain.Name, plain.plain = f.Name+asPlain, true
		all = append(all, &plain, &f)
	}
	return all
}

// Open makes ready what is measured and returns what measures one round. The error is an ErrMissing where there is nothing to measure.
func (f *Figure) Open(ctx context.Context) (round func(context.Context) (float64, error), err error) {
	if tier, err := box.Available(); tier != box.Full {
		return nil, fmt.Errorf("%w: the box: %w", ErrMissing, err)
	}
	c, err := f.program(ctx)
	if err != nil {
		return nil, err
	}
	if !f.plain {
		c.Box = &box.Policy{}
	}
	return func(ctx context.Context) (float64, error) { return f.measure(ctx, c) }, nil
}

// Goals returns one line for each goal that the medians, by the names of their figures, say something about.
func Goals(median map[string]float64) []string {
	var lines []string
	for _, g := range []struct {
		name, unit string
		most       float64
	}{{startStatic, "ms", goalStatic}, {startNode, "ms", goalNode}, {memoryOf20, "MB", goalMemory}} {
		plain, boxed := median[g.name+asPlain], median[g.name]
		if plain != 0 && boxed != 0 {
			lines = append(lines, fmt.Sprintf("goal: %s, at most %g %s above a plain process. %.1f: %s.", g.name, g.most, g.unit, boxed-plain, verdict(boxed-plain <= g.most)))
		}
	}
	if plain, boxed := median[callStatic+asPlain], median[callStatic]; plain != 0 && boxed != 0 {
		lines = append(lines, fmt.Sprintf("goal: %s, as of a plain process. ×%.2f: %s.", callStatic, boxed/plain, verdict(boxed <= goalCall*plain)))
	}
	return lines
}

// verdict says whether a goal is met.
func verdict(met bool) string {
	if met {
		return "met"
	}
	return "not met"
}

// static returns the smallest of programs, which it builds.
func static(ctx context.Context, dir string) (sandbox.Command, error) {
	dir = filepath.Join(dir, "static")
	path := filepath.Join(dir, "echo")
	if _, err := os.Stat(path); err != nil {
		build := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/sumun-mcp/sumun/internal/sandbox/assault") //nolint:gosec // our own
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return sandbox.Command{}, fmt.Errorf("building a static program: %w\n%s", err, out)
		}
	}
	return sandbox.Command{Path: path, Args: []string{"echo"}, Dir: dir}, nil
}

// node returns the same in Node.
func node(context.Context) (sandbox.Command, error) {
	path, err := exec.LookPath("node")
	if err != nil {
		return sandbox.Command{}, fmt.Errorf("%w: Node", ErrMissing)
	}
	return sandbox.Command{Path: path, Args: []string{"-e", "process.stdin.pipe(process.stdout)"}, Dir: "/usr"}, nil
}

// An echo is such a program that runs.
type echo struct {
	*sandbox.Child
	lines *bufio.Reader
}

// startEcho starts one and waits for its first answer.
func startEcho(ctx context.Context, c sandbox.Command) (*echo, error) {
	child, err := sandbox.Start(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	e := &echo{child, bufio.NewReader(child)}
	if err := e.call(); err != nil {
		child.Close()
		return nil, fmt.Errorf("the first call: %w", err)
	}
	return e, nil
}

// call has it repeat a line as long as a small call.
func (e *echo) call() error {
	line := make([]byte, 400)
	line[len(line)-1] = '\n'
	if _, err := e.Write(line); err != nil {
		return err
	}
	back, err := e.lines.ReadSlice('\n')
	if err == nil && len(back) != len(line) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// startTime is the median of some starts: milliseconds from the decision to the first answer.
func startTime(ctx context.Context, c sandbox.Command) (float64, error) {
	var all []float64
	for range startsARound {
		began := time.Now()
		e, err := startEcho(ctx, c)
		if err != nil {
			return 0, err
		}
		all = append(all, float64(time.Since(began).Microseconds())/1000)
		e.Close()
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// callTime is the median of many calls, in microseconds.
func callTime(ctx context.Context, c sandbox.Command) (float64, error) {
	e, err := startEcho(ctx, c)
	if err != nil {
		return 0, err
	}
	defer e.Close()
	var all []float64
	for range callsARound {
		began := time.Now()
		if err := e.call(); err != nil {
			return 0, err
		}
		all = append(all, float64(time.Since(began).Nanoseconds())/1000)
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// memoryEach is what each of some servers takes, in megabytes: of its processes all that nobody else has, and their share of what
// they have in common.
func memoryEach(ctx context.Context, c sandbox.Command) (mb float64, err error) {
	var all []*echo
	defer func() {
		for _, e := range all {
			e.Close()
		}
	}()
	for range serversAtOnce {
		e, err := startEcho(ctx, c)
		if err != nil {
			return 0, err
		}
		all = append(all, e)
	}
	var total int64
	for _, e := range all {
		n, err := proportionalBytes(e.PID())
		if err != nil {
			return 0, err
		}
		total += n
	}
	return float64(total) / 1e6 / serversAtOnce, nil
}
