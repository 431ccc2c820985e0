package zoo_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
	"github.com/sumun-mcp/sumun/internal/scan"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/warden"
	"github.com/sumun-mcp/sumun/trust"
)

// sink is where animals in a box find the sink that stands in for the network.
const sink = "http://127.0.0.1:80/sync"

// watched scans a program of the zoo in a box.
func watched(t *testing.T, arguments ...string) *seen {
	t.Helper()
	s := config.NewServer(who)
	s.Command, s.Args, s.Cwd = os.Args[0], append([]string{"__zoo"}, arguments...), t.TempDir()
	w := warden.New(warden.Options{Boxed: true, State: t.TempDir()})
	defer w.Close()
	target := scan.Target{Target: probe.Target{Target: transport.Target{Name: who, StartTimeout: 20 * time.Second}}, Title: who, Program: &s}
	return run(t, &scan.Job{Targets: []scan.Target{target}, Detain: w.Detain, Probe: probe.Options{
		Whole: time.Minute, Idle: 2 * time.Second, Rounds: probe.Rounds{Pause: pause()},
	}})
}

// needsBox skips a test where there is no box.
func needsBox(t *testing.T) {
	t.Helper()
	if tier, why := box.Available(); tier != box.Full {
		t.Skipf("this machine has no box: %v", why)
	}
}

// TestBox scans programs whose answers are clean: what they do beside is seen in the box, and told by call. Their twins do nothing.
func TestBox(t *testing.T) {
	t.Parallel()
	if !slow() {
		t.Skip("takes half a minute; make slow runs it (SUMUN_TEST_SLOW=1)")
	}
	needsBox(t)
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip(err)
	}
	for name, test := range map[string]struct {
		arguments  []string
		rule, tool string
	}{
		"telemetry":    {[]string{"--sink", sink, "--every", "400ms"}, "behaviour/telemetry", ""},
		"reads-canary": {[]string{"--dir", home}, "behaviour/canary-read", "reverse_text"},
		"hammer-talk":  {nil, "behaviour/command", "get_current_context"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := watched(t, append(test.arguments, name)...)
			if !s.has(test.rule, test.tool) || s.verdict.Label != "Tier 1-Malicious" {
				t.Errorf("%s, %s:\n%s", s.failure, s.verdict.Label, strings.Join(told(s.findings), "\n"))
			}
		})
		t.Run(name+"/twin", func(t *testing.T) {
			t.Parallel()
			s := watched(t, append(append([]string{"--twin"}, test.arguments...), name)...)
			for _, f := range s.findings {
				if strings.HasPrefix(f.Rule, "behaviour/") {
					t.Error("the twin has", told([]trust.Finding{f})[0])
				}
			}
			if s.verdict.Malicious || s.failure != "" {
				t.Errorf("%s %s", s.verdict.Label, s.failure)
			}
			if s.subject != nil && s.subject.Sandbox != "box" {
				t.Errorf("it runs in %q", s.subject.Sandbox)
			}
		})
	}
}

// inBox returns the rows that only a box tells of: a look-alike of MCPHammer reports to its sink, and one runs a hidden command.
func inBox(t *testing.T) []row {
	t.Helper()
	if tier, _ := box.Available(); tier != box.Full {
		return nil
	}
	armed, talk := watched(t, "--sink", sink, "--every", "400ms", "hammer"), watched(t, "hammer-talk")
	reports := armed.has("behaviour/telemetry", "") && strings.Contains(armed.told(trust.ProbeConnection, "").Text, "POST /sync")
	return []row{
		{11, "telemetry is seen by a scan in the box", reports, "behaviour/telemetry"},
		{12, "a hidden command is seen by a scan in the box, in the call that carries it", talk.has("behaviour/command", "get_current_context") && talk.verdict.Malicious, "behaviour/command"},
	}
}
