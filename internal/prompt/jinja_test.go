package prompt_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/prompt"
)

// shared is what stands for all cases of a file.
type shared struct {
	Vars     map[string]json.RawMessage `json:"vars"`
	Includes map[string]string          `json:"includes"`
}

// recorded is what Jinja made of a case; see testdata/record.py.
type recorded struct {
	Template  string   `json:"template"`
	Variables []string `json:"variables"`
	Output    string   `json:"output"`
	Error     string   `json:"error"`
}

// lines reads a file of JSON lines.
func lines(t *testing.T, name string) [][]byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
}

func unmarshal(t *testing.T, data []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(data, to); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
}

// TestJinja renders every case as Jinja did, and fails where Jinja failed.
func TestJinja(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	count := 0
	for _, file := range files {
		cases := lines(t, file)
		results := lines(t, filepath.Join("testdata/recorded", filepath.Base(file)))
		if len(cases) != len(results)+1 {
			t.Fatalf("%s: %d cases, %d recorded; run testdata/record.py", file, len(cases)-1, len(results))
		}
		var all shared
		unmarshal(t, cases[0], &all)
		for i, line := range cases[1:] {
			var text string
			var want recorded
			unmarshal(t, line, &text)
			unmarshal(t, results[i], &want)
			if text != want.Template {
				t.Fatalf("%s:%d: recorded is another template; run testdata/record.py", file, i+2)
			}
			count++
			t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl"), func(t *testing.T) { compare(t, all, want) })
		}
	}
	if count < 300 {
		t.Errorf("%d cases, want at least 300", count)
	}
}

// compare renders a case.
func compare(t *testing.T, all shared, want recorded) {
	t.Helper()
	tmpl, err := prompt.Parse(prompt.Origin{Name: "case"}, want.Template)
	got := ""
	if err == nil {
		vars := map[string]any{}
		for name, v := range all.Vars {
			vars[name] = v
		}
		got, err = tmpl.Render(t.Context(), vars, prompt.Options{Include: library(all.Includes)})
	}
	switch {
	case want.Error != "" && err == nil:
		t.Errorf("%q\n got %q\nwant an error, as of Jinja: %s", want.Template, got, want.Error)
	case want.Error == "" && err != nil:
		t.Errorf("%q\n got the error %v\nwant %q", want.Template, err, want.Output)
	case err == nil && got != want.Output:
		t.Errorf("%q\n got %q\nwant %q", want.Template, got, want.Output)
	case tmpl != nil && want.Variables != nil && !slices.Equal(tmpl.Variables(), want.Variables):
		t.Errorf("%q\n variables %q\nwant      %q", want.Template, tmpl.Variables(), want.Variables)
	}
}

// library includes prompts from a map.
func library(texts map[string]string) func(string) (*prompt.Template, error) {
	return func(name string) (*prompt.Template, error) {
		text, ok := texts[name]
		if !ok {
			return nil, prompt.ErrNotFound
		}
		return prompt.Parse(prompt.Origin{Name: name}, text)
	}
}

// TestRecorded runs Jinja again, so that what is recorded is known to be true.
// PYTHON names an interpreter that has jinja2; python3 otherwise.
func TestRecorded(t *testing.T) {
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	version, err := exec.CommandContext(t.Context(), python, "-c", "import jinja2, sys; print('jinja2', jinja2.__version__ + ', python', sys.version.split()[0])").Output()
	if err != nil {
		t.Skipf("%s has no jinja2: %v", python, err)
	}
	if text, _ := os.ReadFile("testdata/recorded/version.txt"); string(text) != string(version) {
		t.Skipf("recorded with %sthis is %s", text, version)
	}
	out := t.TempDir()
	if text, err := exec.CommandContext(t.Context(), python, "testdata/record.py", out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	files, _ := filepath.Glob("testdata/recorded/*")
	for _, file := range files {
		want, got := lines(t, filepath.Join(out, filepath.Base(file))), lines(t, file)
		for i := range min(len(want), len(got)) {
			if string(want[i]) != string(got[i]) {
				t.Errorf("%s:%d is %s\nJinja says %s", file, i+1, got[i], want[i])
			}
		}
		if len(want) != len(got) {
			t.Errorf("%s has %d lines, want %d", file, len(got), len(want))
		}
	}
}
