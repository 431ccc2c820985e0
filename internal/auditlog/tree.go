package auditlog

import (
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// blockBits is the number of levels of the tree that are stored as one.
	blockBits = 8
	// blockSize is how many hashes one block covers.
	blockSize = 1 << blockBits
)

// A Tree is the right edge of an RFC 6962 tree: what it takes to append to it and to
// tell its root, a few kilobytes whatever its size. The zero Tree is empty. It is not
// safe for concurrent use.
type Tree struct {
	size int64
	// edge holds, for each stored level, the hashes that are not in a block yet.
	edge [][]tlog.Hash
}

// Size returns how many records the tree covers.
func (t *Tree) Size() int64 { return t.size }

// Append adds a record by the hash of its body and returns what it completes, lower
// levels first.
func (t *Tree) Append(leaf tlog.Hash) []Block {
	t.size++
	var done []Block
	for level, h := 0, leaf; ; level++ {
		if level == len(t.edge) {
			t.edge = append(t.edge, make([]tlog.Hash, 0, blockSize))
		}
		t.edge[level] = append(t.edge[level], h)
		if len(t.edge[level]) < blockSize {
			return done
		}
		h = fold(t.edge[level])
		t.edge[level] = t.edge[level][:0]
		done = append(done, Block{level + 1, t.size>>(blockBits*(level+1)) - 1, h})
	}
}

// Root returns the hash of the whole tree (RFC 6962, section 2.1).
func (t *Tree) Root() tlog.Hash {
	if t.size == 0 {
		root, _ := tlog.TreeHash(0, nil) // reads nothing
		return root
	}
	// The tree is cut into full subtrees, the largest first; their roots are joined from
	// the right.
	var root tlog.Hash
	some := false
	for _, hashes := range t.edge { // the lowest level is the rightmost
		for end := len(hashes); end > 0; end &= end - 1 {
			h := fold(hashes[end&(end-1) : end])
			if some {
				h = tlog.NodeHash(h, root)
			}
			root, some = h, true
		}
	}
	return root
}

// fold returns the root of a full subtree over hashes, whose number is a power of two.
func fold(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	level := slices.Clone(hashes)
	for n := len(level); n > 1; n /= 2 {
		for i := range n / 2 {
			level[i] = tlog.NodeHash(level[2*i], level[2*i+1])
		}
	}
	return level[0]
}
