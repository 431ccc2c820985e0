package load

import (
	"math/bits"
	"time"
)

// subBits is how finely each power of two is divided: 32 steps, so a quantile is at most about 3 % too high.
const subBits = 5

// A histogram counts durations in logarithmic buckets of equal relative width, without allocating.
// The zero value is empty and ready. It is not safe for concurrent use: each connection fills its own.
type histogram struct {
	counts [(64 - subBits) << subBits]uint32
	total  uint64
}

// add counts one duration; a negative one counts as zero.
func (h *histogram) add(d time.Duration) {
	h.counts[bucket(d)]++
	h.total++
}

// merge adds the counts of another histogram.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// quantile returns the upper edge of the bucket in which the given share (0 to 1) of all durations is reached,
// and 0 when nothing was counted.
func (h *histogram) quantile(share float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := max(uint64(share*float64(h.total)+0.5), 1)
	var seen uint64
	for i, n := range h.counts {
		if seen += uint64(n); seen >= rank {
			return upperEdge(i)
		}
	}
	return upperEdge(len(h.counts) - 1)
}

// bucket returns the index of a duration: those below 2^subBits ns have a bucket of their own, those above share one
// with the durations that agree in their highest subBits+1 bits.
func bucket(d time.Duration) int {
	ns := int(max(d, 0))
	shift := max(bits.Len(uint(ns))-1-subBits, 0)
	return shift<<subBits + ns>>shift
}

// upperEdge returns the longest duration of a bucket.
func upperEdge(i int) time.Duration {
	shift := max(i>>subBits-1, 0)
	return time.Duration(i-shift<<subBits+1)<<shift - 1
}
