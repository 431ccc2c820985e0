// Package inspect finds what hides in text: orders to the model that reads it, characters that nobody sees, texts in another form.
//
// A text is looked at in three ways. Its characters are (raw.go). What stands in it in another form is decoded and looked at again
// ([coded]). And it is read: the words and phrases of four languages that make a sentence an order, a secret, a threat, the name of
// something that is nobody's business (frames.txt), weighed by a linear model (model.txt) that was trained on texts of our own (testdata);
// see [Detector.Text]. A finding tells which words led to it, and what each has added.
package inspect

import (
	"strings"

	"github.com/sumun-mcp/sumun/internal/inspect/coded"
	"github.com/sumun-mcp/sumun/trust"
)

// maxDepth is how many times what was decoded is looked at again.
const maxDepth = 3

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
	judge  *model
	glance *glance
	idle   *scorers
}

// New returns the detector that is part of the program.
func New() *Detector { return &Detector{judge: judge(), glance: glances(), idle: new(scorers)} }

// Text returns what was found in a text, nothing in nearly all. Time is linear in its length.
func (d *Detector) Text(text string, kind Kind, where trust.Place) []trust.Finding {
	if kind == Answer && !d.glance.telling([]byte(text)) {
		return d.decoded(text, kind, where, 0)
	}
	return d.closely(text, kind, 0, where, 0)
}

// passes reports whether nothing can be found in an answer, as in nearly all.
func (d *Detector) passes(text []byte) bool {
	return !d.glance.telling(text) && !coded.May(text)
}

// closely looks at a text, and at what stands in it in another form. extra are bits of the whole text.
func (d *Detector) closely(text string, kind Kind, extra set, where trust.Place, depth int) []trust.Finding {
	if text == "" {
		return nil
	}
	text, all := secrets(text, kind, where)
	seen, hidden := raw(text, where)
	all = append(all, seen...)
	all = append(all, d.read(text, kind, extra, where)...)
	if depth < maxDepth {
		for _, plain := range append(coded.Spelt(text), hidden) {
			all = append(all, d.closely(plain, kind, extra|1<<bitHidden, where, depth+1)...)
		}
	}
	return append(all, d.decoded(text, kind, where, depth)...)
}

// decoded looks at what stands in a text in another form.
func (d *Detector) decoded(text string, kind Kind, where trust.Place, depth int) (all []trust.Finding) {
	if depth == maxDepth {
		return nil
	}
	for _, plain := range coded.In(text) {
		all = append(all, d.closely(plain, kind, 1<<bitHidden, where, depth+1)...)
	}
	return all
}

// read returns what a text says that it should not: whether it gives orders to whoever reads it, and what else rules find.
func (d *Detector) read(text string, kind Kind, extra set, where trust.Place) (all []trust.Finding) {
	m, s := d.judge, d.idle.get(d.judge)
	defer d.idle.put(s)
	s.normal = normalize(s.normal[:0], text)
	best := s.score(s.normal, extra|shouted(text))
	if best.end == 0 {
		return nil
	}
	order := trust.Finding{
		Rule: injection, Where: where, Message: "the text reads like an order to the model that reads it",
		Remedy: "read it; if it tells the model to do what its reader did not ask for, do not let the server in",
	}
	switch {
	case best.score >= m.block:
		order.Band = trust.BandBlock
	case best.score >= m.least[kind]:
		order.Band = trust.BandWarn
	}
	told := order.Band > trust.BandInfo
	if told {
		order.Evidence = evidence(s.normal, best.begin, best.end)
	}
	for _, h := range s.hits() {
		band := m.bandOf(h)
		if h.rule.finding != injection {
			all = append(all, h.report(s.normal, band, where))
			continue
		}
		told = true
		order.Reasons = append(order.Reasons, trust.Contribution{What: "rule:" + h.rule.name, Text: printable(string(s.normal[h.begin:h.end]))})
		if band > order.Band || order.Evidence == "" {
			order.Band, order.Message, order.Evidence = max(band, order.Band), "the text "+h.rule.why, evidence(s.normal, h.begin, h.end)
		}
	}
	if told {
		order.Severity = [...]trust.Severity{trust.Info, trust.Medium, trust.High}[order.Band]
		order.Reasons = append(order.Reasons, m.explain(s.normal, best)...)
		all = append(all, trust.Fingerprinted(order))
	}
	return all
}

// injection is the rule of findings of orders.
const injection = "text/injection"

// bandOf returns the band of what a rule has matched. What is quoted is somebody else's.
func (m *model) bandOf(h hit) trust.Band {
	band := min(h.rule.band, m.rules[h.rule.name])
	if h.quoted {
		band = trust.BandInfo
	}
	return band
}

// report returns what a rule has found that is no order.
func (h *hit) report(text []byte, band trust.Band, where trust.Place) trust.Finding {
	return trust.Fingerprinted(trust.Finding{
		Rule: h.rule.finding, Severity: [...]trust.Severity{trust.Info, trust.High, trust.High}[band], Band: band, Where: where,
		Evidence: evidence(text, h.begin, h.end), Message: "the text " + h.rule.why, Reasons: []trust.Contribution{{What: "rule:" + h.rule.name}},
		Remedy: "do not let the model follow it, unless you know what for",
	})
}

func evidence(text []byte, begin, end int) string {
	return printable(strings.TrimSpace(string(text[begin:end])))
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
