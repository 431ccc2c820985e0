package guard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/guard"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// token is a secret, put together here so that nobody takes it for a lost one.
var token = "gh" + "p_" + strings.Repeat("aB3", 12)

// A bench is a guard with a server behind it.
type bench struct {
	tb      testing.TB
	guard   *guard.Guard
	log     bytes.Buffer
	blocked []string
	// answer is what the server does; got are the arguments that it was given.
	answer func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error
	got    string
	// said is what the client was told: results, notices, questions.
	said []string
}

// newBench returns a bench with the configuration that stands in a file.
func newBench(tb testing.TB, yaml string) *bench {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "mcp.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		tb.Fatal(err)
	}
	cfg, err := config.Load(file, func(string) (string, bool) { return "", false })
	if err != nil {
		tb.Fatal(err)
	}
	settings, err := guard.FromConfig(cfg, func(_ context.Context, call *mcp.Call) string {
		server, _, _ := strings.Cut(call.Name, ".")
		return server
	})
	if err != nil {
		tb.Fatal(err)
	}
	b := &bench{tb: tb}
	b.guard = guard.New(guard.Options{
		Log: slog.New(slog.NewTextHandler(&b.log, nil)),
		Blocked: func(_ context.Context, _ *mcp.Call, f mcp.Finding) {
			b.blocked = append(b.blocked, f.Kind+" "+f.Pointer)
		},
	})
	b.guard.Set(settings)
	return b
}

var scanner = wire.NewScanner(mcp.Vocabulary(), 0)

func revision(tb testing.TB) *mcp.Revision {
	tb.Helper()
	for _, r := range mcp.Revisions() {
		if r.Stateless {
			return r
		}
	}
	tb.Fatal("there is no modern revision")
	return nil
}

// call returns a call of a method with these parameters.
func (b *bench) call(method, name, params string) *mcp.Call {
	b.tb.Helper()
	m := new(wire.Message)
	if err := scanner.Request([]byte(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`+params+`}`), m); err != nil {
		b.tb.Fatal(err)
	}
	return &mcp.Call{ID: "c1", Caller: &mcp.Caller{ID: "ci"}, Method: method, Name: name, Request: m, Revision: revision(b.tb), Findings: new(mcp.Findings)}
}

// tool calls a tool, and returns the call.
func (b *bench) tool(name, arguments string) (*mcp.Call, error) {
	b.tb.Helper()
	call := b.call(mcp.MethodToolsCall, name, `{"name":"x","arguments":`+arguments+`}`)
	return call, b.do(call)
}

func (b *bench) do(call *mcp.Call) error {
	b.got, b.said = "", nil
	before := call.Request
	err := b.guard.Middleware(mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		b.got = string(call.Member("arguments"))
		if b.answer == nil {
			return reply.Done(ctx, mcp.Own([]byte(`{"content":[]}`)))
		}
		return b.answer(ctx, call, reply)
	})).Handle(b.tb.Context(), call, (*client)(b))
	if call.Request != before {
		b.tb.Error("the call has another request than it came with")
	}
	return err
}

// A client notes what it is told.
type client bench

func (c *client) Notify(_ context.Context, notice *wire.Message) error {
	c.said = append(c.said, string(notice.Raw))
	return nil
}

func (c *client) Ask(_ context.Context, questions []mcp.Question) ([]mcp.Answer, error) {
	for _, q := range questions {
		c.said = append(c.said, string(q.Params))
	}
	return []mcp.Answer{{Result: []byte(`{"content":"` + token + `"}`)}, {Err: mcp.Errorf(1, mcp.Internal, "no")}}, nil
}

func (c *client) Done(_ context.Context, result *mcp.Result) error {
	c.said = append(c.said, string(result.Value))
	if m := result.Message; m != nil && string(m.Bytes(m.Result)) != string(result.Value) {
		c.tb.Error("the message is not the result's")
	}
	return nil
}

// found writes the findings of a call on a line.
func found(call *mcp.Call) string {
	findings := call.Findings.All()
	all := make([]string, len(findings))
	for i, f := range findings {
		all[i] = f.Action + " " + f.Kind + " " + f.Pointer
	}
	return strings.Join(all, ", ")
}

// TestDefaults is what is on without being written.
func TestDefaults(t *testing.T) {
	t.Parallel()
	b := newBench(t, "")
	for arguments, want := range map[string]string{
		`{"a":"plain 가나다 👨‍👩‍👧 ` + `"}`:  "",
		`{"a":"x\u0000","b":["\u202e"]}`: "refused control /params/arguments/a, refused bidi /params/arguments/b/0",
		`{"a\u200b":1}`:                  "refused invisible /params/arguments/a\u200b",
		`{"a":"x\u200bx"}`:               "flagged invisible /params/arguments/a",
		`{"a":"` + token + `"}`:          "flagged github-token /params/arguments/a",
		`{"` + token + `":1}`:            "flagged github-token /params/arguments/[redacted:github-token]",
		`{"a":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}`: "refused size /params/arguments/a" + strings.Repeat("/0", 99),
	} {
		call, err := b.tool("t.x", arguments)
		if err != nil {
			t.Fatal(err)
		}
		if got := found(call); got != want {
			t.Errorf("%.60s has %q, want %q", arguments, got, want)
		}
		if refused := strings.HasPrefix(want, "refused"); refused != (b.got == "") || !refused && b.got != arguments || refused != strings.Contains(strings.Join(b.said, ""), `"isError":true`) {
			t.Errorf("%.60s: the server got %q, the client %q", arguments, b.got, b.said)
		}
	}
	if strings.Contains(b.log.String(), token) || !strings.Contains(b.log.String(), "flagged github-token at /params/arguments/a") || !strings.Contains(b.log.String(), "caller=ci") {
		t.Errorf("the log:\n%s", b.log.String())
	}
	counts := map[string]int64{}
	b.guard.Observe(func(kind, action, part string, n int64) { counts[kind+" "+action+" "+part] += n })
	if counts["github-token flagged params"] != 2 || counts["control refused params"] != 1 {
		t.Errorf("counts: %v", counts)
	}
}

// TestRefusal names all faults at once, in the form of whoever asks.
func TestRefusal(t *testing.T) {
	t.Parallel()
	b := newBench(t, "guard: {arguments: {maxArray: 2, secrets: block}}")
	arguments := `{"z":[1,2,3],"a":"\u0007","t":"` + token + `"}`
	if _, err := b.tool("t.x", arguments); err != nil {
		t.Fatal(err)
	}
	want := `{"resultType":"complete","isError":true,"content":[{"type":"text","text":"the arguments are refused: /a has a control character (U+0007) (the first of 3 faults)\n{\"errors\":[{\"pointer\":\"/a\",\"message\":\"has a control character (U+0007)\"},{\"pointer\":\"/t\",\"message\":\"holds a secret (github-token)\"},{\"pointer\":\"/z\",\"message\":\"has 3 elements, may have 2\"}]}"}]}`
	if len(b.said) != 1 || b.said[0] != want {
		t.Errorf("told %s\nwant %s", b.said, want)
	}
	if got := fmt.Sprint(b.blocked); got != "[github-token /params/arguments/t]" {
		t.Error(got)
	}
	call := b.call(mcp.MethodToolsCall, "t.x", `{"name":"x","arguments":`+arguments+`}`)
	call.Dialect = mcp.MethodInvoke
	e := mcp.AsError(b.do(call))
	if e == nil || e.Reason != mcp.Blocked || e.Code != mcp.CodeInvalidParams || !strings.Contains(string(e.Data), `"/z"`) || len(b.said) > 0 {
		t.Errorf("the dialect is told %v, %s", e, b.said)
	}
	e = mcp.AsError(b.do(b.call(mcp.MethodPromptsGet, "t.p", `{"name":"x","arguments":{"a":"\u0007"}}`)))
	if e == nil || e.Reason != mcp.InvalidArguments {
		t.Errorf("a prompt ends with %v", e)
	}
	e = mcp.AsError(b.do(b.call(mcp.MethodRead, "file:///x", `{"uri":"file:///\u202ex"}`)))
	if e == nil || !strings.Contains(e.Message, "/uri has a character that changes the direction") {
		t.Errorf("a resource ends with %v", e)
	}
}

// TestRedacted takes secrets out of all that passes, and nothing else.
func TestRedacted(t *testing.T) {
	t.Parallel()
	b := newBench(t, "guard: {arguments: {secrets: redact}, results: {secrets: redact}}")
	notice, answer := new(wire.Message), new(wire.Message)
	if err := scanner.Answer([]byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1, "progress":1.0,"message":"at `+token+`"},"x":1}`), notice); err != nil {
		t.Fatal(err)
	}
	if err := scanner.Answer([]byte(`{"jsonrpc":"2.0","id":7, "result":{"content":[{"type":"text","text":"\u0067`+token[1:]+`!"}],"n":1.50} ,"x":2}`), answer); err != nil {
		t.Fatal(err)
	}
	b.answer = func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
		if err := reply.Notify(ctx, notice); err != nil {
			return err
		}
		answers, err := reply.Ask(ctx, []mcp.Question{{Key: "1", Method: mcp.MethodSample, Params: []byte(`{"q": "` + token + `"}`)}, {Method: mcp.MethodRoots}})
		if err != nil || string(answers[0].Result) != `{"content":"[redacted:github-token]"}` || answers[1].Err == nil {
			t.Errorf("the server is answered %s, %v", answers[0].Result, err)
		}
		return reply.Done(ctx, &mcp.Result{Value: answer.Bytes(answer.Result), Message: answer, Revision: revision(t)})
	}
	call, err := b.tool("t.x", `{"a": "x `+token+`",  "n":1e0, "o":{"é":"`+token+`"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a": "x [redacted:github-token]",  "n":1e0, "o":{"é":"[redacted:github-token]"}}`; b.got != want {
		t.Errorf("the server got %s\nwant %s", b.got, want)
	}
	want := []string{
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1, "progress":1.0,"message":"at [redacted:github-token]"},"x":1}`,
		`{"q": "[redacted:github-token]"}`, "",
		`{"content":[{"type":"text","text":"[redacted:github-token]!"}],"n":1.50}`,
	}
	if strings.Join(b.said, "\n") != strings.Join(want, "\n") {
		t.Errorf("the client was told\n%s\nwant\n%s", strings.Join(b.said, "\n"), strings.Join(want, "\n"))
	}
	const all = "redacted github-token /params/arguments/a, redacted github-token /params/arguments/o/é, redacted github-token /notice/message, " +
		"redacted github-token /question/q, redacted github-token /answer/content, redacted github-token /result/content/0/text"
	if got := found(call); got != all {
		t.Errorf("found %s", got)
	}
	if strings.Contains(b.log.String(), token) {
		t.Error("the log has the secret")
	}
}

// TestFailure takes secrets out of errors, ours and a server's.
func TestFailure(t *testing.T) {
	t.Parallel()
	raw := []byte(`{"code":-1, "message":"bad ` + token + `"}`)
	for secrets, want := range map[string]string{"flag": token, "redact": "[redacted:github-token]", "block": "the server's error is withheld: it holds a secret"} {
		b := newBench(t, "guard: {results: {secrets: "+secrets+"}}")
		for _, e := range []*mcp.Error{
			{Code: -1, Message: "bad " + token, Raw: raw, Answer: new(wire.Message), Revision: revision(t)},
			{Code: -1, Message: "bad " + token, Data: []byte(`{"x":"` + token + `"}`)},
		} {
			b.answer = func(context.Context, *mcp.Call, mcp.Reply) error { return e }
			call, err := b.tool("t.x", `{}`)
			got := mcp.AsError(err)
			if got == nil || !strings.Contains(got.Message, want) || secrets != "flag" && bytes.Contains(append(got.Raw, got.Data...), []byte(token)) || secrets == "redact" && (got.Raw == nil) != (e.Raw == nil) {
				t.Errorf("%s: %+v", secrets, got)
			}
			if secrets != "flag" && got.Answer != nil {
				t.Errorf("%s: the server's answer is relayed as it came", secrets)
			}
			if !strings.Contains(found(call), "github-token /error/message") {
				t.Error(found(call))
			}
		}
	}
	b := newBench(t, "")
	other := errors.New("other")
	b.answer = func(context.Context, *mcp.Call, mcp.Reply) error { return other }
	if _, err := b.tool("t.x", `{}`); !errors.Is(err, other) {
		t.Error(err)
	}
}

// TestWithheld keeps results back that may not be seen, and says that the call was made.
func TestWithheld(t *testing.T) {
	t.Parallel()
	b := newBench(t, `
guard:
  results:
    secrets: block
    maxText: 60
  tools:
    t.n*: {results: {values: {/structuredContent/n: {required: true, max: 5}}}}
`)
	value := `{"content":[{"type":"text","text":"` + token + `"}]}`
	b.answer = func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
		return reply.Done(ctx, mcp.Own([]byte(value)))
	}
	_, err := b.tool("t.x", `{}`)
	e := mcp.AsError(err)
	if e == nil || e.Reason != mcp.Blocked || len(b.said) > 0 || !strings.Contains(string(e.Data), `"mayHaveRun":true`) || !strings.Contains(e.Message, "/content/0/text holds a secret (github-token)") || strings.Contains(e.Message+string(e.Data), token) {
		t.Errorf("%v %s", e, b.said)
	}
	value = `{"content":[{"type":"text","text":"` + strings.Repeat("가", 21) + `"}]}`
	if _, err := b.tool("t.x", `{}`); mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.Upstream {
		t.Error(err)
	}
	for of, ok := range map[string]bool{
		`{"content":[],"structuredContent":{"n":5}}`: true, `{"content":[],"structuredContent":{"n":6}}`: false, `{"content":[]}`: false,
		`{"content":[],"isError":true}`: true, `{"resultType":"input_required","inputRequests":{}}`: true,
	} {
		value = of
		if _, err := b.tool("t.n1", `{}`); (err == nil) != ok {
			t.Errorf("%s: %v", of, err)
		}
	}
	if _, err := b.tool("t.other", `{}`); err != nil {
		t.Error(err)
	}
}

// TestWithheldTasks holds what tools answer to the same rules where they run as tasks: not the state of a task, but the result in it.
func TestWithheldTasks(t *testing.T) {
	t.Parallel()
	b := newBench(t, `
guard:
  tools:
    t.n*: {results: {values: {/structuredContent/n: {required: true, max: 5}, /structuredContent/path: {path: {under: /srv, absolute: false}}}}}
`)
	for _, tt := range []struct{ method, value, want string }{
		{mcp.MethodTaskGet, `{"taskId":"x","status":"working"}`, `{"taskId":"x","status":"working"}`},
		{mcp.MethodTaskGet, `{"taskId":"x","result":{"content":[],"structuredContent":{"n":5}}}`, `{"taskId":"x","result":{"content":[],"structuredContent":{"n":5}}}`},
		{mcp.MethodTaskGet, `{"taskId":"x","result":{"structuredContent":{"n":5,"path":"/srv/a/../b"}},"ttl":1}`, `{"taskId":"x","result":{"structuredContent":{"n":5,"path":"b"}},"ttl":1}`},
		{mcp.MethodTaskGet, `{"taskId":"x","result":{"content":[],"structuredContent":{"n":6}}}`, ""},
		{mcp.MethodTaskGet, `{"taskId":"x","result":{"content":[],"isError":true}}`, `{"taskId":"x","result":{"content":[],"isError":true}}`},
		{mcp.MethodTaskCancel, `{"taskId":"x","status":"cancelled"}`, `{"taskId":"x","status":"cancelled"}`},
		{mcp.MethodTaskResult, `{"content":[],"structuredContent":{"n":6}}`, ""},
	} {
		b.answer = func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
			return reply.Done(ctx, mcp.Own([]byte(tt.value)))
		}
		err := b.do(b.call(tt.method, "t.n1", `{"taskId":"x"}`))
		if got := strings.Join(b.said, ""); got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s %s: told %s, %v", tt.method, tt.value, got, err)
		}
	}
}

// TestRules holds arguments to what the entries of their server and their tool say.
func TestRules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newBench(t, `
servers: {files: {command: "true"}}
guard:
  secrets: {patterns: {employee: 'E-[0-9]{6}'}, without: [card]}
  servers:
    files: {arguments: {control: "off", secrets: redact}}
  tools:
    files.*: {arguments: {values: {/path: {required: true, path: `+dir+`}}}}
    files.write: {arguments: {secrets: "off", schema: {type: object, required: [mode]}, values: {/mode: {oneOf: [a, b]}}}}
`)
	for _, tt := range []struct{ tool, arguments, got, found string }{
		{"files.read", `{"path":"a/../b","x":"\u0007 E-123456 4111111111111111"}`, `{"path":"` + dir + `/b","x":"\u0007 [redacted:employee] 4111111111111111"}`, "redacted employee /params/arguments/x"},
		{"files.read", `{"path":"../x"}`, "", "refused path /params/arguments/path"},
		{"files.read", `{"Path":"../x"}`, "", "refused twin /params/arguments/Path, refused required /params/arguments/path"},
		{"files.write", `{"path":"x","mode":"a","y":"E-123456"}`, `{"path":"` + dir + `/x","mode":"a","y":"E-123456"}`, ""},
		{"files.write", `{"path":"E-123456/..","y":"E-123456"}`, "", "refused schema /params/arguments/mode"},
		{"files.write", `{"path":"x","mode":"c"}`, "", "refused allow-list /params/arguments/mode"},
		{"other.x", `{"path":"../x","y":"E-123456"}`, `{"path":"../x","y":"E-123456"}`, "flagged employee /params/arguments/y"},
	} {
		call, err := b.tool(tt.tool, tt.arguments)
		if err != nil || b.got != tt.got || found(call) != tt.found {
			t.Errorf("%s %s\nbecomes %s, %v, found %q\nwant    %s, found %q", tt.tool, tt.arguments, b.got, err, found(call), tt.got, tt.found)
		}
	}
	call := b.call(mcp.MethodToolsCall, "files.read", `{"name":"x"}`)
	if err := b.do(call); err != nil || found(call) != "refused required /params/arguments/path" {
		t.Errorf("without arguments: %v, found %q", err, found(call))
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, yaml := range []string{
		"guard: {arguments: {schema: {type: 7}}}", "guard: {tools: {x: {results: {values: {/a: {schema: {type: 7}}}}}}}",
	} {
		file := filepath.Join(t.TempDir(), "mcp.yaml")
		if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := guard.FromConfig(cfg, nil); err == nil {
			t.Errorf("%s is taken", yaml)
		}
	}
}

// TestCost wants no memory for a call in which nothing is found.
func TestCost(t *testing.T) {
	b := newBench(t, "guard: {tools: {x.*: {arguments: {bidi: flag}}}}")
	call := b.call(mcp.MethodToolsCall, "t.x", `{"name":"x","arguments":{"query":"select 'x'\n","emoji":"❤️ 가나다","limit":10}}`)
	result := mcp.Own([]byte(`{"content":[{"type":"text","text":"a line\nand \"another\""}]}`))
	h := b.guard.Middleware(mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error { return reply.Done(ctx, result) }))
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { _ = h.Handle(ctx, call, silent{}) }); n > 0 && !raced {
		t.Errorf("%v allocations", n)
	}
}

// silent is a Reply that says nothing.
type silent struct{ mcp.Reply }

func (silent) Done(context.Context, *mcp.Result) error { return nil }

func BenchmarkMiddleware(b *testing.B) {
	bb := newBench(b, "")
	call := bb.call(mcp.MethodToolsCall, "t.x", `{"name":"x","arguments":{"query":"select * from customers where region = 'EU' and name like '%son' order by created desc, name asc","limit":100,"offset":0,"text":"a few words of an ordinary request, as a model writes it, with quotes and more","filters":{"status":["open","closed"],"assignee":"somebody@example.com"},"id":"0f8fad5b-d9cb-469f-a165-70867728950e","since":"2026-11-22T18:27:03Z","tags":["a","b","c"]}}`)
	result := mcp.Own([]byte(`{"content":[{"type":"text","text":"12 customers were found, the first of them is somebody in Seoul, and the last of them is nobody"}]}`))
	h := bb.guard.Middleware(mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error { return reply.Done(ctx, result) }))
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		_ = h.Handle(ctx, call, silent{})
	}
}
