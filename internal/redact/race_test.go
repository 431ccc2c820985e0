//go:build race

package redact

// raced says that the race detector is on, under which pools forget.
const raced = true
