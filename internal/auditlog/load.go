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
	if level == 0 {
		hashes, err := from.Leaves(ctx, first, n)
		if err == nil && len(hashes) != n {
			err = fmt.Errorf("records after %d: %w", first, errMissing)
		}
		return hashes, err
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
	if len(hashes) != n {
		return nil, fmt.Errorf("blocks of level %d from %d on: %w", level, first, errMissing)
	}
	return hashes, nil
}

// A proofReader reads single hashes of the tree, as proofs need them. It keeps what
// it read last of each level, since proofs of neighbours need the same.
type proofReader struct {
	ctx  context.Context //nolint:containedctx // tlog.HashReader takes none; a proofReader lives as long as one export
	from Source
	kept map[int]keptBlock
}

// A keptBlock is the hashes of one block of a level.
type keptBlock struct {
	first  int64
	hashes []tlog.Hash
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
	start := first &^ (blockSize - 1)
	end := int(first-start) + 1<<inside
	block := r.kept[at]
	if block.first != start || len(block.hashes) < end {
		hashes, err := r.read(at, start, end)
		if err != nil {
			return tlog.Hash{}, err
		}
		block = keptBlock{start, hashes}
		r.kept[at] = block
	}
	return fold(block.hashes[first-start : end]), nil
}

// read returns the hashes of a block, as many as there are, need at least.
func (r *proofReader) read(level int, start int64, need int) ([]tlog.Hash, error) {
	if hashes, err := stored(r.ctx, r.from, level, start, blockSize); err == nil {
		return hashes, nil
	}
	return stored(r.ctx, r.from, level, start, need)
}
