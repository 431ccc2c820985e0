package promptfile_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocs renders the example prompts as the page about prompts does.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/prompts.md")
	if err != nil {
		t.Fatal(err)
	}
	b := openDirs(t, "../../examples/prompts")
	if b.list(t); b.log.String() != "" {
		t.Fatal(b.log)
	}
	examples := regexp.MustCompile("(?s)```console\n\\$ sumun prompt get ([\\w.]+) (.*?)\n(user: .*?)```").FindAllSubmatch(page, -1)
	if len(examples) < 2 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, e := range examples {
		args := map[string]string{}
		for _, pair := range regexp.MustCompile(`(?s)(\w+)=(?:'(.*?)'|(\S+))`).FindAllSubmatch(e[2], -1) {
			args[string(pair[1])] = string(pair[2]) + string(pair[3])
		}
		got, _, err := b.get(t, string(e[1]), args, nil)
		if want := strings.TrimSuffix(string(e[3]), "\n"); err != nil || got != want {
			t.Errorf("%s %q:\n%s\n%v\nwant\n%s", e[1], args, got, err, want)
		}
	}
}
