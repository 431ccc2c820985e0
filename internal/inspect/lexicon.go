package inspect

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A set is a set of frames, a bit each.
type set uint64

// What is seen of a sentence besides the frames of the lexicon, by the highest bits.
const (
	bitHidden = 63 - iota // it was hidden: decoded, or freed of invisible characters
	bitShout              // words in capital letters
	bitQuoted             // it begins with a quotation mark
	bitURL
	bitMail
	bitHost
	bitPath
	bitName // an identifier
	bitHole // the place holder of a template
	structural
)

// structure names them.
var structure = [...]string{"HIDDEN", "SHOUTED", "QUOTED", "URL", "MAIL", "HOST", "PATH", "NAME", "HOLE"}

// A lexicon holds the frames and what finds them. It is immutable.
type lexicon struct {
	names []string // of the bits that are used
	bits  map[string]int
	find  *automaton
}

//go:embed frames.txt
var frames string

// words returns the lexicon that is part of the program.
var words = sync.OnceValue(func() *lexicon {
	l, err := readLexicon(frames)
	if err != nil {
		panic(err) // a test reads it
	}
	return l
})

// readLexicon reads frames as frames.txt has them.
func readLexicon(text string) (*lexicon, error) {
	l := &lexicon{names: make([]string, 64), bits: map[string]int{}}
	for i, name := range structure {
		l.names[63-i], l.bits[name] = name, 63-i
	}
	var entries []entry
	frame := -1
	for n, line := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(line) == "" || line[0] == '#':
		case line[0] != ' ':
			if frame++; frame > structural || l.bits[line] != 0 {
				return nil, fmt.Errorf("line %d: %q is one frame too many", n+1, line)
			}
			l.names[frame], l.bits[line] = line, frame
		case len(line) < 6 || frame < 0:
			return nil, fmt.Errorf("line %d: entries stand behind a language, below a frame", n+1)
		default:
			entries = append(entries, entriesOf(line[5:], frame)...)
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.text, b.text) })
	l.find = build(entries)
	return l, nil
}

func entriesOf(list string, frame int) (all []entry) {
	for text := range strings.SplitSeq(list, ";") {
		e := entry{frame: uint8(frame)} //nolint:gosec // there are 64 at most
		text, e.openAfter = strings.CutSuffix(strings.TrimSpace(text), "*")
		e.text, e.openBefore = strings.CutPrefix(text, "*")
		if e.text != "" {
			all = append(all, e)
		}
	}
	return all
}
