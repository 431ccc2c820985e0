package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/proofreader"
)

func TestFailure(t *testing.T) {
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name    string
		ctx     context.Context
		started bool
		err     error
		want    int
	}{
		{"its own code", t.Context(), true, fmt.Errorf("calling: %w", &exit.Error{Code: exit.Denied, Msg: "no key"}), exit.Denied},
		{"before the verb began", t.Context(), false, errors.New("accepts 1 arg"), exit.Usage},
		{"anything else", t.Context(), true, errors.New("disk full"), exit.Unexpected},
		{"interrupted", interrupted, true, fmt.Errorf("reading: %w", context.Canceled), exit.Interrupted},
		{"interrupted, with a code of its own", interrupted, true, &exit.Error{Code: exit.Unreachable, Err: context.Canceled}, exit.Interrupted},
		{"failed while interrupted", interrupted, true, &exit.Error{Code: exit.Failed, Msg: "tool error"}, exit.Failed},
		{"cancelled by itself", t.Context(), true, context.Canceled, exit.Unexpected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &app{started: tt.started}
			if got := a.failure(tt.ctx, &cobra.Command{Use: "sumun"}, tt.err); got.Code != tt.want {
				t.Errorf("code %d, want %d: %v", got.Code, tt.want, got)
			}
		})
	}
}

func TestRun(t *testing.T) {
	var stdout, stderr strings.Builder
	code := run([]string{"version", "--json"}, strings.NewReader(""), &stdout, &stderr, func(string) string { return "" })
	if code != exit.OK || !strings.Contains(stdout.String(), version) || stderr.Len() > 0 {
		t.Errorf("code %d, stdout %q, stderr %q", code, &stdout, &stderr)
	}
}

// TestFaultsAreFound finds the faults of a configuration in the failure that tells of them, as a reload does to log each.
func TestFaultsAreFound(t *testing.T) {
	err := proofreader.Failure(config.Faults{{File: "mcp.yaml", Line: 3, Message: "unknown key"}})
	if faults, ok := errors.AsType[config.Faults](err); !ok || len(faults) != 1 || faults[0].Line != 3 {
		t.Errorf("faults = %v, %v", faults, ok)
	}
}
