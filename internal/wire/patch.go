package wire

import "fmt"

// A Patch replaces the bytes at Span by With. An insertion has Start == End; a removal has no With.
type Patch struct {
	Span
	With []byte
}

// AppendPatched appends src with the patches applied, in one pass. The patches must come in the order of Start, lie within
// src and not overlap, and none may have the zero Span, which is the span of a part that is absent. Anything else is a
// mistake of the programmer, and AppendPatched panics.
func AppendPatched(dst, src []byte, patches ...Patch) []byte {
	done := 0
	for _, p := range patches {
		if !p.Ok() || p.Start < done || p.End < p.Start || p.End > len(src) {
			panic(fmt.Sprintf("wire: patch [%d,%d) of %d bytes, of which %d are done", p.Start, p.End, len(src), done))
		}
		dst = append(dst, src[done:p.Start]...)
		dst = append(dst, p.With...)
		done = p.End
	}
	return append(dst, src[done:]...)
}
