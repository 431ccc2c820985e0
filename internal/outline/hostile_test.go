package outline

import (
	"strings"
	"testing"
	"time"
)

// TestLongComment has many definitions below one comment that is as long as a file may be.
func TestLongComment(t *testing.T) {
	all := Languages()
	text := strings.Repeat("//\n", 600_000) + strings.Repeat("@interface X {}\n", maxSymbols)
	begin := time.Now()
	symbols := Of(all, "A.java").Outline(text)
	if took := time.Since(begin); took > 5*time.Second || len(symbols) != maxSymbols {
		t.Errorf("%d symbols in %v", len(symbols), took)
	}
}
