package prompt

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// ErrLimit is wrapped by the error of a rendering that reached one of its Limits.
var ErrLimit = value.ErrLimit

// ErrNotFound is wrapped by an error of Options.Include for a name that no
// prompt has. "include … ignore missing" leaves such a prompt out.
var ErrNotFound = errors.New("no such prompt")

// An Error is what is wrong with a template or what stopped a rendering.
type Error struct {
	Name    string // of the template
	Line    int    // from 1
	Column  int    // from 1, in characters
	Message string // what is wrong
	Hint    string // what to do; may be empty
	From    string // name:line:column of the include that led here; may be empty

	cause error
}

// Error returns the error on one line: name:line:column: what is wrong; what to do.
func (e *Error) Error() string {
	text := place(e.Name, e.Line, e.Column) + ": " + e.Message
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	if e.From != "" {
		text += " (included at " + e.From + ")"
	}
	return text
}

// Unwrap returns ErrLimit, ErrNotFound, what Options.Include returned, the
// error of a context, or nil.
func (e *Error) Unwrap() error { return e.cause }

func place(name string, line, column int) string {
	return name + ":" + strconv.Itoa(line) + ":" + strconv.Itoa(column)
}

// position returns the line and the column of a byte offset.
func position(text string, offset int) (line, column int) {
	before := text[:min(offset, len(text))]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}

// position returns the line and the column of a byte offset in the file that the
// template stands in.
func (t *Template) position(offset int) (line, column int) {
	line, column = position(t.text, offset)
	return line + max(t.at.Line-1, 0), column + t.at.Indent
}

// newError returns an error at a byte offset of the template.
func (t *Template) newError(offset int, message, hint string) *Error {
	line, column := t.position(offset)
	return &Error{Name: t.at.Name, Line: line, Column: column, Message: message, Hint: hint}
}

// located returns err as an *Error at the node, unless it has a place already.
func (f *frame) located(n node, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	e := f.tmpl.newError(int(n.offset), err.Error(), "")
	e.cause = err
	if flt, ok := errors.AsType[*value.Fault](err); ok {
		e.Hint, e.cause = flt.Hint, flt.Cause
	}
	return e
}
