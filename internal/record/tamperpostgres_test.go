package record_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver named pgx

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/pgtest"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
)

// TestTamperingPostgres changes rows in PostgreSQL, and puts them back. Internal/auditlog
// tries all positions of a log; here it is what the database makes of them.
func TestTamperingPostgres(t *testing.T) {
	at := pgtest.Database(t, "")
	s, err := store.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cfg := &config.Config{Store: at, Dir: t.TempDir(), Audit: config.Audit{Sign: true, KeyFile: t.TempDir() + "/key"}}
	key, err := auditlog.OpenKey(cfg.Audit.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	sealer := &auditlog.Sealer{Store: s, Key: key, File: t.TempDir() + "/checkpoint"}
	var rows []audit.Row
	for i := range 300 {
		rows = append(rows, row(i+1))
	}
	for _, some := range [][]audit.Row{rows[:100], rows[100:]} {
		if err := s.AppendRecords(t.Context(), some); err != nil {
			t.Fatal(err)
		}
		if err := sealer.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("pgx", at)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for _, table := range []string{"record", "checkpoint", "block"} {
		exec("CREATE TABLE saved_" + table + " AS TABLE audit_" + table)
	}
	book, err := record.Read(cfg, s, key.Public)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		statements  string
		first, last int64
		what        string
	}{
		{"", 0, 0, ""},
		{"UPDATE audit_record SET body = overlay(body placing '8' from 20) WHERE seq = 200", 200, 200, "body"},
		{"UPDATE audit_record SET arguments = arguments || ' ' WHERE seq = 300", 300, 300, "arguments"},
		{"UPDATE audit_record SET salt = set_byte(salt, 3, 7) WHERE seq = 1", 1, 1, "arguments"},
		{"DELETE FROM audit_record WHERE seq = 150", 150, 150, "missing"},
		{"DELETE FROM audit_record WHERE seq > 250", 251, 300, "missing"},
		{"UPDATE audit_record SET seq = -seq - 1 WHERE seq >= 150; UPDATE audit_record SET seq = -seq WHERE seq < 0; INSERT INTO audit_record (seq, body) VALUES (150, '{}')", 1, 256, "hash over them"},
		{"UPDATE audit_record SET seq = -1 WHERE seq = 150; UPDATE audit_record SET seq = 150 WHERE seq = 200; UPDATE audit_record SET seq = 200 WHERE seq = -1", 1, 256, "hash over them"},
		{"UPDATE audit_block SET hash = set_byte(hash, 0, (get_byte(hash, 0) + 1) % 256)", 1, 256, "hash over them"},
		{"UPDATE audit_checkpoint SET note = replace(note, 'time 2', 'time 3') WHERE size = 300", 0, 0, "not a checkpoint"},
		{"UPDATE audit_checkpoint SET size = 299 WHERE size = 300", 0, 0, "stands as one of 299"},
		{"DELETE FROM audit_checkpoint WHERE size = 100", 0, 0, ""}, // what it said a later one says
		{"UPDATE audit_record SET salt = NULL, arguments = NULL, result = NULL WHERE seq < 200", 0, 0, ""},
	} {
		if tt.statements != "" {
			exec(tt.statements)
		}
		report, err := book.Verify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case tt.what == "" && len(report.Faults) > 0:
			t.Errorf("%s: found %+v", tt.statements, report.Faults)
		case tt.what != "" && (len(report.Faults) == 0 || report.Faults[0].First != tt.first || report.Faults[0].Last != tt.last || !strings.Contains(report.Faults[0].What, tt.what)):
			t.Errorf("%s: found %+v, want %d to %d: %s", tt.statements, report.Faults, tt.first, tt.last, tt.what)
		}
		for _, table := range []string{"record", "checkpoint", "block"} {
			exec("DELETE FROM audit_" + table)
			exec("INSERT INTO audit_" + table + " SELECT * FROM saved_" + table)
		}
	}
}
