package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestPluginDocs holds docs/plugins.md to the script that is run: each command of its console examples stands there.
func TestPluginDocs(t *testing.T) {
	docs, err := os.ReadFile("../../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/script/plugin.txtar")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^\$ (sumun .+)$`).FindAllStringSubmatch(string(docs), -1)
	if len(commands) < 5 {
		t.Fatalf("docs/plugins.md has %d commands", len(commands))
	}
	for _, c := range commands {
		if !strings.Contains(string(script), c[1]+"\n") {
			t.Errorf("docs/plugins.md has %q, which no script runs", c[1])
		}
	}
}
