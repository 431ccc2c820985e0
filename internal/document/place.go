package document

import (
	"strings"
	"unicode/utf8"
)

// Place returns the line of the file on which the text at a path begins, and how many characters of each line stand before it: what has
// to be added to a line and a column of the text. Of texts that a file does not hold as they are, such as folded ones, it returns the
// place of the value. A path that was not written has the first line.
func (d *Document) Place(at string) (line, indent int) {
	n := d.origin[at]
	if n == nil {
		return 1, 0
	}
	head, _, _ := strings.Cut(n.text, "\n")
	for i, from := range []int{n.at.column - 1, 0} { // a text beside its key; a text of several lines, which begins below
		line := n.at.line + i
		if line > len(d.src.lines) || head == "" {
			break
		}
		whole := d.src.lines[line-1]
		skip := byteOf(whole, from)
		if found := strings.Index(whole[skip:], head); found >= 0 {
			return line, utf8.RuneCountInString(whole[:skip+found])
		}
	}
	return n.at.line, n.at.column - 1
}

// byteOf returns where the character of that number begins in s.
func byteOf(s string, character int) int {
	for i := range s {
		if character--; character < 0 {
			return i
		}
	}
	return len(s)
}

// FaultAt returns what is wrong with the value at a path, or with the document where it was not written, without noting it: what is found
// when documents are laid beside each other is no fault of one alone.
func (d *Document) FaultAt(at, message, hint string) Fault {
	n := d.origin[at]
	if n == nil {
		return d.src.at(position{1, 1}, "", message, hint)
	}
	return d.src.at(n.at, at, message, hint)
}

// WrongAt notes what is wrong at a line and a column of the file, and what to try.
func (d *Document) WrongAt(line, column int, message, hint string) {
	d.faults = append(d.faults, d.src.at(position{line, column}, "", message, hint))
}
