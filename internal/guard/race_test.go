//go:build race

package guard_test

// raced says that the race detector is on, under which pools forget.
const raced = true
