package warden

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
	"github.com/sumun-mcp/sumun/trust"
)

// A Call is a call that a server works on.
type Call struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	Name   string `json:"name,omitempty"` // of the tool or prompt, or the URI
	Caller string `json:"caller,omitempty"`
}

const (
	// again is for how long the same refusal is only counted before it is told once more.
	again = 10 * time.Minute
	// mostKinds bounds the refusals of one server that are told apart; what comes beyond is told as one.
	mostKinds = 128
	// mostCalls bounds the calls that one alert names.
	mostCalls = 8
)

// A what is one thing that a server was refused.
type what struct{ server, kind, detail string }

// A ledger counts what was refused, and has each thing told once in a while.
type ledger struct {
	mu     sync.Mutex
	told   map[what]*entry
	things map[string]int      // by server: how many of told are its
	counts map[[2]string]int64 // by server and kind, since the start
}

// An entry is what is known of one thing that was refused.
type entry struct {
	since time.Time // when it was told
	more  int       // how often it was refused since
}

func newLedger() *ledger {
	return &ledger{told: map[what]*entry{}, things: map[string]int{}, counts: map[[2]string]int64{}}
}

// note counts a refusal. It returns how often that was refused since it was told last, this time included, or 0 if it is not to be told
// yet, and what to tell it as.
func (l *ledger) note(w what, now time.Time) (what, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[[2]string{w.server, w.kind}]++
	e := l.told[w]
	if e == nil && l.things[w.server] >= mostKinds {
		w.kind, w.detail = "more", ""
		e = l.told[w]
	}
	switch {
	case e == nil:
		l.told[w] = &entry{since: now}
		l.things[w.server]++
		return w, 1
	case now.Sub(e.since) < again:
		e.more++
		return w, 0
	}
	n := e.more + 1
	e.since, e.more = now, 0
	return w, n
}

// Observe tells how often each kind of thing was refused to each server since the start.
func (w *Warden) Observe(each func(server, kind string, n int64)) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	for of, n := range w.ledger.counts {
		each(of[0], of[1], n)
	}
}

// refused takes what the box of a server did not allow.
func (w *Warden) refused(ctx context.Context, server string, r box.Refusal) {
	thing, n := w.ledger.note(what{server, r.Kind, r.Detail}, w.now())
	if n > 0 && w.alert != nil {
		w.alert(ctx, describe(thing, r, n, w.inFlight(server)))
	}
}

// inFlight returns the calls that a server works on now.
func (w *Warden) inFlight(server string) (all []Call) {
	if w.calls == nil {
		return nil
	}
	w.calls(server, func(c *mcp.Call) {
		one := Call{ID: c.ID, Method: c.Method, Name: c.Name}
		if c.Caller != nil {
			one.Caller = c.Caller.ID
		}
		all = append(all, one)
	})
	return all
}

// describe returns the alert about a refusal, whose evidence is a finding and the calls that were in flight.
func describe(w what, r box.Refusal, n int, calls []Call) alert.Alert {
	text := fmt.Sprintf("the program of server %s was refused %s", w.server, words(w.kind, w.detail))
	switch {
	case len(calls) == 1:
		text += fmt.Sprintf(" during %s %s", calls[0].Method, calls[0].Name)
	case len(calls) > 1:
		text += fmt.Sprintf(" during one of %d calls", len(calls))
	default:
		text += " while no call was in flight"
	}
	f := trust.Finding{
		Rule: "box/" + w.kind, Severity: severity(w.kind, w.detail), Band: trust.BandWarn, Where: trust.Place{Server: w.server, Kind: "server"},
		Evidence: w.detail, Message: text, Remedy: remedy(w.kind),
	}
	if len(calls) == 1 && calls[0].Method == mcp.MethodToolsCall {
		f.Where.Kind, f.Where.Name = "tool", calls[0].Name
	}
	f = trust.Fingerprinted(f)
	evidence, err := json.Marshal(map[string]any{
		"finding": f, "program": r.Program, "pid": r.PID, "times": n, "calls": append([]Call{}, calls[:min(len(calls), mostCalls)]...),
	})
	if err != nil {
		evidence = nil // texts can always be written
	}
	return alert.Alert{
		// Runtimes look for files that they do without: that is told, and nobody has to decide on it.
		IsKept: f.Severity == trust.Info,
		ID:     "box-" + f.Fingerprint, // so that what somebody has decided holds for the same thing later
		Kind:   "box", Severity: alert.Severity(f.Severity), Server: w.server, Subject: cmp.Or(w.detail, w.kind), Text: text, Remedy: f.Remedy, Evidence: evidence,
	}
}

// words says what was refused.
func words(kind, detail string) string {
	switch kind {
	case box.KindSyscall:
		return "the system call " + detail
	case box.KindExec:
		return "to start the program " + detail
	case box.KindConnect:
		return "a connection to " + detail
	case box.KindName:
		return "the address of " + detail
	case box.KindFile:
		return "the file " + detail
	case box.KindLimit:
		return "more than its limit: " + detail
	case "more":
		return fmt.Sprintf("more than %d other things", mostKinds)
	}
	return kind + " " + detail
}

// remedy says what to write for a server that is to have what it was refused.
func remedy(kind string) string {
	switch kind {
	case box.KindExec:
		return "if it needs that, write exec: for the server"
	case box.KindConnect, box.KindName:
		return "if it needs that, write hosts: for the server"
	case box.KindFile:
		return "if it needs that, write read: or write: for the server"
	case box.KindLimit:
		return "if it needs that, write memory: or pids: for the server"
	}
	return "look at what the server is; docs/sandbox.md tells more"
}

// precious are parts of paths behind which lie other people's secrets, and what other programs run.
var precious = []string{
	"/.ssh/", "/.aws/", "/.gnupg/", "/.kube/", "/.docker/", "/.config/gcloud/", "/etc/shadow", "/.netrc", "/.git-credentials", "/.npmrc", "/.pypirc",
	"/.vscode/", "/.cursor/", "/.windsurf/", "/extensions/", "/.claude", "/docker.sock", "/.bashrc", "/.profile", "/.zshrc", "/autostart/", "/LaunchAgents/",
}

// triedByRuntimes is the system call that Node.js tries at its start, and does without.
const triedByRuntimes = "io_uring_setup"

// severity is how bad it is that a program has tried something.
func severity(kind, detail string) trust.Severity {
	switch kind {
	case box.KindSyscall, box.KindExec:
		if detail == triedByRuntimes {
			return trust.Info
		}
		return trust.High
	case box.KindConnect:
		if strings.HasPrefix(detail, "169.254.") || strings.HasPrefix(detail, "/") {
			return trust.High
		}
		return trust.Medium
	case box.KindFile:
		path := filepath.ToSlash(detail) + "/"
		if slices.ContainsFunc(precious, func(part string) bool { return strings.Contains(path, part) }) {
			return trust.High
		}
		if strings.HasSuffix(detail, changed) {
			return trust.Medium
		}
		return trust.Info
	}
	return trust.Medium
}

// changed ends what a box says of a file that a program wanted to change.
const changed = ", to be changed"
