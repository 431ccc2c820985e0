package document

import (
	"testing"
)

// TestSize reads and writes sizes.
func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "1": 1, "2B": 2, "1KB": 1000, "1kB": 1000, "3KiB": 3 << 10, "4 MiB": 4 << 20, "1GiB": 1 << 30} {
		got, err := parseSize(text)
		if err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
		if again, err := parseSize(got.String()); err != nil || again != got {
			t.Errorf("%d is written %q, which is %d, %v", got, got.String(), again, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5MiB", "99999999999GiB", "1 apple"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", text, got)
		}
	}
}
