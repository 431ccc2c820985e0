package document

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestExpansion expands variables in texts; what they hold is never read as YAML.
func TestExpansion(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ text, want string }{
		{"${TOKEN}", "t0ken"},
		{"a${TOKEN}b${TOKEN}c", "at0kenbt0kenc"},
		{"${UNSET:-fallback}", "fallback"},
		{"${EMPTY:-fallback}", "fallback"},
		{"${UNSET:-}", ""},
		{"${TOKEN:-fallback}", "t0ken"},
		{"${TOKEN:?why}", "t0ken"},
		{"${EMPTY:-}", ""},
		{"$${TOKEN}", "${TOKEN}"},
		{"$$$${TOKEN}", "$${TOKEN}"},
		{"$$${TOKEN}", "$t0ken"},
		{"$TOKEN costs 5$", "$TOKEN costs 5$"},
		{"${YAML}", "{enabled: true}"},
		{"${LINES}", "a\nb"},
		{"${file:secret}", "from a file"},
		{"${UNSET:-http://x:1/}", "http://x:1/"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			s, d := read("shop.yaml", dir, "words: ['"+tt.text+"']")
			if err := d.Err(); err != nil {
				t.Fatal(err)
			}
			if got := s.Words[0]; got != tt.want {
				t.Errorf("words[0] = %q, want %q", got, tt.want)
			}
		})
	}
}

// TestExpandedTypes gives numbers, booleans, durations and sizes by variables.
func TestExpandedTypes(t *testing.T) {
	s, d := read("shop.yaml", "", `
count: ${PORT}
open: "${YES}"
room: "${UNSET:-2MiB}"
mood: "${UNSET:-bad}"
wait: "${UNSET:-90s}"
`)
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	if s.Count != 9090 || !s.Open || s.Room != 2<<20 || s.Mood != "bad" || s.Wait != 90*time.Second {
		t.Errorf("shop = %+v", s)
	}
}
