package wire

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// A key is the name of a member of an object that is open: where it stands, and a mark that is equal for equal names.
type key struct{ start, end, mark uint32 }

// few is how many keys are compared with each other rather than put into a table.
const few = 8

// key reads the name of a member and remembers it.
func (p *pass) key(i int) int {
	end := ordinary(p.data, i+1)
	if p.at(end) == '"' {
		p.keys = append(p.keys, key{uint32(i + 1), uint32(end), mark(p.data[i+1 : end])})
		return end + 1
	}
	if end = p.text(end); end == failed {
		return failed
	}
	k := key{start: uint32(i + 1), end: uint32(end - 1)}
	k.mark = mark(p.meaning(k))
	p.keys = append(p.keys, k)
	return end
}

// mark tells most names apart, cheaply. It is no hash: anyone can make names with equal marks.
func mark(name []byte) uint32 {
	if len(name) == 0 {
		return 0
	}
	return uint32(len(name))<<16 | uint32(name[0])<<8 | uint32(name[len(name)-1])
}

// meaning returns a key unescaped, valid until the next call.
func (p *pass) meaning(k key) []byte {
	raw := p.data[k.start:k.end]
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
	size := 1 << bits.Len(uint(2*len(keys)-1))
	if cap(p.table) < size {
		p.table = make([]uint32, size)
	}
	table, mask := p.table[:size], uint32(size-1)
	clear(table)
	for n := range keys {
		k := &keys[n]
		k.mark = uint32(maphash.Bytes(p.seed, p.meaning(*k)))
		slot := k.mark & mask
		for table[slot] != 0 {
			if other := keys[table[slot]-1]; other.mark == k.mark && p.refuseTwice(*k, other) {
				return
			}
			slot = (slot + 1) & mask
		}
		table[slot] = uint32(n + 1)
	}
}

// refuseTwice notes a fault and reports true if the two keys, whose marks are equal, really are equal.
func (p *pass) refuseTwice(k, other key) bool {
	name := p.data[k.start:k.end]
	if !sameKeys(name, p.data[other.start:other.end]) {
		return false
	}
	p.fault(int(k.start), "duplicate member "+shown(name))
	return true
}
