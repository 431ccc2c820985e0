package interop

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

// A conformanceSet is one run of the official suite through the gateway.
type conformanceSet struct {
	name    string
	fixture func(*testing.T) string // starts what stands behind the gateway and returns its URL
	args    []string
	// required is how many scenarios have to run, those among impossible included: fewer means that some did not.
	required int
	// impossible are scenarios that cannot pass, with the reason.
	impossible map[string]string
}

// Reasons why a scenario cannot pass across the eras.
const (
	asksByRequest = "the fixture's tool can only ask by a request of the legacy era, and fails on a modern server without a gateway too"
	noKeys        = "it wants the server's own key of a question; a question of the legacy era has none"
	asksOnce      = "the fixture's library asks a client of the legacy era only once in a call"
)

// conformanceSets are the sets of the official suite that the gateway has to pass: those of each revision, and those of each
// era with a server of the other era behind the gateway.
var conformanceSets = []conformanceSet{
	{"2025-06-18", legacyFixture, []string{"--suite", "all", "--spec-version", "2025-06-18"}, 27, nil},
	{"2025-11-25", legacyFixture, []string{"--requirements", "2025-11-25"}, 30, nil},
	{"2026-07-28", dualFixture, []string{"--requirements", "2026-07-28"}, 37, nil},
	{"2026-07-28 on modern", modernFixture, []string{"--requirements", "2026-07-28"}, 37, nil},
	{"2025-11-25 on modern", modernFixture, []string{"--requirements", "2025-11-25"}, 30, map[string]string{
		"elicitation-sep1034-defaults": asksByRequest,
		"elicitation-sep1330-enums":    asksByRequest,
		"tools-call-elicitation":       asksByRequest,
		"tools-call-sampling":          asksByRequest,
	}},
	{"2026-07-28 on legacy", legacyFixture, []string{"--requirements", "2026-07-28"}, 37, map[string]string{
		"input-required-result-basic-elicitation": noKeys,
		"input-required-result-multi-round":       asksOnce,
	}},
}

// TestConformance runs the official suite against the gateway, with the fixture of the official Go SDK as the only
// server behind it.
func TestConformance(t *testing.T) {
	suite := node(t, peer(t, "@modelcontextprotocol", "conformance", "dist", "index.js"))
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "set\trequired\timpossible\tunscored\tchecks passed\tfailed\ttime\t")
	for _, set := range conformanceSets {
		t.Run(set.name, func(t *testing.T) {
			url := set.fixture(t)
			if !*direct {
				url = startGateway(t, fmt.Sprintf(
					"builtin: false\nanonymous: true\nservers:\n  fixture:\n    url: %s\n    prefix: \"\"\n", url))
			}
			began, results := time.Now(), t.TempDir()
			args := append([]string{"server", "--url", url, "--output-dir", results}, set.args...)
			out, err := run(t.Context(), ".", nil, suite.with(args...))
			s := readSummary(out)
			fmt.Fprintf(w, "%s\t%d/%d\t%d\t%d/%d\t%d\t%d\t%.1f s\t\n", set.name, s.required.passed, s.required.run, len(set.impossible),
				s.unscored.passed, s.unscored.run, s.checks.passed, s.checks.failed(), time.Since(began).Seconds())
			set.judge(t, s, func() string {
				return fmt.Sprintf("%v\n%s", cmp.Or(err, errNone), cmp.Or(failures(t, results, s), tail(out)))
			})
		})
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("through the gateway: %t\n%s%s", !*direct, table.String(), impossibilities())
}

// judge wants every scenario to pass but those that cannot, and those to fail: the list has to stay true.
func (set conformanceSet) judge(t *testing.T, s summary, more func() string) {
	t.Helper()
	if s.required.run < set.required {
		t.Errorf("%d required scenarios ran, want %d", s.required.run, set.required)
	}
	want := slices.Sorted(maps.Keys(set.impossible))
	if got := slices.Sorted(slices.Values(s.failed)); !*direct && !slices.Equal(got, want) {
		t.Errorf("scenarios that fail: %q, want %q; %s", got, want, more())
	}
}

// impossibilities tells why each scenario that cannot pass cannot.
func impossibilities() string {
	var text strings.Builder
	for _, set := range conformanceSets {
		for _, name := range slices.Sorted(maps.Keys(set.impossible)) {
			fmt.Fprintf(&text, "%s: %s: %s\n", set.name, name, set.impossible[name])
		}
	}
	return text.String()
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

// The fixtures: a server of the legacy era only, one that speaks both eras, and one of the modern era only.
func legacyFixture(t *testing.T) string {
	t.Helper()
	return startFixture(t, "false")
}

func dualFixture(t *testing.T) string {
	t.Helper()
	return startFixture(t, "true")
}

// modernFixture is the fixture that speaks both eras behind a door that lets the modern one through only.
func modernFixture(t *testing.T) string {
	t.Helper()
	return behindDoor(t, dualFixture(t), modernEra)
}

// tally counts what ran and what passed.
type tally struct{ run, passed int }

// add adds another tally.
func (c *tally) add(other tally) {
	c.run += other.run
	c.passed += other.passed
}

// failed returns how many did not pass.
func (c tally) failed() int { return c.run - c.passed }

// summary is what the suite says at its end.
type summary struct {
	required, unscored tally // scenarios
	checks             tally
	unscoredNames      []string
	failed             []string // required scenarios
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
		switch {
		case m[1] == "✓":
			count.passed++
		case count == &s.required:
			s.failed = append(s.failed, m[2])
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
