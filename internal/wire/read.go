package wire

import (
	"errors"
	"io"
	"slices"
)

// AppendAll appends what r holds, to its end; [ErrTooLong] if that is more than most bytes. Size is what the peer says of it,
// or negative: so much room is made at first.
func AppendAll(dst []byte, r io.Reader, size int64, most int) ([]byte, error) {
	const first = 4 << 10
	if size > int64(most) {
		return dst, ErrTooLong
	}
	if size >= 0 {
		dst = slices.Grow(dst, int(size)+1) // one more, so that the end is seen without growing again
	}
	for start := len(dst); ; {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, max(len(dst), first))
		}
		n, err := r.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst)-start > most:
			return dst, ErrTooLong
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, err
		}
	}
}
