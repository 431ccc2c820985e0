package wire

import (
	"math"
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
	digits, negative := raw, false
	if len(raw) > 0 && raw[0] == '-' {
		digits, negative = raw[1:], true
	}
	if len(digits) == 0 || digits[0] == '0' && len(raw) > 1 {
		return 0, false
	}
	var n uint64
	for _, c := range digits {
		if !isDigit(c) || n > math.MaxInt64/10 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	switch {
	case negative && n <= -math.MinInt64:
		return -int64(n), true
	case !negative && n <= math.MaxInt64:
		return int64(n), true
	default:
		return 0, false
	}
}
