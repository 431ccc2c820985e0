package inspect

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/trust"
)

// glanceWords returns the words of a text as a glance sees them; false if it does not look a text over.
func glanceWords(text string) (all []string, ok bool) {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case glanceClass[text[i]] == glanceOdd:
			return nil, false
		case glanceClass[text[i]] == glanceSign:
			all, i = append(all, text[i:i+1]), i+1
		case glanceClass[text[i]] == glanceLetter:
			begin := i
			for i < len(text) && glanceClass[text[i]] == glanceLetter {
				i++
			}
			all = append(all, strings.ToLower(text[begin:i]))
		case isEast(r):
			before := ""
			for ; isEast(r); r, n = utf8.DecodeRuneInString(text[i:]) {
				all = append(all, text[i:i+n])
				if before != "" {
					all = append(all, before+text[i:i+n])
				}
				before, i = text[i:i+n], i+n
			}
		case accented(r):
			var word []byte
			for n > 0 && (accented(r) || r < utf8.RuneSelf && glanceClass[r] == glanceLetter) {
				word, i = append(word, unmarked(r)), i+n
				r, n = utf8.DecodeRuneInString(text[i:])
			}
			all = append(all, string(word))
		case r >= utf8.RuneSelf:
			if _, _, odd := new(glance).beyond([]byte(text), i, 0); odd {
				return nil, false
			}
			i += n
		default:
			i++
		}
	}
	return all, true
}

// outOfSight matches blanks behind which nobody reads.
var outOfSight = regexp.MustCompile(fmt.Sprintf(`(?:[\r\n][ \t]*){%d}|(?:[ \t][\r\n]*){%d}`, tallBlank, wideBlank))

// peak returns the greatest sum of a text; the greatest number there is if it is not looked over.
func (g *glance) peak(text string) (most int32) {
	words, ok := glanceWords(text)
	if !ok || outOfSight.MatchString(text) {
		return math.MaxInt32
	}
	sum := int32(0)
	for _, word := range words {
		sum += g.weight(glanceHash(word)) - sum>>g.fades
		most = max(most, sum)
	}
	return most
}

// The training of a glance: how much the samples count, what a weight of 1 becomes, over how many words it remembers, as a power of two, and which
// part of the least sum of what is found is enough.
const (
	glanceFidelity = 3
	glanceScale    = 32
	glanceFades    = 5
	glanceMargin   = 0.5
	glanceRounds   = 5
)

// trainGlance returns what make model writes: a glance that tells the texts in which something is found from harmless ones. It learns from the
// detector, not from labels. After each round those that it would nearly lose count twice as much.
func trainGlance(d *Detector, from []sample) []byte {
	t := &trainer{numbers: map[string]int32{}}
	weight := make([]float64, len(from))
	for i := range from {
		words, _ := glanceWords(from[i].Text)
		in := map[string]bool{}
		for _, word := range words {
			in[wordly+word] = true
		}
		e := example{whole: t.number(in), weight: 1}
		if weight[i] = 1; d.reports(&from[i]) {
			e.label = 1
		}
		t.examples = append(t.examples, e)
	}
	t.choose()
	var best []byte
	fewest := len(from) + 1
	for range glanceRounds {
		i := 0
		t.fit(func(e *example, add func([]int32, float64)) { add(e.whole, weight[i]); i++ }, glanceFidelity)
		text, peaks, least := t.glance(from)
		read := 0
		for i, e := range t.examples {
			switch {
			case e.label == 0 && peaks[i] >= least:
				read++
			case e.label == 1 && peaks[i] < 2*least:
				weight[i] *= 2
			}
		}
		if read < fewest {
			best, fewest = text, read
		}
	}
	return best
}

// glance returns what was learned, the greatest sums of all texts, and the least that is read.
func (t *trainer) glance(from []sample) (text []byte, peaks []int32, least int32) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "fades: %d\n", glanceFades)
	for n, name := range t.names {
		if weight := int32(math.Round(t.weights[n] * t.value[n] * glanceScale)); max(weight, -weight) >= 2 {
			fmt.Fprintf(&b, "%s %d\n", strings.TrimPrefix(name, wordly), weight)
		}
	}
	g, err := readGlance(b.String())
	if err != nil {
		panic(err)
	}
	least = math.MaxInt32
	for i := range from {
		peaks = append(peaks, g.peak(from[i].Text))
		if t.examples[i].label == 1 {
			least = min(least, peaks[i])
		}
	}
	least = max(int32(float64(least)*glanceMargin), 1)
	return append(fmt.Appendf(nil, "# Written by make model from the samples in testdata.\nleast: %d\n", least), b.Bytes()...), peaks, least
}

// reports tells whether anything above info is found in a sample by reading it, as an answer.
func (d *Detector) reports(s *sample) bool {
	return slices.ContainsFunc(d.closely(s.Text, Answer, 0, trust.Place{}, 0), func(f trust.Finding) bool { return f.Band > trust.BandInfo })
}

// TestGlance wants nothing to be lost to the glance, and most harmless answers not to be read.
func TestGlance(t *testing.T) {
	g, d := glances(), New()
	read, all, lost, found := 0, 0, 0, 0
	var peaks []int32
	for _, s := range samples(t) {
		telling := g.telling([]byte(s.Text))
		if peak := g.peak(s.Text); telling != (peak >= g.least) {
			t.Fatalf("%q: %v, but its peak is %d of %d", s.Text, telling, peak, g.least)
		}
		if s.Label == 0 && s.Kind == "answer" {
			if all++; telling {
				read++
			}
		}
		if d.reports(&s) {
			found++
			if peaks = append(peaks, g.peak(s.Text)); !telling {
				lost++
				if os.Getenv("EVAL") != "" {
					t.Logf("lost: %s", s.Text)
				}
			}
		}
	}
	slices.Sort(peaks)
	t.Logf("%d of %d harmless answers are read, %d of %d findings are lost; least %d, the lowest peaks %v", read, all, lost, found, g.least, peaks[:min(12, len(peaks))])
	if lost > 0 {
		t.Errorf("%d of %d findings are lost", lost, found)
	}
}
