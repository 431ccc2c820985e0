package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
)

// ErrTooLong is what a [LineReader] or [EventReader] returns for a line or an event above its limit. The reader can be used
// on: it continues behind it.
var ErrTooLong = errors.New("the message is too long")

// lines cuts a stream into lines. A line that has come is returned at once, without a look at what follows, since that may
// be long in coming.
type lines struct {
	src io.Reader
	max int  // bytes of a line, without its end
	cr  bool // a CR ends a line too, with or without a LF behind it

	buf        []byte
	start, end int   // buf[start:end] has been read from src but not yet returned
	seen       int   // buf[start:seen] has no line end
	afterCR    bool  // the last line ended in a CR: a LF at start belongs to it
	dropping   bool  // what comes is the rest of a line that was too long
	err        error // what src ended with
}

const (
	smallBuffer = 4 << 10  // what an idle stream holds
	largeBuffer = 64 << 10 // what it may keep after a long line
)

// reset makes l read another stream, in the buffer that it has, unless that has grown large.
func (l *lines) reset(src io.Reader, most int) {
	buf := l.buf
	if len(buf) > largeBuffer {
		buf = nil
	}
	*l = lines{src: src, max: most, buf: buf}
}

// next returns the next line without its end; it is valid until the next call.
func (l *lines) next() ([]byte, error) {
	for {
		if line, ok := l.cut(); ok {
			if l.dropping {
				l.dropping = false
				continue
			}
			if len(line) > l.max {
				return nil, ErrTooLong
			}
			return line, nil
		}
		if l.dropping {
			l.start, l.seen = l.end, l.end
		}
		if l.end-l.start > l.max+len("\r\n") {
			l.dropping = true
			return nil, ErrTooLong
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

// cut takes a line from the buffer if a whole one is there.
func (l *lines) cut() ([]byte, bool) {
	if l.afterCR && l.start < l.end {
		l.afterCR = false
		if l.buf[l.start] == '\n' {
			l.start++
			l.seen = l.start
		}
	}
	at := l.seen + l.lineEnd(l.buf[l.seen:l.end])
	if at == l.end {
		l.seen = l.end
		return nil, false
	}
	line := l.buf[l.start:at]
	if !l.cr {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	l.afterCR = l.buf[at] == '\r'
	l.start, l.seen = at+1, at+1
	return line, true
}

// lineEnd returns the offset of the first line end of b, len(b) if there is none.
func (l *lines) lineEnd(b []byte) int {
	if l.cr {
		return lineEnd(b)
	}
	if n := bytes.IndexByte(b, '\n'); n >= 0 {
		return n
	}
	return len(b)
}

// rest returns what stands before the end of the stream without a line end, if anything does.
func (l *lines) rest() ([]byte, error) {
	line := l.buf[l.start:l.end]
	l.start, l.seen = l.end, l.end
	switch {
	case l.dropping || len(line) == 0:
		return nil, l.err
	case len(line) > l.max:
		return nil, ErrTooLong
	default:
		return line, nil
	}
}

// fill reads more into the buffer.
func (l *lines) fill() error {
	if l.err != nil {
		return l.err
	}
	l.makeRoom()
	for range 100 {
		n, err := l.src.Read(l.buf[l.end:])
		l.end += n
		if n > 0 {
			l.err = err
			return nil
		}
		if err != nil {
			l.err = err
			return err
		}
	}
	return io.ErrNoProgress
}

// makeRoom moves what is unread to the front, into a buffer that fits.
func (l *lines) makeRoom() {
	unread := l.buf[l.start:l.end]
	size := len(l.buf)
	switch {
	case len(unread) == 0 && (size == 0 || size > largeBuffer):
		size = smallBuffer
	case len(unread) > size/2:
		size *= 2
	case l.end < size:
		return
	}
	buf := l.buf
	if size != len(buf) {
		buf = make([]byte, size)
	}
	copy(buf, unread)
	l.seen -= l.start
	l.buf, l.start, l.end = buf, 0, len(unread)
}

// lineEnd returns the offset of the first CR or LF of b, len(b) if there is none. See ordinary.
func lineEnd(b []byte) int {
	i := 0
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		cr, lf := w^(ones*'\r'), w^(ones*'\n')
		if marks := ((cr-ones)&^cr | (lf-ones)&^lf) & highs; marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
		i += 8
	}
	for i < len(b) && b[i] != '\r' && b[i] != '\n' {
		i++
	}
	return i
}
