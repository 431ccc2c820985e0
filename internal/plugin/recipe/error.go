package recipe

import (
	"fmt"
	"strings"
)

// Error is FILE:LINE:COLUMN: MESSAGE, as far as they are known.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
		if e.Column > 0 {
			fmt.Fprintf(&b, ":%d", e.Column)
		}
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	return b.String() + e.Message
}
