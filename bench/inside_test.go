package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestInsides measures what no cell shows, in one short round, and says why it leaves out what this machine has not.
func TestInsides(t *testing.T) {
	var out, progress bytes.Buffer
	args := []string{"-rounds", "1", "-duration", "20ms", "-only", "^audit|^key lookup", "-postgres", ""}
	if code := run(args, strings.NewReader(""), &out, &progress); code != 0 {
		t.Fatalf("exit code %d: %s", code, progress.String())
	}
	for _, want := range []string{
		"audit, durable, 64 producers, SQLite: ", " records/s\n", "PostgreSQL: skipped, -postgres is empty\n",
		"key lookup, 10 keys: ", "key lookup, 100,000 keys: ", "goal: at least 20000 audit records", "goal: a key among 100,000",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "shape") {
		t.Errorf("there is a table without cells:\n%s", out.String())
	}
}

func TestInsideGoals(t *testing.T) {
	r := &result{Figures: []*figure{
		{Name: auditSQLite, Unit: "records/s", Rounds: []float64{30_000, 10_000, 20_000}},
		{Name: auditPostgres, Skipped: "there is none"},
		{Name: fewKeys, Unit: "ns", Rounds: []float64{100, 200}},
		{Name: manyKeys, Unit: "ns", Rounds: []float64{310}},
	}}
	got := strings.Join(r.goals(), "\n")
	for _, want := range []string{"20.0k: met", "2.07: not met"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	page := r.markdown()
	for _, want := range []string{"\n* audit, durable, 64 producers, SQLite: 20.0k records/s (10.0k–30.0k).", "\n* audit, durable, 64 producers, PostgreSQL: skipped, there is none."} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
}
