package search

import (
	"sync"
	"time"
)

// Bounds of the index.
const (
	maxIndexBytes = 64 << 20 // of signatures
	bitsEach      = 6        // of a signature for each trigram; two of them are set, so that one in twelve is found though it is not there
	// settled is how long a file must have been left alone when it is read, so that its time tells the next change.
	settled = 2 * time.Second
)

// An index remembers what is in files, so that a search need not read those in which nothing can be found. Nothing fills it but
// searches: a file that is read is remembered, for as long as its size and time stay the same. It may be used concurrently.
type index struct {
	limit int // bytes of entries

	// mu guards what follows.
	mu      sync.RWMutex
	entries map[string]entry // by path from the root
	bytes   int

	seen sync.Pool // of *bitmap
}

func newIndex() *index {
	return &index{limit: maxIndexBytes, entries: map[string]entry{}, seen: sync.Pool{New: func() any { return new(bitmap) }}}
}

// An entry is what is remembered of a file.
type entry struct {
	size, modified int64
	binary         bool
	signature      signature
}

// excludes reports whether nothing can be found in a file that is remembered as it is.
func (x *index) excludes(f file, n *need) bool {
	x.mu.RLock()
	e, ok := x.entries[f.path]
	x.mu.RUnlock()
	return ok && e.is(f) && e.excludes(n)
}

// learn takes what was read of a file, and reports whether nothing can be found in it. It remembers the file, but not one that may be
// written at this moment, nor one too many.
func (x *index) learn(f file, content []byte, n *need) bool {
	if time.Since(time.Unix(0, f.modified)) < settled || int64(len(content)) != f.size {
		return isBinary(content)
	}
	x.mu.RLock()
	e, ok := x.entries[f.path]
	x.mu.RUnlock()
	if ok && e.is(f) {
		return e.excludes(n)
	}
	e = entry{size: f.size, modified: f.modified, binary: isBinary(content)}
	if !e.binary {
		seen, _ := x.seen.Get().(*bitmap)
		e.signature = sign(content, seen)
		x.seen.Put(seen)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forget(f.path)
	if x.bytes+e.bytes(f.path) <= x.limit {
		x.entries[f.path] = e
		x.bytes += e.bytes(f.path)
	}
	return e.excludes(n)
}

// forget drops a file. The caller holds mu.
func (x *index) forget(p string) {
	if e, ok := x.entries[p]; ok {
		x.bytes -= e.bytes(p)
		delete(x.entries, p)
	}
}

// keep drops the files that are not among these, which are all, when there are many.
func (x *index) keep(files []file) {
	const slack = 1000
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.entries) < len(files)+slack {
		return
	}
	there := make(map[string]bool, len(files))
	for _, f := range files {
		there[f.path] = true
	}
	for p := range x.entries {
		if !there[p] {
			x.forget(p)
		}
	}
}

// is reports whether the entry is of a file in this state.
func (e *entry) is(f file) bool { return e.size == f.size && e.modified == f.modified }

// excludes reports whether nothing can be found that needs n.
func (e *entry) excludes(n *need) bool { return e.binary || !n.met(e.signature.has) }

// bytes is about what an entry takes in memory.
func (e *entry) bytes(p string) int {
	const besides = 128
	return besides + len(p) + 8*len(e.signature)
}

// A signature says which trigrams a text has: a Bloom filter of two hashes. It may say yes for no, never no for yes.
type signature []uint64

// has reports whether the text may have a trigram.
func (s signature) has(t uint32) bool {
	if len(s) == 0 {
		return false
	}
	a, b := s.bits(t)
	return s[a/64]&(1<<(a%64)) != 0 && s[b/64]&(1<<(b%64)) != 0
}

// bits returns the two bits of a trigram.
func (s signature) bits(t uint32) (a, b uint64) {
	const odd, other = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F
	n := uint64(len(s)) * 64
	return uint64(t) * odd >> 32 * n >> 32, uint64(t) * other >> 32 * n >> 32
}

// A bitmap has a bit for each trigram there can be.
type bitmap [1 << 24 / 64]uint64

// sign makes the signature of a text. seen is empty before and after.
func sign(content []byte, seen *bitmap) signature {
	var distinct []uint32
	var t uint32
	run := 0 // bytes of the line so far
	for _, c := range content {
		if run++; c == '\n' {
			run = 0
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		t = (t<<8 | uint32(c)) & 0xffffff
		if run >= 3 && seen[t/64]&(1<<(t%64)) == 0 {
			seen[t/64] |= 1 << (t % 64)
			distinct = append(distinct, t)
		}
	}
	s := make(signature, (len(distinct)*bitsEach+63)/64)
	for _, t := range distinct {
		seen[t/64] = 0
		a, b := s.bits(t)
		s[a/64] |= 1 << (a % 64)
		s[b/64] |= 1 << (b % 64)
	}
	return s
}
