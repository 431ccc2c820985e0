package python

import (
	"strings"
	"testing"
)

// reply answers a request of the plugin.
func (p *peer) reply(request, answer object) {
	p.t.Helper()
	answer["jsonrpc"], answer["id"] = "2.0", request["id"]
	p.raw(text(p.t, answer) + "\n")
}

// TestQuestions: the model and the user are asked through the client, from sync and async handlers alike.
func TestQuestions(t *testing.T) {
	const code = `
import dataclasses, enum
from typing import Literal, Optional
class Size(enum.Enum):
    S = "small"
    L = "large"
@dataclasses.dataclass
class Order:
    what: str
    size: Size = Size.S
    note: Optional[str] = None
def sample(context):
    said = context.sample("How are you?", max_tokens=5, system="Be brief.", temperature=0.5, stop=["."], model="small")
    return [said, said.model, said.stop_reason, said.upper()]
async def sample_later(context):
    said = await context.sample(["a", {"role": "assistant", "content": "b"}, {"role": "user", "content": {"type": "image", "data": "", "mimeType": "x/y"}}], includeContext="none")
    return [said, said.content]
def elicit(context):
    return context.elicit("Which one?", {"city": str, "days": int, "kind": Literal["a", "b"], "more": {"type": "string", "maxLength": 3}, "maybe": Optional[float]})
async def elicit_later(context):
    return repr(await context.elicit("What do you want?", Order))
def confirm(context):
    return repr(context.elicit("Sure?"))
def raw(context):
    return context.elicit("Raw?", {"type": "object", "properties": {"x": {"type": "boolean"}}})
def wrong(context):
    return context.elicit("Wrong?", list)
def handles(context):
    try:
        return context.sample("?")
    except context.Refused as refused:
        return f"refused: {refused}"
`
	p := launch(t, code).greet(object{"sampling": object{}, "elicitation": object{}})
	for _, tt := range []struct{ tool, question, answer, want string }{
		{
			"sample",
			`{"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"How are you?"}}],"maxTokens":5,"systemPrompt":"Be brief.","temperature":0.5,"stopSequences":["."],"modelPreferences":{"hints":[{"name":"small"}]}}}`,
			`{"result":{"role":"assistant","model":"m","stopReason":"endTurn","content":{"type":"text","text":"fine"}}}`,
			`[{"type":"text","text":"[\"fine\",\"m\",\"endTurn\",\"FINE\"]"}]`,
		},
		{
			"sample_later",
			`{"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"a"}},{"role":"assistant","content":{"type":"text","text":"b"}},{"role":"user","content":{"type":"image","data":"","mimeType":"x/y"}}],"maxTokens":1000,"includeContext":"none"}}`,
			`{"result":{"role":"assistant","model":"m","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]}}`,
			`[{"type":"text","text":"[\"xy\",[{\"text\":\"x\",\"type\":\"text\"},{\"text\":\"y\",\"type\":\"text\"}]]"}]`,
		},
		{
			"elicit",
			`{"method":"elicitation/create","params":{"message":"Which one?","requestedSchema":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},"kind":{"type":"string","enum":["a","b"]},
				"more":{"type":"string","maxLength":3},"maybe":{"type":"number"}},"required":["city","days","kind","more"]}}}`,
			`{"result":{"action":"accept","content":{"city":"Seoul","days":2,"kind":"a","more":"x"}}}`,
			`[{"type":"text","text":"{\"city\":\"Seoul\",\"days\":2,\"kind\":\"a\",\"more\":\"x\",\"maybe\":null}"}]`,
		},
		{"elicit", ``, `{"result":{"action":"decline"}}`, `[{"type":"text","text":"null"}]`},
		{"elicit", ``, `{"result":{"action":"cancel","content":{}}}`, `[{"type":"text","text":"null"}]`},
		{"elicit", ``, `{"result":{"action":"accept","content":{"city":1}}}`, `[{"type":"text","text":"Refused: the client's answer does not fit: /city is integer, not string; /days is missing; /kind is missing; /more is missing"}]`},
		{
			"elicit_later",
			`{"method":"elicitation/create","params":{"message":"What do you want?","requestedSchema":{"type":"object","properties":{"what":{"type":"string"},"size":{"type":"string","enum":["small","large"],"default":"small"},"note":{"type":"string"}},"required":["what"]}}}`,
			`{"result":{"action":"accept","content":{"what":"tea","size":"large"}}}`,
			`[{"type":"text","text":"Order(what='tea', size=<Size.L: 'large'>, note=None)"}]`,
		},
		{"confirm", `{"method":"elicitation/create","params":{"message":"Sure?","requestedSchema":{"type":"object","properties":{}}}}`, `{"result":{"action":"accept"}}`, `[{"type":"text","text":"{}"}]`},
		{"raw", ``, `{"result":{"action":"accept","content":{"x":true}}}`, `[{"type":"text","text":"{\"x\":true}"}]`},
		{"handles", ``, `{"error":{"code":-1,"message":"no, thank you"}}`, `[{"type":"text","text":"refused: no, thank you"}]`},
		{"handles", ``, `{"error":7}`, `[{"type":"text","text":"refused: the client has answered with an error"}]`},
		{"handles", ``, `{"result":7}`, `[{"type":"text","text":"refused: the client's answer is no object"}]`},
	} {
		_, answer := p.begin("tools/call", object{"name": tt.tool})
		question := p.await(p.other)
		p.reply(question, decoded(t, tt.answer))
		delete(question, "id")
		delete(question, "jsonrpc")
		if tt.question != "" {
			equal(t, tt.tool, question, tt.question)
		}
		result, _ := p.await(answer)["result"].(object)
		equal(t, tt.tool+" answered with "+tt.answer, result["content"], tt.want)
	}
	if answer := text(t, p.call("wrong", nil)); !strings.Contains(answer, "does not say what to ask for") {
		t.Errorf("a question for a list: %s", answer)
	}
	q := launch(t, code).greet(nil)
	equal(t, "nobody to ask", q.call("sample_later", nil), failure("Unsupported: the client cannot be asked for sampling"))
	equal(t, "nobody to ask", q.call("confirm", nil), failure("Unsupported: the client cannot be asked for elicitation"))
}

// TestContext: progress, log and the circumstances of a call.
func TestContext(t *testing.T) {
	const code = `
async def steps(context):
    context.progress(1)
    await context.progress(1)
    await context.progress(0.5)
    await context.progress(2.5, 3, "nearly")
    context.progress(True)
def speaks(context):
    context.log("debug", "quiet")
    context.log("warn", {"a": {1}}, logger="own")
    context.log("just this")
    context.log("loud", "x")
def tells(ctx):
    return {"root": ctx.root_id, "path": ctx.path, "sampling": ctx.sampling, "variables": ctx.variables, "memory": ctx.memory, "cancelled": ctx.cancelled}
leaked = []
def leaks(context):
    leaked.append(context)
def uses_leaked():
    leaked[0].progress(9)
    leaked[0].log("error", "late")
    try:
        leaked[0].sample("late")
    except BaseException as error:
        return repr(error)
`
	p := launch(t, code).greet(object{"sampling": object{}})
	with := func(name string, meta object) object {
		return p.result("tools/call", object{"name": name, "arguments": object{}, "_meta": meta})
	}
	equal(t, "steps", with("steps", object{"progressToken": 7}), failure("TypeError: progress is told in numbers, not True"))
	equal(t, "progress", p.await(p.other)["params"], `{"progressToken":7,"progress":1}`)
	equal(t, "progress", p.await(p.other)["params"], `{"progressToken":7,"progress":2.5,"total":3,"message":"nearly"}`)
	with("steps", nil)
	equal(t, "speaks", with("speaks", nil), failure("ValueError: 'loud' is no level; there are debug, info, notice, warning, error, critical, alert, emergency"))
	equal(t, "log", p.await(p.other)["params"], `{"level":"warning","logger":"own","data":{"a":[1]}}`)
	equal(t, "log", p.await(p.other)["params"], `{"level":"info","logger":"speaks","data":"just this"}`)
	p.result("logging/setLevel", object{"level": "error"})
	with("speaks", nil)
	p.result("logging/setLevel", object{"level": "debug"})
	with("speaks", nil)
	equal(t, "log", p.await(p.other)["params"], `{"level":"debug","logger":"speaks","data":"quiet"}`)
	equal(t, "tells", with("tells", object{"io.github.sumun-mcp/context": object{"rootId": "r", "path": "/a", "sampling": object{"temperature": 1}, "variables": object{"x": 1}, "memory": []any{1}}})["structuredContent"],
		`{"root":"r","path":"/a","sampling":{"temperature":1},"variables":{"x":1},"memory":[1],"cancelled":false}`)
	equal(t, "tells nothing", with("tells", object{"io.github.sumun-mcp/context": 7})["structuredContent"], `{"root":"","path":"","sampling":{},"variables":{},"memory":[],"cancelled":false}`)
	for len(p.other) > 0 {
		<-p.other
	}
	with("leaks", object{"progressToken": 1})
	equal(t, "after the call", p.call("uses_leaked", nil)["content"], `[{"type":"text","text":"Cancelled()"}]`)
	if len(p.other) > 0 {
		t.Errorf("a call that is over says %s", text(t, <-p.other))
	}
}
