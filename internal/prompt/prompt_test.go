package prompt_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/prompt"
)

// parse returns the template of a text that is known to be right.
func parse(tb testing.TB, text string) *prompt.Template {
	tb.Helper()
	tmpl, err := prompt.Parse(prompt.Origin{Name: "main"}, text)
	if err != nil {
		tb.Fatal(err)
	}
	return tmpl
}

// TestValues renders what a caller may pass.
func TestValues(t *testing.T) {
	tests := map[string]struct {
		given any
		want  string
	}{
		"nil":             {nil, "None"},
		"bool":            {true, "True"},
		"int":             {int(7), "7"},
		"int8":            {int8(-7), "-7"},
		"uint64":          {uint64(18446744073709551615), "18446744073709551615"},
		"float64":         {1.0, "1.0"},
		"float32":         {float32(0.5), "0.5"},
		"number":          {json.Number("12345678901234567890"), "12345678901234567890"},
		"number, float":   {json.Number("1.50"), "1.5"},
		"string":          {"a", "a"},
		"string, broken":  {"a\xffb", "a\uFFFDb"},
		"slice":           {[]any{1, "a", nil}, "[1, 'a', None]"},
		"strings":         {[]string{"a"}, "['a']"},
		"map, sorted":     {map[string]any{"b": 1, "a": []any{}}, "{'a': [], 'b': 1}"},
		"map of strings":  {map[string]string{"b": "1"}, "{'b': '1'}"},
		"raw, in order":   {json.RawMessage(`{"b": 1, "a": 1.0, "c": {"d": [true, null]}}`), "{'b': 1, 'a': 1.0, 'c': {'d': [True, None]}}"},
		"raw, twice":      {json.RawMessage(`{"b": 1, "a": 2, "b": 3}`), "{'b': 3, 'a': 2}"},
		"raw within":      {[]any{json.RawMessage(`1e3`)}, "[1000.0]"},
		"raw, surrogates": {json.RawMessage(`"\ud83d\ude00\ud800"`), "😀\uFFFD"},
	}
	tmpl := parse(t, "{{ x }}")
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := tmpl.Render(t.Context(), map[string]any{"x": tt.given}, prompt.Options{})
			if err != nil || got != tt.want {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestBadValues wants values that are not JSON named with their variable.
func TestBadValues(t *testing.T) {
	tests := map[string]struct {
		given any
		want  string
	}{
		"pointer":   {new(int), "a Go value of type *int is not JSON"},
		"struct":    {struct{ A int }{1}, "is not JSON"},
		"function":  {strings.ToUpper, "is not JSON"},
		"raw":       {json.RawMessage(`{"a": `), "this is not JSON"},
		"raw twice": {json.RawMessage(`1 2`), "more than one JSON value"},
		"raw empty": {json.RawMessage(``), "this is not JSON"},
		"number":    {json.Number("0x1"), `"0x1" is not a number`},
		"large":     {json.Number(strings.Repeat("9", 5000)), "4096 bits"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, "{{ x }}").Render(t.Context(), map[string]any{"x": tt.given}, prompt.Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), `main:1:4: the variable "x": `) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
	if got, err := parse(t, "{{ y }}").Render(t.Context(), map[string]any{"x": new(int)}, prompt.Options{}); got != "" || err != nil {
		t.Errorf("%q, %v: a variable that is not read is looked at", got, err)
	}
}

func TestVariables(t *testing.T) {
	tests := map[string]struct {
		text     string
		reads    []string
		includes []string
	}{
		"none":       {"text {{ 1 }}", nil, nil},
		"reads":      {"{{ b }}{{ a.c }}{{ b }}", []string{"a", "b"}, nil},
		"sets":       {"{% set a = b %}{{ a }}", []string{"b"}, nil},
		"branches":   {"{% if x %}{% set a = 1 %}{% else %}{% set a = 2 %}{% endif %}{{ a }}", []string{"x"}, nil},
		"one branch": {"{% if x %}{% set a = 1 %}{% endif %}{{ a }}", []string{"a", "x"}, nil},
		"loop":       {"{% for a in as %}{{ a }}{{ loop.index }}{% endfor %}{{ a }}", []string{"a", "as"}, nil},
		"raw":        {"{% raw %}{{ a }}{% endraw %}{# {{ b }} #}", nil, nil},
		"includes":   {"{% include 'b' %}{% include 'a' %}{% include 'b' %}{% include c %}", []string{"c"}, []string{"b", "a"}},
		"한글":         {"{{ 이름 }}", []string{"이름"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tmpl := parse(t, tt.text)
			if got := tmpl.Variables(); !slices.Equal(got, tt.reads) {
				t.Errorf("variables = %q, want %q", got, tt.reads)
			}
			var got []string
			for _, c := range tmpl.Includes() {
				got = append(got, c.Name)
			}
			if !slices.Equal(got, tt.includes) {
				t.Errorf("includes = %q, want %q", got, tt.includes)
			}
		})
	}
}

// TestDifferences holds what is other than in Jinja, on purpose.
func TestDifferences(t *testing.T) {
	vars := map[string]any{"user": json.RawMessage(`{"items": 1, "keys": 2, "__typename": "User"}`), "ko": "안녕<"}
	tests := map[string]struct{ text, want string }{
		"members hide no methods":  {"{{ user.items }}{{ user.keys }}{{ user.get }}", "12"},
		"members with underscores": {"{{ user.__typename }}{{ user.__nope__ }}", "User"},
		"filters give lists":       {"{{ [1, 2]|map('string') }}{{ [1]|select|length }}{{ 'x' if [0]|select }}", "['1', '2']1"},
		"and again":                {"{% set x = [1, 2]|reject('odd') %}{{ x|first }}{{ x|first }}", "22"},
		"escape is for texts":      {"{{ '<'|e|e }}{{ ('<'|e) ~ '<' }}{{ '<p>' + '<'|e }}", "&amp;lt;&lt;<<p>&lt;"},
		"JSON as it is":            {"{{ ko|tojson(ensure_ascii=false) }}{{ ko|tojson }}", `"안녕<""\uc548\ub155\u003c"`},
		"loop in an include":       {"{% for x in [1, 2] %}{% include 'index' %}{% endfor %}", "12"},
	}
	opts := prompt.Options{Include: library(map[string]string{"index": "{{ loop.index }}"})}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parse(t, tt.text).Render(t.Context(), vars, opts)
			if err != nil || got != tt.want {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestLimits reaches each limit, and stays just below it.
func TestLimits(t *testing.T) {
	loop := "{% for i in range(100) %}{{ i }}{% endfor %}"
	tests := map[string]struct {
		text   string
		limits prompt.Limits
		want   string
	}{
		"steps":         {loop, prompt.Limits{Steps: 100}, "more than 100 steps"},
		"enough steps":  {loop, prompt.Limits{Steps: 1000}, ""},
		"output":        {loop, prompt.Limits{Output: 189}, "longer than 189 bytes"},
		"enough output": {loop, prompt.Limits{Output: 190}, ""},
		"memory":        {"{{ 'a' * 10000 }}", prompt.Limits{Memory: 9999}, "more than 9999 bytes"},
		"enough memory": {"{{ 'a' * 10000 }}", prompt.Limits{Memory: 10000}, ""},
		"depth":         {"{% include 'a' %}", prompt.Limits{Depth: 1}, `more than 1 levels deep, the last "b"`},
		"enough depth":  {"{% include 'a' %}", prompt.Limits{Depth: 2}, ""},
		"time":          {loop, prompt.Limits{Time: 1}, "longer than 1ns"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			opts := prompt.Options{Limits: tt.limits, Include: library(map[string]string{"a": "{% include 'b' %}", "b": "b"})}
			got, err := parse(t, tt.text).Render(t.Context(), nil, opts)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("error = %v, want none", err)
			case tt.want != "" && (!errors.Is(err, prompt.ErrLimit) || !strings.Contains(err.Error(), tt.want) || got != ""):
				t.Errorf("%q, %v, want a limit error with %q and no text", got, err, tt.want)
			}
		})
	}
}

// TestCanceled wants a rendering to end with its context.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	include := func(string) (*prompt.Template, error) {
		cancel(nil)
		return parse(t, "{% for i in range(99999) %}{{ i }}{% endfor %}"), nil
	}
	_, err := parse(t, "{% include 'x' %}").Render(ctx, nil, prompt.Options{Include: include})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "rendering was ended") {
		t.Errorf("error = %v, want that of the context", err)
	}
	if _, err = parse(t, "x").Render(ctx, nil, prompt.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want that of the context before anything is rendered", err)
	}
}

// TestInclude wants the errors of Include passed on, with their places.
func TestInclude(t *testing.T) {
	broken := errors.New("disk on fire")
	include := func(name string) (*prompt.Template, error) {
		switch name {
		case "bad":
			return prompt.Parse(prompt.Origin{Name: name}, "\n{{ 1 / 0 }}")
		case "syntax":
			return prompt.Parse(prompt.Origin{Name: name}, "{{ 1 / }}")
		case "nil":
			return nil, nil
		}
		return nil, broken
	}
	tests := map[string]struct {
		text, want string
		is         error
	}{
		"fault":      {" {% include 'bad' %}", "bad:2:6: division by zero; test the divisor before (included at main:1:2)", nil},
		"syntax":     {"{% include 'syntax' %}", "syntax:1:8: expected a value, found }}", nil},
		"nil":        {"{% include 'nil' %}", `there is no prompt "nil" to include`, prompt.ErrNotFound},
		"own error":  {"{% include 'x' %}", `main:1:1: including "x": disk on fire`, broken},
		"not hidden": {"{% include 'x' ignore missing %}", "disk on fire", broken},
		"number":     {"{% include 5 %}", "by its name, not by an integer", nil},
		"undefined":  {"{% include x %}", "by its name, not by an undefined value", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, tt.text).Render(t.Context(), nil, prompt.Options{Include: include})
			if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := parse(t, "{% include 'x' %}").Render(t.Context(), nil, prompt.Options{}); !errors.Is(err, prompt.ErrNotFound) {
		t.Errorf("error = %v, want ErrNotFound without Include", err)
	}
}

// TestConcurrent renders one template from many goroutines; the race detector watches.
func TestConcurrent(t *testing.T) {
	tmpl := parse(t, "{% set y = x * 2 %}{% for i in range(y) %}{{ i }},{% endfor %}{{ user.name|upper }}")
	vars := map[string]any{"x": 2, "user": map[string]any{"name": "Ada"}}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				if got, err := tmpl.Render(t.Context(), vars, prompt.Options{}); got != "0,1,2,3,ADA" || err != nil {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
	group.Wait()
}

// FuzzRender wants every text and every variable to end in a result or an
// *Error with its place, within the limits.
func FuzzRender(f *testing.F) {
	for _, tt := range hostile {
		if len(tt.text) < 4096 {
			f.Add(tt.text, `{"a": [1, 2.5, "x", null], "b": true}`)
		}
	}
	f.Add("{% for k, v in a|dictsort %}{{ k ~ loop.index }}{% endfor %}{{ a|tojson(1)|indent|title }}", `{"a": {"x": [1], "y": "é"}}`)
	limits := prompt.Limits{Steps: 5000, Output: 10000, Memory: 100000, Depth: 3, Time: 5 * time.Second}
	f.Fuzz(func(t *testing.T, text, variables string) {
		tmpl, err := prompt.Parse(prompt.Origin{Name: "fuzz"}, text)
		if err == nil {
			var out string
			vars := map[string]any{"a": json.RawMessage(variables)}
			out, err = tmpl.Render(t.Context(), vars, prompt.Options{Limits: limits, Include: library(map[string]string{"t": text})})
			if len(out) > limits.Output {
				t.Errorf("%d bytes", len(out))
			}
		}
		if err == nil {
			return
		}
		if e, ok := errors.AsType[*prompt.Error](err); !ok || e.Line < 1 || e.Column < 1 || e.Message == "" {
			t.Errorf("error = %#v, want an *Error with its place", err)
		}
	})
}

const page = `You are reviewing {{ repository }}.
{%- if files %}
{% for file in files %}
{{ loop.index }}. {{ file.name|title }} ({{ file.lines }} lines{{ ", changed" if file.changed }})
{%- else %}
No files.
{%- endfor %}
{%- endif %}
Total: {{ files|sum(attribute="lines") }}; changed: {{ files|selectattr("changed")|map(attribute="name")|join(", ") }}`

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		parse(b, page)
	}
}

func BenchmarkRender(b *testing.B) {
	tmpl := parse(b, page)
	var files []any
	for range 10 {
		files = append(files, map[string]any{"name": "main file", "lines": 120, "changed": true})
	}
	vars := map[string]any{"repository": "sumun", "files": files}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tmpl.Render(b.Context(), vars, prompt.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestOrigin tells places in the file that a template is a part of.
func TestOrigin(t *testing.T) {
	at := prompt.Origin{Name: "a.md", Line: 10, Indent: 4}
	for text, want := range map[string]string{
		"{{ }}":              "a.md:10:8: ",
		"\n{{ 1 / 0 }}":      "a.md:11:10: division by zero",
		"\n {% if x %}\n\n ": "a.md:11:6: the if has no end",
	} {
		tmpl, err := prompt.Parse(at, text)
		if err == nil {
			_, err = tmpl.Render(t.Context(), nil, prompt.Options{})
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	tmpl, err := prompt.Parse(at, "{% include 'b' ignore missing %}{% include 'a' %}\n{% include 'b' %}{% include 'c' ignore missing %}")
	if err != nil {
		t.Fatal(err)
	}
	want := []prompt.Include{{Name: "b", Line: 10, Column: 5}, {Name: "a", Line: 10, Column: 37}, {Name: "c", Line: 11, Column: 22, Optional: true}}
	if got := tmpl.Includes(); !slices.Equal(got, want) {
		t.Errorf("includes = %v, want %v", got, want)
	}
}
