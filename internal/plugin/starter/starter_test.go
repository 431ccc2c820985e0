package starter_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/plugin/starter"
)

// TestFiles has a beginning in each language, which names the plugin.
func TestFiles(t *testing.T) {
	for _, language := range starter.Languages() {
		files, err := starter.Files(language, "greet")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", language, len(files), err)
		}
		for _, f := range files {
			if !strings.HasPrefix(f.Name, "greet") || strings.Contains(f.Text, "{{") {
				t.Errorf("%s: %s is not filled in", language, f.Name)
			}
		}
	}
	if _, err := starter.Files("cobol", "greet"); err == nil {
		t.Error("there is a beginning in COBOL")
	}
}

// conversation is with code that has a tool of each form, and what must stand in the answers.
var conversation = []struct{ say, want string }{
	{`{"id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{}}}`, `"protocolVersion":"2025-06-18"`},
	{`{"id":2,"method":"tools/list"}`, `"required":["a"]`},
	{`{"id":3,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":3}}}`, `"structuredContent":{"result":5}`},
	{`{"id":4,"method":"tools/call","params":{"name":"add","arguments":{"b":3}}}`, `argument \"a\" is missing`},
	{`{"id":5,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"c":3}}}`, `"isError":true`},
	{`{"id":6,"method":"tools/call","params":{"name":"fail"}}`, `on purpose`},
	{`{"id":7,"method":"tools/call","params":{"name":"panics"}}`, `"isError":true`},
	{`{"id":8,"method":"tools/call","params":{"name":"none"}}`, `-32602`},
	{`{"id":9,"method":"resources/templates/list"}`, `sumun://item{?name}`},
	{`{"id":10,"method":"resources/read","params":{"uri":"sumun://item?name=a%20b"}}`, `"text":"item a b"`},
	{`{"id":11,"method":"resources/read","params":{"uri":"sumun://nothing"}}`, `-32002`},
	{`{"id":12,"method":"tools/call","params":{"name":"slowly","_meta":{"progressToken":"p"}}}`, `"progressToken":"p"`},
	{`{"id":13,"method":"nonsense"}`, `-32601`},
}

const functions = `package main

import (
	"context"
	"errors"
)

type sum struct {
	A int  ` + "`json:\"a\"`" + `
	B *int ` + "`json:\"b\"`" + `
}

type item struct {
	Name string ` + "`json:\"name\"`" + `
}

func main() {
	Tool("add", "Adds.", func(s sum) int { return s.A + *s.B })
	Tool("fail", "Fails.", func() error { return errors.New("on purpose") })
	Tool("panics", "Panics.", func() string { panic("oh") })
	Tool("slowly", "Takes its time.", func(ctx context.Context) { Progress(ctx, 1, 2, "half") })
	Resource("item", "An item.", func(i item) string { return "item " + i.Name })
	Serve()
}
`

// TestGo builds the code that speaks MCP in Go, and speaks with it.
func TestGo(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no Go toolchain here")
	}
	files, err := starter.Files("go", "p")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range files {
		text := f.Text
		if filepath.Base(f.Name) == "main.go" {
			text = functions
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f.Name)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), tool, "build", "-buildvcs=false", "-o", "p", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	var in strings.Builder
	for _, c := range conversation {
		in.WriteString(strings.Replace(c.say, "{", `{"jsonrpc":"2.0",`, 1) + "\n")
	}
	run := exec.CommandContext(t.Context(), filepath.Join(dir, "p"))
	run.Stdin = strings.NewReader(in.String())
	out, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conversation {
		if !strings.Contains(string(out), c.want) {
			t.Errorf("to %s nothing answers %s", c.say, c.want)
		}
	}
	for line := range strings.Lines(string(out)) {
		if !json.Valid([]byte(line)) {
			t.Errorf("this is no message: %s", line)
		}
	}
}
