package terminal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/terminal"
)

// TestIs takes nothing for a terminal that a program without a person is given.
func TestIs(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, f := range map[string]any{"the null device": null, "a file": file, "a reader": strings.NewReader("y\n"), "nothing": nil} {
		if terminal.Is(f) {
			t.Errorf("%s is a terminal", name)
		}
	}
}
