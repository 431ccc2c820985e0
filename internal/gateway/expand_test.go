package gateway

import "testing"

// TestExpand makes URIs of templates as RFC 6570 says, with characters as the bytes of UTF-8.
func TestExpand(t *testing.T) {
	for values, want := range map[string]string{
		`{"path":"a b"}`:                "sumun://file?path=a%20b",
		`{"path":"서/😀"}`:                "sumun://file?path=%EC%84%9C%2F%F0%9F%98%80",
		`{"n":1.50,"path":["a,b","c"]}`: "sumun://file?path=a%2Cb,c&n=1.50",
		`{}`:                            "sumun://file",
	} {
		if got, err := expand("sumun://file{?path,n}", []byte(values)); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", values, got, err, want)
		}
	}
	for _, values := range []string{`{"path":"a\u0000b"}`, `{"other":1}`} {
		if got, err := expand("sumun://file{?path,n}", []byte(values)); err == nil {
			t.Errorf("%s: %s", values, got)
		}
	}
}
