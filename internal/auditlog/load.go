package auditlog

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// A Source has the stored hashes of a log.
type Source interface {
	// Leaves returns the hashes of the records first+1 to first+n; fewer where the log ends.
	Leaves(ctx context.Context, first int64, n int) ([]tlog.Hash, error)
	// Blocks returns the blocks of a level from a number on, n at most, in their order.
	Blocks(ctx context.Context, level int, first int64, n int) ([]Block, error)
}

// Load returns the tree over the first size records, from stored hashes.
func Load(ctx context.Context, from Source, size int64) (*Tree, error) {
	t := &Tree{size: size}
	for level := 0; size>>(blockBits*level) > 0; level++ {
		n := size >> (blockBits * level)
		first := n &^ (blockSize - 1)
		hashes, err := stored(ctx, from, level, first, int(n-first))
		if err != nil {
			return nil, err
		}
		t.edge = append(t.edge, append(make([]tlog.Hash, 0, blockSize), hashes...))
	}
	return t, nil
}

// stored returns n hashes of a stored level, of which 0 has the leaves.
func stored(ctx context.Context, from Source, level int, first int64, n int) ([]tlog.Hash, error) {
	if n == 0 {
		return nil, nil
	}
	hashes, err := present(ctx, from, level, first, n)
	switch {
	case err != nil || len(hashes) == n:
		return hashes, err
	case level == 0:
		return nil, fmt.Errorf("records after %d: %w", first, errMissing)
	}
	return nil, fmt.Errorf("blocks of level %d from %d on: %w", level, first, errMissing)
}

// present returns the hashes of a stored level from one on, n at most, up to the first that is missing.
func present(ctx context.Context, from Source, level int, first int64, n int) ([]tlog.Hash, error) {
	if level == 0 {
		return from.Leaves(ctx, first, n)
	}
	blocks, err := from.Blocks(ctx, level, first, n)
	if err != nil {
		return nil, err
	}
	hashes := make([]tlog.Hash, 0, n)
	for i, b := range blocks {
		if b.Number != first+int64(i) {
			break
		}
		hashes = append(hashes, b.Hash)
	}
	return hashes, nil
}

// A proofReader reads single hashes of the tree, as proofs need them. It keeps the groups
// that it has read, since each proof needs those of the right edge and neighbours need the same.
type proofReader struct {
	ctx  context.Context //nolint:containedctx // tlog.HashReader takes none; a proofReader lives as long as one export
	from Source
	kept map[group][]tlog.Hash
}

// maxGroups is how many groups a proofReader keeps, each of 8 KiB at most.
const maxGroups = 64

// A group is some hashes of a level that a block covers, or will: the first of them.
type group struct {
	level int
	start int64
}

// ReadHashes implements tlog.HashReader.
func (r *proofReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	all := make([]tlog.Hash, 0, len(indexes))
	for _, index := range indexes {
		h, err := r.hash(tlog.SplitStoredHashIndex(index))
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

// hash returns the root of the nth full subtree that is level high.
func (r *proofReader) hash(level int, n int64) (tlog.Hash, error) {
	at, inside := level/blockBits, level%blockBits
	first := n << inside
	g := group{at, first &^ (blockSize - 1)}
	begin := int(first - g.start)
	end := begin + 1<<inside
	hashes := r.kept[g]
	if len(hashes) < end {
		var err error
		if hashes, err = r.read(g, end); err != nil {
			return tlog.Hash{}, err
		}
		if len(r.kept) >= maxGroups {
			clear(r.kept)
		}
		r.kept[g] = hashes
	}
	return fold(hashes[begin:end]), nil
}

// read returns the hashes of a group, as many as there are, need at least.
func (r *proofReader) read(g group, need int) ([]tlog.Hash, error) {
	hashes, err := present(r.ctx, r.from, g.level, g.start, blockSize)
	if err == nil && len(hashes) < need {
		err = fmt.Errorf("hashes of level %d from %d on: %w", g.level, g.start, errMissing)
	}
	return hashes, err
}
