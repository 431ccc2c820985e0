package record_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
)

// publicOf is the public key in a file.
func publicOf(t *testing.T, path string) string {
	t.Helper()
	key, err := auditlog.ReadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public
}

// verifyWith verifies a log with a public key.
func (l *log) verifyWith(public string, since ...string) *auditlog.Report {
	l.tb.Helper()
	s := l.open()
	defer s.Close()
	book, err := record.Read(l.cfg, s, public)
	if err != nil {
		l.tb.Fatal(err)
	}
	report, err := book.Verify(l.tb.Context(), since...)
	if err != nil {
		l.tb.Fatal(err)
	}
	return report
}

// add appends a record and seals.
func (l *log) add(n int) {
	l.tb.Helper()
	s := l.open()
	defer s.Close()
	if err := s.AppendRecords(l.tb.Context(), []audit.Row{row(n)}); err != nil {
		l.tb.Fatal(err)
	}
	if err := l.sealer(s).Seal(l.tb.Context()); err != nil {
		l.tb.Fatal(err)
	}
}

// rotate exchanges the key, and returns the one that was and the one that is.
func (l *log) rotate() (from, to string) {
	l.tb.Helper()
	s := l.open()
	defer s.Close()
	r, err := record.Rotate(l.tb.Context(), l.cfg, s, "")
	if err != nil {
		l.tb.Fatal(err)
	}
	return r.From, r.To
}

// TestRotate exchanges the key twice: any of the three keys verifies all of the log, with
// checkpoints that were kept of each time, and exports of it.
func TestRotate(t *testing.T) {
	l := newLog(t, 300, 100)
	kept := filepath.Join(t.TempDir(), "kept")
	first, err := os.ReadFile(record.CheckpointFile(l.cfg))
	if err == nil {
		err = os.WriteFile(kept, first, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	k0, k1 := l.rotate()
	l.add(302)
	again, k2 := l.rotate()
	l.add(304)
	if again != k1 || publicOf(t, record.KeyFile(l.cfg)) != k2 || k0 == k1 || k1 == k2 {
		t.Fatalf("keys %s, %s, %s", k0, k1, k2)
	}
	for i, public := range []string{"", k0, k1, k2} {
		if report := l.verifyWith(public, kept); len(report.Faults) > 0 || report.Sealed != 304 || !report.Signed {
			t.Errorf("with key %d: %+v", i, report)
		}
	}
	s := l.open()
	book, err := record.Read(l.cfg, s, "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := book.Export(t.Context(), &out, record.Query{Want: map[string]string{"event": "audit.key-rotated"}}, record.Proofs); err != nil {
		t.Fatal(err)
	}
	for _, public := range []string{k0, k1, k2} {
		if n, _, err := record.CheckExport(bytes.NewReader(out.Bytes()), public); n != 2 || err != nil {
			t.Errorf("an export with %s: %d records, %v", public, n, err)
		}
	}
}

// TestRotationTampered finds what is done to the exchange of keys.
func TestRotationTampered(t *testing.T) {
	l := newLog(t, 300, 100)
	old, err := os.ReadFile(record.KeyFile(l.cfg))
	if err != nil {
		t.Fatal(err)
	}
	k0, k1 := l.rotate()
	l.add(302)
	tests := map[string]func(l *log){
		"the checkpoint that says so is removed": sqls(`DELETE FROM audit_checkpoint WHERE exchange = 1`),
		"it is not looked for":                   sqls(`UPDATE audit_checkpoint SET exchange = 0`),
		"it names another key":                   sqls(`UPDATE audit_checkpoint SET note = replace(note, 'keys sumun', 'keys sumum') WHERE exchange = 1`),
		"the old key signs again": func(l *log) {
			if err := os.WriteFile(record.KeyFile(l.cfg), old, 0o600); err != nil {
				l.tb.Fatal(err)
			}
			key, err := auditlog.ReadKey(record.KeyFile(l.cfg))
			if err != nil {
				l.tb.Fatal(err)
			}
			l.exec(`DELETE FROM audit_record WHERE seq = 302`, `DELETE FROM audit_checkpoint WHERE size = 302`)
			c, err := auditlog.Open([]byte(l.newest()))
			if err != nil {
				l.tb.Fatal(err)
			}
			c.From, c.To, c.Size = "", "", c.Size+1
			signed, err := note.Sign(&note.Note{Text: c.String()}, key.Signer)
			if err != nil {
				l.tb.Fatal(err)
			}
			l.exec(`INSERT INTO audit_checkpoint (size, note) VALUES (302, '` + string(signed) + `')`)
		},
		"the signature of the new key is taken off": func(l *log) {
			text := l.exchanged()
			l.exec(`UPDATE audit_checkpoint SET note = '` + text[:strings.LastIndex(text, "\u2014")] + `' WHERE exchange = 1`)
		},
	}
	for name, tamper := range tests {
		t.Run(name, func(t *testing.T) {
			for _, public := range []string{k0, k1} {
				l := l.copy(t)
				if report := l.verifyWith(public); len(report.Faults) > 0 {
					t.Fatalf("as it was: %+v", report.Faults)
				}
				tamper(l)
				if report := l.verifyWith(public); len(report.Faults) == 0 {
					t.Errorf("with %s nothing was found: %+v", public, report)
				}
			}
		})
	}
}

func (l *log) newest() string {
	return l.text(`SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1`)
}

func (l *log) exchanged() string {
	return l.text(`SELECT note FROM audit_checkpoint WHERE exchange = 1`)
}

// TestOtherKey refuses to begin with another key than the log's, whether the log is empty or not.
func TestOtherKey(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		begin := func(keyFile string) error {
			cfg := &config.Config{Store: at, Dir: filepath.Dir(keyFile), Audit: config.Audit{Sign: true, Payloads: "hash", KeyFile: keyFile}}
			s, err := store.Open(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			log, err := record.Open(t.Context(), cfg, s, slog.New(slog.DiscardHandler))
			if err != nil {
				return err
			}
			if err := log.Event(t.Context(), audit.Event{Kind: audit.GatewayStarted}); err != nil {
				t.Error(err)
			}
			return log.Close()
		}
		one, other := filepath.Join(t.TempDir(), "k"), filepath.Join(t.TempDir(), "k")
		if err := begin(one); err != nil {
			t.Fatal(err)
		}
		if _, err := auditlog.OpenKey(other); err != nil {
			t.Fatal(err)
		}
		err := begin(other)
		if !errors.Is(err, auditlog.ErrOtherKey) || !record.Lost(err) || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), "audit.keyFile") {
			t.Errorf("another key: %v", err)
		}
		missing := filepath.Join(t.TempDir(), "k")
		if err := begin(missing); !errors.Is(err, auditlog.ErrOtherKey) {
			t.Errorf("without a key: %v", err)
		}
		if _, err := os.Stat(missing); err == nil {
			t.Error("another key was made")
		}
		if err := begin(one); err != nil {
			t.Errorf("the log was spoilt: %v", err)
		}
	})
}

// TestRotateBeside exchanges the key beside a gateway, which goes on with the new one.
func TestRotateBeside(t *testing.T) {
	engines(t, func(t *testing.T, at string) {
		t.Helper()
		dir := t.TempDir()
		if file, ok := strings.CutPrefix(at, "sqlite:"); ok {
			dir = filepath.Dir(file)
		}
		cfg := sharedSettings(at, dir)
		open := func() *store.Store {
			s, err := store.Open(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		}
		log, err := record.Open(t.Context(), cfg, open(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		s := open()
		event := func() {
			if err := log.Event(t.Context(), audit.Event{Kind: audit.Alert}); err != nil {
				t.Error(err)
			}
		}
		event()
		first := publicOf(t, record.KeyFile(cfg))
		for range 5 {
			if _, err := record.Rotate(t.Context(), cfg, s, ""); err != nil {
				t.Fatal(err)
			}
			event()
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		for _, public := range []string{"", first} {
			book, err := record.Read(cfg, s, public)
			if err != nil {
				t.Fatal(err)
			}
			if report, err := book.Verify(t.Context()); err != nil || len(report.Faults) > 0 || report.Records != 11 || report.Sealed != 11 {
				t.Errorf("with %q: %+v, %v", public, report, err)
			}
		}
	})
}

// TestRotateTo exchanges the key for one that others put in its place: what is on record
// meanwhile is sealed once that is done.
func TestRotateTo(t *testing.T) {
	l := newLog(t, 10)
	s := l.open()
	next := filepath.Join(t.TempDir(), "next")
	if _, err := record.Rotate(t.Context(), l.cfg, s, next); err != nil {
		t.Fatal(err)
	}
	sealer := l.sealer(s)
	if err := s.AppendRecords(t.Context(), []audit.Row{row(12)}); err != nil {
		t.Fatal(err)
	}
	if err := sealer.Seal(t.Context()); !errors.Is(err, auditlog.ErrOtherKey) {
		t.Errorf("sealed with the old key: %v", err)
	}
	if _, err := record.Open(t.Context(), l.cfg, s, slog.New(slog.DiscardHandler)); !errors.Is(err, auditlog.ErrOtherKey) {
		t.Errorf("begun with the old key: %v", err)
	}
	key, err := os.ReadFile(next)
	if err == nil {
		err = os.WriteFile(record.KeyFile(l.cfg), key, 0o600)
	}
	if err == nil {
		err = sealer.Seal(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if report := l.verify(); len(report.Faults) > 0 || report.Sealed != 12 {
		t.Errorf("%+v", report)
	}
}

// TestRotateInterrupted goes on where somebody ended after the exchange and before the
// new key was in its place.
func TestRotateInterrupted(t *testing.T) {
	l := newLog(t, 10)
	path := record.KeyFile(l.cfg)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	l.rotate()
	if err := os.Rename(path, path+".next"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, old, 0o600); err != nil {
		t.Fatal(err)
	}
	l.add(12)
	l.rotate()
	if report := l.verify(); len(report.Faults) > 0 || report.Sealed != 13 {
		t.Errorf("%+v", report)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
