package route

import (
	"hash/fnv"
	"math"
)

// score is how much a key wants a target: each key goes to the target with the highest score (weighted rendezvous hashing, Thaler and
// Ravishankar 1998, in the logarithmic form by Schindelhauer and Schomaker 2005). A target that leaves gives up its own keys only,
// a weight that grows takes keys from the others and moves none between them, and every instance and every start comes to the same
// result.
func score(key, target string, weight int64) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(target)) // a hash takes everything
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(key))
	const mantissa = 53
	even := (float64(mix(h.Sum64())>>(64-mantissa)) + 0.5) / (1 << mantissa) // between 0 and 1, neither included
	return -float64(weight) / math.Log(even)
}

// mix spreads what little distinguishes two sums over all their bits, which FNV alone does not (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
