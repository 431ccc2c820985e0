package inspect

import (
	"os"
	"testing"
)

// TestRules wants each rule to match some poisoned samples and, unless it was demoted, no harmless one that was trained on. With EVAL=1 it tells how
// many there are of each.
func TestRules(t *testing.T) {
	type count struct{ poisoned, benign int }
	counts := map[string]*count{}
	for _, r := range rules() {
		counts[r.name] = &count{}
	}
	for _, s := range samples(t) {
		for _, h := range ruledOf(words(), s.Text) {
			switch {
			case s.Label == 1:
				counts[h.rule.name].poisoned++
			case !h.quoted:
				if counts[h.rule.name].benign++; os.Getenv("EVAL") != "" {
					t.Logf("%s matches %q in the harmless %.300q", h.rule.name, normalize(nil, s.Text)[h.begin:h.end], s.Text)
				}
			}
		}
	}
	for name, c := range counts {
		if t.Logf("rule %-14s %4d poisoned, %d harmless", name, c.poisoned, c.benign); c.poisoned == 0 {
			t.Errorf("%s matches nothing", name)
		}
	}
}
