package document

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A page is a struct with the sorts of fields that a shop lacks.
type page struct {
	// Heat is a number that may be missing.
	Heat *float64 `yaml:"heat" min:"0" max:"2"`
	// Top is a whole number that may be missing.
	Top *int `yaml:"top" min:"1" max:"9"`
	// Any is any value.
	Any json.RawMessage `yaml:"any"`
	// More are any values by name.
	More map[string]json.RawMessage `yaml:"more" key:"name"`
	// Stops are texts, or one.
	Stops []string `yaml:"stops" lone:"true"`
	// Parts are structs in a list.
	Parts []part `yaml:"parts" list:"true"`
}

// A part is an element of a page.
type part struct {
	// Name is a text.
	Name string `yaml:"name"`
	// Text is a text.
	Text string `yaml:"text"`
}

func readPage(text string) (*page, *Document) {
	p := &page{}
	return p, shops.Read(Source{Name: "page.yaml", Plain: true, Front: strings.HasPrefix(text, "---")}, []byte(text), p)
}

func TestFree(t *testing.T) {
	p, d := readPage("heat: 0.5\nany: {b: [1, 1.0, 0x1F, 1_000, .5, true, null, '${A}'], a: 12345678901234567890}\nmore: {x: 1, y: text}\n" +
		"stops: one\nparts:\n  - {name: a, text: ''}\n  - name: b\n    text: $x\n")
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	heat := 0.5
	want := &page{
		Heat: &heat, Any: json.RawMessage(`{"b":[1,1.0,31,1000,0.5,true,null,"${A}"],"a":12345678901234567890}`),
		More:  map[string]json.RawMessage{"x": json.RawMessage("1"), "y": json.RawMessage(`"text"`)},
		Stops: []string{"one"}, Parts: []part{{Name: "a"}, {Name: "b", Text: "$x"}},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	yaml, values := d.Explain(p, Telling{})
	again, d2 := readPage(strings.ReplaceAll(yaml, "$$", "$"))
	if diff := cmp.Diff(want, again); diff != "" || d2.Err() != nil || len(values) != 9 {
		t.Errorf("explained as %s: %v, %d values\n(-want +got)\n%s", yaml, d2.Err(), len(values), diff)
	}
}

func TestFreeFaults(t *testing.T) {
	for text, want := range map[string]string{
		"heat: 3":             "page.yaml:1:7: heat: 3 is not between 0 and 2",
		"heat: .nan":          "page.yaml:1:7: heat: is not a number that fits here",
		"heat: warm":          "page.yaml:1:7: heat: wants a number, not a text",
		"top: 0":              "page.yaml:1:6: top: 0 is not between 1 and 9",
		"any: [1, .inf]":      "page.yaml:1:10: any[1]: .inf is not a number that JSON has",
		"more: {X: 1}":        "page.yaml:1:8: more.X: cannot be a name here",
		"stops: {a: 1}":       "page.yaml:1:9: stops: wants a list, not a mapping",
		"parts: {a: {}}":      "page.yaml:1:9: parts: wants a list, not a mapping",
		"parts: [{nam: a}]":   "page.yaml:1:10: parts[0].nam: this key is not known",
		"---\nheat: 1\n-- \n": "page.yaml:1:1: the front matter, which begins here, has no end",
		"---\nheet: 1\n---\n": "page.yaml:2:1: heet: this key is not known",
	} {
		_, d := readPage(text)
		err := d.Err()
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestFront(t *testing.T) {
	for text, want := range map[string]struct {
		body string
		line int
	}{
		"---\nheat: 1\n---\nbody\n---\n": {"body\n---\n", 4},
		"---\r\nheat: 1\r\n--- \r\nbody": {"body", 4},
		"---\n---\n":                     {"", 3},
	} {
		p, d := readPage(text)
		body, line := d.Body()
		if d.Err() != nil || body != want.body || line != want.line || (p.Heat == nil) == strings.Contains(text, "heat") {
			t.Errorf("%q: %q on line %d, heat %v, %v", text, body, line, p.Heat, d.Err())
		}
	}
	d := shops.Read(Source{Name: "page.yaml", Front: true}, []byte("heat: 1\n"), &page{})
	if body, line := d.Body(); d.Err() != nil || body != "heat: 1\n" || line != 1 {
		t.Errorf("without front matter: %q on line %d, %v", body, line, d.Err())
	}
}

// TestPlace finds the texts of a file, so that a place in them can be told.
func TestPlace(t *testing.T) {
	_, d := readPage("parts:\n  - {name: x, text: plain}\n  - text: |\n      first\n        second\n    name: 'quoted'\n  - text: >-\n      folded\n      text\n")
	for path, want := range map[string][2]int{
		"parts[0].text": {2, 20}, "parts[1].text": {4, 6}, "parts[1].name": {6, 11}, "parts[2].text": {7, 10}, "stops": {1, 0},
	} {
		if line, indent := d.Place(path); line != want[0] || indent != want[1] {
			t.Errorf("%s begins on line %d behind %d characters, want %v", path, line, indent, want)
		}
	}
	d.WrongAt(5, 9, "is odd", "make it even")
	if got := d.Err().Error(); got != "page.yaml:5:9: is odd\n            second\n            ^\n    make it even" {
		t.Errorf("%q", got)
	}
}

func TestFreeSchema(t *testing.T) {
	var schema struct {
		Properties map[string]map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(shops.Schema(reflect.TypeFor[page](), Description{}), &schema); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"any": `{"description":""}`, "parts": `{"description":"","items":{"$ref":"#/$defs/part"},"type":["array","null"]}`,
	} {
		got, err := json.Marshal(schema.Properties[key])
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v", key, got, err)
		}
	}
	for _, key := range []string{"heat", "top", "stops"} {
		if schema.Properties[key]["anyOf"] == nil {
			t.Errorf("%s: %v", key, schema.Properties[key])
		}
	}
}
