package server_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocs looks for the code of the page about the SDK in the examples, which compile and run.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/go-sdk.md")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```go server\n(.*?)^```$").FindAllSubmatch(page, -1)
	if len(blocks) < 3 {
		t.Fatalf("%d examples on the page", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(string(examples), string(block[1])) {
			t.Errorf("not an example that runs:\n%s", block[1])
		}
	}
}
