package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/bench/load"
)

// TestMain makes the test's binary a yardstick, or a gateway for the test, when the bench under test starts it as one.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == childVerb:
		os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	case len(os.Args) > 3 && os.Args[1] == "serve":
		if err := serveForTest(os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	os.Exit(m.Run())
}

func TestQuickRun(t *testing.T) {
	raw := filepath.Join(t.TempDir(), "raw.json")
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte(markBegin+markEnd), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, progress bytes.Buffer
	args := []string{"-rounds", "1", "-duration", "20ms", "-conns", "2", "-targets", "E,B,C", "-only", "^modern, 400 B", "-json", raw, "-markdown", page}
	if code := run(args, strings.NewReader(""), &out, &progress); code != 0 {
		t.Fatalf("exit code %d: %s", code, progress.String())
	}
	for _, want := range []string{"cores, go", "modern  400 B  2", " E  ", " B  ", " C  "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	for _, file := range []string{raw, page} {
		if text, err := os.ReadFile(file); err != nil || !bytes.Contains(text, []byte("400 B")) {
			t.Errorf("%s: %v: %s", file, err, text)
		}
	}
}

func TestSoakAndIdle(t *testing.T) {
	var out, diag bytes.Buffer
	if code := run([]string{"-soak16k", "-soak-calls", "50", "-targets", "E,C"}, strings.NewReader(""), &out, &diag); code != 0 {
		t.Fatalf("soak: exit code %d: %s", code, diag.String())
	}
	if code := run([]string{"-sessions", "40", "-targets", "C"}, strings.NewReader(""), &out, &diag); code != 0 {
		t.Fatalf("idle: exit code %d: %s", code, diag.String())
	}
	for _, want := range []string{"E  50 calls at 16 KB", "C  50 calls at 16 KB", ": 0 failed, 0 connections dropped", "C  40 idle sessions"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestBadFlags(t *testing.T) {
	for _, args := range []string{"-conns=0", "-conns=x", "-targets=Z", "-only=(", "-rounds=0", "more", "-only=nothing -targets=E"} {
		var diag bytes.Buffer
		if code := run(strings.Fields(args), strings.NewReader(""), io.Discard, &diag); code != 1 || diag.Len() == 0 {
			t.Errorf("%s: exit code %d, %q", args, code, diag.String())
		}
	}
}

func TestChildArgumentsSurvive(t *testing.T) {
	want := childConfig{kind: "C", era: "both", tools: 3, upstream: "http://127.0.0.1:1/mcp", shape: load.Shape{Modern: true, Stream: true}}
	got, err := parseChild(want.args()[1:], io.Discard)
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func TestParseMetrics(t *testing.T) {
	got, err := parseMetrics(strings.NewReader("# HELP go_x y\ngo_memstats_mallocs_total 1.5e+06\ngo_memstats_alloc_bytes_total 2e+09\n" +
		"go_memstats_heap_alloc_bytes 7\ngo_gc_duration_seconds{quantile=\"0\"} 1\ngo_gc_duration_seconds_count 4\nother{a=\"b c\"} 3\n"))
	if err != nil || got != (memory{1_500_000, 2_000_000_000, 7, 4}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parseMetrics(strings.NewReader("up 1\n")); err == nil {
		t.Error("a page without the Go collector was accepted")
	}
}
