package node

import "errors"

// Bounds of what esbuild is given. Its parser is recursive, and a stack that overflows ends the whole process.
const (
	maxBrackets = 2000    // open at once
	maxRun      = 100_000 // bytes without the end of a statement
)

var errTooDeep = errors.New("the code is nested too deeply")

// tooDeep refuses code that is nested deeper than anybody writes, or generates.
func tooDeep(src string) error {
	depth := 0
	for i := range len(src) {
		switch src[i] {
		case '(', '[', '{':
			if depth++; depth > maxBrackets {
				return errTooDeep
			}
		case ')', ']', '}':
			depth = max(0, depth-1)
		}
	}
	return nil
}
