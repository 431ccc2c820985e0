package wire

import (
	"bytes"
	"hash/maphash"
)

// A key is the name of a member of an object that is open: where it stands, and a mark that is equal for equal names.
type key struct {
	Span
	mark uint64
}

// few is how many keys are compared with each other rather than put into a table.
const few = 8

// key reads the name of a member and remembers it.
func (p *pass) key(i int) int {
	start := i + 1
	end := ordinary(p.data, start)
	if p.at(end) == '"' {
		p.keys = append(p.keys, key{Span{start, end}, mark(p.data[start:end])})
		return end + 1
	}
	if end = p.text(end); end == failed {
		return failed
	}
	at := Span{start, end - 1}
	p.keys = append(p.keys, key{at, mark(p.meaning(at))})
	return end
}

// mark tells most short lists of names apart, cheaply. It is no hash: anyone can make names with equal marks.
func mark(name []byte) uint64 {
	if len(name) == 0 {
		return 0
	}
	return uint64(name[0])<<16 | uint64(name[len(name)/2])<<8 | uint64(name[len(name)-1])
}

// meaning returns a key unescaped, valid until the next call.
func (p *pass) meaning(at Span) []byte {
	raw := p.data[at.Start:at.End]
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	p.buf = appendUnescaped(p.buf[:0], raw)
	return p.buf
}

// unique notes a fault if two of the keys from first on are equal, and forgets these keys: their object is closed. A few
// are compared with each other; more go through a table, so that the whole scan stays linear whatever the message.
func (p *pass) unique(first int) {
	keys := p.keys[first:]
	p.keys = p.keys[:first]
	if len(keys) > few {
		p.uniqueInTable(keys)
		return
	}
	for i := 1; i < len(keys); i++ {
		for j := range i {
			if keys[i].mark == keys[j].mark && p.refuseTwice(keys[i], keys[j]) {
				return
			}
		}
	}
}

// uniqueInTable puts the keys into a table with open addressing, at most half full, by a hash with a secret seed that takes
// the place of their marks. A slot holds the place of a key plus 1.
func (p *pass) uniqueInTable(keys []key) {
	table, mask := p.emptyTable(2 * len(keys))
	for n := range keys {
		k := &keys[n]
		k.mark = maphash.Bytes(p.seed, p.meaning(k.Span))
		slot := k.mark & mask
		for table[slot] != 0 {
			if other := keys[table[slot]-1]; other.mark == k.mark && p.refuseTwice(*k, other) {
				return
			}
			slot = (slot + 1) & mask
		}
		table[slot] = n + 1
	}
}

// emptyTable returns a table of a power of two of slots, at least as many as told, and the mask that makes a slot of a hash.
func (p *pass) emptyTable(slots int) ([]int, uint64) {
	size, mask := 4*few, uint64(4*few-1)
	for size < slots {
		size, mask = 2*size, 2*mask+1
	}
	if cap(p.table) < size {
		p.table = make([]int, size)
	}
	table := p.table[:size]
	clear(table)
	return table, mask
}

// refuseTwice notes a fault and reports true if the two keys, whose marks are equal, really are equal.
func (p *pass) refuseTwice(k, other key) bool {
	name := p.data[k.Start:k.End]
	if !sameKeys(name, p.data[other.Start:other.End]) {
		return false
	}
	p.fault(k.Start, "duplicate member "+shown(name))
	return true
}
