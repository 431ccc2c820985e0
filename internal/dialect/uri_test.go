package dialect_test

import (
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/dialect"
)

// TestURI makes URIs of templates as RFC 6570 says, with characters as the bytes of UTF-8.
func TestURI(t *testing.T) {
	for values, want := range map[string]string{
		`{"path":"a b"}`:                "sumun://file?path=a%20b",
		`{"path":"서/😀"}`:                "sumun://file?path=%EC%84%9C%2F%F0%9F%98%80",
		`{"n":1.50,"path":["a,b","c"]}`: "sumun://file?path=a%2Cb,c&n=1.50",
		`{}`:                            "sumun://file",
	} {
		if got, err := dialect.URI("sumun://file{?path,n}", []byte(values)); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", values, got, err, want)
		}
	}
	for _, values := range []string{`{"path":"a\u0000b"}`, `{"other":1}`} {
		if got, err := dialect.URI("sumun://file{?path,n}", []byte(values)); err == nil {
			t.Errorf("%s: %s", values, got)
		}
	}
	if _, err := dialect.URI(strings.Repeat("{a}", 1000), nil); err == nil {
		t.Error("a template beyond its bound")
	}
	if _, err := dialect.URI("x:{a}", []byte(`{"a":"`+strings.Repeat("y", 1<<17)+`"}`)); err == nil {
		t.Error("values beyond their bound")
	}
}
