//go:build race

package inspect

// raced says that the race detector is on, under which training takes minutes.
const raced = true
