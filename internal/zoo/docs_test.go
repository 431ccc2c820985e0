package zoo_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/zoo"
)

// TestDocs holds docs/attacks.md to have each attack of the zoo, with what finds it, and no other.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/attacks.md")
	if err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "| `") {
			written[strings.TrimSpace(line)] = true
		}
	}
	for _, a := range append(zoo.All(), zoo.Hammers()...) {
		want := documented(&a)
		if !written[want] {
			t.Errorf("docs/attacks.md lacks\n%s", want)
		}
		delete(written, want)
	}
	for line := range written {
		t.Errorf("docs/attacks.md has what the zoo has not\n%s", line)
	}
}

// documented returns the line about an animal.
func documented(a *zoo.Animal) string {
	var rules []string
	for _, e := range a.Expect {
		rules = append(rules, fmt.Sprintf("`%s` (%v)", e.Rule, e.Band))
	}
	by := strings.Join(rules, ", ")
	if a.Malicious {
		by += "; malicious"
	}
	switch a.Needs {
	case zoo.NeedsBox:
		by = "by a scan in the box, as a program: " + by
	case zoo.NeedsGateway:
		by = "not by a scan: the gateway, when it happens, " + by
	}
	if a.Broken {
		by = "the scan ends in time, and says what it could not see"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s |", a.Name, a.Attack, a.Source, strings.Join(a.Over, ", "), by)
}
