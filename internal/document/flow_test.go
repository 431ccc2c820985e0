package document

import (
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/google/go-cmp/cmp"
)

func TestMend(t *testing.T) {
	type object = map[string]any
	for text, want := range map[string]any{
		`r: {dev: [read:file, "a":b, c: d]}`:        object{"r": object{"dev": []any{"read:file", object{"a": "b"}, object{"c": "d"}}}},
		`r: {dev: [read:file:x, http://a:80/b, 1]}`: object{"r": object{"dev": []any{"read:file:x", "http://a:80/b", uint64(1)}}},
		`{read:file: [a, b], write:file: c}`:        object{"read:file": []any{"a", "b"}, "write:file": "c"},
		`{read:file: {deny:x: [y:z]}, e: 1}`:        object{"read:file": object{"deny:x": []any{"y:z"}}, "e": uint64(1)},
		`{a:b, c: [8080:80], d: {e:1}}`:             object{"a": "b", "c": []any{"8080:80"}, "d": object{"e": uint64(1)}},
		"{a: x:y, b: [읽기:파일],\n c: [d]}":            object{"a": "x:y", "b": []any{"읽기:파일"}, "c": []any{"d"}},
		"a: [b:c]\nd:\n  - e:f\n":                   object{"a": []any{"b:c"}, "d": []any{"e:f"}},
	} {
		file, err := parser.Parse(mend(lexer.Tokenize(text)), 0)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got any
		if err := yaml.NodeToValue(file.Docs[0].Body, &got); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", text, diff)
		}
	}
}
