package inspect

import "slices"

// An automaton finds many texts in one pass (Aho and Corasick, 1975). It is immutable and safe for concurrent use.
type automaton struct {
	class   [256]uint8 // bytes that no entry has are all of class 0
	classes int
	next    []uint16 // [state*classes+class]
	entry   []int32  // of each state: the entry that ends there, or -1
	shorter []uint16 // of each state: the next one on its chain of suffixes at which an entry ends; 0 without any
	entries []entry
}

// An entry is one text that is looked for.
type entry struct {
	text  string
	frame uint8
	// open says at which ends a word may go on.
	openBefore, openAfter bool
}

// maxStates bounds the automaton: its states are numbered by 16 bits.
const maxStates = 1 << 16

// build makes the automaton of the entries. A blank in an entry also stands for the end of a line.
func build(entries []entry) *automaton {
	a := &automaton{entries: entries}
	for _, e := range entries {
		for i := range len(e.text) {
			if c := e.text[i]; a.class[c] == 0 {
				a.classes++
				a.class[c] = uint8(a.classes) //nolint:gosec // there are 256 bytes
			}
		}
	}
	a.classes++
	a.class['\n'] = a.class[' ']
	a.grow()
	for n, e := range entries {
		state := 0
		for i := range len(e.text) {
			at := &a.next[state*a.classes+int(a.class[e.text[i]])]
			if *at == 0 {
				*at = uint16(a.grow()) //nolint:gosec // grow keeps to 16 bits
			}
			state = int(*at)
		}
		a.entry[state] = int32(n)
	}
	a.link()
	return a
}

// grow adds a state and returns its number.
func (a *automaton) grow() int {
	if len(a.entry) == maxStates {
		panic("inspect: the frames have too many entries for 16 bits")
	}
	a.next = slices.Grow(a.next, a.classes)[:len(a.next)+a.classes]
	a.entry, a.shorter = append(a.entry, -1), append(a.shorter, 0)
	return len(a.entry) - 1
}

// link fills in what follows where a text does not go on: the state of its longest suffix that is the beginning of another.
func (a *automaton) link() {
	fail := make([]uint16, len(a.entry))
	var queue []int
	for c := range a.classes {
		if s := a.next[c]; s != 0 {
			queue = append(queue, int(s))
		}
	}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		back := fail[state]
		if a.shorter[state] = back; a.entry[back] < 0 {
			a.shorter[state] = a.shorter[back]
		}
		for c := range a.classes {
			at, other := &a.next[state*a.classes+c], a.next[int(back)*a.classes+c]
			if *at == 0 {
				*at = other
				continue
			}
			fail[*at] = other
			queue = append(queue, int(*at))
		}
	}
}

// find calls hit for each entry in the text, with where it ends; of those that end in one place only for the longest, as "do not tell the
// user" is no "tell the user".
func (a *automaton) find(text []byte, hit func(e *entry, end int)) {
	state := 0
	for i, c := range text {
		state = int(a.next[state*a.classes+int(a.class[c])])
		if a.entry[state] < 0 && a.shorter[state] == 0 {
			continue
		}
		for s := state; s != 0; s = int(a.shorter[s]) {
			if n := a.entry[s]; n >= 0 && a.entries[n].fits(text, i+1) {
				hit(&a.entries[n], i+1)
				break
			}
		}
	}
}

// fits reports whether the entry, which ends there, stands as a word of its own where it has to.
func (e *entry) fits(text []byte, end int) bool {
	begin := end - len(e.text)
	return (e.openBefore || begin == 0 || !isWord(e.text[0]) || !isWord(text[begin-1])) &&
		(e.openAfter || end == len(text) || !isWord(e.text[len(e.text)-1]) || !isWord(text[end]))
}

// isWord reports whether the byte belongs to a word of letters that stands between blanks; scripts beyond ASCII set no words apart here.
func isWord(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' }
