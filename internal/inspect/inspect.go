// Package inspect finds what hides in text: orders to the model that reads it, characters that nobody sees, texts in another form.
//
// A text is looked at in three ways. Its characters are (raw.go). What stands in it in another form is decoded and looked at again
// (decode.go). And it is read: the words and phrases of four languages that make a sentence an order, a secret, a threat, the name of
// something that is nobody's business (frames.txt), weighed by a linear model (model.txt) that was trained on texts of our own (testdata);
// see [Detector.Text]. A finding tells which words led to it, and what each has added.
package inspect

import (
	"strings"

	"github.com/sumun-mcp/sumun/trust"
)

// A Kind is what a text is.
type Kind uint8

// The kinds of texts.
const (
	Description  Kind = iota // of a tool, a prompt, a resource
	Argument                 // a text in a schema
	Answer                   // what a tool has answered, or a server has said in mid-call
	Instructions             // what a server tells models
	kinds        = iota
)

// kindNames are what the kinds are called in a model.
var kindNames = [kinds]string{"description", "argument", "answer", "instructions"}

// A Detector inspects texts. It is immutable and safe for concurrent use.
type Detector struct {
	judge *model
	idle  *scorers
}

// New returns the detector that is part of the program.
func New() *Detector { return &Detector{judge: judge(), idle: new(scorers)} }

// Text returns what was found in a text, nothing in nearly all. Time is linear in its length.
func (d *Detector) Text(text string, kind Kind, where trust.Place) []trust.Finding {
	return d.text(text, kind, 0, where, 0)
}

func (d *Detector) text(text string, kind Kind, extra set, where trust.Place, depth int) []trust.Finding {
	all, hidden := raw(text, where)
	if f, ok := d.order(text, kind, extra, where); ok {
		all = append(all, f)
	}
	if depth == maxDepth {
		return all
	}
	if hidden != "" {
		all = append(all, d.text(hidden, kind, extra|1<<bitHidden, where, depth+1)...)
	}
	for _, plain := range decoded(text) {
		all = append(all, d.text(plain, kind, extra|1<<bitHidden, where, depth+1)...)
	}
	return all
}

// order reports whether the text gives orders to whoever reads it.
func (d *Detector) order(text string, kind Kind, extra set, where trust.Place) (trust.Finding, bool) {
	m, s := d.judge, d.idle.get(d.judge)
	defer d.idle.put(s)
	s.normal = normalize(s.normal[:0], text)
	best := s.score(s.normal, extra|shouted(text))
	if best.end == 0 || best.score < m.least[kind] {
		return trust.Finding{}, false
	}
	f := trust.Finding{
		Rule: "text/injection", Severity: trust.Medium, Band: trust.BandWarn, Where: where, Evidence: printable(strings.TrimSpace(string(s.normal[best.begin:best.end]))),
		Message: "the text reads like an order to the model that reads it", Reasons: m.explain(s.normal, best),
		Remedy: "read it; if it tells the model to do what its reader did not ask for, do not let the server in",
	}
	if best.score >= m.block {
		f.Severity, f.Band = trust.High, trust.BandBlock
	}
	return trust.Fingerprinted(f), true
}

// shouted returns the bit of words in capital letters, if there are two.
func shouted(text string) set {
	run, words := 0, 0
	for i := range len(text) {
		c := text[i]
		if c >= 'A' && c <= 'Z' {
			run++
			continue
		}
		if run >= 4 && c != '_' {
			words++
		}
		run = 0
	}
	if run >= 4 {
		words++
	}
	if words >= 2 {
		return 1 << bitShout
	}
	return 0
}
