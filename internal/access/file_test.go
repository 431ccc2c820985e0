package access

import (
	"context"
	"strconv"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// TestDeniedFiles denies a file by each of its names: its URI, its path as a tool or prompt takes it, and the URI by its path.
func TestDeniedFiles(t *testing.T) {
	for name, roots := range map[string]string{
		"one directory":   `resources: {docs: {type: file, root: .}}`,
		"two directories": `resources: {docs: {type: file, root: .}, more: {type: file, root: .}}`,
		"no files":        `builtin: false`,
	} {
		cfg, err := config.Parse("mcp.yaml", t.TempDir(), []byte(roots+`
scopes:
  read:all: ["*"]
  deny:secret: ["sumun://file/docs/private/*"]
  deny:later: {names: ["sumun://file/docs/later/*"], when: "verb == 'read'"}
`))
		if err != nil {
			t.Fatal(err)
		}
		a, _, err := FromConfig(cfg, NewKey(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		view, prefix := a.ViewOf([]string{"deny:later", "deny:secret", "read:all"}, false), ""
		if name == "two directories" {
			prefix = "docs/"
		}
		for path, want := range map[string]bool{
			"a.txt": true, "private/s.txt": false, "./private//s.txt": false, "PRIVATE/s.txt": false, "x/../private/s.txt": false,
			"privately.txt": true, "later/x": false, "later?/x": true,
		} {
			path = prefix + path
			for _, by := range []struct{ method, name string }{{mcp.MethodToolsCall, "file.read"}, {mcp.MethodPromptsGet, "file.summarize"}} {
				call := calling(t, by.name, `{"path":`+strconv.Quote(path)+`}`)
				call.Method, call.Revision, call.Caller = by.method, mcp.Latest(), &mcp.Caller{ID: "ci", View: view}
				call.Settle()
				reached := false
				_ = a.Middleware(mcp.HandlerFunc(func(context.Context, *mcp.Call, mcp.Reply) error {
					reached = true
					return nil
				})).Handle(t.Context(), call, nil)
				if want := want || name == "no files"; reached != want {
					t.Errorf("%s: %s %s is let through: %v", name, by.name, path, reached)
				}
			}
			call := &mcp.Call{Caller: &mcp.Caller{ID: "ci", View: view}}
			call.Settle()
			if uri := "sumun://file?path=" + path; name != "no files" && call.Caller.View.Sees(mcp.Resource, uri) != want {
				t.Errorf("%s: %s is seen: %v", name, uri, !want)
			}
		}
	}
}

// said keeps a result.
type said struct {
	mcp.Reply
	result string
}

func (s *said) Done(_ context.Context, r *mcp.Result) error {
	s.result = string(r.Value)
	return nil
}

// TestDeniedCompletions completes the paths of files without those that are denied.
func TestDeniedCompletions(t *testing.T) {
	a := mustNew(t, Options{
		Scopes: map[string]config.Scope{"read:all": {Names: []string{"*"}}, "deny:secret": {Names: []string{"sumun://file/docs/private/*"}}}, Roots: []string{"docs"},
	})
	const all = `{"completion":{"values":["a.txt","private/s.txt"],"total":2},"_meta":{"x":1}}`
	for _, tt := range []struct{ ref, answer, want string }{
		{`{"type":"ref/prompt","name":"file.summarize"}`, all, `{"_meta":{"x":1},"completion":{"values":["a.txt"]}}`},
		{`{"type":"ref/resource","uri":"sumun://file{?path}"}`, all, `{"_meta":{"x":1},"completion":{"values":["a.txt"]}}`},
		{`{"type":"ref/resource","uri":"sumun://file/docs/{+path}"}`, all, `{"_meta":{"x":1},"completion":{"values":["a.txt"]}}`},
		{`{"type":"ref/resource","uri":"sumun://file/docs/{+path}"}`, `{"completion":{"values":["b"],"hasMore":false}}`, `{"completion":{"values":["b"],"hasMore":false}}`},
		{`{"type":"ref/resource","uri":"sumun://file/docs/{+path}"}`, `{"completion":{"values":["b"],"total":200,"hasMore":true}}`, `{"completion":{"values":["b"]}}`},
		{`{"type":"ref/resource","uri":"sumun://file/docs/{+path}"}`, `{"completion":{"values":7}}`, `{"completion":{"values":[]}}`},
		{`{"type":"ref/prompt","name":"other"}`, all, all},
	} {
		m := new(wire.Message)
		raw := `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":` + tt.ref + `,"argument":{"name":"path","value":""}}}`
		if err := wire.NewScanner(mcp.Vocabulary(), 0).Request([]byte(raw), m); err != nil {
			t.Fatal(err)
		}
		call := &mcp.Call{Method: mcp.MethodComplete, Request: m, Revision: mcp.Latest(), Caller: &mcp.Caller{ID: "ci", View: a.ViewOf([]string{"deny:secret", "read:all"}, false)}}
		var s said
		err := a.Middleware(mcp.HandlerFunc(func(ctx context.Context, _ *mcp.Call, reply mcp.Reply) error {
			return reply.Done(ctx, &mcp.Result{Value: []byte(tt.answer)})
		})).Handle(t.Context(), call, &s)
		if err != nil || s.result != tt.want {
			t.Errorf("%s: %v, %s, want %s", tt.ref, err, s.result, tt.want)
		}
	}
}
