package suppress_test

import (
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/suppress"
	"github.com/sumun-mcp/sumun/trust"
)

func TestCovers(t *testing.T) {
	t.Parallel()
	f := &trust.Finding{Rule: "surface/no-tls", Fingerprint: "aa", Where: trust.Place{Server: "files", Name: "read_file"}}
	for _, tt := range []struct {
		s    suppress.Suppression
		want bool
	}{
		{suppress.Suppression{}, false},
		{suppress.Suppression{Server: "files"}, false},
		{suppress.Suppression{Rule: "surface/no-tls"}, true},
		{suppress.Suppression{Rule: "surface/*"}, true},
		{suppress.Suppression{Rule: "*"}, false},
		{suppress.Suppression{Rule: "surface/no"}, false},
		{suppress.Suppression{Rule: "surface/*", Server: "mail"}, false},
		{suppress.Suppression{Rule: "surface/*", Server: "fi*", Name: "read_*"}, true},
		{suppress.Suppression{Fingerprint: "aa"}, true},
		{suppress.Suppression{Fingerprint: "aa", Rule: "other/*"}, false},
		{suppress.Suppression{Fingerprint: "ab"}, false},
	} {
		if got := tt.s.Covers(f); got != tt.want {
			t.Errorf("%+v covers it: %v", tt.s, got)
		}
	}
}

func TestExpired(t *testing.T) {
	t.Parallel()
	last := time.Date(2026, 2, 28, 23, 59, 59, 0, time.UTC)
	s := suppress.Suppression{Expires: "2026-02-28"}
	if s.Expired(last) || !s.Expired(last.Add(time.Second)) || s.Expired(last.AddDate(-1, 0, 0)) {
		t.Error("it does not hold to the end of its last day")
	}
	for _, end := range []string{"", "soon", "2026-02-30"} {
		if s := (suppress.Suppression{Expires: end}); !s.Expired(last) {
			t.Errorf("one that ends %q holds", end)
		}
	}
}
