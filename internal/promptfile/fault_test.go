package promptfile

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// library makes a library of files that lie in a folder called p.
func libraryOf(files map[string]string, old *library) (*library, map[string]string) {
	var sources []source
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join("p", name)
		f, err := parse(path, []byte(files[name]))
		if old != nil && old.files[path] != nil && f != nil && fmt.Sprint(old.files[path].head) == fmt.Sprint(f.head) {
			f = old.files[path] // as if it had not been read again
		}
		sources = append(sources, source{path: path, file: f, err: err})
	}
	var was map[string]*file
	if old != nil {
		was = old.files
	}
	lib, faults := resolve(sources, was)
	out := map[string]string{}
	for path, all := range faults {
		out[filepath.Base(path)] = errors.Join(all...).Error()
	}
	for path := range lib.files {
		if err := lib.lacking(path); err != nil {
			out[filepath.Base(path)] = err.Error()
		}
	}
	return lib, out
}

func names(lib *library) []string { return slices.Sorted(maps.Keys(lib.prompts)) }

// TestFaults tells what is wrong with a file, its place, the line and what to do. The other file stays.
func TestFaults(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{"unknown key", "a.md", "---\nnam: x\n---\nhi", "p/a.md:2:1: nam: this key is not known\n    nam: x\n    ^\n    did you mean name?"},
		{"elsewhere", "a.yaml", "messages: [{content: x}]\ntemperature: 1", "p/a.yaml:2:1: temperature: this key is not known\n    temperature: 1\n    ^\n    write it under sampling"},
		{"template of a body", "a.md", "---\nname: x\n---\n\nhi\n{{ a b }}", "p/a.md:6:6: "},
		{"template of a later message", "a.md", "one\n--- assistant\n\n  {{", "p/a.md:4:3: "},
		{"template in a block", "a.yaml", "messages:\n  - content: |\n      one\n      {% if %}\n", "p/a.yaml:4:13: "},
		{"template in one line", "a.yaml", "messages: [{role: user, content: 'x {{ 1 + }}'}]", "p/a.yaml:1:44: "},
		{"tags of Jinja", "a.md", "{% macro x() %}{% endmacro %}", "p/a.md:1:4: "},
		{"role", "a.yaml", "messages: [{role: system, content: x}]", "p/a.yaml:1:19: messages[0].role: \"system\" is not known here\n    messages: [{role: system, content: x}]\n                      ^\n    write user or assistant"},
		{"role of a mark", "a.md", "x\n--- system\ny", "p/a.md:2:5: prompts have no role system\n    --- system\n        ^\n    write --- user or --- assistant"},
		{"no content", "a.yaml", "messages: [{role: user}]", "p/a.yaml:1:13: messages[0]: content is missing"},
		{"nothing said", "a.yaml", "name: x", "p/a.yaml:1:1: the prompt says nothing"},
		{"no body", "a.md", "---\nname: x\n---\n\n", "p/a.md:4:1: the prompt says nothing\n    write its text below the front matter"},
		{"empty file", "a.md", "", "p/a.md:1:1: the prompt says nothing"},
		{"no end", "a.md", "---\nname: x\n\nhi", "p/a.md:1:1: the front matter, which begins here, has no end\n    ---\n    ^\n    write a line --- after its last key"},
		{"messages in front matter", "a.md", "---\nmessages: []\n---\nhi", "p/a.md:2:1: messages: a Markdown file has its messages below"},
		{"no YAML", "a.yaml", "a: [", "p/a.yaml:1:4: cannot be parsed"},
		{"not UTF-8", "a.md", "a\xffb", "p/a.md: the file is not UTF-8 text"},
		{"name of a file", "a b.md", "hi", "p/a b.md:1:1: the name of the file cannot be that of a prompt\n    hi\n    ^\n    write name: …, or rename the file"},
		{"name", "a.md", "---\nname: a/b\n---\nhi", "p/a.md:2:7: name: cannot be the name of a prompt"},
		{"empty name", "a.md", "---\nname: ''\n---\nhi", "p/a.md:2:7: name: cannot be the name of a prompt"},
		{"title", "a.md", "---\ntitle: \"a\\nb\"\n---\nhi", "p/a.md:2:8: title: has a line break"},
		{"argument without a name", "a.md", "---\narguments: [{required: true}]\n---\nhi", "p/a.md:2:14: arguments[0]: name is missing"},
		{"argument twice", "a.md", "---\narguments: [{name: a}, {name: a}]\n---\nhi", "p/a.md:2:31: arguments[1].name: there is an argument a already"},
		{"argument called context", "a.md", "---\narguments: [{name: context}]\n---\nhi", "p/a.md:2:20: arguments[0].name: context is what the gateway tells"},
		{"variable called context", "a.md", "---\nvariables: {context: 1}\n---\nhi", "p/a.md:2:13: variables.context: context is what the gateway tells"},
		{"name of a variable", "a.md", "---\nvariables: {a-b: 1}\n---\nhi", "p/a.md:2:13: variables.a-b: cannot be the name of a variable"},
		{"required with a default", "a.md", "---\narguments: [{name: a, required: true, default: 1}]\n---\nhi", "p/a.md:2:48: arguments[0].default: what has a default is not required"},
		{"default beside variables", "a.md", "---\narguments: [{name: a, default: 1}]\nvariables: {a: 2}\n---\nhi", "p/a.md:2:32: arguments[0].default: variables gives"},
		{"default beside enum", "a.md", "---\narguments: [{name: a, default: smal, enum: [small, large]}]\n---\nhi", "p/a.md:2:32: arguments[0].default: is not among enum"},
		{"enum of numbers", "a.md", "---\narguments: [{name: a, enum: [1]}]\n---\nhi", "p/a.md:2:30: arguments[0].enum[0]: wants a text, not a number"},
		{"sampling", "a.md", "---\nsampling: {temperature: 3}\n---\nhi", "p/a.md:2:25: sampling.temperature: 3 is not between 0 and 2"},
		{"sampling key", "a.md", "---\nsampling: {temprature: 3}\n---\nhi", "p/a.md:2:12: sampling.temprature: this key is not known"},
		{"missing parent", "a.md", "---\nparent: okk\n---\nhi", "p/a.md:2:9: parent: there is no prompt okk\n    parent: okk\n            ^\n    did you mean ok?"},
		{"its own parent", "a.md", "---\nparent: a\n---\nhi", "p/a.md:2:9: parent: the parents lead in a circle: a → a"},
		{"duplicate name", "z.md", "---\nname: ok\n---\nhi", "p/z.md:2:7: name: the name ok is that of p/ok.md already"},
		{"missing include", "a.md", "hi\n {% include 'nope' %}{% include 'nada' ignore missing %}", "a.md:2:2: no such prompt: \"nope\""},
		{"include of several", "a.md", "{% include 'two' ignore missing %}", "a.md:1:1: the prompt \"two\" has 2 messages of its own"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lib, faults := libraryOf(map[string]string{"ok.md": "fine", "two.md": "one\n--- user\ntwo", tt.file: tt.text}, nil)
			if !strings.HasPrefix(faults[tt.file], tt.want) || len(faults) != 1 {
				t.Errorf("faults: %s\nwant %s", faults, tt.want)
			}
			if lib.prompts["ok"] == nil {
				t.Error("the other prompt is gone")
			}
		})
	}
}

// TestCircle leaves out a circle of files, and keeps their old versions where there are any.
func TestCircle(t *testing.T) {
	files := map[string]string{"a.md": "a", "b.md": "---\nparent: a\n---\nb", "c.md": "---\nparent: b\n---\nc"}
	lib, faults := libraryOf(files, nil)
	if len(faults) > 0 || len(lib.prompts["c"].messages) != 3 {
		t.Fatal(faults)
	}
	files["a.md"] = "---\nparent: c\n---\na"
	fresh, faults := libraryOf(files, nil)
	if got := names(fresh); len(got) != 0 || len(faults) != 3 || !strings.Contains(faults["a.md"], "a → c → b → a") {
		t.Errorf("from nothing: %q, %s", got, faults)
	}
	next, faults := libraryOf(files, lib)
	if diff := cmp.Diff([]string{"a", "b", "c"}, names(next)); diff != "" || len(faults) != 1 || faults["a.md"] == "" {
		t.Errorf("(-want +got)\n%s%s", diff, faults)
	}
	files["a.md"] = "{{"
	if next, faults = libraryOf(files, lib); len(names(next)) != 3 || len(faults) != 1 {
		t.Errorf("a parent with a fault: %q, %s", names(next), faults)
	}
	if fresh, faults = libraryOf(files, nil); len(names(fresh)) != 0 || len(faults) != 3 {
		t.Errorf("from nothing: %q, %s", names(fresh), faults)
	}
	delete(files, "a.md")
	if next, faults = libraryOf(files, lib); len(names(next)) != 0 || !strings.Contains(faults["c.md"], "there is no prompt a, the parent of b") {
		t.Errorf("without a parent: %q, %s", names(next), faults)
	}
}

// TestDeep bounds a tree.
func TestDeep(t *testing.T) {
	files := map[string]string{"p0.md": "x"}
	for i := range 30 {
		files[fmt.Sprintf("p%d.md", i+1)] = fmt.Sprintf("---\nparent: p%d\n---\n", i)
	}
	lib, faults := libraryOf(files, nil)
	if len(lib.prompts) != maxParents+1 || !strings.Contains(faults["p30.md"], "more than 16 parents") {
		t.Errorf("%d prompts, %s", len(lib.prompts), faults["p30.md"])
	}
}

// FuzzParse reads any file, and never panics; what it accepts can be laid beside others.
func FuzzParse(f *testing.F) {
	f.Add("a.md", "---\nname: x\narguments: [{name: a, enum: [b]}]\nsampling: {topK: 1}\n---\n{{ a }}\n--- assistant\nb")
	f.Add("a.yaml", "name: x\nparent: y\nmessages: [{role: user, content: '{{ a }}'}]\nvariables: {a: [1, {b: 2}]}")
	f.Add("a.md", "---\n---\n---")
	f.Fuzz(func(t *testing.T, path, text string) {
		file, err := parse(path, []byte(text))
		if (file == nil) == (err == nil) {
			t.Fatalf("file %v, error %v", file, err)
		}
		if file == nil {
			return
		}
		lib, _ := resolve([]source{{path: path, file: file}}, nil)
		for _, e := range lib.prompts {
			if e.listed().Name != file.head.Name {
				t.Error("listed under another name")
			}
		}
	})
}
