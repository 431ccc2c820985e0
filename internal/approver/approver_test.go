package approver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/approve"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// A gate is the gateway that decisions are taken to.
type gate struct {
	mu      sync.Mutex
	waiting []string
	decided []approve.Verdict
}

func (g *gate) come(requests ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = requests
}

func (g *gate) verdicts() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []string
	for _, v := range g.decided {
		word := "denied"
		if *v.Allow {
			word = "allowed"
		}
		if v.Always {
			word = "always"
		}
		all = append(all, strings.TrimSpace(v.ID+" "+word+" "+v.For+v.Reason))
	}
	return strings.Join(all, "; ")
}

func (g *gate) ask(_ context.Context, method string, params any) ([]byte, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch method {
	case mcp.MethodApprovals:
		return []byte(`{"approvals":[` + strings.Join(g.waiting, ",") + `],"remembered":[]}`), nil
	case mcp.MethodDecide:
		v := params.(approve.Verdict)
		if v.Reason == "late" {
			return nil, &exit.Error{Code: exit.Failed, Msg: v.ID + " is denied already"}
		}
		g.decided = append(g.decided, v)
		for i, r := range g.waiting {
			if strings.Contains(r, `"`+v.ID+`"`) {
				g.waiting = append(g.waiting[:i:i], g.waiting[i+1:]...)
				return []byte(`{"approval":` + r + `}`), nil
			}
		}
	}
	return nil, errors.New("it is not there")
}

func request(id string) string {
	return fmt.Sprintf(`{"id":%q,"state":"allowed","caller":"ci","client":"x\u001b[2J","name":"bank.pay\nsumun approve other","server":"bank","why":"destructive",`+
		`"arguments":{"to":"Ada"},"by":"either","askedAt":"2000-01-01T00:00:00Z"}`, id)
}

// A paper is what is written on, by several.
type paper struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// take returns what has been written since it was asked last.
func (p *paper) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.text.Reset()
	return p.text.String()
}

// TestWatch has a person decide on calls as they come.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		var data, people paper
		typed, types := io.Pipe()
		d := &Desk{Voice: &terminal.Voice{Data: &data, People: &people}, Ask: g.ask, In: typed, Typing: true}
		ctx, interrupt := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.watch(ctx) }()
		says := func(text string) {
			t.Helper()
			if _, err := io.WriteString(types, text+"\n"); err != nil {
				t.Error(err)
			}
			time.Sleep(2 * look)
			synctest.Wait()
		}
		synctest.Wait()
		says("y") // about nothing
		g.come(request("a"), request("b"), request("c"), strings.Replace(request("h"), "either", "host", 1))
		time.Sleep(2 * look)
		synctest.Wait()
		if text := data.take(); !strings.HasPrefix(text, "a  bank.pay sumun approve other for ci (x[2J), of bank: waits for 1s, since it may destroy something\n  {\"to\":\"Ada\"}\nb  ") || !strings.Contains(text, "only the person in front of the host decides") {
			t.Errorf("it shows %q", text)
		}
		says("what?")
		says("y as agreed")
		says("n")
		says("s")
		g.come(request("c"), request("d"))
		time.Sleep(2 * look)
		says("h")
		g.come(request("e"))
		time.Sleep(2 * look)
		g.come(request("f"))
		time.Sleep(2 * look)
		says("a late")
		g.come(request("g"))
		time.Sleep(2 * look)
		says("a")
		if want := "a allowed as agreed; b denied; d allowed 1h; g always"; g.verdicts() != want {
			t.Errorf("decided: %s, want %s", g.verdicts(), want)
		}
		if text := people.take(); !strings.Contains(text, "e does not wait any more") || !strings.Contains(text, "f is denied already") || strings.Count(text, "c: [y]") != 1 {
			t.Errorf("it says %q", text)
		}
		types.Close()
		time.Sleep(2 * look)
		interrupt()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestWatchJSON shows one document a line, and asks nobody.
func TestWatchJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		var data paper
		g.come(request("a"))
		d := &Desk{Voice: &terminal.Voice{Data: &data, People: io.Discard, JSON: true}, Ask: g.ask, Typing: true}
		ctx, interrupt := context.WithTimeout(t.Context(), time.Minute)
		defer interrupt()
		if err := d.watch(ctx); err != nil {
			t.Error(err)
		}
		if text := data.take(); strings.Count(text, "\n") != 1 || !json.Valid([]byte(text)) {
			t.Errorf("it shows %q", text)
		}
		d.Ask = func(context.Context, string, any) ([]byte, error) { return nil, errors.New("gone") }
		if err := d.watch(t.Context()); err == nil || err.Error() != "gone" {
			t.Errorf("without a gateway: %v", err)
		}
	})
}
