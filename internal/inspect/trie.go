package inspect

// A trie finds the entries of a lexicon in a text. It is immutable and safe for concurrent use.
//
// An entry is looked for where a word begins, or any letter of a script that sets no words apart; so nearly all bytes of a text are looked at
// once, and each at most as often as the longest entry is long.
type trie struct {
	edges []edge // by hash, with open addressing
	shift uint32
	ends  []ends // of each state
	lists [][]uint8
}

// An edge leads from a state by a byte to another state. The root is state 0, and no edge leads there.
type edge struct {
	from uint32 // the state, and the byte in its lowest bits
	to   uint32
}

// ends says which entries end in a state.
type ends struct {
	frame    uint8 // noFrame without one
	openness uint8
	concepts uint16 // in lists; 0 is none
	rules    uint32 // near which one of their texts stands, a bit each
}

const noFrame = 0xff

// What openness is made of: whether the word may go on behind the entry.
const (
	openFrame = 1 << iota
	openConcept
)

// An entry is one text that is looked for: of a frame, of a concept, or of rules.
type entry struct {
	text    string
	number  uint8
	concept bool
	open    bool   // the word may go on behind it
	rules   uint32 // only these, if there are any
}

// build makes the trie of entries. A blank in an entry also stands for the end of a line.
func build(entries []entry) *trie {
	bytes, size := 0, uint32(10)
	for _, e := range entries {
		bytes += len(e.text)
	}
	for 1<<size < bytes*2 {
		size++
	}
	t := &trie{edges: make([]edge, 1<<size), shift: 32 - size, ends: []ends{{frame: noFrame}}, lists: make([][]uint8, 1)}
	for _, e := range entries {
		state := uint32(0)
		for i := range len(e.text) {
			state = t.grow(state, e.text[i])
		}
		t.mark(&t.ends[state], e)
	}
	return t
}

// grow returns the state behind an edge, which it makes if there is none.
func (t *trie) grow(state uint32, c byte) uint32 {
	key := state<<8 | uint32(c)
	at := t.slot(key)
	if t.edges[at].to == 0 {
		t.edges[at] = edge{key, uint32(len(t.ends))} //nolint:gosec // states are fewer than bytes of the lexicon
		t.ends = append(t.ends, ends{frame: noFrame})
	}
	return t.edges[at].to
}

// slot returns where the edge with that key is, or would be.
func (t *trie) slot(key uint32) uint32 {
	mask := uint32(len(t.edges) - 1) //nolint:gosec // its size is 32 - shift bits
	at := key * 0x9e3779b1 >> t.shift
	for t.edges[at].to != 0 && t.edges[at].from != key {
		at = (at + 1) & mask
	}
	return at
}

func (t *trie) mark(at *ends, e entry) {
	if e.rules != 0 {
		at.rules |= e.rules
		return
	}
	if !e.concept {
		if at.frame = e.number; e.open {
			at.openness |= openFrame
		}
		return
	}
	if e.open {
		at.openness |= openConcept
	}
	if at.concepts == 0 {
		at.concepts = uint16(len(t.lists)) //nolint:gosec // there are a few thousand entries
		t.lists = append(t.lists, nil)
	}
	t.lists[at.concepts] = append(t.lists[at.concepts], e.number)
}

// A match is what begins at one place of a text: the longest entry of a frame, and the longest of concepts. What ends at 0 is none.
type match struct {
	frame       uint8
	frameEnd    int
	concepts    uint16
	conceptsEnd int
	rules       uint32
}

// at returns what begins there.
func (t *trie) at(text []byte, begin int) (m match) {
	state := uint32(0)
	for i := begin; i < len(text); i++ {
		c := text[i]
		if c == '\n' {
			c = ' '
		}
		if state = t.edges[t.slot(state<<8|uint32(c))].to; state == 0 {
			break
		}
		e := t.ends[state]
		m.rules |= e.rules
		if e.frame == noFrame && e.concepts == 0 {
			continue
		}
		within := i+1 < len(text) && isWord(c) && isWord(text[i+1])
		if e.frame != noFrame && (!within || e.openness&openFrame != 0) {
			m.frame, m.frameEnd = e.frame, i+1
		}
		if e.concepts != 0 && (!within || e.openness&openConcept != 0) {
			m.concepts, m.conceptsEnd = e.concepts, i+1
		}
	}
	return m
}

// begins reports whether an entry may begin there.
func begins(text []byte, i int) bool {
	c := text[i]
	return c > ' ' && c&0xc0 != 0x80 && (i == 0 || !isWord(c) || !isWord(text[i-1]))
}

// isWord reports whether the byte belongs to a word of letters that stands between blanks; scripts beyond ASCII set no words apart here.
func isWord(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' }
