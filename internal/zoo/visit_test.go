package zoo_test

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/internal/report"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/scan"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/zoo"
	"github.com/sumun-mcp/sumun/trust"
)

// detector is shared, as in the program.
var detector = sync.OnceValue(inspect.New)

// eve is half a second before animals change that wait for a date, so that it passes in every scan.
func eve() time.Time { return zoo.StrikeDate().Add(-500 * time.Millisecond) }

// A seen is what a scan says of one server.
type seen struct {
	subject  *trust.Subject
	findings []trust.Finding
	verdict  trust.Verdict
	failure  string
	took     time.Duration
}

// Handle takes what a scan tells.
func (s *seen) Handle(e *report.Event) error {
	switch {
	case e.Fact != nil && e.Fact.Target == who:
		s.subject = e.Fact.Subject
	case e.Finding != nil && e.Finding.Where.Server == who || e.Finding != nil && e.Finding.Target == "":
		s.findings = append(s.findings, e.Finding.Finding)
	case e.Verdict != nil && e.Verdict.Target == who:
		s.verdict = e.Verdict.Verdict
	case e.Failure != nil && e.Failure.Target == who:
		s.failure = e.Failure.Error
	}
	return nil
}

// who is what the server that is looked at is called, beside its company.
const who = "visited"

// A cage is where one server stands for a test. Its clock runs fast where the test has little time.
type cage struct {
	*zoo.Habitat
	animal zoo.Animal
	open   []func() // in the order in which they are undone
}

func newCage(t *testing.T, a zoo.Animal) *cage {
	t.Helper()
	began := sync.OnceValue(time.Now) // when somebody comes
	speed := float64(time.Second / pause())
	return &cage{Habitat: &zoo.Habitat{Dir: t.TempDir(), Every: time.Second, Now: func() time.Time { return eve().Add(time.Duration(speed * float64(time.Since(began())))) }}, animal: a}
}

// pause is how long a scan waits before it looks again.
func pause() time.Duration {
	if slow() {
		return time.Second
	}
	return 200 * time.Millisecond
}

// close ends what stands in the cage.
func (c *cage) close() {
	for _, end := range slices.Backward(c.open) {
		end()
	}
}

// target lets one of the animal's servers out, over HTTP in this process or as a process of its own.
func (c *cage) target(t *testing.T, over, title, flag string, which func(*zoo.Habitat) *zoo.Server) scan.Target {
	t.Helper()
	at := transport.Target{Name: title, StartTimeout: 10 * time.Second}
	if over == zoo.HTTP {
		at.URL, at.Header = c.serve(t.Context(), c.animal.Out(c.Habitat, which)), http.Header{"Authorization": {"Bearer " + zoo.Key}}
	} else {
		arguments := []string{"__zoo", "--dir", c.Dir, "--at", eve().Format(time.RFC3339Nano), c.animal.Name}
		if flag != "" {
			arguments = append(arguments[:1:1], append([]string{flag}, arguments[1:]...)...)
		}
		at.Command = &sandbox.Command{Path: os.Args[0], Args: arguments, Reaper: []string{os.Args[0], "__reap"}}
	}
	return scan.Target{Target: probe.Target{Target: at}, Title: title}
}

// serve serves a server on loopback, and returns its URL.
func (c *cage) serve(ctx context.Context, s *zoo.Server) string {
	web := httptest.NewServer(s.Door())
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	if s.Beside != nil {
		beside.Go(func() { s.Beside(ctx) })
	}
	c.open = append(c.open, func() {
		cancel()
		web.CloseClientConnections()
		web.Close()
		beside.Wait()
	})
	return web.URL + "/mcp"
}

// visit scans the animal, or its twin.
func visit(t *testing.T, a zoo.Animal, over string, twin bool) *seen {
	t.Helper()
	c, which, flag := newCage(t, a), a.Server, ""
	defer c.close()
	if twin {
		which, flag = a.Twin, "--twin"
	}
	targets := []scan.Target{c.target(t, over, who, flag, which)}
	if a.Company != nil {
		targets = append(targets, c.target(t, over, "company", "--company", a.Company))
	}
	var o probe.Options
	if a.Broken && !twin {
		o.Each, o.Whole = 500*time.Millisecond, 20*time.Second
	}
	s := look(t, targets, o)
	if _, err := os.Stat(filepath.Join(c.Dir, zoo.Called)); err == nil && !twin {
		t.Errorf("%s over %s: the scan has called a tool that it must not call", a.Name, over)
	}
	return s
}

// look scans with those options.
func look(t *testing.T, targets []scan.Target, o probe.Options) *seen {
	t.Helper()
	o.Whole, o.Rounds.Pause = cmp.Or(o.Whole, 2*time.Minute), pause()
	if slow() {
		return program(t, targets, o)
	}
	return run(t, &scan.Job{Targets: targets, Probe: o})
}

// run runs a scan in this process.
func run(t *testing.T, job *scan.Job) *seen {
	t.Helper()
	s := new(seen)
	job.Judge, job.Program, job.Out = &scan.Judge{Detector: detector()}, "zoo", s
	began := time.Now()
	if err := job.Run(t.Context()); err != nil {
		t.Errorf("the scan: %v", err)
	}
	s.took = time.Since(began)
	return s
}
