package record_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/auditlog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/store"
)

// A log is one that was written by a gateway which has ended.
type log struct {
	cfg *config.Config
	dir string
	tb  testing.TB
}

// newLog writes so many records, half of them with payloads, and seals some of the
// states on the way.
func newLog(tb testing.TB, records int, seals ...int) *log {
	tb.Helper()
	dir := tb.TempDir()
	l := &log{&config.Config{Store: "sqlite:" + filepath.Join(dir, "sumun.db"), Audit: config.Audit{Sign: true}}, dir, tb}
	s := l.open()
	sealer := l.sealer(s)
	if _, err := sealer.Resume(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	at := 0
	for _, n := range append(seals, records) {
		var rows []audit.Row
		for ; at < n; at++ {
			rows = append(rows, row(at+1))
		}
		if err := s.AppendRecords(tb.Context(), rows); err != nil {
			tb.Fatal(err)
		}
		if err := sealer.Seal(tb.Context()); err != nil {
			tb.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		tb.Fatal(err)
	}
	return l
}

// copy returns a log of the same files in another directory.
func (l *log) copy(tb testing.TB) *log {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "state"), os.DirFS(l.dir)); err != nil {
		tb.Fatal(err)
	}
	dir = filepath.Join(dir, "state")
	return &log{&config.Config{Store: "sqlite:" + filepath.Join(dir, "sumun.db"), Audit: l.cfg.Audit}, dir, tb}
}

// row is a record with payloads.
func row(i int) audit.Row {
	r := audit.Row{Salt: fmt.Appendf(nil, "salt %011d", i), Arguments: fmt.Appendf(nil, `{"n":%d}`, i), Result: []byte(`{"ok":true}`)}
	digest := func(b []byte) string {
		sum := sha256.Sum256(b)
		sum = sha256.Sum256(slices.Concat(r.Salt, sum[:]))
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	r.Body = fmt.Appendf(nil, `{"v":1,"time":%q,"id":"i-%d","caller":"local","method":"tools/call","name":"calc.evaluate","arguments":%q,"result":%q,"outcome":"ok","durationUs":%d}`,
		time.Unix(int64(i), 0).UTC().Format(time.RFC3339Nano), i, digest(r.Arguments), digest(r.Result), i)
	return r
}

func (l *log) open() *store.Store {
	l.tb.Helper()
	s, err := store.Open(l.tb.Context(), l.cfg.StoreFile())
	if err != nil {
		l.tb.Fatal(err)
	}
	l.tb.Cleanup(func() { s.Close() })
	return s
}

func (l *log) sealer(s *store.Store) *auditlog.Sealer {
	l.tb.Helper()
	key, err := auditlog.OpenKey(record.KeyFile(l.cfg))
	if err != nil {
		l.tb.Fatal(err)
	}
	return &auditlog.Sealer{Store: s, Key: key, File: record.CheckpointFile(l.cfg), KeyFile: record.KeyFile(l.cfg)}
}

// exec changes the database behind everyone's back.
func (l *log) exec(statements ...string) {
	l.tb.Helper()
	db, err := sql.Open("sqlite", l.cfg.StoreFile())
	if err != nil {
		l.tb.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			l.tb.Fatalf("%s: %v", s, err)
		}
	}
}

// text is the answer to a query.
func (l *log) text(query string) (answer string) {
	l.tb.Helper()
	db, err := sql.Open("sqlite", l.cfg.StoreFile())
	if err != nil {
		l.tb.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(&answer); err != nil {
		l.tb.Fatalf("%s: %v", query, err)
	}
	return answer
}

func (l *log) verify(since ...string) *auditlog.Report {
	l.tb.Helper()
	s := l.open()
	defer s.Close()
	return l.verifyIn(s, since...)
}

func (l *log) verifyIn(s *store.Store, since ...string) *auditlog.Report {
	l.tb.Helper()
	book, err := record.Read(l.cfg, s, "")
	if err != nil {
		l.tb.Fatal(err)
	}
	report, err := book.Verify(l.tb.Context(), since...)
	if err != nil {
		l.tb.Fatal(err)
	}
	return report
}

// rewrite gives the log the hashes that it would have if what it holds now had been
// written, as someone would who knows how it is made but has no key.
func (l *log) rewrite() {
	l.tb.Helper()
	l.exec(`UPDATE audit_record SET leaf = NULL`, `DELETE FROM audit_block`)
	l.open().Close()
}

func TestTampering(t *testing.T) {
	const records = 700 // two full blocks, and some
	shift := []string{
		`UPDATE audit_record SET seq = -seq - 1 WHERE seq >= 300`, `UPDATE audit_record SET seq = -seq WHERE seq < 0`,
	}
	tests := []struct {
		name        string
		tamper      func(l *log)
		first, last int64 // of the first fault
		what        string
	}{
		{"a body is changed", sqls(`UPDATE audit_record SET body = replace(body, 'ok', 'no') WHERE seq = 300`), 300, 300, "body"},
		{"a body at the end is changed", sqls(`UPDATE audit_record SET body = replace(body, 'ok', 'no') WHERE seq = 700`), 700, 700, "body"},
		{"a body and its hash are changed", func(l *log) {
			leaf := tlog.RecordHash([]byte(`{}`))
			l.exec(fmt.Sprintf(`UPDATE audit_record SET body = '{}', leaf = x'%x' WHERE seq = 300`, leaf[:]))
		}, 251, 500, "not those of"},
		{"everything above is made to fit", func(l *log) {
			l.exec(`UPDATE audit_record SET body = '{}' WHERE seq = 300`)
			l.rewrite()
		}, 251, 500, "not those of"},
		{"a record is removed", sqls(`DELETE FROM audit_record WHERE seq = 300`), 300, 300, "missing"},
		{"several are removed", sqls(`DELETE FROM audit_record WHERE seq BETWEEN 2 AND 300`), 2, 300, "missing"},
		{"one is removed and those behind move up", func(l *log) {
			l.exec(`DELETE FROM audit_record WHERE seq = 300`, `UPDATE audit_record SET seq = -seq + 1 WHERE seq > 300`, `UPDATE audit_record SET seq = -seq WHERE seq < 0`)
			l.rewrite()
		}, 251, 500, "not those of"},
		{"one is inserted", func(l *log) {
			l.exec(append(shift, `INSERT INTO audit_record (seq, body) VALUES (300, '{}')`)...)
		}, 251, 500, "not those of"},
		{"one is inserted and the rest made to fit", func(l *log) {
			l.exec(append(shift, `INSERT INTO audit_record (seq, body) VALUES (300, '{}')`)...)
			l.rewrite()
		}, 251, 500, "not those of"},
		{"one is put before the first", sqls(`INSERT INTO audit_record (seq, body) VALUES (-5, '{}')`), -5, -5, "before the first"},
		{"two change places", sqls(`UPDATE audit_record SET seq = -1 WHERE seq = 300`, `UPDATE audit_record SET seq = 300 WHERE seq = 400`, `UPDATE audit_record SET seq = 400 WHERE seq = -1`), 251, 500, "not those of"},
		{"two change their bodies", sqls(`UPDATE audit_record SET body = (SELECT o.body FROM audit_record o WHERE o.seq = 700 - audit_record.seq) WHERE seq IN (300, 400)`), 300, 300, "body"},
		{"the end is cut off", sqls(`DELETE FROM audit_record WHERE seq > 600`), 601, 700, "missing"},
		{"the end is cut off with its checkpoints", sqls(`DELETE FROM audit_record WHERE seq > 500`, `DELETE FROM audit_checkpoint WHERE size > 500`), 501, 700, "missing"},
		{"everything is removed", sqls(`DELETE FROM audit_record`, `DELETE FROM audit_checkpoint`, `DELETE FROM audit_block`), 1, 700, "missing"},
		{"a block's hash is changed", sqls(`UPDATE audit_block SET hash = zeroblob(32) WHERE number = 1`), 257, 512, "hash over them"},
		{"a block's hash is removed", sqls(`DELETE FROM audit_block WHERE number = 0`), 1, 256, "missing"},
		{"arguments beside a record are changed", sqls(`UPDATE audit_record SET arguments = '{"n":0}' WHERE seq = 44`), 44, 44, "arguments"},
		{"a result beside a record is changed", sqls(`UPDATE audit_record SET result = result || ' ' WHERE seq = 44`), 44, 44, "result"},
		{"a salt beside payloads is changed", sqls(`UPDATE audit_record SET salt = x'00' WHERE seq = 44`), 44, 44, "arguments"},
		{"a checkpoint is changed", sqls(`UPDATE audit_checkpoint SET note = replace(note, 'time 2', 'time 3') WHERE size = 500`), 0, 0, "not a checkpoint"},
		{"a checkpoint is forged with another key", func(l *log) {
			other, err := auditlog.OpenKey(filepath.Join(l.tb.TempDir(), "key"))
			if err != nil {
				l.tb.Fatal(err)
			}
			c := auditlog.Checkpoint{Origin: other.Name(), Size: 700, Root: tlog.Hash{1}, Time: time.Now()}
			forged, err := note.Sign(&note.Note{Text: c.String()}, other.Signer)
			if err != nil {
				l.tb.Fatal(err)
			}
			l.exec(fmt.Sprintf(`UPDATE audit_checkpoint SET note = CAST(x'%x' AS TEXT) WHERE size = 700`, forged))
		}, 0, 0, "not a checkpoint"},
		{"a checkpoint loses its signature", func(l *log) {
			c := auditlog.Checkpoint{Origin: "sumun-audit/unsigned", Size: 701, Time: time.Now()}
			l.exec(fmt.Sprintf(`INSERT INTO audit_checkpoint (size, note) VALUES (701, '%s')`, c))
		}, 0, 0, "not signed"},
		{"the checkpoint beside the store is removed", func(l *log) {
			if err := os.Remove(record.CheckpointFile(l.cfg)); err != nil {
				l.tb.Fatal(err)
			}
		}, 0, 0, "missing at"},
		{"another key lies beside the store", func(l *log) {
			path := record.KeyFile(l.cfg)
			if err := os.Remove(path); err != nil {
				l.tb.Fatal(err)
			}
			if _, err := auditlog.OpenKey(path); err != nil {
				l.tb.Fatal(err)
			}
		}, 0, 0, "not a checkpoint"},
	}
	written := newLog(t, records, 250, 500)
	if report := written.copy(t).verify(); len(report.Faults) > 0 || report.Records != records || report.Sealed != records || !report.Signed || report.Checkpoints != 5 {
		t.Fatalf("as it was written: %+v", report)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := written.copy(t)
			tt.tamper(l)
			report := l.verify()
			if len(report.Faults) == 0 {
				t.Fatalf("nothing was found: %+v", report)
			}
			if f := report.Faults[0]; f.First != tt.first || f.Last != tt.last || !strings.Contains(f.What, tt.what) {
				t.Errorf("found %+v, want %d to %d: %s", report.Faults, tt.first, tt.last, tt.what)
			}
		})
	}
}

func sqls(statements ...string) func(l *log) {
	return func(l *log) { l.exec(statements...) }
}

// TestAnyByte changes single bytes of bodies and payloads anywhere; each is found, and
// named where it is.
func TestAnyByte(t *testing.T) {
	const records = 600
	l := newLog(t, records, 100, 300)
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	db, err := sql.Open("sqlite", l.cfg.StoreFile())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := l.open()
	for range 8 { // internal/auditlog tries all positions
		seq, column := 1+random.IntN(records), []string{"body", "body", "arguments", "result", "salt"}[random.IntN(5)]
		var was []byte
		if err := db.QueryRow(`SELECT CAST(`+column+` AS BLOB) FROM audit_record WHERE seq = $1`, seq).Scan(&was); err != nil {
			t.Fatal(err)
		}
		now := bytes.Clone(was)
		at := random.IntN(len(now))
		now[at] ^= byte(1 << random.IntN(7))
		set := func(b []byte) {
			if _, err := db.Exec(`UPDATE audit_record SET `+column+` = $1 WHERE seq = $2`, b, seq); err != nil {
				t.Fatal(err)
			}
		}
		set(now)
		report := l.verifyIn(s)
		if len(report.Faults) == 0 || report.Faults[0].First != int64(seq) || report.Faults[0].Last != int64(seq) {
			t.Fatalf("byte %d of the %s of record %d: %+v", at, column, seq, report.Faults)
		}
		set(was)
	}
	if report := l.verify(); len(report.Faults) > 0 {
		t.Errorf("put back: %+v", report.Faults)
	}
}

// TestRolledBack finds a database that was set back, by the checkpoint beside it or by
// one that was kept elsewhere, and does not go on with it.
func TestRolledBack(t *testing.T) {
	l := newLog(t, 300, 100)
	old, err := os.ReadFile(l.cfg.StoreFile())
	if err != nil {
		t.Fatal(err)
	}
	beside := record.CheckpointFile(l.cfg)
	was, err := os.ReadFile(beside)
	if err != nil {
		t.Fatal(err)
	}
	s := l.open()
	if err := s.AppendRecords(t.Context(), []audit.Row{row(301), row(302)}); err != nil {
		t.Fatal(err)
	}
	if err := l.sealer(s).Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(t.TempDir(), "kept")
	newest, err := os.ReadFile(beside)
	if err == nil {
		err = os.WriteFile(kept, newest, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if report := l.verify(kept); len(report.Faults) > 0 {
		t.Fatalf("before: %+v", report.Faults)
	}
	s.Close()
	_ = os.Remove(l.cfg.StoreFile() + "-wal")
	_ = os.Remove(l.cfg.StoreFile() + "-shm")
	if err := os.WriteFile(l.cfg.StoreFile(), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := l.verify().Faults; len(f) != 1 || f[0].First != 301 || f[0].Last != 302 {
		t.Errorf("by the checkpoint beside it: %+v", f)
	}
	again := l.open()
	defer again.Close()
	if _, err := record.Open(t.Context(), l.cfg, again, slog.New(slog.DiscardHandler)); !record.Lost(err) {
		t.Errorf("a gateway goes on with it: %v", err)
	}
	if err := os.WriteFile(beside, was, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := l.verify().Faults; len(f) != 0 {
		t.Errorf("all that lies here was set back, but it says %+v", f)
	}
	if f := l.verify(kept).Faults; len(f) != 1 || f[0].First != 301 || f[0].Last != 302 || !strings.Contains(f[0].What, kept) {
		t.Errorf("by the checkpoint that was kept: %+v", f)
	}
}

// TestSetBackMeanwhile makes no checkpoint of a log that was set back while a gateway ran, even when it has grown to more than it was.
func TestSetBackMeanwhile(t *testing.T) {
	l := newLog(t, 300, 100)
	s := l.open()
	defer s.Close()
	sealer := l.sealer(s)
	if _, err := sealer.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := l.text(`SELECT note FROM audit_checkpoint ORDER BY size DESC LIMIT 1`)
	l.exec(`DELETE FROM audit_record WHERE seq > 200`, `DELETE FROM audit_checkpoint WHERE size > 200`)
	for grown := range 3 {
		if err := sealer.Seal(t.Context()); !record.Lost(err) {
			t.Errorf("after %d records it was sealed: %v", 200+60*grown, err)
		}
		var rows []audit.Row
		for i := range 60 {
			rows = append(rows, row(1000*(grown+1)+i))
		}
		if err := s.AppendRecords(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
	}
	if f := l.verify().Faults; len(f) == 0 {
		t.Error("nothing is found")
	}
	if after, err := os.ReadFile(record.CheckpointFile(l.cfg)); err != nil || string(after) != before {
		t.Errorf("the checkpoint beside it is another one: %s, %v", after, err)
	}
}

// TestAlteredIsTold has somebody told, once, that the log of a running gateway was altered.
func TestAlteredIsTold(t *testing.T) {
	l := newLog(t, 30, 10)
	l.cfg.Audit.Checkpoint = time.Millisecond
	s := l.open()
	defer s.Close()
	gate, err := record.Open(t.Context(), l.cfg, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 10)
	gate.OnAltered(func(_ context.Context, err error) { told <- err })
	l.exec(`DELETE FROM audit_record WHERE seq > 20`, `DELETE FROM audit_checkpoint WHERE size > 20`)
	for range 2 {
		if err := gate.Event(t.Context(), audit.Event{Kind: audit.KeyCreated}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-told:
		if !record.Lost(err) {
			t.Errorf("told %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody was told")
	}
	if err := gate.Close(); err != nil {
		t.Error(err)
	}
	if n := len(told); n > 0 {
		t.Errorf("told %d times more", n)
	}
}

// TestErase erases payloads; the log verifies as before, and says that it was done.
func TestErase(t *testing.T) {
	l := newLog(t, 300, 100)
	s := l.open()
	book, err := record.Read(l.cfg, s, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := book.Erase(t.Context(), ""); err == nil {
		t.Error("erased without a time")
	}
	if err := book.Erase(t.Context(), "1970-01-01T00:02:00Z"); err != nil {
		t.Error(err)
	}
	if report := l.verify(); len(report.Faults) > 0 || report.Records != 301 {
		t.Errorf("afterwards %+v", report)
	}
	for r, err := range s.SealedRecords(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if kept := len(r.Salt)+len(r.Arguments)+len(r.Result) > 0; kept != (r.Seq > 119 && r.Seq < 301) {
			t.Errorf("record %d: payloads kept is %v", r.Seq, kept)
		}
	}
}

// TestRetain has a gateway erase what is older than it may be kept, a part each time,
// and says so on record.
func TestRetain(t *testing.T) {
	l := newLog(t, 40)
	s := l.open()
	gate, err := record.Open(t.Context(), l.cfg, s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, seconds := range []int64{0, 11, 11, 21} {
		gate.EraseOld(t.Context(), time.Unix(seconds, 0))
	}
	if err := gate.Close(); err != nil {
		t.Fatal(err)
	}
	erased, told := 0, []string(nil)
	for r, err := range s.SealedRecords(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Salt == nil && r.Arguments == nil && r.Result == nil && r.Seq <= 40 {
			erased++
		}
		if r.Seq > 40 {
			_, said, _ := strings.Cut(string(r.Body), `"event":`)
			told = append(told, said)
		}
	}
	want := []string{`"audit.erased","detail":{"records":10,"until":"1970-01-01T00:00:11Z"}}`, `"audit.erased","detail":{"records":10,"until":"1970-01-01T00:00:21Z"}}`}
	if erased != 20 || !slices.Equal(told, want) {
		t.Errorf("%d records have no payloads; on record is %s", erased, told)
	}
	if report := l.verify(); len(report.Faults) > 0 {
		t.Errorf("%+v", report)
	}
}

// TestOldRecords builds the tree over records that were stored before there was one.
func TestOldRecords(t *testing.T) {
	records := 700
	if slow() {
		records = 64<<8 + 700 // more than are built at once
	}
	l := newLog(t, records)
	l.exec(`UPDATE audit_record SET leaf = NULL`, `DELETE FROM audit_block`)
	want := l.verify()
	s := l.open()
	if err := s.AppendRecords(t.Context(), []audit.Row{row(records + 1)}); err != nil {
		t.Fatal(err)
	}
	if len(want.Faults) > 0 || want.Records != int64(records) {
		t.Errorf("built anew: %+v", want)
	}
	if now := l.verify(); len(now.Faults) > 0 || now.Records != int64(records)+1 {
		t.Errorf("gone on with: %+v", now)
	}
}

// TestShared lets instances append and seal at once; the log is one.
func TestShared(t *testing.T) {
	l := newLog(t, 1)
	ended := make(chan error)
	for i := range 3 {
		s := l.open()
		sealer := l.sealer(s)
		go func() {
			ended <- func() error {
				for n := range 40 {
					if err := s.AppendRecords(context.WithoutCancel(t.Context()), slices.Repeat([]audit.Row{row(i)}, 1+n%13)); err != nil {
						return err
					}
					if n%5 == i {
						if err := sealer.Seal(context.WithoutCancel(t.Context())); err != nil {
							return err
						}
					}
				}
				return sealer.Seal(context.WithoutCancel(t.Context()))
			}()
		}()
	}
	for range 3 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if report := l.verify(); len(report.Faults) > 0 || report.Sealed != report.Records || report.Checkpoints < 10 {
		t.Errorf("%+v", report)
	}
}
