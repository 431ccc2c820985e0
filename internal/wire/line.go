package wire

import (
	"errors"
	"io"
)

// A LineReader reads messages that stand on a line each, as on the standard input and output of a process. It is not safe
// for concurrent use.
type LineReader struct{ lines lines }

// NewLineReader returns a reader of lines of at most maxLine bytes, without their ends.
func NewLineReader(r io.Reader, maxLine int) *LineReader {
	return &LineReader{lines{src: r, max: maxLine}}
}

// Next returns the next line that is not blank, without its CR and LF; it is valid until the next call. A last line without
// an end is a line too. A line that is too long is reported as [ErrTooLong] as soon as that is known; the call after that
// drops the rest of it and returns the line that follows. At the end Next returns [io.EOF].
func (r *LineReader) Next() ([]byte, error) {
	for {
		line, err := r.lines.next()
		if errors.Is(err, io.EOF) {
			line, err = r.lines.rest()
		}
		if err != nil {
			return nil, err
		}
		if !isBlank(line) {
			return line, nil
		}
	}
}

func isBlank(line []byte) bool { return blank(line, 0) == len(line) }

// AppendLine appends a JSON message as one line. CR and LF, which can only be white space in a message that was scanned,
// become spaces.
func AppendLine(dst, message []byte) []byte {
	start := len(dst)
	dst = append(dst, message...)
	line := dst[start:]
	for i := lineEnd(line); i < len(line); {
		line[i] = ' '
		i += lineEnd(line[i:])
	}
	return append(dst, '\n')
}
