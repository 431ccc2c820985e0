//go:build race

package wire

// raceDetector makes sync.Pool forget at random, so that allocations cannot be counted.
const raceDetector = true
