package zoo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/probe"
	"github.com/sumun-mcp/sumun/internal/report"
	"github.com/sumun-mcp/sumun/internal/scan"
)

// built is where the program is that slow tests run; "" if none has.
var built string

// build builds the program, once.
var build = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "zoo-*")
	if err != nil {
		return err
	}
	built = filepath.Join(dir, "sumun")
	text, err := exec.Command("go", "build", "-o", built, "../../cmd/sumun").CombinedOutput()
	if err != nil {
		return errors.New(string(text))
	}
	return nil
})

// program scans with the built program, as people do: the servers stand in an mcp.yaml, and the events come on standard output.
func program(t *testing.T, targets []scan.Target, o probe.Options) *seen {
	t.Helper()
	s := new(seen)
	fail := func(err error) *seen {
		t.Error(err)
		s.failure = err.Error()
		return s
	}
	if err := build(); err != nil {
		return fail(err)
	}
	dir := t.TempDir()
	servers := map[string]any{}
	for i := range targets {
		at := &targets[i]
		if at.Command != nil {
			servers[at.Title] = map[string]any{"command": at.Command.Path, "args": at.Command.Args}
			continue
		}
		headers := map[string]string{}
		for name := range at.Header {
			headers[name] = at.Header.Get(name)
		}
		servers[at.Title] = map[string]any{"url": at.URL, "headers": headers}
	}
	config, err := json.Marshal(map[string]any{"servers": servers}) // which is YAML, too
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "mcp.yaml"), config, 0o600)
	}
	if err != nil {
		return fail(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	arguments := []string{"scan", "--format", "jsonl", "--timeout", o.Whole.String(), "--no-history"}
	if o.Active {
		arguments = append(arguments, "--active")
	}
	run := exec.CommandContext(ctx, built, arguments...)
	var out, said bytes.Buffer
	run.Dir, run.Stdout, run.Stderr = dir, &out, &said
	began := time.Now()
	err = run.Run()
	s.took = time.Since(began)
	for e, err := range report.Events(&out) {
		if err != nil {
			return fail(err)
		}
		_ = s.Handle(e) // it never fails
	}
	if code := run.ProcessState.ExitCode(); code != exit.OK && code != exit.Findings && (code != exit.Unreachable || s.failure == "") {
		return fail(errors.Join(err, errors.New(said.String())))
	}
	return s
}
