package declared

import (
	"strings"
	"testing"
	"time"
)

// TestHostileArguments gives arguments that would take long to check, or to say what is wrong with them.
func TestHostileArguments(t *testing.T) {
	s, err := Compile([]byte(`{"type":"object","properties":{"n":{"type":"array","items":{"type":"integer"}},"o":{"type":"object"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for _, args := range []string{
		`{"n":[` + strings.Repeat("1e999999,", 1000) + `1]}`,
		`{"o":{"p":{"q":-1E-99999}}}`,
		`{"n":[1` + strings.Repeat("0", 2000) + `]}`,
		`{"n":[1e99999999999999999999]}`,
		`{"n":["` + strings.Repeat(`x","`, 20_000) + `x"]}`,
	} {
		if _, err := s.Read([]byte(args)); err == nil || len(err.Error()) > 5000 {
			t.Errorf("%.40s: %.200v", args, err)
		}
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("checking took %v", took)
	}
	if _, err := s.Read([]byte(`{"n":[1,2e3,12345678901234567890123]}`)); err != nil {
		t.Error(err)
	}
}
