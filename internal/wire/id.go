package wire

import (
	"bytes"
	"strconv"
	"sync/atomic"
)

// IDs counts out ids for our own requests. No id is given twice. The zero value is ready; it is safe for concurrent use and
// must not be copied.
type IDs struct{ last atomic.Int64 }

// Next returns an id that was not given before: 1, 2, 3 and so on.
func (ids *IDs) Next() int64 { return ids.last.Add(1) }

// AppendInt appends n as a JSON number.
func AppendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// ParseInt reads a number as [AppendInt] writes it. It reports false for everything else, even for another spelling of the
// same number, since an answer carries the id as it was sent.
func ParseInt(raw []byte) (int64, bool) {
	var canonical [len("-9223372036854775808")]byte
	if len(raw) > len(canonical) {
		return 0, false
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || !bytes.Equal(AppendInt(canonical[:0], n), raw) {
		return 0, false
	}
	return n, true
}

// OwnID reads an id of ours, as the number that it is or, as some servers return it, as a string; 0 if it is neither.
func OwnID(raw []byte) int64 {
	if len(raw) > 2 && raw[0] == '"' {
		raw = raw[1 : len(raw)-1]
	}
	n, _ := ParseInt(raw)
	return n
}
