package herald_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/herald"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

const one = `{"id":"k3vq7p2m5x","severity":"high","kind":"drift","server":"issues","subject":"add\u001b[2J","message":"the tool is not\nwhat it was","remedy":"r","at":"2026-01-01T00:00:00Z","state":"open","thing":"tool"}`

// run speaks the verb, and returns what it prints, notes, and asks the gateway.
func run(t *testing.T, asJSON bool, args ...string) (data, notes, asked string, err error) { //nolint:revive // what a verb does
	t.Helper()
	var out, said bytes.Buffer
	d := &herald.Desk{Voice: &terminal.Voice{Data: &out, People: &said, JSON: asJSON}, Ask: func(_ context.Context, method string, params any) ([]byte, error) {
		text, err := json.Marshal(params)
		asked = method + " " + string(text)
		switch method {
		case mcp.MethodAlerts:
			return []byte(`{"alerts":[` + one + `],"held":[{"server":"issues","kind":"tool","name":"issues.add","alert":"k3vq7p2m5x"}]}`), err
		case mcp.MethodAlert:
			return []byte(`{"alert":` + one + `,"diff":{"changes":["description: [-a-] {+b+}"],"findings":[{"rule":"text/injection","message":"m","evidence":"e"}],"risk":"bad"}}`), err
		}
		return []byte(`{"alerts":[` + strings.Replace(one, `"open"`, `"approved"`, 1) + `]}`), err
	}}
	cmd := d.Command()
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return out.String(), said.String(), asked, err
}

// TestVerb lists, shows, approves and dismisses.
func TestVerb(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args               string
		data, notes, asked string
	}{
		{"list", "k3vq7p2m5x  high  2026-01-01T00:00:00Z  issues tool add", "1 thing is held back until", mcp.MethodAlerts + ` {"all":false,"server":""}`},
		{"list --all --server issues", "k3vq7p2m5x  open  high", "", mcp.MethodAlerts + ` {"all":true,"server":"issues"}`},
		{"show k3vq7p2m5x", "  description: [-a-] {+b+}\n  ! text/injection: m: e\nrisk: bad\ntry: sumun alert approve k3vq7p2m5x", "", mcp.MethodAlert + ` {"id":"k3vq7p2m5x"}`},
		{"approve k3vq7p2m5x other --reason why", "", "approved k3vq7p2m5x: issues tool add", mcp.MethodAlertApprove + ` {"ids":["k3vq7p2m5x","other"],"reason":"why"}`},
		{"dismiss --server issues --reason why", "", "approved", mcp.MethodAlertDismiss + ` {"server":"issues","reason":"why"}`},
	} {
		data, notes, asked, err := run(t, false, strings.Fields(tt.args)...)
		if err != nil || !strings.Contains(data, tt.data) || !strings.Contains(notes, tt.notes) || asked != tt.asked {
			t.Errorf("%s: %v\n%s%s%s", tt.args, err, data, notes, asked)
		}
		if strings.ContainsRune(data+notes, '\x1b') || strings.Contains(data+notes, "not\nwhat") {
			t.Errorf("%s: what a server says is printed as it is: %q", tt.args, data+notes)
		}
	}
	if data, _, _, err := run(t, true, "list"); err != nil || !json.Valid([]byte(data)) || !strings.HasPrefix(data, "[") {
		t.Errorf("as JSON: %s, %v", data, err)
	}
}

// TestUsage refuses to decide on everything, and on nothing.
func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"approve", "dismiss", "approve one --server issues"} {
		_, _, asked, err := run(t, false, strings.Fields(args)...)
		if failed, ok := err.(*exit.Error); !ok || failed.Code != exit.Usage || asked != "" { //nolint:errorlint // it is the error itself
			t.Errorf("%s: %v, asked %s", args, err, asked)
		}
	}
}
