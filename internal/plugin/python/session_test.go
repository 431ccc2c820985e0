package python

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestRules: what is no message, what comes too early, and what there is not.
func TestRules(t *testing.T) {
	p := launch(t, "def add(a: int, b: int) -> int: return a + b")
	for _, tt := range []struct{ line, want string }{
		{`{`, `{"id":null,"error":-32700}`},
		{"\xff\xfe", `{"id":null,"error":-32700}`},
		{"\xef\xbb\xbf{}", `{"id":null,"error":-32700}`},
		{`nonsense`, `{"id":null,"error":-32700}`},
		{`{"jsonrpc":"2.0","id":NaN,"method":"ping"}`, `{"id":null,"error":-32700}`},
		{strings.Repeat("[", 200_000), `{"id":null,"error":-32700}`},
		{strings.Repeat(`{"a":`, 200_000), `{"id":null,"error":-32700}`},
		{`{"jsonrpc":"2.0","id":` + strings.Repeat("9", 5000) + `,"method":"ping"}`, `{"id":null,"error":-32700}`},
		{`null`, `{"id":null,"error":-32600}`},
		{`"ping"`, `{"id":null,"error":-32600}`},
		{`[]`, `{"id":null,"error":-32600}`},
		{`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, `{"id":null,"error":-32600}`},
		{`{}`, `{"id":null,"error":-32600}`},
		{`{"id":1,"method":"ping"}`, `{"id":1,"error":-32600}`},
		{`{"jsonrpc":"1.0","id":1,"method":"ping"}`, `{"id":1,"error":-32600}`},
		{`{"jsonrpc":"2.0","id":null,"method":"ping"}`, `{"id":null,"error":-32600}`},
		{`{"jsonrpc":"2.0","id":true,"method":"ping"}`, `{"id":null,"error":-32600}`},
		{`{"jsonrpc":"2.0","id":[1],"method":"ping"}`, `{"id":null,"error":-32600}`},
		{`{"jsonrpc":"2.0","id":1e400,"method":"ping"}`, `{"id":null,"error":-32600}`},
		{`{"jsonrpc":"2.0","id":1,"method":7}`, `{"id":1,"error":-32600}`},
		{`{"jsonrpc":"2.0","id":1}`, `{"id":1,"error":-32600}`},
		{`{"jsonrpc":"2.0","id":"p","method":"ping"}`, `{"id":"p","result":{}}`},
		{`{"jsonrpc":"2.0","id":1.5,"method":"ping","params":null}`, `{"id":1.5,"result":{}}`},
		{`{"jsonrpc":"2.0","id":"\ud800","method":"ping"}`, `{"id":"�","result":{}}`},
		{`{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":1}}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, `{"id":1,"error":-32600}`},
		{`{"jsonrpc":"2.0","id":1,"method":"nonsense"}`, `{"id":1,"error":-32600}`},
		{`{"jsonrpc":"2.0","id":1,"method":"initialize"}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":1,"capabilities":{},"clientInfo":{}}}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"1","capabilities":[],"clientInfo":{}}}`, `{"id":1,"error":-32602}`},
		{
			`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"someday","capabilities":{},"clientInfo":{}}}`,
			`{"id":1,"result":{"protocolVersion":"` + mcp.LatestLegacy().Name + `","capabilities":{"logging":{},"tools":{"listChanged":true}},"serverInfo":{"name":"demo","version":"0"}}}`,
		},
		{`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"x","capabilities":{},"clientInfo":{}}}`, `{"id":1,"error":-32600}`},
		{`{"jsonrpc":"2.0","id":1,"method":"nonsense"}`, `{"id":1,"error":-32601}`},
		{`{"jsonrpc":"2.0","id":1,"method":"server/discover"}`, `{"id":1,"error":-32601}`},
		{`{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`, `{"id":1,"error":-32601}`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"nobody"}}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":[1,2]}}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2},"_meta":{"progressToken":{}}}}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":7}}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"loud"}}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":["info"]}}`, `{"id":1,"error":-32602}`},
		{`{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}`, `{"id":1,"result":{}}`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}`, `{"id":1,"result":{"content":[{"text":"3","type":"text"}],"structuredContent":{"result":3}}}`},
	} {
		// What is passed over silently stands between.
		for _, quiet := range []string{
			"", "  \t", `{"jsonrpc":"2.0","method":"nonsense"}`, `{"jsonrpc":"2.0","id":77,"result":{}}`, `{"jsonrpc":"2.0","id":[],"error":7}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}`, `{"jsonrpc":"2.0","method":"notifications/cancelled"}`,
			`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}`,
		} {
			p.raw(quiet + "\r\n")
		}
		p.raw(tt.line + "\n")
		answer := p.await(p.other)
		if fault, ok := answer["error"].(object); ok {
			answer["error"] = fault["code"]
		}
		delete(answer, "jsonrpc")
		equal(t, fmt.Sprintf("the answer to %.100s", tt.line), answer, tt.want)
	}
	p.raw(`{"jsonrpc":"2.0","id":"last","method":"ping"}`) // and no line end
	if code := p.exit(); code != 0 || p.errors() != "" {
		t.Errorf("the plugin ends with %d:\n%s", code, p.errors())
	}
	equal(t, "the last answer", <-p.other, `{"jsonrpc":"2.0","id":"last","result":{}}`)
}

// TestLongLine: a line that is too long is no message, and the next one is.
func TestLongLine(t *testing.T) {
	p := launch(t, "def size(s: str) -> int: return len(s)").greet(nil)
	block := strings.Repeat("x", 1<<20)
	for range 65 {
		p.raw(block)
	}
	p.raw("\n")
	fault, _ := p.await(p.other)["error"].(object)
	equal(t, "the fault", fault["code"], "-32700")
	answer := p.call("size", object{"s": strings.Repeat(block, 8)})
	equal(t, "the answer", answer["structuredContent"], `{"result":8388608}`)
}

// TestRevisions: what older revisions do not have is left out.
func TestRevisions(t *testing.T) {
	const code = `
def add(a: int, b: int = 2, context=None) -> int:
    context.progress(1, 2, "half")
    return a + b
def ask(context) -> str: return context.elicit("Sure?")
`
	for _, r := range mcp.Revisions() {
		if r.Stateless {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			p := launch(t, code)
			equal(t, "revision", p.greetIn(r.Name, object{"elicitation": object{}})["protocolVersion"], `"`+r.Name+`"`)
			tool := byName(t, p.result("tools/list", nil)["tools"])["add"]
			if _, has := tool["outputSchema"]; has != r.Structured {
				t.Errorf("outputSchema is %t", has)
			}
			answer := p.result("tools/call", object{"name": "add", "arguments": object{"a": 1}, "_meta": object{"progressToken": "t"}})
			if _, has := answer["structuredContent"]; has != r.Structured {
				t.Errorf("structuredContent is %t", has)
			}
			params, _ := p.await(p.other)["params"].(object)
			if _, has := params["message"]; has != (r.Name != mcp.Revisions()[0].Name) {
				t.Errorf("the progress has %s", text(t, params))
			}
			if !r.Elicitation {
				equal(t, "a question", p.call("ask", nil), failure("Unsupported: the client cannot be asked for elicitation"))
			}
			p.raw(`[{"jsonrpc":"2.0","id":"a","method":"ping"},{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":"b","method":"tools/call","params":{"name":"add","arguments":{"a":5}}},7]` + "\n")
			got := p.await(p.other)
			batch, _ := got["garbage"].(string)
			if r.Batch {
				equal(t, "a batch", sortedBatch(t, batch), `["a","b",null]`)
			} else {
				equal(t, "no batch", got["id"], "null")
			}
		})
	}
}

// sortedBatch returns the ids of an array of answers in a fixed order.
func sortedBatch(t *testing.T, line string) []any {
	t.Helper()
	m, err := decode(`{"all":` + line + `}`)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	all, _ := m["all"].([]any)
	found := []any{}
	for _, id := range []any{"a", "b", nil} {
		for _, answer := range all {
			if one, _ := answer.(object); one["id"] == id {
				found = append(found, id)
			}
		}
	}
	return found
}

// TestCancel: a call that is cancelled is never answered; sync and async handlers learn of it.
func TestCancel(t *testing.T) {
	const code = `
import asyncio, threading, time
seen = []
began = threading.Event()
def wait(context):
    began.set()
    while not context.cancelled:
        time.sleep(0.005)
    context.progress(1)
    context.log("info", "too late")
    seen.append("wait")
    return "unheard"
async def nap(context):
    context.log("info", "napping")
    try:
        await asyncio.sleep(60)
    finally:
        seen.append("nap " + str(context.cancelled))
async def stubborn(context):
    context.log("info", "stubborn")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        seen.append("stubborn")
        return "unheard"
def asks(context):
    try:
        return context.sample("hm?")
    finally:
        seen.append("asks")
async def asks_too(context):
    try:
        return await context.sample("hm?")
    finally:
        seen.append("asks_too")
def what() -> list[str]: return sorted(seen)
def start(): return began.wait(10)
`
	p := launch(t, code).greet(object{"sampling": object{}})
	first, unheard := p.begin("tools/call", object{"name": "wait", "arguments": object{}, "_meta": object{"progressToken": 1}})
	equal(t, "start", p.call("start", nil), `{"content":[{"type":"text","text":"true"}]}`)
	cancel := func(id int) { p.tell("notifications/cancelled", object{"requestId": id, "reason": "enough"}) }
	cancel(first)
	for _, name := range []string{"nap", "stubborn", "asks", "asks_too"} {
		id, _ := p.begin("tools/call", object{"name": name, "arguments": object{}})
		said := p.await(p.other) // it runs now
		cancel(id)
		if said["method"] == "sampling/createMessage" { // and takes back what it has asked
			equal(t, name, p.await(p.other), text(t, object{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": object{"requestId": said["id"]}}))
		}
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		got := text(t, p.call("what", nil)["structuredContent"])
		if got == `{"result":["asks","asks_too","nap True","stubborn","wait"]}` {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the handlers learnt of it: %s", got)
		}
		time.Sleep(10 * time.Millisecond)
	}
	select {
	case m := <-unheard:
		t.Errorf("a cancelled call is answered: %s", text(t, m))
	case m := <-p.other:
		t.Errorf("a cancelled call says %s", text(t, m))
	default:
	}
	if code := p.exit(); code != 0 || strings.Contains(p.errors(), "Traceback") {
		t.Errorf("the plugin ends with %d:\n%s", code, p.errors())
	}
}

// TestLast: what was asked before the end of input is answered, however soon the end comes.
func TestLast(t *testing.T) {
	for range 20 {
		p := launch(t, "def size(n: int) -> str: return 'x' * n").greet(nil)
		var answers []<-chan object
		for range 5 {
			_, answer := p.begin("tools/call", object{"name": "size", "arguments": object{"n": 200_000}})
			answers = append(answers, answer)
		}
		if code := p.exit(); code != 0 {
			t.Fatalf("it ends with %d:\n%s", code, p.errors())
		}
		for _, answer := range answers {
			if len(answer) == 0 {
				t.Fatal("a call was not answered")
			}
		}
	}
}

// TestDuplicate: an id that is in use is refused, and the call that has it goes on.
func TestDuplicate(t *testing.T) {
	const code = `
import threading
go = threading.Event()
def wait(): go.wait(20); return "done"
def free(): go.set()
`
	p := launch(t, code).greet(nil)
	p.raw(`{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"wait"}}` + "\n")
	p.raw(`{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"wait"}}` + "\n")
	fault, _ := p.await(p.other)["error"].(object)
	equal(t, "the second", fault["code"], "-32600")
	p.call("free", nil)
	equal(t, "the first", p.await(p.other)["result"], `{"content":[{"type":"text","text":"done"}]}`)
}

// TestSlow: slow handlers hold up neither others nor the protocol, also when there are more than threads, and also async
// ones that block their loop.
func TestSlow(t *testing.T) {
	const code = `
import threading, time, asyncio
go = threading.Event()
ready = asyncio.Event()
def slow(): go.wait(30); return "slow"
async def rude(): go.wait(30); return "rude"
async def polite(): await asyncio.sleep(0); return "polite"
def free(): go.set(); return "free"
def fast(): return "fast"
`
	p := launch(t, code).greet(nil)
	var waiting []<-chan object
	for range 60 {
		_, answer := p.begin("tools/call", object{"name": "slow"})
		waiting = append(waiting, answer)
	}
	equal(t, "fast", p.call("fast", nil), `{"content":[{"type":"text","text":"fast"}]}`)
	for range 10 {
		_, answer := p.begin("tools/call", object{"name": "slow"})
		waiting = append(waiting, answer)
	}
	for _, name := range []string{"rude", "polite", "free"} { // free waits for a thread
		_, answer := p.begin("tools/call", object{"name": name})
		waiting = append(waiting, answer)
	}
	equal(t, "ping", p.result("ping", nil), `{}`)
	p.raw(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4}}` + "\n")
	_ = p.in.Close() // the end of input does not wait for ever
	for range waiting {
		select {
		case <-p.over:
			return
		case <-time.After(20 * time.Second):
			t.Fatal("the plugin does not end")
		}
	}
}

// TestMany makes a thousand calls of mixed sizes at once, in sync and async handlers, with progress, and cancels some.
func TestMany(t *testing.T) {
	const code = `
import asyncio, time
def sync(text: str, n: int, context) -> str:
    for i in range(n):
        context.progress(i + 1, n, "step")
    return text
async def later(text: str, n: int, context) -> str:
    for i in range(n):
        await context.progress(i + 1, n)
        await asyncio.sleep(0)
    return text
async def never(text: str, n: int, context) -> str:
    await asyncio.sleep(600)
`
	p := launch(t, code).greet(nil)
	random := rand.New(rand.NewPCG(1, 2))
	type call struct {
		text     string
		steps    int
		answer   <-chan object
		progress int
	}
	calls := map[string]*call{}
	var dropped []<-chan object
	for i := range 1000 {
		size := []int{0, 1, 100, 5_000, 70_000}[random.IntN(5)]
		c := &call{text: strings.Repeat(string(rune('a'+i%26)), size) + strconv.Itoa(i), steps: random.IntN(4)}
		name := []string{"sync", "later", "never"}[min(random.IntN(9), 2)%3]
		if random.IntN(2) == 0 {
			name = "later"
		}
		token := fmt.Sprintf("t%d", i)
		id, answer := p.begin("tools/call", object{"name": name, "arguments": object{"text": c.text, "n": c.steps}, "_meta": object{"progressToken": token}})
		c.answer = answer
		if name == "never" {
			p.tell("notifications/cancelled", object{"requestId": id})
			dropped = append(dropped, answer)
			continue
		}
		calls[token] = c
	}
	for token, c := range calls {
		answer := p.await(c.answer)
		equal(t, token, answer["result"], text(t, object{"content": []any{object{"type": "text", "text": c.text}}}))
	}
	equal(t, "ping", p.result("ping", nil), `{}`)
	for len(p.other) > 0 {
		m := <-p.other
		params, _ := m["params"].(object)
		token, _ := params["progressToken"].(string)
		c := calls[token]
		if m["method"] != "notifications/progress" || c == nil {
			t.Fatalf("unexpected: %s", text(t, m))
		}
		c.progress++
		if got, want := fmt.Sprintf("%v of %v", params["progress"], params["total"]), fmt.Sprintf("%d of %d", c.progress, c.steps); got != want {
			t.Errorf("%s tells %s, want %s", token, got, want)
		}
	}
	for token, c := range calls {
		if c.progress != c.steps {
			t.Errorf("%s has told %d of %d steps", token, c.progress, c.steps)
		}
	}
	for _, answer := range dropped {
		if len(answer) > 0 {
			t.Error("a cancelled call is answered")
		}
	}
	if len(dropped) == 0 || p.exit() != 0 {
		t.Errorf("%d calls were cancelled; the plugin says\n%s", len(dropped), p.errors())
	}
}

// TestMutated: whatever is done to messages, the plugin answers in JSON, and the next message is understood.
func TestMutated(t *testing.T) {
	p := launch(t, "from mcp import McpServer\ns = McpServer()\n@s.tool('add')\ndef add(a: int, b: list[str] = [], *, c: dict[str, float | None] | None = None): return [a, b, c]\n@s.resource('r')\nasync def r(x: int, y: bool = True): return {'x': x}\n").greet(nil)
	seeds := []string{
		`{"jsonrpc":"2.0","id":"m","method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":["x","y"],"c":{"k":1.5,"n":null}},"_meta":{"progressToken":"t"}}}`,
		`{"jsonrpc":"2.0","id":"m","method":"resources/read","params":{"uri":"sumun://r?x=1&y=%74rue","_meta":{"io.github.sumun-mcp/ifNoneMatch":"x"}}}`,
		`{"jsonrpc":"2.0","id":"m","method":"logging/setLevel","params":{"level":"error"}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"m"}}`,
		`{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`,
		`[{"jsonrpc":"2.0","id":"m","method":"tools/list","params":{}}]`,
	}
	pieces := []string{"null", "true", "-0", "1e400", "1e999999", `""`, `"\u0000"`, `"\ud800"`, "[]", "{}", "[[", "}", `{"a":`, "\xff", "\x00", "\r", ",", `\`, `"params":`, "99999999999999999999"}
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 3000 {
		line := []byte(seeds[i%len(seeds)])
		for range 1 + random.IntN(3) {
			at := random.IntN(len(line))
			end := min(at+random.IntN(8), len(line))
			switch random.IntN(3) {
			case 0:
				line[at] = byte(random.IntN(256))
			case 1:
				line = append(line[:at:at], line[end:]...)
			case 2:
				line = append(append(line[:at:at], pieces[random.IntN(len(pieces))]...), line[end:]...)
			}
			if len(line) == 0 {
				line = []byte{'{'}
			}
		}
		p.raw(strings.ReplaceAll(string(line), "\n", " ") + "\n")
		if i%100 != 99 {
			continue
		}
		equal(t, "ping", p.result("ping", nil), `{}`)
		for len(p.other) > 0 {
			if m := <-p.other; m["garbage"] != nil && !strings.HasPrefix(fmt.Sprint(m["garbage"]), "[") {
				t.Fatalf("no answer: %s", text(t, m))
			}
		}
	}
	if code := p.exit(); code != 0 || strings.Contains(p.errors(), "not understood") || strings.Contains(p.errors(), "Traceback") {
		t.Errorf("it ends with %d:\n%s", code, p.errors())
	}
}
