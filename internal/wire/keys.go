package wire

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// A key is the name of a member of an object that is open: where it stands and a seeded hash of what it means.
type key struct{ start, end, hash uint32 }

// key reads the name of a member and remembers it.
func (p *pass) key(i int) int {
	end := ordinary(p.data, i+1)
	if p.at(end) == '"' {
		p.push(i+1, end, p.data[i+1:end])
		return end + 1
	}
	if end = p.text(i); end == failed {
		return failed
	}
	meaning := p.data[i+1 : end-1]
	if bytes.IndexByte(meaning, '\\') >= 0 {
		p.buf = appendUnescaped(p.buf[:0], meaning)
		meaning = p.buf
	}
	p.push(i+1, end-1, meaning)
	return end
}

func (p *pass) push(start, end int, meaning []byte) {
	hash := maphash.Bytes(p.seed, meaning)
	p.keys = append(p.keys, key{uint32(start), uint32(end), uint32(hash)})
}

// unique notes a fault if two of the keys from first on are equal, and forgets these keys: their object is closed. A few
// are compared with each other; many go through a table, so that the whole scan stays linear whatever the message.
func (p *pass) unique(first int) {
	const few = 12
	keys := p.keys[first:]
	p.keys = p.keys[:first]
	if len(keys) > few {
		p.uniqueInTable(keys)
		return
	}
	for i := range keys {
		for j := range i {
			if keys[i].hash == keys[j].hash && p.refuseTwice(keys[i], keys[j]) {
				return
			}
		}
	}
}

// uniqueInTable puts the keys into a table with open addressing, at most half full; a slot holds the place of a key plus 1.
func (p *pass) uniqueInTable(keys []key) {
	size := 1 << bits.Len(uint(2*len(keys)-1))
	if cap(p.table) < size {
		p.table = make([]uint32, size)
	}
	table, mask := p.table[:size], uint32(size-1)
	clear(table)
	for n, k := range keys {
		slot := k.hash & mask
		for table[slot] != 0 {
			if other := keys[table[slot]-1]; other.hash == k.hash && p.refuseTwice(k, other) {
				return
			}
			slot = (slot + 1) & mask
		}
		table[slot] = uint32(n + 1)
	}
}

// refuseTwice notes a fault and reports true if the two keys, whose hashes are equal, really are equal.
func (p *pass) refuseTwice(k, other key) bool {
	name := p.data[k.start:k.end]
	if !sameKeys(name, p.data[other.start:other.end]) {
		return false
	}
	p.fault(int(k.start), "duplicate member "+shown(name))
	return true
}
