package node_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// busy is a plugin that does what tests of the protocol need.
const busy = `
interface Context { signal: AbortSignal; progress(done: number, total?: number, message?: string): void; log(level: string, data: unknown): void }
export function echo(text: string): string { return text }
export const sum = (a: number, b: number): { sum: number } => ({ sum: a + b })
export async function wait(args: { ms: number; steps?: number }, ctx: Context): Promise<{ waited: number }> {
	const steps = args.steps ?? 1
	for (let i = 1; i <= steps; i++) {
		await new Promise((done) => setTimeout(done, args.ms / steps))
		ctx.progress(i, steps, 'step ' + i)
	}
	return { waited: args.ms }
}
let cancelled: string[] = []
export function forever(name: string, ctx: Context): Promise<never> {
	ctx.signal.addEventListener('abort', () => cancelled.push(name + ': ' + ctx.signal.reason.message))
	return new Promise(() => {})
}
export const ended = (): { names: string[] } => ({ names: cancelled })
export function fail(how: string): void {
	if (how === 'text') throw 'just a text'
	if (how === 'cause') throw new Error('outside', { cause: new TypeError('inside') })
	if (how === 'later') { setTimeout(() => { throw new Error('nobody waits') }); return new Promise(() => {}) as any }
	if (how === 'lost') { Promise.reject(new Error('nobody listens')); return new Promise(() => {}) as any }
	null!.x
}
/** @returns {number} */
export const wrong = (): number => 'no number' as any
export const cyclic = () => { const a: any = {}; a.a = a; return a }
export const logs = (ctx: Context) => { for (const level of ['debug', 'info', 'error']) ctx.log(level, { level }) }
`

// TestHandshake: the revision that the client asks for is spoken if it is known, and what it does not have is not told.
func TestHandshake(t *testing.T) {
	r := prepared(t, "busy.ts", busy)
	for _, revision := range mcp.Revisions() {
		if revision.Stateless {
			continue
		}
		t.Run(revision.Name, func(t *testing.T) {
			p := run(t, r)
			if m := p.ask("tools/list", "{}"); m.Error == nil || m.Error.Code != -32600 {
				t.Errorf("before initialize: %s", m.Result)
			}
			if m := p.ask("ping", "{}"); string(m.Result) != "{}" {
				t.Errorf("ping before initialize: %+v", m.Error)
			}
			var hello struct {
				ProtocolVersion string
				Capabilities    map[string]any
				ServerInfo      struct{ Name, Version string }
			}
			if err := json.Unmarshal(p.initialize(revision.Name, "").Result, &hello); err != nil {
				t.Fatal(err)
			}
			if hello.ProtocolVersion != revision.Name || hello.ServerInfo.Name != "busy" || hello.ServerInfo.Version == "" {
				t.Errorf("initialize says %+v", hello)
			}
			if m := p.ask("initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{}}`); m.Error == nil || m.Error.Code != -32600 {
				t.Errorf("initialize again: %s", m.Result)
			}
			got := p.call("sum", `{"a":1,"b":2}`)
			if want := revision.Structured; (got.Structured != nil) != want || strings.Contains(string(p.list()["sum"]), "outputSchema") != want || got.text() != `{"sum":3}` {
				t.Errorf("sum is %s %q, listed as %s", got.Structured, got.text(), p.list()["sum"])
			}
			p.write(`[{"jsonrpc":"2.0","id":"x","method":"ping"},{"jsonrpc":"2.0","method":"notifications/other"},{"jsonrpc":"2.0","id":"y","method":"nope"}]`)
			line := string(<-p.lines)
			if isBatch := strings.HasPrefix(line, "["); isBatch != revision.Batch {
				t.Errorf("an array is answered by %s", line)
			}
		})
	}
	p := run(t, r)
	if got := string(p.initialize("1999-01-01", "").Result); !strings.Contains(got, `"protocolVersion":"2025-11-25"`) {
		t.Errorf("an unknown revision is answered by %s", got)
	}
}

// TestRefused: each wrong message gets the error that the specification gives it, under the id that it has, and nothing else happens.
func TestRefused(t *testing.T) {
	p := start(t, prepared(t, "busy.ts", busy), "")
	tests := []struct{ line, want string }{
		{`{"jsonrpc":"2.0","id":1,`, `null -32700`},
		{`nonsense`, `null -32700`},
		{"\xff\xfe", `null -32700`},
		{`{"jsonrpc":"2.0","id":"a","method":"ping","params":"` + "\xc3\x28" + `"}`, `null -32700`},
		{`null`, `null -32600`},
		{`17`, `null -32600`},
		{`[]`, `null -32600`},
		{`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, `null -32600`},
		{`{"id":"b","method":"ping"}`, `"b" -32600`},
		{`{"jsonrpc":"1.0","id":"c","method":"ping"}`, `"c" -32600`},
		{`{"jsonrpc":"2.0","id":null,"method":"ping"}`, `null -32600`},
		{`{"jsonrpc":"2.0","id":1.5,"method":"ping"}`, `null -32600`},
		{`{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}`, `null -32600`},
		{`{"jsonrpc":"2.0","id":{},"method":"ping"}`, `null -32600`},
		{`{"jsonrpc":"2.0","id":"d"}`, `"d" -32600`},
		{`{"jsonrpc":"2.0"}`, `null -32600`},
		{`{"jsonrpc":"2.0","id":"e","method":7}`, `"e" -32600`},
		{`{"jsonrpc":"2.0","id":"f","method":"ping","params":[]}`, `"f" -32602`},
		{`{"jsonrpc":"2.0","id":"g","method":"no/such"}`, `"g" -32601`},
		{`{"jsonrpc":"2.0","id":"h","method":"toString"}`, `"h" -32601`},
		{`{"jsonrpc":"2.0","id":"i","method":"__proto__"}`, `"i" -32601`},
		{`{"jsonrpc":"2.0","id":"j","method":"tools/call"}`, `"j" -32602`},
		{`{"jsonrpc":"2.0","id":"k","method":"tools/call","params":{"name":"none"}}`, `"k" -32602`},
		{`{"jsonrpc":"2.0","id":"l","method":"tools/call","params":{"name":"echo","arguments":[]}}`, `"l" -32602`},
		{`{"jsonrpc":"2.0","id":"m","method":"tools/list","params":{"cursor":"1"}}`, `"m" -32602`},
		{`{"jsonrpc":"2.0","id":"n","method":"resources/read","params":{}}`, `"n" -32602`},
		{`{"jsonrpc":"2.0","id":"o","method":"resources/read","params":{"uri":"no:such"}}`, `"o" -32002`},
		{`{"jsonrpc":"2.0","id":"p","method":"logging/setLevel","params":{"level":"loud"}}`, `"p" -32602`},
		{strings.Repeat("[", 100_000), `null -32700`},
	}
	for _, tt := range tests {
		p.write(tt.line)
		m := p.next()
		id, err := json.Marshal(m.ID)
		if err != nil || m.Error == nil {
			t.Errorf("%.80q is answered by %s", tt.line, m.Result)
		} else if got := fmt.Sprintf("%s %d", id, m.Error.Code); got != tt.want {
			t.Errorf("%.80q is answered by %s %s, want %s", tt.line, got, m.Error.Message, tt.want)
		}
	}
	for _, ignored := range []string{
		"", "  \r", `{"jsonrpc":"2.0","method":"no/such/notification"}`, `{"jsonrpc":"2.0","method":"notifications/cancelled"}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"none"}}`, `{"jsonrpc":"2.0","method":"x","params":3}`,
		`{"jsonrpc":"2.0","id":77,"result":{}}`, `{"jsonrpc":"2.0","id":77,"error":{"code":1,"message":"x"}}`,
	} {
		p.write(ignored)
	}
	if got := p.call("echo", `{"text":"still here"}`); got.text() != "still here" || len(p.others) > 0 {
		t.Errorf("afterwards: %+v, %v", got, p.others)
	}
}

// TestFailures: what a handler throws is the answer of a tool that failed, and the place is logged.
func TestFailures(t *testing.T) {
	p := start(t, prepared(t, "busy.ts", busy), "")
	for args, want := range map[string]string{
		`{"how":"text"}`:   "just a text",
		`{"how":"cause"}`:  "outside: inside",
		`{"how":"later"}`:  "nobody waits",
		`{"how":"lost"}`:   "nobody listens",
		`{"how":"null"}`:   "Cannot read properties of null (reading 'x')",
		`{}`:               "the arguments do not fit: /how is missing",
		`{"how":3}`:        "the arguments do not fit: /how must be of type string, and is a value of type number",
		`{"how":"","x":1}`: "the arguments do not fit: /x is not wanted",
	} {
		if got := p.call("fail", args); !got.IsError || got.text() != want {
			t.Errorf("fail %s says %q (error: %v), want %q", args, got.text(), got.IsError, want)
		}
	}
	if got := p.call("wrong", `{}`); !got.IsError || !strings.Contains(got.text(), "does not fit its output schema: /result must be of type number") {
		t.Errorf("a wrong answer is %+v", got)
	}
	if got := p.call("cyclic", `{}`); !got.IsError || !strings.Contains(got.text(), "circular") {
		t.Errorf("an answer that is no JSON is %+v", got)
	}
	for _, want := range []string{"plugins/busy.ts:21: the tool fail: outside: inside", "plugins/busy.ts:22: nobody has caught: nobody waits", "plugins/busy.ts:24: the tool fail: Cannot read"} {
		if !strings.Contains(p.stderr.String(), want) {
			t.Errorf("%q is not logged", want)
		}
	}
}

// TestCancel: a cancelled call gets no answer, its handler is told, and other calls go on.
func TestCancel(t *testing.T) {
	p := start(t, prepared(t, "busy.ts", busy), "")
	id := p.send("tools/call", `{"name":"forever","arguments":{"name":"a"}}`)
	p.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`, id))
	if m := p.next(); m.Error == nil || m.Error.Code != -32600 {
		t.Errorf("an id that is in use is answered by %s", m.Result)
	}
	p.write(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d,"reason":"enough"}}`, id))
	if got := string(p.call("ended", "{}").Structured); got != `{"names":["a: the call was cancelled: enough"]}` {
		t.Errorf("the handler has heard %s", got)
	}
	if len(p.others) > 0 {
		t.Errorf("further messages came: %v", p.others)
	}
}

// TestProgress: progress is told to who asks for it, and only then, and only upwards.
func TestProgress(t *testing.T) {
	p := start(t, prepared(t, "busy.ts", busy), "")
	p.call("wait", `{"ms":1,"steps":3}`)
	if len(p.others) > 0 {
		t.Errorf("unasked: %v", p.others)
	}
	p.ask("tools/call", `{"name":"wait","arguments":{"ms":3,"steps":3},"_meta":{"progressToken":"t"}}`)
	var got []string
	for _, m := range p.others {
		got = append(got, m.Method+" "+string(m.Params))
	}
	want := []string{
		`notifications/progress {"progressToken":"t","progress":1,"total":3,"message":"step 1"}`,
		`notifications/progress {"progressToken":"t","progress":2,"total":3,"message":"step 2"}`,
		`notifications/progress {"progressToken":"t","progress":3,"total":3,"message":"step 3"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

// TestLog: messages below the level are not sent.
func TestLog(t *testing.T) {
	p := start(t, prepared(t, "busy.ts", busy), "")
	levels := func() (all []string) {
		p.others = nil
		p.call("logs", "{}")
		for _, m := range p.others {
			all = append(all, string(m.Params))
		}
		return all
	}
	if got, want := levels(), []string{`{"level":"info","data":{"level":"info"}}`, `{"level":"error","data":{"level":"error"}}`}; !slices.Equal(got, want) {
		t.Errorf("at first: %q", got)
	}
	p.ask("logging/setLevel", `{"level":"critical"}`)
	if got := levels(); len(got) > 0 {
		t.Errorf("at level critical: %q", got)
	}
	p.ask("logging/setLevel", `{"level":"debug"}`)
	if got := levels(); len(got) != 3 {
		t.Errorf("at level debug: %q", got)
	}
}

// asking is a plugin that asks its client in mid-call.
const asking = `
export async function ask(args, ctx) {
	try {
		if (args.what === 'model') { const answer = await ctx.sample('How are you?', { maxTokens: 7 }); return { text: answer.text, model: answer.model } }
		if (args.what === 'user') return await ctx.elicit('Your name?', { type: 'object', properties: { name: { type: 'string' } } })
		if (args.what === 'roots') return { roots: await ctx.roots() }
		return { rootId: ctx.rootId, path: ctx.path, sampling: ctx.sampling, variables: ctx.variables, memory: ctx.memory, meta: ctx.meta.own, client: ctx.client.name }
	} catch (error) { return { failed: error.message, code: error.code } }
}
export function cooler(args, { setSampling }) { setSampling({ temperature: 0.1 }); return 'ok' }
`

// TestAsk: a handler asks the model, the user, and for roots, through the host.
func TestAsk(t *testing.T) {
	r := prepared(t, "asking.mjs", asking)
	p := start(t, r, `{"sampling":{},"elicitation":{},"roots":{}}`)
	for _, tt := range []struct{ what, method, params, answer, want string }{
		{
			"model", "sampling/createMessage", `{"maxTokens":7,"messages":[{"role":"user","content":{"type":"text","text":"How are you?"}}]}`,
			`"result":{"role":"assistant","content":{"type":"text","text":"Fine."},"model":"m"}`, `{"text":"Fine.","model":"m"}`,
		},
		{
			"user", "elicitation/create", `{"message":"Your name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}`,
			`"result":{"action":"accept","content":{"name":"Ada"}}`, `{"action":"accept","content":{"name":"Ada"}}`,
		},
		{"roots", "roots/list", `{}`, `"result":{"roots":[{"uri":"file:///a"}]}`, `{"roots":[{"uri":"file:///a"}]}`},
		{"user", "elicitation/create", "", `"error":{"code":-32000,"message":"not now"}`, `{"failed":"not now","code":-32000}`},
		{"user", "elicitation/create", "", `"result":null`, `{"failed":"the answer has neither a result nor an error that is an object","code":-32603}`},
	} {
		id := p.send("tools/call", fmt.Sprintf(`{"name":"ask","arguments":{"what":%q}}`, tt.what))
		question := p.next()
		if question.Method != tt.method || tt.params != "" && string(question.Params) != tt.params {
			t.Errorf("%s: the question is %s %s", tt.what, question.Method, question.Params)
		}
		p.write(fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,%s}`, question.ID, tt.answer))
		if got := p.result(p.answer(id)); string(got.Structured) != tt.want {
			t.Errorf("%s: the tool says %s %q, want %s", tt.what, got.Structured, got.text(), tt.want)
		}
	}

	id := p.send("tools/call", `{"name":"ask","arguments":{"what":"user"}}`)
	question := p.next()
	p.write(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, id))
	if m := p.next(); m.Method != "notifications/cancelled" || !strings.Contains(string(m.Params), fmt.Sprintf(`"requestId":%v`, question.ID)) {
		t.Errorf("when the call is cancelled, its question is followed by %s %s", m.Method, m.Params)
	}

	if got := p.call("cooler", "{}"); string(got.Meta) != `{"io.github.sumun-mcp/sampling":{"temperature":0.1}}` {
		t.Errorf("_meta is %s", got.Meta)
	}
	context := `{"rootId":"r","path":"a/b","sampling":{"topK":3},"variables":{"v":1},"memory":[{"tool":"x"}]}`
	told := p.result(p.ask("tools/call", `{"name":"ask","_meta":{"own":1,"io.github.sumun-mcp/context":`+context+`}}`))
	if want := strings.TrimSuffix(context, "}") + `,"meta":1,"client":"test"}`; string(told.Structured) != want {
		t.Errorf("the context is %s", told.Structured)
	}

	alone := start(t, r, "")
	if got := string(alone.call("ask", `{"what":"model"}`).Structured); got != `{"failed":"the client cannot be asked this (it has not declared sampling)","code":"CANNOT_ASK"}` {
		t.Errorf("a client that cannot be asked: %s", got)
	}
}

// TestLate: what is registered while it runs is told.
func TestLate(t *testing.T) {
	p := start(t, prepared(t, "a.mjs", `import { McpServer } from 'typescript-mcp'
const s = new McpServer(); s.start()
s.registerTool('grow', () => { s.registerTool('b', () => 1); s.registerTool('c', () => 1); s.registerResource('d', () => '') })`), "")
	p.call("grow", "{}")
	p.ask("ping", "{}")
	var got []string
	for _, m := range p.others {
		got = append(got, m.Method)
	}
	slices.Sort(got)
	if want := []string{"notifications/resources/list_changed", "notifications/tools/list_changed"}; !slices.Equal(got, want) {
		t.Errorf("it tells %q", got)
	}
	if len(p.list()) != 3 {
		t.Errorf("there are %v", p.list())
	}
	if got := p.call("grow", "{}"); !got.IsError || got.text() != "there are two tools with the name b" {
		t.Errorf("a second one says %+v", got)
	}
}

// TestMany: a thousand calls at once, of all sizes, some with progress and some cancelled, are each answered once, by what is theirs.
func TestMany(t *testing.T) {
	p := start(t, prepared(t, "busy.ts", busy), "")
	random := rand.New(rand.NewPCG(1, 2))
	want := map[int]string{} // id → text of the answer; none for those that are cancelled
	gone := map[int]bool{}
	for i := range 1000 {
		switch i % 5 {
		case 0, 1:
			text := strings.Repeat(string(rune('a'+i%26))+"é\\u0000\\n", random.IntN(1<<random.IntN(16)+1))
			want[p.send("tools/call", fmt.Sprintf(`{"name":"echo","arguments":{"text":"%s"}}`, text))] = text
		case 2:
			want[p.send("tools/call", fmt.Sprintf(`{"name":"sum","arguments":{"a":%d,"b":1}}`, i))] = fmt.Sprintf(`{"sum":%d}`, i+1)
		case 3:
			id := p.send("tools/call", fmt.Sprintf(`{"name":"wait","arguments":{"ms":%d,"steps":3},"_meta":{"progressToken":%d}}`, random.IntN(30), i))
			want[id] = "{\"waited\":"
		case 4:
			id := p.send("tools/call", `{"name":"forever","arguments":{"name":"x"}}`)
			gone[id] = true
			p.write(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, id))
		}
	}
	for len(want) > 0 {
		m := p.next()
		if m.Method == "notifications/progress" {
			continue
		}
		number, _ := m.ID.(float64)
		id := int(number)
		expected, ok := want[id]
		if !ok {
			t.Fatalf("an answer to %v, which is cancelled (%v) or answered already: %+v", m.ID, gone[id], m)
		}
		var text string
		if err := json.Unmarshal([]byte(`"`+strings.ReplaceAll(expected, `"`, `\"`)+`"`), &text); err != nil {
			t.Fatal(err)
		}
		if got := p.result(m).text(); !strings.HasPrefix(got, text) || got != text && !strings.HasSuffix(text, ":") {
			t.Fatalf("call %d is answered by %.100q, want %.100q", id, got, text)
		}
		delete(want, id)
	}
	if got := p.end(); got != 0 {
		t.Errorf("it ends with %d", got)
	}
}

// TestLongLine: a message beyond all bounds is refused, and the next is read.
func TestLongLine(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 64 MiB")
	}
	p := start(t, prepared(t, "busy.ts", busy), "")
	p.write(`{"jsonrpc":"2.0","id":9,"method":"ping","params":{"x":"` + strings.Repeat("x", 64<<20) + `"}}`)
	if m := p.next(); m.Error == nil || m.Error.Code != -32600 || m.ID != nil {
		t.Errorf("it is answered by %+v", m)
	}
	if m := p.ask("ping", "{}"); m.Error != nil {
		t.Errorf("the next is answered by %+v", m.Error)
	}
}
