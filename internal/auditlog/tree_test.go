package auditlog

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// A memory has the hashes of a tree.
type memory struct {
	leaves []tlog.Hash
	blocks map[int][]Block
}

func (m *memory) Leaves(_ context.Context, first int64, n int) ([]tlog.Hash, error) {
	return m.leaves[min(int(first), len(m.leaves)):min(int(first)+n, len(m.leaves))], nil
}

func (m *memory) Blocks(_ context.Context, level int, first int64, n int) ([]Block, error) {
	all := m.blocks[level]
	return all[min(int(first), len(all)):min(int(first)+n, len(all))], nil
}

// grow returns a tree of so many records, and its hashes; each sees every tree on the way.
func grow(size int, each func(t *Tree, m *memory)) (*Tree, *memory) {
	t, m := new(Tree), &memory{blocks: map[int][]Block{}}
	for i := range size {
		leaf := tlog.RecordHash(fmt.Append(nil, "record ", i))
		m.leaves = append(m.leaves, leaf)
		for _, b := range t.Append(leaf) {
			m.blocks[b.Level] = append(m.blocks[b.Level], b)
		}
		each(t, m)
	}
	return t, m
}

// TestRoot compares every root with that of another implementation of RFC 6962, and
// with that of the tree that is loaded from what is stored.
func TestRoot(t *testing.T) {
	if empty := new(Tree).Root().String(); empty != "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" {
		t.Errorf("the root of the empty tree is %s", empty)
	}
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var some []tlog.Hash
		for _, i := range indexes {
			some = append(some, hashes[i])
		}
		return some, nil
	})
	grow(3<<blockBits+7, func(tree *Tree, m *memory) {
		n := tree.Size() - 1
		next, err := tlog.StoredHashesForRecordHash(n, m.leaves[n], reader)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, next...)
		want, err := tlog.TreeHash(n+1, reader)
		if err != nil || tree.Root() != want {
			t.Fatalf("the root of %d records is %v, want %v (%v)", n+1, tree.Root(), want, err)
		}
		loaded, err := Load(t.Context(), m, n+1)
		if err != nil || loaded.Size() != n+1 || loaded.Root() != want {
			t.Fatalf("loaded, the root of %d records is another one (%v)", n+1, err)
		}
	})
}

// TestManyLevels builds a tree that has blocks of blocks.
func TestManyLevels(t *testing.T) {
	const size = 1<<(2*blockBits) + 300
	tree, m := grow(size, func(*Tree, *memory) {})
	if n := len(m.blocks[2]); n != 1 {
		t.Fatalf("%d blocks on level 2, want 1", n)
	}
	r := &proofReader{t.Context(), m, map[group][]tlog.Hash{}}
	for _, seq := range []int64{1, 256, 257, 65_535, 65_536, 65_537, size - 44, size} {
		proof, err := tlog.ProveRecord(size, seq-1, r)
		if err == nil {
			err = tlog.CheckRecord(proof, size, tree.Root(), seq-1, m.leaves[seq-1])
		}
		if err != nil {
			t.Errorf("record %d: %v", seq, err)
		}
	}
	for _, older := range []int64{1, 255, 256, 65_535, 65_536, 65_600, size} {
		was, err := Load(t.Context(), m, older)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := tlog.ProveTree(size, older, r)
		if err == nil {
			err = tlog.CheckTree(proof, size, tree.Root(), older, was.Root())
		}
		if err != nil {
			t.Errorf("from %d on: %v", older, err)
		}
	}
}

func TestLoadMissing(t *testing.T) {
	_, m := grow(1000, func(*Tree, *memory) {})
	if _, err := Load(t.Context(), m, 1001); !errors.Is(err, errMissing) {
		t.Errorf("more records than there are: %v", err)
	}
	m.blocks[1] = append(m.blocks[1][:1:1], m.blocks[1][2:]...)
	if _, err := Load(t.Context(), m, 1000); !errors.Is(err, errMissing) {
		t.Errorf("without a block: %v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	body, tree := make([]byte, 450), new(Tree)
	b.ReportAllocs()
	for b.Loop() {
		tree.Append(tlog.RecordHash(body))
	}
}

// A counting source counts how often it is asked.
type counting struct {
	Source

	asked int
}

func (c *counting) Leaves(ctx context.Context, first int64, n int) ([]tlog.Hash, error) {
	c.asked++
	return c.Source.Leaves(ctx, first, n)
}

func (c *counting) Blocks(ctx context.Context, level int, first int64, n int) ([]Block, error) {
	c.asked++
	return c.Source.Blocks(ctx, level, first, n)
}

// TestProofsReadOnce proves all records of a log and reads each group of hashes once.
func TestProofsReadOnce(t *testing.T) {
	const records = 3*blockSize + 77
	m, _ := written(t, records)
	from := &counting{Source: m}
	r := &proofReader{t.Context(), from, map[group][]tlog.Hash{}}
	for i := range int64(records) {
		if _, err := tlog.ProveRecord(records, i, r); err != nil {
			t.Fatal(err)
		}
	}
	if from.asked > 5 {
		t.Errorf("hashes were read %d times, of 5 groups", from.asked)
	}
}
