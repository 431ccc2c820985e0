package interop

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// conformanceSets are the sets of the official suite that the gateway has to pass, with what stands behind it. The
// numbers of required scenarios are those of the pinned suite: fewer means that some did not run.
var conformanceSets = []struct {
	name      string
	stateless string // the fixture's flag: false is the legacy era, true the modern one
	args      []string
	required  int
}{
	{"2025-06-18", "false", []string{"--suite", "all", "--spec-version", "2025-06-18"}, 27},
	{"2025-11-25", "false", []string{"--requirements", "2025-11-25"}, 30},
	{"2026-07-28", "true", []string{"--requirements", "2026-07-28"}, 37},
}

// TestConformance runs the official suite against the gateway, with the fixture of the official Go SDK as the only
// server behind it.
func TestConformance(t *testing.T) {
	suite := node(t, peer(t, "@modelcontextprotocol", "conformance", "dist", "index.js"))
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "set\trequired\tunscored\tchecks passed\tfailed\ttime\t")
	for _, set := range conformanceSets {
		t.Run(set.name, func(t *testing.T) {
			url := startFixture(t, set.stateless)
			if !*direct {
				url = startGateway(t, fmt.Sprintf(
					"builtin: false\nanonymous: true\nservers:\n  fixture:\n    url: %s\n    prefix: \"\"\n", url))
			}
			began, results := time.Now(), t.TempDir()
			args := append([]string{"server", "--url", url, "--output-dir", results}, set.args...)
			out, err := run(t.Context(), ".", nil, suite.with(args...))
			s := readSummary(out)
			fmt.Fprintf(w, "%s\t%d/%d\t%d/%d\t%d\t%d\t%.1f s\t\n", set.name, s.required.passed, s.required.run,
				s.unscored.passed, s.unscored.run, s.checks.passed, s.checks.failed(), time.Since(began).Seconds())
			if err != nil || s.required.passed < max(set.required, s.required.run) {
				t.Errorf("required scenarios passed: %d of %d, want %d; %v\n%s",
					s.required.passed, s.required.run, set.required, cmp.Or(err, errNone), cmp.Or(failures(t, results, s), tail(out)))
			}
		})
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("through the gateway: %t\n%s", !*direct, table.String())
}

// errNone stands where there is no error to tell.
var errNone = errors.New("the suite found nothing wrong")

// startFixture runs the Go SDK's own conformance server until the test ends and returns its URL.
func startFixture(t *testing.T, stateless string) string {
	t.Helper()
	address := freeAddress(t)
	binary := build(t, ".", "github.com/modelcontextprotocol/go-sdk/conformance/everything-server")
	start(t, t.TempDir(), nil, command{binary, []string{"-http", address, "-stateless=" + stateless}})
	url := "http://" + address + "/mcp"
	await(t, url, func(int) bool { return true })
	return url
}

// tally counts what ran and what passed.
type tally struct{ run, passed int }

// failed returns how many did not pass.
func (c tally) failed() int { return c.run - c.passed }

// summary is what the suite says at its end.
type summary struct {
	required, unscored tally // scenarios
	checks             tally
	unscoredNames      []string
}

var (
	scenarioLine = regexp.MustCompile(`(?m)^([✓✗]) (\S+): (\d+) passed, (\d+) failed`)
	unscoredLine = regexp.MustCompile(`(?m)^  [✓✗] (\S+) \(`)
)

// readSummary reads the suite's output.
func readSummary(out string) summary {
	_, out, _ = strings.Cut(out, "=== SUMMARY ===")
	var s summary
	for _, m := range unscoredLine.FindAllStringSubmatch(out, -1) {
		s.unscoredNames = append(s.unscoredNames, m[1])
	}
	for _, m := range scenarioLine.FindAllStringSubmatch(out, -1) {
		passed, _ := strconv.Atoi(m[3]) // the expression lets digits only through
		failed, _ := strconv.Atoi(m[4])
		s.checks.run += passed + failed
		s.checks.passed += passed
		count := &s.required
		if slices.Contains(s.unscoredNames, m[2]) {
			count = &s.unscored
		}
		count.run++
		if m[1] == "✓" {
			count.passed++
		}
	}
	return s
}

// failures returns what the checks of the required scenarios that failed have to say. The suite leaves them in dir.
func failures(t *testing.T, dir string, s summary) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "checks.json"))
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var checks []struct {
			ID, Status, ErrorMessage string
			Details                  json.RawMessage
		}
		if err := json.Unmarshal(text, &checks); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, c := range checks {
			run := filepath.Base(filepath.Dir(file)) // server-SCENARIO-TIME
			if c.Status == "FAILURE" && !slices.ContainsFunc(s.unscoredNames, func(name string) bool {
				return strings.HasPrefix(run, "server-"+name+"-")
			}) {
				fmt.Fprintf(&told, "%s: %s: %s %.1000s\n", run, c.ID, c.ErrorMessage, c.Details)
			}
		}
	}
	return told.String()
}
