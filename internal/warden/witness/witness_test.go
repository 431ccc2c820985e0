package witness

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/outlet"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
	"github.com/sumun-mcp/sumun/trust"
)

// TestActs notes what tells something of a program, and not what every program does.
func TestActs(t *testing.T) {
	w := New("/home/u")
	c := &sandbox.Command{Path: "/usr/bin/node", Box: &box.Policy{}}
	w.Attend(c, true)
	if !c.Box.Watch || len(c.Box.Decoys) == 0 || len(c.Box.Ports) == 0 || c.Outlet == nil {
		t.Errorf("it is not watched: %+v", c.Box)
	}
	for path, text := range c.Box.Decoys {
		if !bytes.Contains(text, []byte(w.token)) && !bytes.Contains(text, []byte(w.token[:16])) {
			t.Errorf("%s cannot be told from others", path)
		}
	}
	now := time.Now()
	c.Watched(box.Act{Kind: box.KindExec, Detail: "/usr/bin/node", At: now}) // itself
	c.Watched(box.Act{Kind: box.KindExec, Detail: "/bin/sh", At: now})
	c.Watched(box.Act{Kind: box.KindFile, Detail: "/usr/lib/x.so, to be read", At: now})
	c.Watched(box.Act{Kind: box.KindFile, Detail: "/home/u/.ssh/id_rsa, to be read", At: now})
	c.Refused(box.Refusal{Kind: box.KindConnect, Detail: "169.254.169.254:80", At: now})
	c.Refused(box.Refusal{Kind: box.KindSyscall, Detail: "ptrace", At: now})
	w.visited(outlet.Visit{Name: "collect.test", At: now})
	w.visited(outlet.Visit{Host: "collect.test:443", What: "POST /", Sent: []byte("key=" + w.token), At: now})
	var got []trust.Observation
	for _, o := range w.Acts() {
		got = append(got, o)
	}
	want := []trust.Observation{
		{Probe: trust.ProbeProcess, Text: "/bin/sh"},
		{Probe: trust.ProbeCanary, Text: "/home/u/.ssh/id_rsa, to be read"},
		{Probe: trust.ProbeConnection, Text: "169.254.169.254:80"},
		{Probe: trust.ProbeRefused, Text: "syscall ptrace"},
		{Probe: trust.ProbeName, Text: "collect.test"},
		{Probe: trust.ProbeConnection, Text: "collect.test:443: POST /"},
		{Probe: trust.ProbeCanary, Text: "what stands in a canary was sent to collect.test:443"},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error("-got +want:", diff)
	}
	for range 2 * most {
		c.Refused(box.Refusal{Kind: box.KindName, Detail: "x"})
	}
	if len(w.acts) != most {
		t.Errorf("%d acts are kept", len(w.acts))
	}
}
