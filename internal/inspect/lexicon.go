package inspect

import (
	_ "embed"
	"fmt"
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

// maxConcepts bounds the concepts, so that a table of two of them is small.
const maxConcepts = 128

// A lexicon holds the frames and the concepts, and what finds them. It is immutable.
type lexicon struct {
	names    []string // of the frames, by their bits
	bits     map[string]int
	concepts []string
	numbers  map[string]int // of the concepts
	find     *trie
}

//go:embed frames.txt
var frames string

//go:embed concepts.txt
var concepts string

// words returns the lexicon that is part of the program.
var words = sync.OnceValue(func() *lexicon {
	l, err := readLexicon(frames, concepts)
	if err != nil {
		panic(err) // a test reads it
	}
	return l
})

// readLexicon reads frames as frames.txt has them, and concepts as concepts.txt does.
func readLexicon(frames, concepts string) (*lexicon, error) {
	l := &lexicon{names: make([]string, 64), bits: map[string]int{}, numbers: map[string]int{}}
	for i, name := range structure {
		l.names[63-i], l.bits[name] = name, 63-i
	}
	frame, last := "", -1
	entries, err := readEntries(nil, frames, func(name, text, mark string) ([]entry, error) {
		if name != frame {
			if frame, last = name, last+1; last > structural || l.bits[name] != 0 {
				return nil, fmt.Errorf("%q is one frame too many", name)
			}
			l.names[last], l.bits[name] = name, last
		}
		return []entry{{text: text, number: uint8(last), open: mark == star}}, nil //nolint:gosec // there are 64 at most
	})
	if err != nil {
		return nil, fmt.Errorf("the frames: %w", err)
	}
	entries, err = readEntries(entries, concepts, l.concept)
	if err != nil {
		return nil, fmt.Errorf("the concepts: %w", err)
	}
	for n, r := range rules() {
		for _, text := range r.near {
			entries = append(entries, entry{text: text, rules: 1 << n})
		}
	}
	l.find = build(entries)
	return l, nil
}

// The marks of an entry: a longer word is meant too, or the forms of an English verb.
const (
	star = "*"
	verb = "!"
)

// readEntries appends the entries of a file: names at the margin, below each lines of a language with entries parted by semicolons.
func readEntries(entries []entry, file string, read func(name, text, mark string) ([]entry, error)) ([]entry, error) {
	name := ""
	for n, line := range strings.Split(file, "\n") {
		switch {
		case strings.TrimSpace(line) == "" || line[0] == '#':
			continue
		case line[0] != ' ':
			name = line
			continue
		case len(line) < 6 || name == "":
			return nil, fmt.Errorf("line %d: entries stand behind a language, below a name", n+1)
		}
		for text := range strings.SplitSeq(line[5:], ";") {
			text, open := strings.CutSuffix(strings.TrimSpace(text), star)
			mark := strings.TrimSpace(line[4:5])
			if open {
				mark = star
			}
			if text == "" {
				continue
			}
			more, err := read(name, text, mark)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			entries = append(entries, more...)
		}
	}
	return entries, nil
}

// concept returns the entries of a word that stands for a concept.
func (l *lexicon) concept(name, text, mark string) ([]entry, error) {
	number := func(name string) uint8 {
		n, ok := l.numbers[name]
		if !ok {
			n = len(l.concepts)
			l.numbers[name], l.concepts = n, append(l.concepts, name)
		}
		return uint8(n) //nolint:gosec // checked below
	}
	all := []entry{{text: text, number: number(name), concept: true, open: mark == star}}
	if mark == verb {
		for _, form := range third(text) {
			all = append(all, entry{text: form, number: number(name + "/s"), concept: true})
		}
		for _, form := range past(text) {
			all = append(all, entry{text: form, number: number(name + "/d"), concept: true})
		}
	}
	if len(l.concepts) > maxConcepts {
		return nil, fmt.Errorf("%q is one concept too many", name)
	}
	return all, nil
}

// third returns the third person of an English verb: "sends".
func third(verb string) []string {
	last := verb[len(verb)-1]
	switch {
	case strings.HasSuffix(verb, "sh"), strings.HasSuffix(verb, "ch"), last == 's', last == 'x', last == 'z':
		return []string{verb + "es"}
	case last == 'y' && !vowel(verb[len(verb)-2]):
		return []string{verb[:len(verb)-1] + "ies"}
	}
	return []string{verb + "s"}
}

// past returns the participles of a regular English verb: "uploaded" and "uploading".
func past(verb string) []string {
	n := len(verb) - 1
	last := verb[n]
	switch {
	case last == 'e':
		return []string{verb + "d", verb[:n] + "ing"}
	case last == 'y' && !vowel(verb[n-1]):
		return []string{verb[:n] + "ied", verb + "ing"}
	}
	forms := []string{verb + "ed", verb + "ing"}
	if n > 1 && n < 6 && !vowel(last) && vowel(verb[n-1]) && !vowel(verb[n-2]) && strings.IndexByte("wxy", last) < 0 {
		forms = append(forms, verb+verb[n:]+"ed", verb+verb[n:]+"ing") // dropped, dropping
	}
	return forms
}

func vowel(c byte) bool { return strings.IndexByte("aeiou", c) >= 0 }
