package wire

import (
	"slices"
	"sync"
)

// A Buffer holds one outgoing message. It has one owner, who gives it back.
type Buffer struct{ Bytes []byte }

// buffers is a free list: it holds no state of its own.
var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// NewBuffer returns an empty Buffer with room for size bytes.
func NewBuffer(size int) *Buffer {
	b := buffers.Get().(*Buffer) //nolint:errcheck // it holds nothing else
	b.Bytes = slices.Grow(b.Bytes[:0], size)
	return b
}

// Release gives the Buffer back. Memory of one large message is not kept for ever.
func (b *Buffer) Release() {
	const mostKept = 256 << 10
	if cap(b.Bytes) > mostKept {
		b.Bytes = nil
	}
	buffers.Put(b)
}

// Leave gives the Buffer back without its bytes, which somebody may still read.
func (b *Buffer) Leave() {
	b.Bytes = nil
	buffers.Put(b)
}
