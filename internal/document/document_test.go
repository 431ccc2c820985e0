package document

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestFaults tells everything that is wrong, with its place, the line and what to try, and no secret.
func TestFaults(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown", "countt: 3", "shop.yaml:1:1: countt: this key is not known\n    countt: 3\n    ^\n    did you mean count?"},
		{"elsewhere", "quantity: 3", "shop.yaml:1:1: quantity: this key is not known\n    quantity: 3\n    ^\n    write count"},
		{"later key", "garden: 3", "shop.yaml:1:1: garden: is not built yet in this version\n    garden: 3\n    ^\n    remove it"},
		{"later value", "mood: great", "shop.yaml:1:7: mood: great is not built yet in this version\n    mood: great\n          ^\n    write good or bad"},
		{"bounds of an embedded key", "guards: 10", "shop.yaml:1:9: guards: 10 is not between 0 and 9\n    guards: 10\n            ^"},
		{"bounds", "count: 0", "shop.yaml:1:8: count: 0 is not between 1 and 65535\n    count: 0\n           ^"},
		{"kind", "open: [1]", "shop.yaml:1:7: open: wants true or false, not a list\n    open: [1]\n          ^"},
		{"form", `title: "a\nb"`, "shop.yaml:1:8: title: has a line break\n    title: \"a\\nb\"\n           ^\n    write one line"},
		{"key form", "stands: {A: {}}", "shop.yaml:1:10: stands.A: cannot be a name here\n    stands: {A: {}}\n             ^\n    use small letters"},
		{
			"short form", "bins: {a: {things: [1]}, b: [1], c: 1}",
			"shop.yaml:1:21: bins.a.things[0]: wants a text, not a number\n    bins: {a: {things: [1]}, b: [1], c: 1}\n                        ^\n    put it in quotes: \"1\"\n" +
				"shop.yaml:1:30: bins.b[0]: wants a text, not a number\n    bins: {a: {things: [1]}, b: [1], c: 1}\n                                 ^\n    put it in quotes: \"1\"\n" +
				"shop.yaml:1:37: bins.c: wants a list, not a number\n    bins: {a: {things: [1]}, b: [1], c: 1}\n                                        ^",
		},
		{"unset", "title: ${UNSET}", "shop.yaml:1:8: title: the environment variable UNSET is not set\n    title: ${UNSET}\n           ^\n    set it, for example: export UNSET=…, or give it a default: ${UNSET:-…}"},
		{"two", "open: 1\ncount: x", "shop.yaml:1:7: open: wants true or false, not a number\n    open: 1\n          ^\nshop.yaml:2:8: count: wants a number, not a text\n    count: x\n           ^"},
		{"secret", "stands: {a: {env: {A: hidden}, x: 1}}", "shop.yaml:1:32: stands.a.x: this key is not known\n    stands: {a: {env: {A: ******}, x: 1}}\n                                   ^\n    known here: owner, env, shelves, racks"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, d := read("shop.yaml", "", tt.text)
			err := d.Err()
			if err == nil {
				t.Fatal("the document is accepted")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestOwner lets the owner of the struct add faults where nothing is wrong yet.
func TestOwner(t *testing.T) {
	_, d := read("shop.yaml", "", "count: x\ntitle: a\nbooths:\n  b: {}\nstands:\n  c: {ower: x}\n")
	d.Wrong("count", "is odd", "")
	d.Wrong("title", "is odd", "")
	d.WrongKey("booths.b", "is late", "")
	d.Missing("booths.b", "owner", "")
	d.Missing("stands.c", "owner", "")
	faults, _ := errors.AsType[Faults](d.Err())
	var got []string
	for _, f := range faults {
		got = append(got, f.Error())
	}
	want := []string{
		"shop.yaml:1:8: count: wants a number, not a text",
		"shop.yaml:2:8: title: is odd",
		"shop.yaml:4:3: booths.b: is late",
		"shop.yaml:4:3: booths.b: owner is missing",
		"shop.yaml:6:7: stands.c.ower: this key is not known",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if d.OK("title", "open") || !d.OK("open", "booths.b") || !d.Odd("stands.c") || d.Odd("booths.b") {
		t.Error("OK or Odd is wrong")
	}
	if a, b := d.Element("stands", 0), d.Element("stands", 1); a != "booths.b" || b != "stands.c" {
		t.Errorf("elements at %s and %s", a, b)
	}
}

// TestExplain writes what was read, and where it comes from.
func TestExplain(t *testing.T) {
	s, d := read("dir/shop.yaml", "", "count: ${PORT}\nopen: true\nwait: 10m\nwords: ['${TOKEN}', b]\ninner: {password: hidden}\nbooths: {b: {env: {A: hidden}, racks: {low: {width: 3}}}, c: {shelves: {high: {width: 4}}}}\n")
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	got, values := d.Explain(s, Telling{Without: []string{"open"}, From: map[string]string{"mood": "the weather"}})
	want := `count: 9090  # environment PORT, shop.yaml:1
wait: 10m  # shop.yaml:3
mood: good  # the weather
words:
  - "****"  # environment TOKEN, shop.yaml:4
  - b  # shop.yaml:4
stands:
  b:
    owner: "owner of b"  # default
    env:
      A: "****"  # shop.yaml:6
    shelves:
      low:
        width: 3  # shop.yaml:6
  c:
    owner: "owner of c"  # default
    shelves:
      high:
        width: 4  # shop.yaml:6
inner:
  password: "****"  # shop.yaml:5
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if first := (Value{Path: "count", Value: 9090, From: "environment PORT, shop.yaml:1"}); len(values) != 11 || values[0] != first {
		t.Errorf("values = %+v", values)
	}
}

// TestShortForm reads and explains structs that are written as one of their fields, or whole.
func TestShortForm(t *testing.T) {
	s, d := read("shop.yaml", "", "bins:\n  a: [x, z]\n  b: {things: [w], lid: true}\n  c:\n")
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	want := map[string]bin{"a": {Things: []string{"x", "z"}}, "b": {Things: []string{"w"}, Lid: true}, "c": {Things: []string{}}}
	if diff := cmp.Diff(want, s.Bins, cmpopts.IgnoreFields(bin{}, "_")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got, _ := d.Explain(&struct {
		Bins map[string]bin `yaml:"bins"`
	}{s.Bins}, Telling{})
	explained := `bins:
  a:
    - x  # shop.yaml:2
    - z  # shop.yaml:2
  b:
    things:
      - w  # shop.yaml:3
    lid: true  # shop.yaml:3
  c: []  # shop.yaml:4
`
	if diff := cmp.Diff(explained, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestSchema describes every field by its comment.
func TestSchema(t *testing.T) {
	var schema struct {
		Title      string
		Properties map[string]struct{ Description string }
	}
	source := "type shop struct {\n\t// Title is\n\t// a text.\n\tTitle string\n}\ntype guarded struct {\n\t// Guards is a number.\n\tGuards int\n"
	about := Description{Title: "A shop", Sources: []string{source}, Rules: map[string]Schema{"shop": HasAny("title")}}
	if err := json.Unmarshal(shops.Schema(shopType, about), &schema); err != nil {
		t.Fatal(err)
	}
	if schema.Title != "A shop" || schema.Properties["title"].Description != "Title is a text." || schema.Properties["guards"].Description != "Guards is a number." || len(schema.Properties) != 13 {
		t.Errorf("schema = %+v", schema)
	}
}

// FuzzQuoted writes texts in such a way that they are read back.
func FuzzQuoted(f *testing.F) {
	for _, s := range []string{"", "a", "true", "1", "-", "- a", "a: b", "a #b", "${HOME}", "$$", "$${", "~", "null", "\n", "a\nb", "'", "\"", "\\", "&a", "*a", "!a", "%", "@", "`", "{}", "[]", ",", "?", "? a", "|", ">", "0x1", "1e3", ".inf", "<<", "=", "\t", " a ", "é", "\u2028", "2026-01-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ToValidUTF8(s, "") != s || strings.ContainsRune(s, 0) || len(s) > 1000 {
			t.Skip("no text")
		}
		for _, form := range []string{"lists: {a: [%]}", "lists:\n  a:\n    - %  # comment"} {
			shop, d := read("shop.yaml", "/", strings.ReplaceAll(form, "%", quoted(s)))
			if err := d.Err(); err != nil {
				t.Fatalf("%q is written %s: %v", s, quoted(s), err)
			}
			if got := shop.Lists["a"]; len(got) != 1 || got[0] != s {
				t.Errorf("%q is written %s and read as %q", s, quoted(s), got)
			}
		}
	})
}

// TestLargeValues reads what a program has written, up to other bounds.
func TestLargeValues(t *testing.T) {
	text := []byte(strings.Repeat("- a\n", maxParts+1))
	if _, err := Values("x.yaml", text); err == nil {
		t.Error("Values reads a large document")
	}
	if v, err := LargeValues("x.yaml", text); err != nil || len(v.([]any)) != maxParts+1 {
		t.Errorf("LargeValues: %v", err)
	}
	if _, err := LargeValues("x.yaml", []byte(strings.Repeat(string(text), 10))); err == nil {
		t.Error("LargeValues reads a document that is larger still")
	}
}
