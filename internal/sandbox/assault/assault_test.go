//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// The tiers that probes are run in. Plain is a process as any program starts one.
const (
	plain       = "plain"
	none        = "none"
	boxed       = "box"
	lite        = "box-lite"
	inContainer = "container"
	inGVisor    = "gvisor"
)

// stranger is the ordinary user that root tries the box as.
const stranger = 1500

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "world":
			os.Exit(world(os.Stdin, os.Stdout))
		case "watch":
			os.Exit(watch(os.Args[2:]))
		case "keeper":
			os.Exit(keeper(os.Args[2]))
		case "sweep":
			os.Exit(sweep())
		case "gateway":
			os.Exit(gateway(os.Stdin, os.Stdout))
		}
	}
	os.Exit(m.Run())
}

// A plan is what a world is made for: probes to be run in a tier by a user.
type plan struct {
	Dir    string // for everything; the program lies in it
	Tier   string
	User   int
	Root   bool // the world may have namespaces of its own
	Probes []string
	Image  string // for containers
	Secret string
	Target Target
}

func (p *plan) program() string { return filepath.Join(p.Dir, "program", "assault") }

// A report is how one probe went, as seen from outside.
type report struct {
	Probe string
	verdict
	Silent   bool // it ended, or was ended, without a word
	Hung     bool
	Took     time.Duration
	Refusals []box.Refusal
}

// An arena is a directory with the program and this test beside each other, for every user to run.
type arena struct {
	dir   string
	image string // of the program, for containers
}

func newArena(t *testing.T) *arena {
	t.Helper()
	dir, err := os.MkdirTemp("", "sumun-assault-") //nolint:usetesting // others have to get in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	a := &arena{dir: dir}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "program"), 0o755)); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "program", "assault"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the probes: %v\n%s", err, out)
	}
	harness, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.harness(), harness, 0o755); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *arena) harness() string { return filepath.Join(a.dir, "program", "harness") }

// run makes a world and runs the probes in it.
func (a *arena) run(t *testing.T, tier string, user int, names []string) map[string]report {
	t.Helper()
	dir, err := os.MkdirTemp(a.dir, "world-") //nolint:usetesting // others have to get in
	if err != nil {
		t.Fatal(err)
	}
	root := os.Getuid() == 0
	p := plan{Dir: a.dir, Tier: tier, User: user, Root: root, Probes: names, Image: a.image}
	if err := p.lay(dir); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), a.harness(), "world")
	if root {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	}
	in, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var faults strings.Builder
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(in)), &faults
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the world of %s as %d: %v\n%s", tier, user, err, faults.String())
	}
	reports := map[string]report{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var r report
		if err := d.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		reports[r.Probe] = r
	}
	a.nobodyLeft(t)
	return reports
}

// nobodyLeft reports and ends every process that still runs a program of the arena.
func (a *arena) nobodyLeft(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(3 * time.Second)
	for {
		left := a.running()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("processes were left behind: %v", left)
			for _, pid := range left {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// running returns the processes whose program lies in the arena, or did.
func (a *arena) running() []int {
	return slices.DeleteFunc(procs(), func(pid int) bool {
		program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return err != nil || !strings.HasPrefix(program, a.dir+"/program/")
	})
}

// users are those that this test can be: itself, and a stranger where it is root.
func users() []int {
	if os.Getuid() == 0 {
		return []int{0, stranger}
	}
	return []int{os.Getuid()}
}

func names() []string { return namesOf(probes()) }

func namesOf(some []probe) []string {
	var all []string
	for _, p := range some {
		all = append(all, p.name)
	}
	return all
}

// TestNames wants at least fifty probes, each with a name of its own.
func TestNames(t *testing.T) {
	all := names()
	if n := len(all); n < 50 {
		t.Errorf("%d probes, want at least 50", n)
	}
	slices.Sort(all)
	if unique := slices.Compact(slices.Clone(all)); len(unique) != len(all) {
		t.Errorf("%d names for %d probes", len(unique), len(all))
	}
	for _, p := range probes() {
		if p.what == "" || strings.ContainsAny(p.what, "|\n") {
			t.Errorf("%s: %q is no line of a table", p.name, p.what)
		}
	}
}

// TestAssault lets every probe run without a box, where it has to get through so that it proves something, and then in each tier,
// as root and as an ordinary user. None may get through in a box, and what was refused has to be told.
func TestAssault(t *testing.T) {
	if os.Getenv("SUMUN_TEST_SLOW") == "" {
		t.Skip("takes minutes; make slow runs it (SUMUN_TEST_SLOW=1), TestBoxed tries the box alone")
	}
	a := newArena(t)
	tbl := table{}
	for _, user := range users() {
		tbl.add(plain, user, a.run(t, plain, user, names()))
		tbl.add(none, user, a.run(t, none, user, names()))
	}
	tbl.proves(t)
	for _, tier := range []string{boxed, lite} {
		for _, user := range users() {
			reports := a.run(t, tier, user, names())
			tbl.add(tier, user, reports)
			withstands(t, tier, user, probes(), reports)
		}
	}
	tbl.compare(t, plain, none, boxed, lite)
}

// TestBoxed lets the probes try the box, all but the bombs.
func TestBoxed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a few seconds")
	}
	a := newArena(t)
	bombs := namesOf(bombs())
	some := slices.DeleteFunc(probes(), func(p probe) bool { return slices.Contains(bombs, p.name) })
	for _, user := range users() {
		withstands(t, boxed, user, some, a.run(t, boxed, user, namesOf(some)))
	}
}

// withstands reports those of the probes that got through in a tier that has to stand.
func withstands(t *testing.T, tier string, user int, tried []probe, reports map[string]report) {
	t.Helper()
	for _, p := range tried {
		r, ran := reports[p.name]
		switch {
		case !ran:
			t.Errorf("%s as %d: %s was not run", tier, user, p.name)
		case r.Hung:
			t.Errorf("%s as %d: %s hangs", tier, user, p.name)
		case r.Through && (tier != lite || !slices.Contains(knownLite, p.name)):
			t.Errorf("%s as %d: %s got through: %s", tier, user, p.name, p.what)
		case !r.Through && tier == boxed && len(p.tells) > 0 && !slices.ContainsFunc(r.Refusals, func(told box.Refusal) bool {
			return slices.Contains(p.tells, told.Kind)
		}):
			t.Errorf("%s as %d: nobody was told that %s was refused (%s): want %v, got %v", tier, user, p.name, r.Detail, p.tells, r.Refusals)
		}
	}
}

// knownLite are the probes that get through where there are no namespaces and no mounts of our own: docs/sandbox.md says so.
var knownLite = []string{
	"forks", "threads", // nobody counts processes, and without a control group nobody counts memory
	"memory-private", "memory-shared", "memory-children", "memory-pipes",
	"disk-full", "names", // scratch is a directory
	"dropped-loader", "dropped-map", // Landlock rules what is executed, not what is mapped
	"see", // /proc is the machine's
}

// TestProbe runs the probes that PROBE names in the tier TIER as the user USER_ID and tells how they went: for whoever works on the box.
func TestProbe(t *testing.T) {
	which := os.Getenv("PROBE")
	if which == "" {
		t.Skip("PROBE='shadow shell' TIER=box USER_ID=1500 runs those probes and tells how they went")
	}
	user, err := strconv.Atoi(cmp.Or(os.Getenv("USER_ID"), strconv.Itoa(os.Getuid())))
	if err != nil {
		t.Fatal(err)
	}
	a := newArena(t)
	for name, r := range a.run(t, cmp.Or(os.Getenv("TIER"), boxed), user, strings.Fields(which)) {
		t.Logf("%s: through %v, %s, took %v, told %v", name, r.Through, r.Detail, r.Took, r.Refusals)
	}
}
