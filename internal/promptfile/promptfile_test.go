package promptfile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/promptfile"
)

// A bench is a folder of prompts, its server, and a client of it.
type bench struct {
	dir     string
	prompts *promptfile.Prompts
	client  *sdk.ClientSession
	log     *logged
	changes chan struct{}
}

// logged is a log that a test can read while it is written.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(data)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// write puts files into a folder, each in place of an old one at once.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		temporary := filepath.Join(dir, ".new")
		if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temporary, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t *testing.T, files map[string]string) *bench {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "prompts")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, dir, files)
	return openDirs(t, dir)
}

func openDirs(t *testing.T, dirs ...string) *bench {
	t.Helper()
	b := &bench{dir: dirs[0], log: &logged{}, changes: make(chan struct{}, 100)}
	var err error
	b.prompts, err = promptfile.New(promptfile.Options{Dirs: dirs, Version: "1", Log: slog.New(slog.NewTextHandler(b.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := sdk.NewInMemoryTransports()
	server, err := b.prompts.Server().Connect(t.Context(), ours, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, &sdk.ClientOptions{
		PromptListChangedHandler: func(context.Context, *sdk.PromptListChangedRequest) { b.changes <- struct{}{} },
	})
	b.client, err = client.Connect(t.Context(), theirs, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := b.client.Close()
		_ = server.Wait() // the end of a pipe may be an error to it
		if err := errors.Join(err, b.prompts.Close(), b.prompts.Close()); err != nil {
			t.Error(err)
		}
	})
	return b
}

// get renders a prompt and returns its messages, a line each, and its sampling parameters.
func (b *bench) get(t *testing.T, name string, args map[string]string, meta sdk.Meta) (text, sampling string, err error) {
	t.Helper()
	res, err := b.client.GetPrompt(t.Context(), &sdk.GetPromptParams{Name: name, Arguments: args, Meta: meta})
	if err != nil {
		return "", "", err
	}
	var out []string
	for _, m := range res.Messages {
		content, ok := m.Content.(*sdk.TextContent)
		if !ok {
			t.Fatalf("content is a %T", m.Content)
		}
		out = append(out, string(m.Role)+": "+content.Text)
	}
	if s := res.Meta[mcp.MetaSampling]; s != nil {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		sampling = string(data)
	}
	return strings.Join(out, "\n"), sampling, nil
}

func (b *bench) list(t *testing.T) map[string]*sdk.Prompt {
	t.Helper()
	out := map[string]*sdk.Prompt{}
	for p, err := range b.client.Prompts(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		out[p.Name] = p
	}
	return out
}

// eventually waits until ok, for a quarter of a minute at most.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 15 s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

var tree = map[string]string{
	"review.md": `---
title: Review
description: Reviews a change
arguments:
  - name: language
    description: Of the code.
    required: true
    enum: [go, Gopher, python]
  - {name: depth, default: 2}
variables: {tone: kind, rules: [a, b]}
sampling: {temperature: 0.2, topK: 40, stopSequences: [END]}
---

You review {{ language }} in a {{ tone }} tone, {{ depth }} deep.

--- assistant
I will obey {{ rules|join(" and ") }}.
`,
	"security.yaml": `name: review.security
parent: review
arguments:
  - {name: language, default: go}
  - name: diff
    required: true
variables: {tone: strict}
sampling: {temperature: 0, top_p: 0.5}
messages:
  - role: user
    content: |
      Look for holes{% if context.rootId %} in {{ context.rootId }} at {{ context.path }}{% endif %}:
      {% include "quote" %}
  - content: "{% if context.memory %}Earlier: {{ context.memory[0].tool }}{% endif %}"
`,
	"quote.md":  "---\nvariables: {sign: '>'}\n---\n{{ sign }} {{ diff }}",
	"plain.md":  "Hello {{ name }}, {{ 1 if context.sampling.temperature else 0 }}.",
	"README.md": "{{",
	".swap.md":  "{{",
	"notes.txt": "{{",
}

func TestList(t *testing.T) {
	b := open(t, tree)
	want := map[string]*sdk.Prompt{
		"review": {Name: "review", Title: "Review", Description: "Reviews a change", Arguments: []*sdk.PromptArgument{
			{Name: "language", Description: "Of the code. One of go, Gopher, python", Required: true}, {Name: "depth"},
		}},
		"review.security": {Name: "review.security", Arguments: []*sdk.PromptArgument{
			{Name: "language"}, {Name: "depth"}, {Name: "diff", Required: true},
		}},
		"quote": {Name: "quote", Arguments: []*sdk.PromptArgument{{Name: "diff"}}},
		"plain": {Name: "plain", Arguments: []*sdk.PromptArgument{{Name: "name"}}},
	}
	if diff := cmp.Diff(want, b.list(t)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if b.log.String() != "" {
		t.Errorf("log: %s", b.log)
	}
}

func TestGet(t *testing.T) {
	b := open(t, tree)
	type m = map[string]any
	around := func(v m) sdk.Meta { return sdk.Meta{mcp.MetaContext: v} }
	tests := []struct {
		name, prompt   string
		args           map[string]string
		meta           sdk.Meta
		text, sampling string
	}{
		{
			"a root", "review",
			map[string]string{"language": "go"},
			nil,
			"user: You review go in a kind tone, 2 deep.\nassistant: I will obey a and b.", `{"stopSequences":["END"],"temperature":0.2,"topK":40}`,
		},
		{
			"a child", "review.security",
			map[string]string{"diff": "x"},
			nil,
			"user: You review go in a strict tone, 2 deep.\nassistant: I will obey a and b.\nuser: Look for holes:\n> x",
			`{"stopSequences":["END"],"temperature":0,"topK":40,"topP":0.5}`,
		},
		{
			"context variables over defaults, arguments over these", "review.security",
			map[string]string{"diff": "x", "tone": "warm"},
			around(m{"rootId": "r1", "path": "a/b", "variables": m{"tone": "cold", "depth": 7, "sign": "#"}, "memory": []any{m{"tool": "calc"}}}),
			"user: You review go in a warm tone, 7 deep.\nassistant: I will obey a and b.\nuser: Look for holes in r1 at a/b:\n# x\nuser: Earlier: calc",
			`{"stopSequences":["END"],"temperature":0,"topK":40,"topP":0.5}`,
		},
		{
			"a required argument from the context", "review", nil, around(m{"variables": m{"language": "any"}}),
			"user: You review any in a kind tone, 2 deep.\nassistant: I will obey a and b.", `{"stopSequences":["END"],"temperature":0.2,"topK":40}`,
		},
		{
			"types are kept", "review",
			map[string]string{"language": "go", "rules": `["b","a",1,1.0,12345678901234567890]`},
			sdk.Meta{mcp.MetaVariables: m{"language": "go", "rules": []any{"b", "a", 1, 1, 1e19}}},
			"user: You review go in a kind tone, 2 deep.\nassistant: I will obey b and a and 1 and 1.0 and 12345678901234567890.", `{"stopSequences":["END"],"temperature":0.2,"topK":40}`,
		},
		{
			"without their text", "review", nil,
			sdk.Meta{mcp.MetaVariables: m{"language": "go", "depth": 3}},
			"user: You review go in a kind tone, 3 deep.\nassistant: I will obey a and b.", `{"stopSequences":["END"],"temperature":0.2,"topK":40}`,
		},
		{
			"sampling of the context, the prompt and the call", "review",
			map[string]string{"language": "go"},
			sdk.Meta{mcp.MetaContext: m{"sampling": m{"temperature": 1, "maxTokens": 9}}, mcp.MetaSampling: m{"topK": 1}},
			"user: You review go in a kind tone, 2 deep.\nassistant: I will obey a and b.", `{"maxTokens":9,"stopSequences":["END"],"temperature":0.2,"topK":1}`,
		},
		{
			"sampling in a text", "plain",
			map[string]string{"name": "$A ${B}"},
			around(m{"sampling": m{"temperature": 1}}),
			"user: Hello $A ${B}, 1.", `{"temperature":1}`,
		},
		{"nothing at all", "plain", nil, nil, "user: Hello , 0.", ""},
		{"a template is no variable", "plain", map[string]string{"name": "{{ 1 + 1 }}"}, nil, "user: Hello {{ 1 + 1 }}, 0.", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, sampling, err := b.get(t, tt.prompt, tt.args, tt.meta)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tt.text, tt.sampling}, []string{text, sampling}); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	files := map[string]string{
		"computed.md": "---\narguments: [{name: which, required: true}]\n---\n\n  {% include which %}",
		"divide.md":   "\n{{ 1 / n }}",
		"big.md":      "{% for i in range(n) %}{{ 'x' * 600000 }}{% endfor %}",
		"two.md":      "{{ 'x' * 600000 }}\n--- user\n{{ 'x' * 600000 }}",
	}
	maps.Copy(files, tree)
	b := open(t, files)
	type m = map[string]any
	tests := []struct {
		name, prompt string
		args         map[string]string
		meta         sdk.Meta
		code         int64
		want         string
	}{
		{"required", "review", nil, nil, -32602, `the argument "language" is missing; give it`},
		{"unknown", "review", map[string]string{"langage": "go"}, nil, -32602, `unknown argument "langage" of the prompt review: did you mean language?`},
		{"unknown typed", "quote", nil, sdk.Meta{mcp.MetaVariables: m{"zzz": 1}}, -32602, `it takes diff, sign`},
		{"context", "plain", map[string]string{"context": "x"}, nil, -32602, `context is what the gateway tells`},
		{"enum", "review", map[string]string{"language": "rust"}, nil, -32602, `the argument "language" is not one of go, Gopher, python`},
		{"no such prompt", "revieww", nil, nil, -32602, `unknown prompt`},
		{"computed include", "computed", map[string]string{"which": "nope"}, nil, -32603, `computed.md:5:3: there is no prompt "nope"`},
		{"include of a file", "computed", map[string]string{"which": "../computed.md"}, nil, -32603, `files cannot`},
		{"include of several messages", "computed", map[string]string{"which": "two"}, nil, -32602, `only one with a single message can be included`},
		{"include in a circle", "computed", map[string]string{"which": "computed"}, nil, -32602, `levels deep`},
		{"a fault in the template", "divide", nil, sdk.Meta{mcp.MetaVariables: m{"n": 0}}, -32602, `divide.md:2:6: division by zero`},
		{"output of one", "big", nil, sdk.Meta{mcp.MetaVariables: m{"n": 9}}, -32602, `the result is longer than`},
		{"output of all", "two", nil, nil, -32602, `the result is longer than`},
		{"context is no object", "plain", nil, sdk.Meta{mcp.MetaContext: 1}, -32602, `is not an object`},
		{"variables are no object", "plain", nil, sdk.Meta{mcp.MetaVariables: []any{}}, -32602, `is not an object`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := b.get(t, tt.prompt, tt.args, tt.meta)
			e, ok := errors.AsType[*jsonrpc.Error](err)
			if !ok || e.Code != tt.code || !strings.Contains(e.Message, tt.want) {
				t.Errorf("%v, want %d %s", err, tt.code, tt.want)
			}
		})
	}
}

func TestComplete(t *testing.T) {
	b := open(t, tree)
	for _, tt := range []struct {
		ref  sdk.CompleteReference
		arg  sdk.CompleteParamsArgument
		want []string
	}{
		{sdk.CompleteReference{Type: "ref/prompt", Name: "review"}, sdk.CompleteParamsArgument{Name: "language", Value: "g"}, []string{"go", "Gopher"}},
		{sdk.CompleteReference{Type: "ref/prompt", Name: "review"}, sdk.CompleteParamsArgument{Name: "language"}, []string{"go", "Gopher", "python"}},
		{sdk.CompleteReference{Type: "ref/prompt", Name: "review"}, sdk.CompleteParamsArgument{Name: "depth"}, []string{}},
		{sdk.CompleteReference{Type: "ref/prompt", Name: "review"}, sdk.CompleteParamsArgument{Name: "other"}, []string{}},
		{sdk.CompleteReference{Type: "ref/prompt", Name: "none"}, sdk.CompleteParamsArgument{Name: "language"}, []string{}},
		{sdk.CompleteReference{Type: "ref/resource", URI: "file:///x"}, sdk.CompleteParamsArgument{Name: "language"}, []string{}},
	} {
		res, err := b.client.Complete(t.Context(), &sdk.CompleteParams{Ref: &tt.ref, Argument: tt.arg})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, res.Completion.Values); diff != "" || res.Completion.Total != len(tt.want) {
			t.Errorf("%s %s: (-want +got)\n%s", tt.ref.Name, tt.arg.Name, diff)
		}
	}
}
