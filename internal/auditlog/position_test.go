package auditlog

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// A ram is a stored log that anybody can write to.
type ram struct {
	records []Record
	blocks  []Block
	sealed  []Sealed
	tree    Tree
}

func (m *ram) SealedRecords(_ context.Context, seq int64) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, r := range m.records {
			if r.Seq > seq && !yield(r, nil) {
				return
			}
		}
	}
}

func (m *ram) LastRecord(context.Context) (int64, error) {
	if len(m.records) == 0 {
		return 0, nil
	}
	return m.records[len(m.records)-1].Seq, nil
}

func (m *ram) Leaves(_ context.Context, first int64, n int) ([]tlog.Hash, error) {
	var all []tlog.Hash
	for _, r := range m.records {
		if r.Seq > first && r.Seq <= first+int64(n) {
			all = append(all, tlog.Hash(r.Leaf))
		}
	}
	return all, nil
}

func (m *ram) Blocks(_ context.Context, level int, first int64, n int) ([]Block, error) {
	var all []Block
	for _, b := range m.blocks {
		if b.Level == level && b.Number >= first && len(all) < n {
			all = append(all, b)
		}
	}
	return all, nil
}

func (m *ram) Checkpoints(_ context.Context, after int64) iter.Seq2[Sealed, error] {
	return func(yield func(Sealed, error) bool) {
		for _, s := range m.sealed {
			if s.Size > after && !yield(s, nil) {
				return
			}
		}
	}
}

func (m *ram) NewestCheckpoint(context.Context) ([]byte, error) {
	if len(m.sealed) == 0 {
		return nil, nil
	}
	return m.sealed[len(m.sealed)-1].Note, nil
}

func (m *ram) Exchanges(context.Context) ([][]byte, error) {
	var all [][]byte
	for _, s := range m.sealed {
		if c, err := Open(s.Note); err == nil && c.From != "" {
			all = append(all, s.Note)
		}
	}
	return all, nil
}

// Seal implements Store.
func (m *ram) Seal(ctx context.Context, record []byte, checkpoint Make) ([]byte, error) {
	if record != nil {
		m.add(Record{Body: record})
	}
	newest, _ := m.NewestCheckpoint(ctx)
	note, err := checkpoint(m.tree.Size(), m.tree.Root(), newest)
	if err == nil && !bytes.Equal(note, newest) {
		m.sealed = append(m.sealed, Sealed{m.tree.Size(), note})
	}
	return note, err
}

func (m *ram) add(r Record) {
	leaf := tlog.RecordHash(r.Body)
	m.blocks = append(m.blocks, m.tree.Append(leaf)...)
	slices.SortStableFunc(m.blocks, func(a, b Block) int { return cmp.Compare(a.Number, b.Number) })
	r.Seq, r.Leaf = m.tree.Size(), leaf[:]
	m.records = append(m.records, r)
}

// written is a log of so many records with payloads, sealed here and there, its key and
// where the newest checkpoint lies.
func written(t *testing.T, records int) (*ram, Evidence) {
	t.Helper()
	m := &ram{}
	key := newKey(t)
	s := &Sealer{Store: m, Key: key, File: filepath.Join(t.TempDir(), "checkpoint")}
	for i := range records {
		r := Record{Salt: fmt.Appendf(nil, "%016d", i), Arguments: fmt.Appendf(nil, `{"n":%d}`, i), Result: []byte(`{"ok":true}`)}
		digest := func(b []byte) string {
			sum := sha256.Sum256(b)
			sum = sha256.Sum256(slices.Concat(r.Salt, sum[:]))
			return "sha256:" + hex.EncodeToString(sum[:])
		}
		r.Body = fmt.Appendf(nil, `{"v":1,"id":"i-%d","arguments":%q,"result":%q}`, i, digest(r.Arguments), digest(r.Result))
		m.add(r)
		if i%97 == 96 || i == records-1 {
			if err := s.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	newest, err := os.ReadFile(s.File)
	if err != nil {
		t.Fatal(err)
	}
	return m, Evidence{Public: key.Public, Kept: []Kept{{"kept", newest}}}
}

// copy is a log with the same content, of which records can be changed.
func (m *ram) copy() *ram {
	c := &ram{records: slices.Clone(m.records), blocks: slices.Clone(m.blocks), sealed: slices.Clone(m.sealed)}
	for i := range c.sealed {
		c.sealed[i].Note = bytes.Clone(c.sealed[i].Note)
	}
	return c
}

// number gives the records the numbers 1, 2, 3 … anew.
func (m *ram) number() {
	for i := range m.records {
		m.records[i].Seq = int64(i) + 1
	}
}

// rebuild makes the hashes fit what the log holds now, as somebody without the key can.
func (m *ram) rebuild() {
	again := &ram{sealed: m.sealed}
	for _, r := range m.records {
		again.add(r)
	}
	*m = *again
}

// finds verifies a log and wants faults, the first of which is among the records that
// reach from some to a position.
func (e Evidence) finds(t *testing.T, what string, m *ram, at int64, exact bool) {
	t.Helper()
	report, err := Verify(t.Context(), m, e)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Faults) == 0 {
		t.Fatalf("%s at %d: nothing was found", what, at)
	}
	f := report.Faults[0]
	if at < f.First && f.Last == int64(len(m.records))+1 && strings.Contains(f.What, "nothing proves records ") { // how many are missing is known, not which
		f.First = report.Sealed + 1
	}
	if f.First > at || f.Last < at || exact && (f.First != at || f.Last != at) {
		t.Fatalf("%s at %d: found %+v first", what, at, report.Faults)
	}
}

// TestAnyPosition changes, removes, inserts and exchanges records of a log at any
// position, whether or not the hashes are made to fit afterwards: it is found, and the
// first record that is not what it was is named, or the sealed records it is among.
func TestAnyPosition(t *testing.T) {
	const records = 530
	whole, e := written(t, records)
	if report, err := Verify(t.Context(), whole, e); err != nil || len(report.Faults) > 0 || report.Sealed != records {
		t.Fatalf("as it was written: %+v, %v", report, err)
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	positions := []int{0, 97, 256, records - 1}
	for range 2 {
		positions = append(positions, random.IntN(records))
	}
	if os.Getenv("SUMUN_TEST_SLOW") != "" {
		positions = nil
		for i := range records {
			positions = append(positions, i)
		}
	}
	for _, i := range positions {
		at := int64(i) + 1
		for _, fit := range []bool{false, true} {
			check := func(what string, exact bool, tamper func(m *ram)) {
				m := whole.copy()
				tamper(m)
				if fit {
					m.rebuild()
				}
				e.finds(t, what, m, at, exact && !fit)
			}
			check("a byte", true, func(m *ram) {
				r := &m.records[i]
				r.Body = bytes.Clone(r.Body)
				r.Body[random.IntN(len(r.Body))] ^= 1 << random.IntN(8)
			})
			check("removed", true, func(m *ram) { m.records = slices.Delete(m.records, i, i+1) })
			check("removed, with the others moved up", false, func(m *ram) {
				m.records = slices.Delete(m.records, i, i+1)
				m.number()
			})
			check("inserted", false, func(m *ram) {
				leaf := tlog.RecordHash([]byte("{}"))
				m.records = slices.Insert(m.records, i, Record{Body: []byte("{}"), Leaf: leaf[:]})
				m.number()
			})
			if other := i + 1 + random.IntN(records); other < records {
				check("exchanged", false, func(m *ram) {
					m.records[i], m.records[other] = m.records[other], m.records[i]
					m.number()
				})
			}
			check("cut off", false, func(m *ram) { m.records = m.records[:i] })
			check("set back", false, func(m *ram) {
				m.records = m.records[:i]
				m.sealed = slices.DeleteFunc(m.sealed, func(s Sealed) bool { return s.Size > int64(i) })
			})
		}
	}
}

// TestAnyByte changes a byte of what stands beside bodies: payloads and salts are found
// where they are, hashes are found, and what is erased is no fault.
func TestAnyByte(t *testing.T) {
	const records = 300
	whole, e := written(t, records)
	flips := 8
	if os.Getenv("SUMUN_TEST_SLOW") != "" {
		flips = 4000
	}
	for range flips {
		i := rand.IntN(records)
		for name, column := range map[string]func(r *Record) *[]byte{
			"salt": func(r *Record) *[]byte { return &r.Salt }, "arguments": func(r *Record) *[]byte { return &r.Arguments },
			"result": func(r *Record) *[]byte { return &r.Result }, "leaf": func(r *Record) *[]byte { return &r.Leaf },
		} {
			m := whole.copy()
			b := column(&m.records[i])
			*b = bytes.Clone(*b)
			(*b)[rand.IntN(len(*b))] ^= 1 << rand.IntN(8)
			e.finds(t, name, m, int64(i)+1, name != "leaf")
		}
		m := whole.copy()
		for n := range i {
			m.records[n].Salt, m.records[n].Arguments, m.records[n].Result = nil, nil, nil
		}
		if report, err := Verify(t.Context(), m, e); err != nil || len(report.Faults) > 0 {
			t.Fatalf("%d erased: %+v, %v", i, report.Faults, err)
		}
	}
}

// TestAnyCheckpointByte changes a byte of a stored checkpoint, or of the one that was
// kept: it is found, unless it means the same as before.
func TestAnyCheckpointByte(t *testing.T) {
	const records = 200
	whole, e := written(t, records)
	for i, s := range whole.sealed {
		was, err := Open(s.Note)
		if err != nil {
			t.Fatal(err)
		}
		step := 29
		if os.Getenv("SUMUN_TEST_SLOW") != "" {
			step = 1
		}
		for at := rand.IntN(step); at < len(s.Note); at += step {
			m, kept := whole.copy(), e
			m.sealed[i].Note[at] ^= 1 << rand.IntN(7)
			if rand.IntN(2) == 0 {
				m, kept.Kept = whole, []Kept{{"kept", m.sealed[i].Note}}
			}
			report, err := Verify(t.Context(), m, kept)
			if err != nil {
				t.Fatal(err)
			}
			if now, err := Open(m.sealed[i].Note); len(report.Faults) == 0 && (err != nil || now != was) {
				t.Fatalf("byte %d of checkpoint %d, %q: nothing was found", at, i, m.sealed[i].Note)
			}
		}
	}
}
