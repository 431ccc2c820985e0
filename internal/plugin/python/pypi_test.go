package python

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// withPackages names the environment variable with which packages are installed from PyPI for TestPackages.
const withPackages = "SUMUN_TEST_PYPI"

// environment makes a virtual environment with some packages, and returns its interpreter.
func environment(t *testing.T, packages ...string) string {
	t.Helper()
	if os.Getenv(withPackages) == "" {
		t.Skip("installs packages from PyPI; " + withPackages + "=1 runs it")
	}
	dir := t.TempDir()
	python := filepath.Join(dir, "bin", "python")
	for _, args := range [][]string{
		{interpreters(t)[0].Executable, "-m", "venv", dir},
		append([]string{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, packages...),
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	return python
}

// launchPackaged starts a plugin with the packages of an environment, as they are installed from a list of requirements.
func launchPackaged(t *testing.T, python, file string, beside map[string]string) *peer {
	t.Helper()
	code, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := prepare(t, interpreters(t)[0], source(t, map[string]string{"demo.py": string(code)}))
	r.Command, r.Dir = python, site(t, beside)
	return startRecipe(t, r)
}

// TestPackages runs plugins with real packages of PyPI: the seed's sample with the database that it needs, and servers of the
// official package, which speak for themselves.
func TestPackages(t *testing.T) {
	t.Run("first", func(t *testing.T) {
		python := environment(t, "mcp==1.26.0", "aiosqlite==0.22.1")
		t.Run("seed", func(t *testing.T) { testSeedDatabase(t, python) })
		t.Run("FastMCP", func(t *testing.T) { testFastMCP(t, python) })
		t.Run("parts", func(t *testing.T) { testAbacus(t, launchPackaged(t, python, "testdata/pypi/lowlevel.py", nil)) })
		t.Run("pydantic", func(t *testing.T) { testModels(t, python) })
	})
	t.Run("second", func(t *testing.T) {
		testAbacus(t, launchPackaged(t, environment(t, "mcp==2.3.0"), "testdata/pypi/mcpserver.py", nil))
	})
}

func testSeedDatabase(t *testing.T, python string) {
	t.Helper()
	p := launchPackaged(t, python, "testdata/seed-4.4.py", nil).greet(nil)
	read := func(sql string) object {
		contents, _ := p.result("resources/read", object{"uri": "sumun://db.query?sql=" + sql})["contents"].([]any)
		content, _ := contents[0].(object)
		return content
	}
	equal(t, "nothing", read("create%20table%20t(a,b)")["text"], `"{\"rows\":[]}"`)
	equal(t, "rows", read("select%201,%27%EC%95%88%27%20union%20select%202,null")["text"], `"{\"rows\":[[1,\"안\"],[2,null]]}"`)
	fault, _ := p.ask("resources/read", object{"uri": "sumun://db.query?sql=nonsense"})["error"].(object)
	equal(t, "fault", fault, `{"code":-32603,"message":"OperationalError: near \"nonsense\": syntax error"}`)
}

// testAbacus holds a server with the tool add against what a client expects.
func testAbacus(t *testing.T, p *peer) {
	t.Helper()
	p.greet(nil)
	if tool := byName(t, p.result("tools/list", object{})["tools"])["add"]; tool == nil {
		t.Error("there is no tool add")
	}
	content, _ := p.call("add", object{"a": 1, "b": 2})["content"].([]any)
	equal(t, "add", content[0], `{"type":"text","text":"3"}`)
	if code := p.exit(); code != 0 || !strings.Contains(p.errors(), "what is printed in a call\n") {
		t.Errorf("it ends with %d:\n%s", code, p.errors())
	}
	for len(p.other) > 0 {
		if m := <-p.other; m["garbage"] != nil {
			t.Errorf("on standard output: %s", m["garbage"])
		}
	}
}

func testFastMCP(t *testing.T, python string) {
	t.Helper()
	p := launchPackaged(t, python, "testdata/pypi/fastmcp.py", nil)
	info, _ := p.greetIn(mcp.LatestLegacy().Name, nil)["serverInfo"].(object)
	equal(t, "its name", info["name"], `"abacus"`)
	result := p.result("tools/call", object{"name": "count", "arguments": object{"to": 2}, "_meta": object{"progressToken": 1}})
	equal(t, "count", result["structuredContent"], `{"result":"done"}`)
	for i := range 2 {
		params, _ := p.await(p.other)["params"].(object)
		equal(t, "progress", params["progress"], []string{"1.0", "2.0"}[i])
	}
	contents, _ := p.result("resources/read", object{"uri": "abacus://7"})["contents"].([]any)
	content, _ := contents[0].(object)
	equal(t, "row", content["text"], `"row 7"`)
	content, _ = p.call("add", object{"a": 20, "b": 22})["structuredContent"].(object)
	equal(t, "add", content, `{"result":42}`)
	if code := p.exit(); code != 0 || !strings.Contains(p.errors(), "what a program prints\n") || !strings.Contains(p.errors(), "what is printed while it loads\n") {
		t.Errorf("it ends with %d:\n%s", code, p.errors())
	}
}

func testModels(t *testing.T, python string) {
	t.Helper()
	p := launchPackaged(t, python, "testdata/pypi/models.py", nil).greet(nil)
	tool := byName(t, p.result("tools/list", nil)["tools"])["join"]
	line := `"Line":{"title":"Line","type":"object","properties":{"text":{"title":"Text","type":"string","description":"what it says","maxLength":5},"next":{"anyOf":[{"$ref":"#/$defs/Line"},{"type":"null"}],"default":null}},"required":["text"]}`
	equal(t, "input", tool["inputSchema"], `{"type":"object","properties":{"line":{"$ref":"#/$defs/Line"},"n":{"type":"integer"}},"required":["line"],"additionalProperties":false,"$defs":{`+line+`}}`)
	equal(t, "answer", p.call("join", object{"line": object{"text": "a", "next": object{"text": "b"}}})["structuredContent"], `{"text":"ab20","next":null}`)
	answer := text(t, p.call("join", object{"line": object{"text": "too long"}}))
	if !strings.Contains(answer, "String should have at most 5 characters") {
		t.Errorf("a text that is too long: %s", answer)
	}
}
