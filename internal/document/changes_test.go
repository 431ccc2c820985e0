package document

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A stall is a document's entry, a bazaar a document.
type (
	stall struct {
		Name string            `yaml:"-"`
		Sign map[string]string `yaml:"sign"`
		Open bool              `yaml:"open,opened"`
	}
	bazaar struct {
		Key    string              `yaml:"key" secret:"all"`
		Stands []stall             `yaml:"stands"`
		Words  map[string][]string `yaml:"words"`
		Hours  struct {
			From int `yaml:"from"`
			To   int `yaml:"to"`
		} `yaml:"hours"`
		Days  []string `yaml:"days"`
		Owner *stall   `yaml:"owner"`
		Path  string   `yaml:"-"`
	}
)

func (s *stall) Begin(name string) { *s = stall{Name: name} }

func TestChanges(t *testing.T) {
	const before = `
key: a-secret
stands:
  calc: {sign: {a: one, b: same}, open: true}
  gone: {open: false}
words:
  x: [a]
  y: [b]
hours: {from: 7, to: 9}
days: [monday]
owner: {open: true}
`
	after := strings.NewReplacer("a-secret", "another", "one", "two", "gone", "come", "[b]", "[c]", "to: 9", "to: 10", "monday", "friday", "owner: {open: true}", "owner: {open: false}").Replace(before)
	parse := func(text string) *bazaar {
		f := &bazaar{Path: text}
		if err := (&Grammar{}).Read(Source{Name: "bazaar.yaml", Plain: true}, []byte(text), f).Err(); err != nil {
			t.Fatal(err)
		}
		return f
	}
	a := parse(before)
	want := []string{"days", "hours.to", "key", "owner.open", "stands.calc.sign.a", "stands.come", "stands.gone", "words.y"}
	if diff := cmp.Diff(want, Changes(a, parse(after))); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if got := Changes(a, parse(before)); len(got) > 0 {
		t.Errorf("between equal ones: %v", got)
	}
	a.Owner = nil
	if got := Changes(a, parse(before)); len(got) != 1 || got[0] != "owner" {
		t.Errorf("of what was not written: %v", got)
	}
}
