package wire

import (
	"bytes"
	"strings"
	"testing"
)

func TestLocate(t *testing.T) {
	t.Parallel()
	value := []byte(` {"a":[10, {"b/~":"X"},[]], "c\n":  {"Y":"x"},"d":"Z"} `)
	for _, tt := range []struct {
		at, pointer, value string
		name               bool
	}{
		{"X", "/a/1/b~1~0", `"X"`, false},
		{"10", "/a/0", "10", false},
		{"0,", "/a/0", "10", false},
		{"Y", "/c\n/Y", `"Y"`, true},
		{"Z", "/d", `"Z"`, false},
		{"[]", "/a/2", "[]", false},
		{"  {", "", strings.TrimSpace(string(value)), false},
		{`{"b`, "/a/1", `{"b/~":"X"}`, false},
	} {
		p := Locate(value, bytes.Index(value, []byte(tt.at)))
		if got := string(value[p.Value.Start:p.Value.End]); p.Pointer != tt.pointer || p.Name != tt.name || got != tt.value {
			t.Errorf("%s is at %q, %q, name %v", tt.at, p.Pointer, got, p.Name)
		}
	}
	if p := Locate([]byte(`"x"`), 1); p.Pointer != "" || p.Name || p.Value != (Span{0, 3}) {
		t.Errorf("a lone text is at %+v", p)
	}
}

func FuzzLocate(f *testing.F) {
	f.Add(`{"a":[1,{"b":"c"}]} `, 12)
	f.Add(`["\"",}`, 3)
	f.Fuzz(func(t *testing.T, text string, at int) {
		value := []byte(text)
		p := Locate(value, at)
		if p.Value.Start < 0 || p.Value.Start > p.Value.End || p.Value.End > len(value) {
			t.Fatalf("%q at %d: %+v", text, at, p)
		}
		s := NewScanner(Vocabulary{}, 0)
		if at < 0 || at >= len(value) || s.Value(value) != nil {
			return
		}
		if at < p.Value.Start || at >= p.Value.End {
			t.Fatalf("%q at %d is in %+v", text, at, p)
		}
		part := value[p.Value.Start:p.Value.End]
		if err := s.Value(part); err != nil {
			t.Fatalf("%q at %d is in %q: %v", text, at, part, err)
		}
	})
}
