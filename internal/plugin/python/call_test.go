package python

import (
	"strings"
	"testing"
)

// TestValues: arguments become what annotations say, and answers JSON.
func TestValues(t *testing.T) {
	const code = typesOfPlugin + `
def kinds(a: datetime.datetime, b: bytes, c: Colour, d: set[int], e: tuple[int, str], f: Place, g: uuid.UUID, h: pathlib.Path, i: decimal.Decimal, j: Tree, k: float, l: int):
    return " ".join(type(v).__name__ for v in (a, b, c, d, e, f, g, h, i, j.children[0], k, l))

def structured(n: int):
    return {"place": Place("Seoul"), "pair": Pair("k"), "colour": Colour.RED, "when": datetime.date(2026, 1, 2), "bytes": b"hi", "set": {3, 1, 2},
        "path": pathlib.PurePosixPath("/x"), "decimal": decimal.Decimal("1.10"), "range": range(n), 5: None, "text": "민수 \ud800"}

def place(city: str) -> Place: return Place(city, tags=["a"])
def number() -> float: return 2
def maybe(yes: bool) -> int | None: return 1 if yes else None
def words() -> list[str]: return ["a", "b"]
def wrong() -> int: return "x"
def picture(): return b"\x89PNG\r\n\x1a\n123"
def blob(): return b"abc"
def void(): pass
def generated(): yield from (1, 2)
def whole(): return {"content": [{"type": "text", "text": "as it is"}], "isError": True}
def looks_whole(): return {"content": "a file"}
def not_json(): return object()
def nan(): return {"x": float("nan")}
def endless():
    out = []
    out.append(out)
    return out
def quits(): sys.exit(4)
def positional(a: int, b: int = 2, /, c: int = 3): return [a, b, c]
def rest(a: int, **others: int): return {"a": a, **others}
def refuses(n: int):
    if n < 0:
        raise ValueError("n is below zero,\nwhich is not good")
    return n
class Own(Exception): pass
def own(): raise Own()
def deep(tree: Tree) -> str: return tree.children[0].children[0].label
@dataclasses.dataclass
class Even:
    n: int
    def __post_init__(self):
        if self.n % 2: raise ValueError("it is odd")
def even(e: Even): return e.n
class Mean(Exception):
    def __str__(self): raise RuntimeError("no words")
def mean(): raise Mean()
class Breaks(dict):
    def items(self): raise SystemExit("broken")
def breaks(): return Breaks()
def before(context, args): return [type(context).__name__, args["a"]]
def only_named(args, *, context): return [type(context).__name__, args["a"]]
def only_placed(args, context, /): return [type(context).__name__, args["a"]]
def between(a: int, context, b: int = 5, /): return [a, type(context).__name__, b]
def dotted(args: dict): return dict(**args)
`
	tests := []struct{ name, arguments, want string }{
		{
			"kinds",
			`{"a":"2026-01-02T03:04:05Z","b":"aGk=","c":"red","d":[1,2],"e":[1,"x"],"f":{"city":"Seoul"},"g":"12345678-1234-5678-1234-567812345678","h":"/tmp","i":"1.5","j":{"label":"r","children":[{"label":"c"}]},"k":3,"l":3.0}`,
			`{"content":[{"type":"text","text":"datetime bytes Colour set tuple Place UUID PosixPath Decimal Tree float int"}]}`,
		},
		{
			"structured", `{"n":2}`,
			`{"content":[{"type":"text","text":"{\"place\":{\"city\":\"Seoul\",\"zip\":null,\"tags\":[],\"_cache\":0},\"pair\":{\"key\":\"k\",\"value\":1.5},\"colour\":\"red\",\"when\":\"2026-01-02\",\"bytes\":\"aGk=\",\"set\":[1,2,3],\"path\":\"/x\",\"decimal\":\"1.10\",\"range\":[0,1],\"5\":null,\"text\":\"민수 �\"}"}],
				"structuredContent":{"place":{"city":"Seoul","zip":null,"tags":[],"_cache":0},"pair":{"key":"k","value":1.5},"colour":"red","when":"2026-01-02","bytes":"aGk=","set":[1,2,3],"path":"/x","decimal":"1.10","range":[0,1],"5":null,"text":"민수 �"}}`,
		},
		{"place", `{"city":"Busan"}`, `{"content":[{"type":"text","text":"{\"city\":\"Busan\",\"zip\":null,\"tags\":[\"a\"],\"_cache\":0}"}],"structuredContent":{"city":"Busan","zip":null,"tags":["a"],"_cache":0}}`},
		{"number", `{}`, `{"content":[{"type":"text","text":"2"}],"structuredContent":{"result":2}}`},
		{"maybe", `{"yes":true}`, `{"content":[{"type":"text","text":"1"}],"structuredContent":{"result":1}}`},
		{"maybe", `{"yes":false}`, `{"content":[{"type":"text","text":"null"}],"structuredContent":{"result":null}}`},
		{"words", `{}`, `{"content":[{"type":"text","text":"[\"a\",\"b\"]"}],"structuredContent":{"result":["a","b"]}}`},
		{"wrong", `{}`, failure("ValueError: the answer is not what its annotation says: the value is string, not integer")},
		{"picture", `{}`, `{"content":[{"type":"image","mimeType":"image/png","data":"iVBORw0KGgoxMjM="}]}`},
		{"blob", `{}`, `{"content":[{"type":"resource","resource":{"uri":"sumun://blob/ba7816bf8f01cfea414140de5dae2223","mimeType":"application/octet-stream","blob":"YWJj"}}]}`},
		{"void", `{}`, `{"content":[{"type":"text","text":"null"}]}`},
		{"generated", `{}`, `{"content":[{"type":"text","text":"[1,2]"}]}`},
		{"whole", `{}`, failure("as it is")},
		{"looks_whole", `{}`, `{"content":[{"type":"text","text":"{\"content\":\"a file\"}"}],"structuredContent":{"content":"a file"}}`},
		{"not_json", `{}`, failure("TypeError: a value of type object has no form in JSON")},
		{"nan", `{}`, failure("ValueError: Out of range float values are not JSON compliant")},
		{"quits", `{}`, failure("SystemExit: 4")},
		{"positional", `{"a":1}`, `{"content":[{"type":"text","text":"[1,2,3]"}]}`},
		{"positional", `{"a":1,"b":5,"c":6}`, `{"content":[{"type":"text","text":"[1,5,6]"}]}`},
		{"positional", `{"a":1,"c":6}`, `{"content":[{"type":"text","text":"[1,2,6]"}]}`},
		{"rest", `{"a":1,"x":2}`, `{"content":[{"type":"text","text":"{\"a\":1,\"x\":2}"}],"structuredContent":{"a":1,"x":2}}`},
		{"rest", `{"a":1,"x":"y"}`, failure("/x is string, not integer")},
		{"refuses", `{"n":-1}`, failure("ValueError: n is below zero,\nwhich is not good")},
		{"refuses", `{}`, failure("/n is missing")},
		{"refuses", `{"n":true}`, failure("/n is boolean, not integer")},
		{"refuses", `{"n":1.5,"m":2}`, failure("/n is number, not integer; /m is not known; there are n")},
		{"refuses", `{"n":123456789012345678901234567890}`, `{"content":[{"type":"text","text":"123456789012345678901234567890"}]}`},
		{"own", `{}`, failure("Own")},
		{"deep", `{"tree":{"label":"1","children":[{"label":"2","children":[{"label":"3"}]}]}}`, `{"content":[{"type":"text","text":"3"}]}`},
		{"deep", `{"tree":{"label":"1","children":[{"label":"2","children":[{"lable":"3"}]}]}}`, failure("/tree/children/0/children/0/label is missing; /tree/children/0/children/0/lable is not known; there are children, label")},
		{"mean", `{}`, failure("Mean")},
		{"breaks", `{}`, failure("SystemExit: broken")},
		{"before", `{"a":1}`, `{"content":[{"type":"text","text":"[\"Context\",1]"}]}`},
		{"only_named", `{"a":1}`, `{"content":[{"type":"text","text":"[\"Context\",1]"}]}`},
		{"only_placed", `{"a":1}`, `{"content":[{"type":"text","text":"[\"Context\",1]"}]}`},
		{"between", `{"a":1}`, `{"content":[{"type":"text","text":"[1,\"Context\",5]"}]}`},
		{"dotted", `{"x":1}`, `{"content":[{"type":"text","text":"{\"x\":1}"}],"structuredContent":{"x":1}}`},
		{"even", `{"e":{"n":3}}`, failure("/e is no Even: it is odd")},
	}
	p := launch(t, code).greet(nil)
	for _, tt := range tests {
		answer := p.ask("tools/call", object{"name": tt.name, "arguments": decoded(t, tt.arguments)})
		equal(t, tt.name+" of "+tt.arguments, answer["result"], tt.want)
	}
	if answer := text(t, p.call("endless", nil)); !strings.Contains(answer, `"isError":true`) {
		t.Errorf("an endless answer is %s", answer)
	}
	_ = p.exit()
	if !strings.Contains(p.errors(), "refuses: ValueError: n is below zero, which is not good\n  plugins/demo.py:") {
		t.Errorf("standard error has\n%s", p.errors())
	}
}

func failure(message string) string {
	quoted := strings.NewReplacer(`"`, `\"`, "\n", `\n`).Replace(message)
	return `{"content":[{"type":"text","text":"` + quoted + `"}],"isError":true}`
}

func decoded(t *testing.T, value string) object {
	t.Helper()
	m, err := decode(value)
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return m
}

// TestForms: all forms in which tools and resources are registered.
func TestForms(t *testing.T) {
	const code = `"""What models are told."""
import functools
from mcp import McpServer, tool, resource

__version__ = "1.4"

server = McpServer("shop", port=1, title="The shop", nothing=None)

@server.tool
def bare(a: int): return "bare"

@server.tool()
def called(a: int): return "called"

@server.tool("named.one", title="One", description="Said.", annotations={"readOnlyHint": True}, inputSchema={"type": "object", "properties": {"x": {"type": "string"}}})
def named(args): return args["x"]

def plain(args, ctx):
    """Plain."""
    return "plain"

server.tool("passed", plain)
server.register_tool("registered", plain, description="")
server.registerTool("registered.too", lambda args, context: {"got": args["v"]}, output_schema={"type": "object"})

class Shop:
    def __init__(self, sum): self.sum = sum
    def add(self, n: int) -> int:
        self.sum += n
        return self.sum
    async def __call__(self, n: int): return "called " + str(n)

shop = Shop(40)
server.tool("shop.add", shop.add)
server.tool("shop.call", shop)
server.tool("shop.part", functools.partial(plain, {}, None))
server.tool("length", len)

@server.resource
def motd(): return "hello"

@server.resource("notes")
def notes(params): return {"title": params["title"], "page": params.get("page", "1")}

@server.resource("file:///{name}/{+path}", mime_type="text/x-log")
def logs(name: str, path: str): return name + "|" + path

@server.resource("found", uri="shop://find{?q,n}")
async def find(q: str, n: int = 1, exact: bool = False): return [q] * n

@server.resource("opaque")
def opaque(params): return dict(params)

server.registerResource("gone", lambda params: None)
server.define_scope("read:notes", ["notes", "motd"])
server.defineScope(name="x", names="y")

@tool
def helped(): return "helped"

def not_offered(): pass

server.start()
print("over")
`
	p := launch(t, code)
	equal(t, "greeting", p.greetIn("2025-06-18", nil), `{"protocolVersion":"2025-06-18","capabilities":{"logging":{},"tools":{"listChanged":true},"resources":{"listChanged":true}},
		"serverInfo":{"name":"shop","title":"The shop","version":"1.4"},"instructions":"What models are told."}`)
	tools := byName(t, p.result("tools/list", nil)["tools"])
	for _, name := range []string{"bare", "called", "named.one", "passed", "registered", "registered.too", "shop.add", "shop.call", "shop.part", "length", "helped"} {
		if tools[name] == nil {
			t.Errorf("there is no tool %s", name)
		}
	}
	if len(tools) != 11 {
		t.Errorf("there are %d tools, want 11", len(tools))
	}
	equal(t, "named.one", tools["named.one"], `{"name":"named.one","title":"One","description":"Said.","annotations":{"readOnlyHint":true},"inputSchema":{"type":"object","properties":{"x":{"type":"string"}}}}`)
	equal(t, "registered.too", tools["registered.too"], `{"name":"registered.too","inputSchema":{"type":"object","properties":{"v":{}},"required":["v"]},"outputSchema":{"type":"object"}}`)
	for _, tt := range []struct{ name, arguments, want string }{
		{"bare", `{"a":1}`, "bare"},
		{"named.one", `{"x":"X"}`, "X"},
		{"passed", `{}`, "plain"},
		{"registered.too", `{"v":1}`, `{"got":1}`},
		{"shop.add", `{"n":2}`, "42"},
		{"shop.call", `{"n":2}`, "called 2"},
		{"helped", `{}`, "helped"},
	} {
		content, _ := p.call(tt.name, decoded(t, tt.arguments))["content"].([]any)
		equal(t, tt.name, content[0], text(t, object{"type": "text", "text": tt.want}))
	}
	equal(t, "resources", p.result("resources/list", nil)["resources"], `[{"name":"motd","uri":"sumun://motd"},{"name":"gone","uri":"sumun://gone"}]`)
	equal(t, "templates", p.result("resources/templates/list", nil)["resourceTemplates"], `[{"name":"notes","uriTemplate":"sumun://notes{?title,page}"},
		{"name":"logs","uriTemplate":"file:///{name}/{+path}","mimeType":"text/x-log"},{"name":"found","uriTemplate":"shop://find{?q,n}"},{"name":"opaque","uriTemplate":"sumun://opaque{?params}"}]`)
	if p.exit() != 0 {
		t.Error("the plugin fails")
	}
	want := `sumun-notice: plugins/demo.py:7: McpServer's port has no effect in a plugin: the gateway listens, on the port and with the keys of mcp.yaml
sumun-notice: plugins/demo.py:55: the scope read:notes is not defined: write it in mcp.yaml, scopes: {read:notes: [notes, motd]}
sumun-notice: plugins/demo.py:56: the scope x is not defined: write it in mcp.yaml, scopes: {x: [y]}
`
	if got := p.errors(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\nover\n") {
		t.Errorf("standard error is\n%s", got)
	}
}

// TestResources reads what resources hold, and what is none.
func TestResources(t *testing.T) {
	const code = `
from mcp import resource
import pathlib

@resource
def motd(): return "안녕"
@resource
def data(): return b"\x00\x01"
@resource("notes")
def notes(params): return {"title": params["title"], "page": params.get("page", "1")}
@resource("typed")
def typed(n: int, tags: list[str], flag: bool | None = None): return [n, tags, flag]
@resource("file:///{name}/{+path}")
def logs(name: str, path: str): return name + "|" + path
@resource("deep:{/a,b}")
def deep(a: str, b: str): return a + " " + b
@resource("opaque")
def opaque(params): return dict(params)
@resource("gone")
def gone(): return None
@resource("missing")
def missing(): return open("/no/such/file").read()
@resource("broken")
def broken(): return 1 / 0
@resource("path")
def path(): return pathlib.Path("/etc/passwd")
@resource("several")
def several(): return {"contents": [{"uri": "x:1", "text": "1"}, {"uri": "x:2", "blob": ""}]}
`
	p := launch(t, code).greet(nil)
	for _, tt := range []struct{ uri, want string }{
		{"sumun://motd", `{"uri":"sumun://motd","mimeType":"text/plain","text":"안녕"}`},
		{"sumun://data", `{"uri":"sumun://data","mimeType":"application/octet-stream","blob":"AAE="}`},
		{"sumun://notes?title=a%26b+c", `{"uri":"sumun://notes?title=a%26b+c","mimeType":"application/json","text":"{\"title\":\"a&b+c\",\"page\":\"1\"}"}`},
		{"sumun://notes?page=2&title=%EC%95%88", `{"uri":"sumun://notes?page=2&title=%EC%95%88","mimeType":"application/json","text":"{\"title\":\"안\",\"page\":\"2\"}"}`},
		{"sumun://typed?n=3&tags=a,b", `{"uri":"sumun://typed?n=3&tags=a,b","mimeType":"application/json","text":"[3,[\"a\",\"b\"],null]"}`},
		{"sumun://typed?n=3&tags=%5B%22a%22%5D&flag=true", `{"uri":"sumun://typed?n=3&tags=%5B%22a%22%5D&flag=true","mimeType":"application/json","text":"[3,[\"a\"],true]"}`},
		{"file:///web/a/b.log", `{"uri":"file:///web/a/b.log","mimeType":"text/plain","text":"web|a/b.log"}`},
		{"deep:/a/b%2Fc", `{"uri":"deep:/a/b%2Fc","mimeType":"text/plain","text":"a b/c"}`},
		{"sumun://opaque?params=%7B%22a%22:1%7D", `{"uri":"sumun://opaque?params=%7B%22a%22:1%7D","mimeType":"application/json","text":"{\"a\":1}"}`},
		{"sumun://opaque", `{"uri":"sumun://opaque","mimeType":"application/json","text":"{}"}`},
	} {
		contents, _ := p.result("resources/read", object{"uri": tt.uri})["contents"].([]any)
		content, _ := contents[0].(object)
		delete(content, "_meta")
		equal(t, tt.uri, content, tt.want)
	}
	equal(t, "several", p.result("resources/read", object{"uri": "sumun://several"}), `{"contents":[{"uri":"x:1","text":"1"},{"uri":"x:2","blob":""}]}`)
	for _, tt := range []struct {
		uri, message string
		code         int
	}{
		{"sumun://gone", "there is no such resource", -32002},
		{"sumun://missing", "there is no such resource", -32002},
		{"sumun://nobody", "there is no such resource", -32002},
		{"sumun://motd?x=1", "there is no such resource", -32002},
		{"sumun://notes?title=a&title=b", "there is no such resource", -32002},
		{"sumun://notes?title=%FF", "there is no such resource", -32002},
		{"file:///web/" + strings.Repeat("a/", 5000), "there is no such resource", -32002},
		{"deep:/a/b/c", "there is no such resource", -32002},
		{"sumun://notes?page=2", "/title is missing", -32602},
		{"sumun://typed?n=x&tags=a", "/n is string, not integer", -32602},
		{"sumun://opaque?params=1", "/params is no JSON object", -32602},
		{"sumun://broken", "ZeroDivisionError: division by zero", -32603},
		{"sumun://path", "TypeError: a path is not what the file holds; return path.read_text() or path.read_bytes()", -32603},
	} {
		fault, _ := p.ask("resources/read", object{"uri": tt.uri})["error"].(object)
		delete(fault, "data")
		equal(t, tt.uri, fault, text(t, object{"code": tt.code, "message": tt.message}))
	}
}

// TestUnknown: what nothing tells the members of is told to the author, with a way out of it.
func TestUnknown(t *testing.T) {
	const code = `"""What models are told."""
__version__ = "2"
from mcp import resource, tool
@tool
def passed(args): return sorted(args)
@resource
def opaque(params): return dict(params)
@tool
def named(args):
    """Named.

    Args:
        x (int): The one.
    """
    return sorted(args)
`
	p := launch(t, code)
	answer := p.greetIn("2025-11-25", nil)
	equal(t, "instructions", answer["instructions"], `"What models are told."`)
	equal(t, "the server", answer["serverInfo"], `{"name":"demo","version":"2"}`)
	equal(t, "passed", p.call("passed", object{"b": 1, "a": 2}), `{"content":[{"type":"text","text":"[\"a\",\"b\"]"}]}`)
	_ = p.exit()
	equal(t, "standard error", p.errors(), text(t, "sumun-notice: plugins/demo.py:4: passed: nothing tells what args has: name its members in the docstring, or take named parameters\n"+
		"sumun-notice: plugins/demo.py:6: opaque: nothing tells what params has: name its members in the docstring, or take named parameters\n"))
}

// TestState: a resource has an etag, and is not sent to who has it.
func TestState(t *testing.T) {
	const code = `
from mcp import resource
texts = ["a", "a", "b", "b"]
@resource
def changing(): return {"text": texts.pop(0)}
`
	p := launch(t, code).greet(nil)
	read := func(known string) object {
		return p.result("resources/read", object{"uri": "sumun://changing", "_meta": object{"io.github.sumun-mcp/ifNoneMatch": known}})
	}
	meta := func(result object) object {
		contents, _ := result["contents"].([]any)
		if len(contents) == 0 {
			m, _ := result["_meta"].(object)
			return m
		}
		content, _ := contents[0].(object)
		m, _ := content["_meta"].(object)
		return m
	}
	first := meta(read(""))
	tag, _ := first["io.github.sumun-mcp/etag"].(string)
	if first["io.github.sumun-mcp/object"] != true || len(tag) != 32 {
		t.Fatalf("_meta is %s", text(t, first))
	}
	same := read(`W/"` + tag + `"`)
	if m := meta(same); m["io.github.sumun-mcp/notModified"] != true || m["io.github.sumun-mcp/revision"] != first["io.github.sumun-mcp/revision"] {
		t.Errorf("the same again is %s", text(t, same))
	}
	other := meta(read(tag))
	if other["io.github.sumun-mcp/etag"] == tag || text(t, other["io.github.sumun-mcp/revision"]) <= text(t, first["io.github.sumun-mcp/revision"]) {
		t.Errorf("another state is %s after %s", text(t, other), text(t, first))
	}
}
