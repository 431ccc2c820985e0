package prompt_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/prompt"
)

// TestDocs renders the examples of the page about templates.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	given := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	if given == nil {
		t.Fatal("the page has no variables")
	}
	var vars map[string]json.RawMessage
	unmarshal(t, given[1], &vars)
	values := map[string]any{}
	for name, v := range vars {
		values[name] = v
	}
	examples := regexp.MustCompile("(?s)```jinja\n(.*?)```\n```text\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) < 4 {
		t.Errorf("%d examples, want at least 4", len(examples))
	}
	for _, e := range examples {
		got, err := parse(t, string(e[1])).Render(t.Context(), values, prompt.Options{})
		if want := strings.TrimSuffix(string(e[2]), "\n"); err != nil || got != want {
			t.Errorf("%s\n got %q, %v\nwant %q", e[1], got, err, want)
		}
	}
}
