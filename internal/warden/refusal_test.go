package warden

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
	"github.com/sumun-mcp/sumun/trust"
)

// TestRefused raises one alert for the same thing in a while, with its number, its finding and the call that was in flight.
func TestRefused(t *testing.T) {
	var told []alert.Alert
	now := time.Now()
	w := New(Options{Boxed: true, Log: slog.New(slog.DiscardHandler)})
	w.now = func() time.Time { return now }
	w.Attend(func(_ context.Context, a alert.Alert) { told = append(told, a) }, func(server string, f func(*mcp.Call)) {
		if server == "files" {
			f(&mcp.Call{ID: "7", Method: mcp.MethodToolsCall, Name: "files.read", Caller: &mcp.Caller{ID: "ci"}})
		}
	})
	steal := box.Refusal{Kind: box.KindFile, Detail: "/root/.ssh/id_rsa, to be read", Program: "/usr/bin/node", PID: 12}
	for range 5 {
		w.refused(t.Context(), "files", steal)
	}
	if len(told) != 1 || told[0].Severity != alert.High || told[0].Server != "files" || !strings.Contains(told[0].Text, "during tools/call files.read") || told[0].IsKept {
		t.Fatalf("told %+v", told)
	}
	var evidence struct {
		Finding trust.Finding
		Times   int
		Program string
		Calls   []Call
	}
	if err := json.Unmarshal(told[0].Evidence, &evidence); err != nil {
		t.Fatal(err)
	}
	f := evidence.Finding
	if f.Rule != "box/file" || f.Where.Name != "files.read" || f.Fingerprint == "" || evidence.Program != "/usr/bin/node" || len(evidence.Calls) != 1 || evidence.Calls[0].Caller != "ci" {
		t.Errorf("the evidence is %s", told[0].Evidence)
	}
	now = now.Add(again)
	w.refused(t.Context(), "files", steal)
	w.refused(t.Context(), "other", box.Refusal{Kind: box.KindFile, Detail: "/etc/machine-id, to be read"})
	if len(told) != 3 || !strings.Contains(string(told[1].Evidence), `"times":5`) || !told[2].IsKept || !strings.Contains(told[2].Text, "no call was in flight") {
		t.Errorf("then told %+v", told[1:])
	}
	w.refused(t.Context(), "other", box.Refusal{Kind: box.KindSyscall, Detail: "io_uring_setup"})
	w.refused(t.Context(), "other", box.Refusal{Kind: box.KindSyscall, Detail: "ptrace"})
	if len(told) != 5 || !told[3].IsKept || told[4].IsKept || told[4].Severity != alert.High {
		t.Errorf("what runtimes try by themselves is told like %+v", told[3:])
	}
	counted := map[string]int64{}
	w.Observe(func(server, kind string, n int64) { counted[server+" "+kind] = n })
	if counted["files file"] != 6 || counted["other file"] != 1 {
		t.Errorf("counted %v", counted)
	}
}

// TestRefusedOften tells apart so many things of one server and no more, and is not disturbed by them in what it tells of others.
func TestRefusedOften(t *testing.T) {
	told := map[string]int{}
	w := New(Options{})
	w.Attend(func(_ context.Context, a alert.Alert) { told[a.Server]++ }, nil)
	for i := range 10 * mostKinds {
		w.refused(t.Context(), "loud", box.Refusal{Kind: box.KindName, Detail: strconv.Itoa(i)})
	}
	w.refused(t.Context(), "quiet", box.Refusal{Kind: box.KindSyscall, Detail: "ptrace"})
	if told["loud"] != mostKinds+1 || told["quiet"] != 1 || len(w.ledger.told) > mostKinds+2 {
		t.Errorf("told %v", told)
	}
}
