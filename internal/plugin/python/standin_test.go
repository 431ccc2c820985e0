package python

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// official is a package mcp that resembles the installed one where that matters: its server takes the buffers of standard
// input and output when it starts, modules of it import each other through the package, and its first module is run at most once.
var official = map[string]string{
	"mcp/__init__.py":            "import sys\nprint('official is run', file=sys.stderr)\nfrom .types import Tool\nfrom . import shared\nClientSession = 'theirs'\nMcpServer = 'not this one'\n__all__ = ['ClientSession', 'Tool']\n",
	"mcp/types.py":               "class Tool: pass\n",
	"mcp/shared.py":              "import mcp\nfrom mcp import types\nassert types.Tool\n",
	"mcp/server/__init__.py":     "from mcp import types\n",
	"mcp/server/stdio.py":        "import sys\nfrom io import TextIOWrapper\ndef streams():\n    return TextIOWrapper(sys.stdin.buffer, encoding='utf-8'), TextIOWrapper(sys.stdout.buffer, encoding='utf-8')\n",
	"mcp/server/fastmcp.py":      "import json\nfrom mcp.server.stdio import streams\nclass FastMCP:\n    def __init__(self, name): self.name = name\n    def tool(self):\n        def keep(f):\n            self.f = f\n            return f\n        return keep\n    def run(self):\n        source, sink = streams()\n        for line in source:\n            m = json.loads(line)\n            sink.write(json.dumps({'jsonrpc': '2.0', 'id': m['id'], 'result': {'name': self.name, 'method': m['method'], 'f': self.f()}}) + '\\n')\n            sink.flush()\n",
	"mcp-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: mcp\nVersion: 1.0\n",
}

// site writes packages somewhere.
func site(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func launchOfficial(t *testing.T, text string) *peer {
	t.Helper()
	r := prepare(t, interpreters(t)[0], source(t, map[string]string{"demo.py": text}))
	r.Env = map[string]string{"PYTHONPATH": site(t, official)}
	return startRecipe(t, r)
}

// TestOfficial: a server of the official package speaks for itself, in all the ways it is started; what it prints goes elsewhere.
func TestOfficial(t *testing.T) {
	const head = "import subprocess\nfrom mcp.server.fastmcp import FastMCP\nmcp = FastMCP('theirs')\nprint('loading')\n@mcp.tool()\ndef f():\n    print('called')\n    subprocess.run(['echo', 'child'])\n    return input('empty') if False else 1\n"
	for name, tail := range map[string]string{
		"at once":     "mcp.run()\n",
		"as a script": "if __name__ == '__main__':\n    mcp.run()\n",
		"not at all":  "",
	} {
		t.Run(name, func(t *testing.T) {
			p := launchOfficial(t, head+tail)
			for range 2 {
				equal(t, "the answer", p.ask("tools/list", nil)["result"], `{"name":"theirs","method":"tools/list","f":1}`)
			}
			if code := p.exit(); code != 0 || p.errors() != "official is run\nloading\ncalled\nchild\ncalled\nchild\n" {
				t.Errorf("it ends with %d:\n%s", code, p.errors())
			}
		})
	}
}

// TestFallThrough: everything but McpServer is the installed package's, which is run only when it is needed.
func TestFallThrough(t *testing.T) {
	const code = `
import importlib.metadata
from mcp import McpServer
import mcp
ran = "shared" in vars(mcp)
server = McpServer()
@server.tool("what")
def what() -> list:
    from mcp import ClientSession, Tool
    import mcp.types
    from mcp.server import stdio
    again = __import__("mcp")
    try:
        mcp.nothing
    except AttributeError as error:
        missing = str(error)
    return [ran, ClientSession, Tool is mcp.types.Tool, mcp.McpServer is McpServer, again is mcp, stdio.__name__, hasattr(mcp, "tool"),
        importlib.metadata.version("mcp"), mcp.__name__, missing]
server.start()
`
	p := launchOfficial(t, code).greet(nil)
	equal(t, "what", p.call("what", nil)["structuredContent"], `{"result":[false,"theirs",true,true,true,"mcp.server.stdio",true,"1.0","mcp","module 'mcp' has no attribute 'nothing'"]}`)
	if _ = p.exit(); p.errors() != "official is run\n" {
		t.Errorf("standard error is\n%s", p.errors())
	}
}

// TestOwnVoice: a file that reads its standard input speaks for itself.
func TestOwnVoice(t *testing.T) {
	const code = `
import json, sys
print("[]", file=sys.stderr)
for line in sys.stdin:
    print(json.dumps({"jsonrpc": "2.0", "id": json.loads(line)["id"], "result": {"own": True}}), flush=True)
`
	for name, text := range map[string]string{"lines": code, "readline": strings.ReplaceAll(code, "in sys.stdin:", "in iter(sys.stdin.readline, ''):"), "bytes": strings.ReplaceAll(code, "sys.stdin:", "sys.stdin.buffer:")} {
		t.Run(name, func(t *testing.T) {
			p := launch(t, text)
			equal(t, "the answer", p.ask("ping", nil)["result"], `{"own":true}`)
			if code := p.exit(); code != 0 || p.errors() != "[]\n" {
				t.Errorf("it ends with %d:\n%s", code, p.errors())
			}
		})
	}
}

// TestOwnFault: a server of its own that fails before it speaks could not be loaded; one that fails later has failed.
func TestOwnFault(t *testing.T) {
	if p := launchOfficial(t, "from mcp.server.fastmcp import FastMCP\nFastMCP(1, 2)\n"); p.exit() != 3 || !strings.Contains(p.errors(), "sumun: plugins/demo.py:2: TypeError: ") {
		t.Errorf("standard error is\n%s", p.errors())
	}
	if p := launch(t, "import sys\nsys.stdin.read()\nraise ValueError('late')\n"); p.exit() != 1 || !strings.Contains(p.errors(), "ValueError: late") {
		t.Errorf("standard error is\n%s", p.errors())
	}
}

// TestNames: what a plugin is called hides no module from anybody.
func TestNames(t *testing.T) {
	for _, name := range []string{"calendar", "mcp", "json", "sumun_shim", "typing"} {
		src := source(t, map[string]string{name + ".py": "import json, calendar\nfrom mcp import McpServer\ns = McpServer()\n@s.tool('ok')\ndef ok(): return json.dumps(calendar.isleap(2024))\ns.start()\n"})
		src.Name = name
		p := startRecipe(t, prepare(t, interpreters(t)[0], src)).greet(nil)
		equal(t, name, p.call("ok", nil), `{"content":[{"type":"text","text":"true"}]}`)
	}
	src := source(t, map[string]string{"demo.py": "import json, typing\nfrom extra import x\ndef ok(): return json.dumps(x)\n"})
	r := prepare(t, interpreters(t)[0], src)
	r.Env = map[string]string{"PYTHONPATH": site(t, map[string]string{"json.py": "x = y", "typing.py": "x = y", "inspect.py": "x = y", "extra.py": "x = 1"})}
	equal(t, "beside packages with names of the standard library", startRecipe(t, r).greet(nil).call("ok", nil), `{"content":[{"type":"text","text":"1"}]}`)
	p := launchFiles(t, map[string]string{"main.py": "from mcp import McpServer, tool, x\nimport wire\n@tool\ndef ok(): return wire.x + x\n", "wire.py": "x = 'mine '\n", "mcp.py": "x = 'too'\n"}).greet(nil)
	equal(t, "ok", p.call("ok", nil), `{"content":[{"type":"text","text":"mine too"}]}`)
}
