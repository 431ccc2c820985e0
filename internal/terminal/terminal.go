// Package terminal is what people type and read: a tool's arguments as key=value, what servers answer as text that cannot steer the
// terminal, and the log of a gateway that starts.
package terminal

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Harmless returns s without control characters other than line breaks and tabs, so that a server's text cannot steer the terminal.
func Harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if (r < ' ' && r != '\n' && r != '\t') || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return -1
		}
		return r
	}, s)
}

// Count returns a number with its noun: 1 tool, 2 tools.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Relative returns a path as it is shortest to read from the working directory.
func Relative(path string) string {
	dir, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(short, "..") {
		return short
	}
	return path
}
