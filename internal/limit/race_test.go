//go:build race

package limit

// race says that the race detector is on, which has pools forget.
const race = true
