package document

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// fence is the line before and after front matter.
const fence = "---"

// split sets the body of a text apart from its front matter, and returns the latter: nothing but a comment where there is none, so that
// lines keep their numbers, and nil where it has no end.
func (d *Document) split(data []byte) []byte {
	if !utf8.Valid(data) {
		return data // which is told by who parses it
	}
	if first, _, _ := bytes.Cut(data, []byte("\n")); strings.TrimRight(string(first), " \t\r") != fence {
		d.body, d.bodyLine = string(data), 1
		return []byte("#")
	}
	line, end := 0, 0
	for l := range bytes.Lines(data) {
		line++
		if line > 1 && strings.TrimRight(string(l), " \t\r\n") == fence {
			d.body, d.bodyLine = string(data[end+len(l):]), line+1
			return data[:end]
		}
		end += len(l)
	}
	d.faults = append(d.faults, d.src.at(position{1, 1}, "", "the front matter, which begins here, has no end",
		"write a line --- after its last key"))
	return nil
}

// Body returns what follows the front matter, and the number of the line on which it begins.
func (d *Document) Body() (text string, line int) { return d.body, d.bodyLine }
