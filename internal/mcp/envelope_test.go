package mcp

import (
	"testing"

	"github.com/sumun-mcp/sumun/internal/wire"
)

func TestAddMeta(t *testing.T) {
	for in, want := range map[string]string{
		`{}`:                      `{"_meta":{"a":1}}`,
		`{ "x":1}`:                `{"_meta":{"a":1}, "x":1}`,
		`{"x":1,"_meta":{}}`:      `{"x":1,"_meta":{"a":1}}`,
		`{"_meta": { "b":2 }}`:    `{"_meta": {"a":1, "b":2 }}`,
		`{"_meta":null,"x":"é"}`:  `{"_meta":{"a":1},"x":"é"}`,
		`{"\u005fmeta":{"b":{}}}`: `{"\u005fmeta":{"a":1,"b":{}}}`,
	} {
		patch := AddMeta([]byte(in), []byte(`"a":1`))
		if got := string(wire.AppendPatched(nil, []byte(in), patch)); got != want {
			t.Errorf("AddMeta(%s) = %s, want %s", in, got, want)
		}
	}
}
