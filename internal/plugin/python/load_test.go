package python

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFaults: what cannot be loaded is told in one line, with its place in the author's file.
func TestFaults(t *testing.T) {
	for name, tt := range map[string]struct{ code, want string }{
		"syntax":            {"import os\n\ndef f(:\n    pass\n", "plugins/demo.py:3: SyntaxError: invalid syntax"},
		"indent":            {"def f():\npass\n", "plugins/demo.py:2: IndentationError: expected an indented block after function definition on line 1"},
		"zero byte":         {"x = 1\n\x00", "plugins/demo.py:"},
		"encoding":          {"# coding: nonsense\n", "plugins/demo.py:1: SyntaxError: "},
		"no UTF-8":          {"x = '\xff'\n", "plugins/demo.py:1: SyntaxError: "},
		"import":            {"import json\nimport no_such_thing\n", "plugins/demo.py:2: ModuleNotFoundError: No module named 'no_such_thing'; packages come from the requirements.txt beside the plugin"},
		"name":              {"from json import no_such_thing\n", "plugins/demo.py:1: ImportError: cannot import name 'no_such_thing' from 'json'"},
		"top level":         {"def a():\n    return 1 / 0\n\nb = a()\n", "plugins/demo.py:2: ZeroDivisionError: division by zero"},
		"in a library":      {"import json\njson.loads('{')\n", "plugins/demo.py:2: JSONDecodeError: Expecting property name"},
		"lines":             {"raise ValueError('one\\ntwo\\x1b[31m')\n", "plugins/demo.py:1: ValueError: one two\ufffd[31m\n"},
		"exit":              {"import sys\nsys.exit(0)\n", "plugins/demo.py:2: RuntimeError: the file ends the program while it is loaded"},
		"nothing":           {"x = 1\n", "plugins/demo.py:1: ValueError: there is nothing to offer: no tool, no resource, and no public function"},
		"empty":             {"", "plugins/demo.py:1: ValueError: there is nothing to offer"},
		"server of nothing": {"from mcp import McpServer\nMcpServer().start()\n", "plugins/demo.py:2: ValueError: there is nothing to offer"},
		"two of a name":     {"from mcp import McpServer\ns = McpServer()\n@s.tool('a')\ndef f(): pass\n@s.tool('a')\ndef g(): pass\n", "plugins/demo.py:5: ValueError: there are two tools of the name a"},
		"no name":           {"from mcp import McpServer\ns = McpServer()\ns.tool('a b', len)\n", "plugins/demo.py:3: ValueError: 'a b' is no name of a tool"},
		"no function":       {"from mcp import McpServer\ns = McpServer()\ns.tool('a', 7)\n", "plugins/demo.py:3: TypeError: tool a is no function: 7"},
		"no option":         {"from mcp import McpServer\ns = McpServer()\ns.tool('a', len, colour=1)\n", "plugins/demo.py:3: TypeError: tool a has no option colour; there are annotations, description, input_schema, output_schema, title"},
		"no schema":         {"from mcp import McpServer\ns = McpServer()\ns.tool('a', len, input_schema={})\n", "plugins/demo.py:3: ValueError: input_schema of tool a does not have \"type\": \"object\""},
		"no URI":            {"from mcp import resource\n@resource('x://{a')\ndef f(a): pass\n", "plugins/demo.py:2: ValueError: resource f: the URI x://{a has a brace without its other half"},
		"no operator":       {"from mcp import resource\n@resource('x://{;a}')\ndef f(a): pass\n", "plugins/demo.py:2: ValueError: resource f: the URI x://{;a} has {;a}, which is not understood, or there twice"},
		"a list in a URI":   {"from mcp import resource\n@resource('x://{a,b}')\ndef f(a, b): pass\n", "plugins/demo.py:2: ValueError: resource f: the URI x://{a,b} has {a,b}; write each variable by itself"},
		"two at once":       {"from mcp import resource\n@resource('x://{a}-{b}')\ndef f(a, b): pass\n", "plugins/demo.py:2: ValueError: resource f: the URI x://{a}-{b} has two variables without a slash between them"},
		"two wide":          {"from mcp import resource\n@resource('x://{+a}/{b*}')\ndef f(a, b): pass\n", "plugins/demo.py:2: ValueError: resource f: the URI x://{+a}/{b*} has two variables that may have slashes in them"},
		"strange variable":  {"from mcp import resource\n@resource('x://{b}')\ndef f(a=1): pass\n", "plugins/demo.py:2: ValueError: resource f: the URI x://{b} has b, which the function does not take"},
		"lacking variable":  {"from mcp import resource\n@resource('x://{b}')\ndef f(a, b): pass\n", "plugins/demo.py:2: ValueError: resource f: the URI x://{b} does not have a, which the function needs"},
		"no official mcp":   {"from mcp.server.fastmcp import FastMCP\n", "plugins/demo.py:1: ModuleNotFoundError: No module named 'mcp.server'; packages come from the requirements.txt beside the plugin"},
		"no such attribute": {"from mcp import McpClient\n", "plugins/demo.py:1: ImportError: cannot import name 'McpClient' from 'mcp'"},
	} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, tt.code)
			if code := p.exit(); code != 3 {
				t.Errorf("the exit code is %d", code)
			}
			if got := p.errors(); !strings.HasPrefix(got, "sumun: "+tt.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("standard error is\n%s, want\n%s", got, tt.want)
			}
			if len(p.other) > 0 {
				t.Errorf("on standard output: %s", text(t, <-p.other))
			}
		})
	}
}

// TestFolder: a folder has modules of its own, and faults in them are told of there.
func TestFolder(t *testing.T) {
	files := map[string]string{
		"main.py":          "from helpers import double\nfrom lib.more import triple\nimport helpers\n\ndef twice(n: int) -> int: return double(n)\ndef thrice(n: int) -> int: return triple(n)\ndef where() -> str: return __file__\n",
		"helpers.py":       "def double(n): return n * 2\n",
		"lib/more.py":      "def triple(n):\n    if n < 0:\n        raise ValueError('below')\n    return n * 3\n",
		"requirements.txt": "",
	}
	p := launchFiles(t, files).greet(nil)
	if n := len(byName(t, p.result("tools/list", nil)["tools"])); n != 3 {
		t.Errorf("there are %d tools: what is imported is none of the file's", n)
	}
	equal(t, "twice", p.call("twice", object{"n": 2})["structuredContent"], `{"result":4}`)
	p.call("thrice", object{"n": -1})
	if _ = p.exit(); !strings.HasPrefix(p.errors(), "thrice: ValueError: below\n  plugins/demo/main.py:6, in thrice\n  plugins/demo/lib/more.py:3, in triple\n") {
		t.Errorf("standard error is\n%s", p.errors())
	}
	for name, tt := range map[string]struct{ code, want string }{
		"syntax":    {"def double(n):\n    return (n\n", "sumun: plugins/demo/helpers.py:2: SyntaxError: '(' was never closed\n"},
		"exception": {"double = 1\nx = y\n", "sumun: plugins/demo/helpers.py:2: NameError: name 'y' is not defined\n"},
	} {
		files["helpers.py"] = tt.code
		p := launchFiles(t, files)
		if code := p.exit(); code != 3 || p.errors() != tt.want {
			t.Errorf("%s: exit %d, standard error\n%s", name, code, p.errors())
		}
	}
}

// TestPrinting: whatever a plugin writes to its standard output in Python, in C or from another program, goes to standard
// error, and its standard input is empty.
func TestPrinting(t *testing.T) {
	const code = `
import os, subprocess, sys
print("loading 안녕")
class Loud:
    print("in a class")
def speak() -> str:
    print("print")
    sys.stdout.write("write\n")
    sys.stdout.buffer.write(b"buffer\n")
    sys.stdout.flush()
    sys.__stdout__.write("dunder\n")
    sys.__stdout__.flush()
    os.write(1, b"os\n")
    subprocess.run([sys.executable, "-c", "print('child')"])
    return "said " + repr(sys.stdin.read()) + repr(os.read(0, 10))
`
	p := launch(t, code).greet(nil)
	equal(t, "speak", p.call("speak", nil), `{"content":[{"type":"text","text":"said ''b''"}]}`)
	_ = p.exit()
	for _, want := range []string{"loading 안녕\n", "in a class\n", "print\n", "write\n", "buffer\n", "dunder\n", "os\n", "child\n"} {
		if !strings.Contains(p.errors(), want) {
			t.Errorf("standard error does not have %q:\n%s", want, p.errors())
		}
	}
	if len(p.other) > 0 {
		t.Errorf("on standard output: %s", text(t, <-p.other))
	}
}

// TestPublic: which functions of a file without a server are tools.
func TestPublic(t *testing.T) {
	names := func(code string) string {
		p := launch(t, code).greet(nil)
		found := []string{}
		for name := range byName(t, p.result("tools/list", nil)["tools"]) {
			found = append(found, name)
		}
		_ = p.exit()
		return fmt.Sprint(len(found), " ", strings.Contains(p.errors(), "notice"), " ", strings.Join(slices.Sorted(slices.Values(found)), " "))
	}
	const code = `
import functools, json
from os.path import join
from functools import partial
def a(): pass
def _b(): pass
async def c(): pass
class D:
    def method(self): pass
@functools.cache
def e(n: int) -> int: return n
def main(): pass
async def f():
    yield 1
g = lambda: 1
h = a
def 더하기(): pass
if __name__ == "__main__":
    raise SystemExit("run as a script")
`
	if got := names(code); got != "4 true a c e g" {
		t.Errorf("the tools are %s", got)
	}
	if got := names(code + "\n__all__ = ['main', '_b']\n"); got != "2 false _b main" {
		t.Errorf("those in __all__ are %s", got)
	}
}

// TestStart: a server may be started in the file, behind the condition of scripts, in an event loop, or not at all.
func TestStart(t *testing.T) {
	const head = "import asyncio, contextlib\nfrom mcp import McpServer\nserver = McpServer()\n@server.tool('ok')\nasync def ok(): return str(mark)\nmark = 'top'\n"
	for name, tail := range map[string]string{
		"at once":           "server.start()\nprint('over')",
		"as a script":       "if __name__ == '__main__':\n    server.start()\n    print('over')",
		"not at all":        "print('over')",
		"twice":             "server.start()\n(server.start())\nprint('over')",
		"as a coroutine":    "asyncio.run(server.start())\nprint('over')",
		"in a loop":         "async def main():\n    await server.start()\n    print('over')\nasyncio.run(main())",
		"among other tasks": "async def main():\n    await asyncio.gather(server.start(), asyncio.sleep(0))\n    print('over')\nasyncio.run(main())",
		"in a function":     "def main():\n    with contextlib.suppress(ValueError):\n        server.start()\n    print('over')\nmain()",
	} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, head+tail).greet(nil)
			equal(t, "ok", p.call("ok", nil), `{"content":[{"type":"text","text":"top"}]}`)
			if code := p.exit(); code != 0 || p.errors() != "over\n" {
				t.Errorf("it ends with %d:\n%s", code, p.errors())
			}
		})
	}
}

// TestEnd: a plugin ends when its input does, whatever it has left behind.
func TestEnd(t *testing.T) {
	t.Parallel() // it waits
	const head = "import asyncio, atexit, threading, time\nfrom mcp import McpServer\nserver = McpServer()\n@server.tool('ok')\ndef ok(): return 'ok'\n@server.tool('hangs')\ndef hangs(): time.sleep(600)\natexit.register(print, 'at exit')\n"
	for name, tt := range map[string]struct{ code, want string }{
		"as usual":        {"server.start()\nprint('over')", "over\nat exit\n"},
		"a thread":        {"threading.Thread(target=time.sleep, args=(600,)).start()\nserver.start()\nprint('over')", "over\n"},
		"an endless file": {"server.start()\nprint('over')\ntime.sleep(600)", "over\n"},
		"a failure":       {"server.start()\nprint('over')\nraise SystemExit(0)", "over\nat exit\n"},
		"an endless loop": {"async def main():\n    asyncio.create_task(asyncio.sleep(600))\n    await server.start()\n    print('over')\n    await asyncio.sleep(600)\nasyncio.run(main())", "over\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, head+tt.code).greet(nil)
			p.call("ok", nil)
			if code := p.exit(); code != 0 || p.errors() != tt.want {
				t.Errorf("it ends with %d:\n%s", code, p.errors())
			}
		})
	}
	t.Run("a call", func(t *testing.T) {
		t.Parallel()
		p := launch(t, head+"server.start()").greet(nil)
		p.begin("tools/call", object{"name": "hangs"})
		if code := p.exit(); code != 0 {
			t.Errorf("it ends with %d:\n%s", code, p.errors())
		}
	})
}

// TestLoop: handlers of a server that is started in a loop run in that loop.
func TestLoop(t *testing.T) {
	const code = `
import asyncio
from mcp import McpServer
server = McpServer()
@server.tool("same")
async def same() -> bool: return home is asyncio.get_running_loop()
async def main():
    globals()['home'] = asyncio.get_running_loop()
    await server.start()
asyncio.run(main())
`
	p := launch(t, code).greet(nil)
	equal(t, "same", p.call("same", nil)["structuredContent"], `{"result":true}`)
}

// TestGrowing: a tool that is added while others are used is told of.
func TestGrowing(t *testing.T) {
	const code = `
from mcp import McpServer
server = McpServer()
@server.tool
def grow(name: str):
    server.tool(name, lambda: name)
server.start()
`
	p := launch(t, code).greet(nil)
	p.call("grow", object{"name": "new"})
	equal(t, "notice", p.await(p.other), `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
	equal(t, "new", p.call("new", nil), `{"content":[{"type":"text","text":"new"}]}`)
	equal(t, "again", p.call("grow", object{"name": "new"}), failure("ValueError: there are two tools of the name new"))
}

// TestShim: the shim is written once, compiled, for everybody to read, and is not run from a half-written folder.
func TestShim(t *testing.T) {
	python, dir := interpreters(t)[0], t.TempDir()
	first, err := python.shim(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(first, starter))
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Fatal(info, err)
	}
	if compiled, _ := filepath.Glob(filepath.Join(first, modules, "__pycache__", "*.pyc")); len(compiled) < 10 {
		t.Errorf("compiled: %v", compiled)
	}
	second, err := python.shim(t.Context(), dir)
	if err != nil || second != first {
		t.Errorf("again: %s, %v", second, err)
	}
	after, err := os.Stat(filepath.Join(first, starter))
	if err != nil || !after.ModTime().Equal(info.ModTime()) {
		t.Error("it was written twice")
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("there is %v", all)
	}
	if _, err := python.shim(t.Context(), filepath.Join(dir, "nowhere")); err == nil {
		t.Error("a shim was written to nowhere")
	}
}

// TestFind: which interpreter is taken, and what is said if there is none.
func TestFind(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Prepare(t.Context(), source(t, map[string]string{"demo.py": ""})); err == nil || err.Error() != "plugins in Python need Python 3.10 or newer: PATH has no python3; install one from the packages of your system or from python.org" {
		t.Errorf("without any: %v", err)
	}
	sh, err := exec.LookPath("/bin/sh")
	if err != nil {
		t.Skip("there is no shell to write interpreters in")
	}
	dir := t.TempDir()
	fake := func(name, script string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!"+sh+"\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	fake("python3", `echo '{"version":[3,9,2],"executable":"/x"}'`)
	fake("python", `echo "it is broken" >&2; exit 7`)
	_, err = find(t.Context())
	if want := "plugins in Python need Python 3.10 or newer: " + dir + "/python3 is 3.9.2, " + dir + "/python does not run (exit status 7: it is broken); install"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("of an old one it is said: %v", err)
	}
	fake("python3.12", `echo '{"version":[3,12,1],"executable":"/y","sites":["/a","/b"]}'`)
	p, err := find(t.Context())
	if err != nil || p.Executable != "/y" || p.env()["PYTHONPATH"] != "/a"+string(os.PathListSeparator)+"/b" {
		t.Errorf("found %+v, %v", p, err)
	}
}

// TestRecipe: what a recipe says.
func TestRecipe(t *testing.T) {
	python := interpreters(t)[0]
	src := source(t, map[string]string{"server.py": "", "requirements.txt": "", "main.py": ""})
	r := prepare(t, python, src)
	if !filepath.IsAbs(r.Command) || r.Lock != filepath.Join(src.Path, "requirements.txt") || r.Args[6] != filepath.Join(src.Path, "main.py") || r.Args[7] != filepath.Join(src.Origin, "main.py") || r.Args[8] != src.Path {
		t.Errorf("the recipe of a folder is %+v", r)
	}
	src = source(t, map[string]string{"demo.py": ""})
	own := filepath.Join(filepath.Dir(src.Path), "demo.requirements.txt")
	if err := os.WriteFile(own, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := prepare(t, python, src); r.Lock != own || len(r.Args) != 8 {
		t.Errorf("the recipe of a file is %+v", r)
	}
	src = source(t, map[string]string{"a.py": "", "b.py": ""})
	if _, err := python.recipe(t.Context(), src); err == nil || err.Error() != "plugins/demo: the folder has no plugin.py, main.py, __main__.py, server.py or demo.py" {
		t.Errorf("a folder without an entry: %v", err)
	}
}
