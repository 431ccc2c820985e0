package workbench

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
)

// TestNameOf names tools as clients will: a dot of their own keeps the plugin's name away.
func TestNameOf(t *testing.T) {
	t.Parallel()
	v := &verdict{Name: "weather"}
	for tool, want := range map[string]string{"getCurrent": "weather.getCurrent", "weather.getCurrent": "weather.getCurrent", "other.x": "other.x"} {
		if got := v.nameOf(&checked{Name: tool}); got != want {
			t.Errorf("%s is called %s, want %s", tool, got, want)
		}
	}
}

// TestSaying shows each line once, although a program that ends is started for each era.
func TestSaying(t *testing.T) {
	t.Parallel()
	var shown []string
	log := slog.New(&saying{say: func(format string, args ...any) { shown = append(shown, fmt.Sprintf(format, args...)) }, said: map[string]bool{}})
	for range 2 {
		log.Info("server says", slog.String("text", "greet.py:2: SyntaxError"))
		log.Debug("what only developers want")
	}
	log.Info("another line")
	if want := []string{"  greet.py:2: SyntaxError", "  another line"}; !slices.Equal(shown, want) {
		t.Errorf("shown %q, want %q", shown, want)
	}
}
