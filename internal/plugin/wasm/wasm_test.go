package wasm_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/plugin/wasm"
)

// program tries to read a file, to find its environment and to reach the network, and then answers each line.
const program = `package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
)

func main() {
	_, err := os.ReadFile("/etc/passwd")
	fmt.Println("file:", err != nil)
	_, err = net.Dial("tcp", "127.0.0.1:80")
	fmt.Println("network:", err != nil)
	fmt.Println("environment:", len(os.Environ()), os.Getenv("A"))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "loop" {
			for {
			}
		}
		fmt.Println("said", lines.Text())
	}
	os.Exit(4)
}
`

// build builds the program for WASI.
func build(t *testing.T) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no Go toolchain here")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": program, "go.mod": "module p\n\ngo 1.24\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "p.wasm")
	cmd := exec.CommandContext(t.Context(), tool, "build", "-buildvcs=false", "-o", out, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return out
}

// TestRun runs a module: it has its standard files and the environment that it is given, and nothing else. One that never ends is ended.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module")
	}
	path := build(t)
	engine := wasm.New(filepath.Join(t.TempDir(), "cache"))
	defer func() {
		if err := engine.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	run := engine.Command(wasm.Module{Path: path, Name: "p", Env: map[string]string{"A": "b"}}).Inside
	var out bytes.Buffer
	err := run(t.Context(), strings.NewReader("hello\n"), &out, os.Stderr)
	if err == nil || err.Error() != "exit status 4" {
		t.Errorf("it ends with %v", err)
	}
	if want := "file: true\nnetwork: true\nenvironment: 1 b\nsaid hello\n"; out.String() != want {
		t.Errorf("it says %q, want %q", out.String(), want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := run(ctx, strings.NewReader("loop\n"), &out, os.Stderr); err == nil {
		t.Error("a loop without an end has ended by itself")
	}
}

// TestNoModule tells what is no module.
func TestNoModule(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.wasm")
	if err := os.WriteFile(path, []byte("no module"), 0o600); err != nil {
		t.Fatal(err)
	}
	engine := wasm.New(filepath.Join(t.TempDir(), "cache"))
	err := engine.Command(wasm.Module{Path: path, Name: "p"}).Inside(t.Context(), strings.NewReader(""), os.Stderr, os.Stderr)
	if err == nil || !strings.Contains(err.Error(), "no WASI module") {
		t.Errorf("the error is %v", err)
	}
	if err := engine.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
