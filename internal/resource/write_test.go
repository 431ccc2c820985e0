package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

var testScanner = wire.NewScanner(mcp.Vocabulary(), 0)

// open opens resources of a configuration.
func open(t *testing.T, o Options) *Resources {
	t.Helper()
	r, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return r
}

// answered keeps the result of a call.
type answered struct{ result []byte }

func (*answered) Notify(context.Context, *wire.Message) error { return nil }

func (*answered) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) {
	return nil, mcp.ErrUnsupported
}

func (a *answered) Done(_ context.Context, result *mcp.Result) error {
	a.result = slices.Clone(result.Value)
	return nil
}

// wrote is what a write was answered: a state, or an error.
type answer struct {
	ETag     string `json:"etag"`
	Revision int64  `json:"revision"`
	err      *mcp.Error
}

// do answers mcp.resource.write with parameters as JSON.
func do(t *testing.T, r *Resources, params string) (out answer) {
	t.Helper()
	m := &wire.Message{}
	if err := testScanner.Request(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"method":"mcp.resource.write","params":%s}`, params), m); err != nil {
		t.Fatal(err)
	}
	reply := &answered{}
	err := r.Handle(t.Context(), &mcp.Call{Caller: &mcp.Caller{ID: "ada"}, Method: writeMethod, Request: m}, reply)
	raw := reply.result
	if err != nil {
		if out.err = mcp.AsError(err); out.err == nil {
			t.Fatalf("%s: %v is no error for the wire", params, err)
		}
		if raw = out.err.Data; raw == nil {
			return out
		}
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return out
}

// params are the parameters of a write.
func params(t *testing.T, uri, content string, more map[string]any) string {
	t.Helper()
	all := map[string]any{"uri": uri, "content": content}
	maps.Copy(all, more)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// current reads a resource.
func current(t *testing.T, r *Resources, uri string) *reading {
	t.Helper()
	got, err := r.read(t.Context(), uri, "")
	if err != nil {
		t.Fatalf("reading %s: %v", uri, err)
	}
	return got
}

// writables are one resource of each sort that can be written, by their URIs.
func writables(t *testing.T) (*Resources, []string) {
	t.Helper()
	r := open(t, Options{Resources: []offer.Resource{
		{Name: "docs", Type: kindFile, Root: t.TempDir(), Write: true},
		{Name: "notes", Type: kindCache, Write: true},
		{Name: "reports", Type: kindObject, URL: "file://" + t.TempDir(), Write: true},
	}})
	return r, []string{"sumun://file/docs/a.md", "cache://notes/a", "sumun://object/reports/a.md"}
}

func TestWrite(t *testing.T) {
	r, uris := writables(t)
	for _, uri := range uris {
		t.Run(uri, func(t *testing.T) {
			if got := do(t, r, params(t, uri, "x", map[string]any{"ifMatch": "*"})); got.err == nil || got.err.Reason != mcp.Conflict {
				t.Errorf("a resource that must exist was made: %+v", got)
			}
			made := do(t, r, params(t, uri, "one", nil))
			if made.err != nil || made.ETag == "" || made.Revision == 0 {
				t.Fatalf("made: %+v", made)
			}
			if got := current(t, r, uri); string(got.content) != "one" || got.etag != made.ETag || got.revision != made.Revision {
				t.Errorf("read %q, %s, %d; want one, %s, %d", got.content, got.etag, got.revision, made.ETag, made.Revision)
			}
			for name, more := range map[string]map[string]any{
				"no condition":    nil,
				"another etag":    {"ifMatch": "0123"},
				"a weak etag":     {"ifMatch": "W/" + made.ETag},
				"a revision less": {"ifRevision": made.Revision - 1},
				"a revision more": {"ifRevision": made.Revision + 1},
				"one of two":      {"ifMatch": made.ETag, "ifRevision": made.Revision + 1},
				"the other":       {"ifMatch": "0123", "ifRevision": made.Revision},
			} {
				got := do(t, r, params(t, uri, "lost", more))
				if got.err == nil || got.err.Reason != mcp.Conflict || got.ETag != made.ETag || got.Revision != made.Revision {
					t.Errorf("%s: %+v; want a conflict with %s and %d", name, got, made.ETag, made.Revision)
				}
			}
			last := made
			for name, more := range map[string]map[string]any{
				"any": {"ifMatch": "*"}, "quoted": {"ifMatch": `"` + last.ETag + `"`}, "revision": {"ifRevision": last.Revision},
			} {
				if name != "any" { // each starts from the state before
					more = map[string]any{"ifMatch": last.ETag, "ifRevision": last.Revision}
				}
				next := do(t, r, params(t, uri, name, more))
				if next.err != nil || next.ETag == last.ETag || next.Revision <= last.Revision {
					t.Errorf("%s: %+v after %+v", name, next, last)
				}
				last = next
			}
			if same := do(t, r, params(t, uri, string(current(t, r, uri).content), map[string]any{"ifMatch": last.ETag})); same.err != nil || same.Revision != last.Revision {
				t.Errorf("the same content again: %+v after %+v", same, last)
			}
			blob := do(t, r, fmt.Sprintf(`{"uri":%q,"blob":"AP8=","ifMatch":%q}`, uri, last.ETag))
			if got := current(t, r, uri); blob.err != nil || string(got.content) != "\x00\xff" {
				t.Errorf("a blob: %+v, %q", blob, got.content)
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.md"), "old")
	r := open(t, Options{Resources: []offer.Resource{
		{Name: "docs", Type: kindFile, Root: dir},
		{Name: "open", Type: kindFile, Root: t.TempDir(), Write: true},
		{Name: "notes", Type: kindCache, Write: true, MaxBytes: 1024},
	}})
	for _, tt := range []struct {
		params string
		reason mcp.Reason
		words  string
	}{
		{`{}`, mcp.InvalidArguments, "/uri is missing"},
		{`{"uri":"cache://notes/a"}`, mcp.InvalidArguments, "either /content"},
		{`{"uri":"cache://notes/a","content":"x","blob":"eA=="}`, mcp.InvalidArguments, "either /content"},
		{`{"uri":"cache://notes/a","content":{"a":1}}`, mcp.InvalidArguments, "/content is not a text"},
		{`{"uri":"cache://notes/a","content":null}`, mcp.InvalidArguments, "/content is not a text"},
		{`{"uri":"cache://notes/a","blob":"%"}`, mcp.InvalidArguments, "/blob is not"},
		{`{"uri":"cache://notes/a","content":"x","etag":"a"}`, mcp.InvalidArguments, "/etag is not known"},
		{`{"uri":"cache://notes/a","content":"x","ifMatch":""}`, mcp.InvalidArguments, "/ifMatch is empty"},
		{`{"uri":"cache://notes/a","content":"x","ifMatch":7}`, mcp.InvalidArguments, "/ifMatch is not a text"},
		{`{"uri":"cache://notes/a","content":"x","mimeType":"text"}`, mcp.InvalidArguments, "/mimeType is not"},
		{`{"uri":"cache://notes/a","content":"x","mimeType":"text/plain\r\nX-Evil: 1"}`, mcp.InvalidArguments, "/mimeType is not"},
		{`{"uri":"cache://notes/a","content":"x","ifRevision":"7"}`, mcp.InvalidArguments, "/ifRevision is not a whole number"},
		{`{"uri":"cache://notes/a","content":"x","ifRevision":1.5}`, mcp.InvalidArguments, "/ifRevision is not a whole number"},
		{`{"uri":"cache://notes/a","content":"x","ifRevision":0}`, mcp.InvalidArguments, "/ifRevision is not a revision"},
		{`{"uri":"cache://notes/a","content":"` + strings.Repeat("x", 1025) + `"}`, mcp.InvalidArguments, "at most 1024"},
		{`{"uri":"cache://notes/../a","content":"x"}`, mcp.NotFound, "no resource"},
		{`{"uri":"cache://notes/%61","content":"x"}`, mcp.NotFound, "no resource"},
		{`{"uri":"cache://notes/","content":"x"}`, mcp.NotFound, "no resource"},
		{`{"uri":"cache://other/a","content":"x"}`, mcp.NotFound, "no resource"},
		{`{"uri":"file:///etc/passwd","content":"x"}`, mcp.NotFound, "no resource"},
		{`{"uri":"sumun://file/docs/a.md","content":"x","ifMatch":"*"}`, mcp.Forbidden, "write: true"},
		{`{"uri":"sumun://file/docs/new.md","content":"x"}`, mcp.Forbidden, "write: true"},
		{`{"uri":"sumun://file?path=open/a.md","content":"x"}`, mcp.Forbidden, "read-only"},
		{`{"uri":"sumun://file/open/../docs/a.md","content":"x"}`, mcp.NotFound, "no resource"},
		{`{"uri":"sumun://file/open/%2e%2e/x","content":"x"}`, mcp.NotFound, "no resource"},
		{`{"uri":"sumun://file/open/.env","content":"x"}`, mcp.NotFound, "no resource"},
	} {
		got := do(t, r, tt.params)
		if got.err == nil || got.err.Reason != tt.reason || !strings.Contains(got.err.Message, tt.words) {
			t.Errorf("%.80s: %+v; want %s with %q", tt.params, got.err, tt.reason, tt.words)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "a.md")); err != nil || string(got) != "old" {
		t.Errorf("a.md = %q, %v", got, err)
	}
}

// TestWriteConflicts lets 32 writers add a line to one resource. Those that are refused are told the state to start from; in the end exactly
// the accepted lines are in it, in the order of their revisions.
func TestWriteConflicts(t *testing.T) {
	r, uris := writables(t)
	for _, uri := range uris {
		t.Run(uri, func(t *testing.T) {
			conflicts := race(t, r, uri)
			t.Logf("%d conflicts", conflicts)
			if conflicts == 0 {
				t.Error("no writer was ever in another's way")
			}
		})
	}
}

func race(t *testing.T, r *Resources, uri string) (conflicts int) {
	t.Helper()
	const writers, each = 32, 3
	start := do(t, r, params(t, uri, "", nil))
	if start.err != nil {
		t.Fatal(start.err)
	}
	var mu sync.Mutex
	accepted := map[int64]string{}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			etag := start.ETag // all start from the same state
			content := ""
			for i := 0; i < each; {
				line := fmt.Sprintf("writer %d line %d\n", w, i)
				got := do(t, r, params(t, uri, content+line, map[string]any{"ifMatch": etag}))
				if got.err == nil {
					mu.Lock()
					accepted[got.Revision] = line
					mu.Unlock()
					etag, content = got.ETag, content+line
					i++
					continue
				}
				if got.err.Reason != mcp.Conflict || got.ETag == "" || got.ETag == etag {
					t.Errorf("refused with %+v, %q after %q", got.err, got.ETag, etag)
					return
				}
				mu.Lock()
				conflicts++
				mu.Unlock()
				now := current(t, r, uri)
				etag, content = now.etag, string(now.content)
			}
		})
	}
	wg.Wait()
	var want strings.Builder
	for _, revision := range sortedKeys(accepted) {
		want.WriteString(accepted[revision])
	}
	if len(accepted) != writers*each {
		t.Errorf("%d accepted writes have revisions of their own, want %d", len(accepted), writers*each)
	}
	if got := string(current(t, r, uri).content); got != want.String() {
		t.Errorf("the resource is\n%s\nbut accepted was\n%s", got, want.String())
	}
	return conflicts
}

func sortedKeys(m map[int64]string) []int64 {
	var keys []int64
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestWriteSeesOthers writes after another program has.
func TestWriteSeesOthers(t *testing.T) {
	dir := t.TempDir()
	r := open(t, Options{Resources: []offer.Resource{{Name: "docs", Type: kindFile, Root: dir, Write: true}}})
	uri := "sumun://file/docs/a.md"
	made := do(t, r, params(t, uri, "ours", nil))
	put(t, filepath.Join(dir, "a.md"), "theirs")
	for _, more := range []map[string]any{{"ifMatch": made.ETag}, {"ifRevision": made.Revision}} {
		got := do(t, r, params(t, uri, "lost", more))
		if got.err == nil || got.err.Reason != mcp.Conflict || got.ETag != etagOf([]byte("theirs")) || got.Revision <= made.Revision {
			t.Errorf("%v: %+v", more, got)
		}
	}
	if err := os.Remove(filepath.Join(dir, "a.md")); err != nil {
		t.Fatal(err)
	}
	got := do(t, r, params(t, uri, "lost", map[string]any{"ifMatch": made.ETag}))
	if got.err == nil || got.err.Reason != mcp.Conflict || string(got.err.Data) != `{"etag":null,"revision":null}` {
		t.Errorf("a file that is gone: %+v, %s", got, got.err.Data)
	}
	if again := do(t, r, params(t, uri, "again", nil)); again.err != nil || again.Revision <= made.Revision {
		t.Errorf("made again: %+v", again)
	}
}

// TestWriteIsTold holds that each accepted write is told once, to subscribers and to the gateway, and is listed with its state.
func TestWriteIsTold(t *testing.T) {
	type update struct {
		uri, etag string
		revision  int64
	}
	told := make(chan update, 100)
	r := open(t, Options{
		Resources: []offer.Resource{
			{Name: "docs", Type: kindFile, Root: write(t, map[string]string{"a.md": "old"}), Write: true},
			{Name: "notes", Type: kindCache, Write: true},
		},
		Updated: func(uri, etag string, revision int64) { told <- update{uri, etag, revision} },
	})
	n, options := watching()
	session := connect(t, r, eras[0], options)
	for uri, more := range map[string]map[string]any{
		"sumun://file/docs/a.md": {"ifMatch": etagOf([]byte("old"))},
		"cache://notes/a":        nil,
	} {
		if err := session.Subscribe(t.Context(), &sdk.SubscribeParams{URI: uri}); err != nil {
			t.Fatal(err)
		}
		got := do(t, r, params(t, uri, "new", more))
		if got.err != nil {
			t.Fatal(got.err)
		}
		if updated := wait(t, "resources/updated", n.updated); updated != uri {
			t.Errorf("updated %s, want %s", updated, uri)
		}
		if up := wait(t, "update", told); up != (update{uri, got.ETag, got.Revision}) {
			t.Errorf("told %+v, want %s, %+v", up, uri, got)
		}
		listed := false
		for res, err := range session.Resources(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			if res.URI == uri {
				listed = true
				if res.Meta[mcp.MetaETag] != got.ETag || res.Meta[mcp.MetaRevisionNumber] != float64(got.Revision) || res.Size != 3 || res.Meta[mcp.MetaType] == nil {
					t.Errorf("%s is listed as %+v, want %+v", uri, res, got)
				}
			}
		}
		if !listed {
			t.Errorf("%s is not listed", uri)
		}
	}
	select { // the watcher sees the file too, but nothing new
	case up := <-told:
		t.Errorf("told twice: %+v", up)
	case <-time.After(300 * time.Millisecond):
	}
}

func TestFileWriteTool(t *testing.T) {
	dir := write(t, map[string]string{"a.md": "old"})
	r := open(t, Options{Resources: []offer.Resource{{Name: "docs", Type: kindFile, Root: dir, Write: true}}})
	session := connect(t, r, eras[1], nil)
	text, _, isError := call(t, session, "file.write", `{"path":"a.md","content":"lost"}`)
	if old := etagOf([]byte("old")); !isError || !strings.Contains(text, old) {
		t.Errorf("without ifMatch: %q; want the etag %s", text, old)
	}
	if text, _, isError = call(t, session, "file.write", `{"path":"a.md","content":"new","ifMatch":"`+etagOf([]byte("old"))+`"}`); isError || !strings.Contains(text, etagOf([]byte("new"))) {
		t.Errorf("with ifMatch: %q", text)
	}
	if text, _, isError = call(t, session, "file.write", `{"path":"sub/b.md","content":""}`); isError {
		t.Errorf("a new file: %q", text)
	}
	tool := findTool(t, session, "file.write")
	if tool.Annotations.ReadOnlyHint || tool.Annotations.DestructiveHint == nil || !*tool.Annotations.DestructiveHint {
		t.Errorf("annotations = %+v", tool.Annotations)
	}
}

// TestFileWriteStaysInRoot writes to whatever might lead out. What is a name within, however odd, may be written.
func TestFileWriteStaysInRoot(t *testing.T) {
	dir := escapeRoot(t)
	outer := filepath.Dir(dir)
	r := open(t, Options{Resources: []offer.Resource{{Name: "docs", Type: kindFile, Root: dir, Write: true}}})
	session := connect(t, r, eras[1], nil)
	for _, path := range escapes(dir) {
		arguments, err := json.Marshal(map[string]string{"path": path, "content": "x", "ifMatch": "*"})
		if err != nil {
			t.Fatal(err)
		}
		if text, _, isError := call(t, session, "file.write", string(arguments)); !isError && path != "a.md/" {
			t.Errorf("%.80q was written: %s", path, text)
		}
		arguments, _ = json.Marshal(map[string]string{"path": path, "content": "x"})
		if text, _, _ := call(t, session, "file.write", string(arguments)); strings.Contains(text, outer) && !strings.Contains(path, outer) {
			t.Errorf("%.80q: the error tells where the root is: %s", path, text)
		}
	}
	for _, name := range []string{"secret.txt", "other/secret.txt", "root/.env", "root/.git/config", "root-2/c.md"} {
		if got, err := os.ReadFile(filepath.Join(outer, name)); err != nil || string(got) != secret {
			t.Errorf("%s = %q, %v", name, got, err)
		}
	}
	if entries, err := os.ReadDir(outer); err != nil || len(entries) != 4 {
		t.Errorf("beside the root is %v, %v", entries, err)
	}
}

func findTool(t *testing.T, session *sdk.ClientSession, name string) *sdk.Tool {
	t.Helper()
	for tool, err := range session.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if tool.Name == name {
			return tool
		}
	}
	t.Fatalf("there is no tool %s", name)
	return nil
}

// TestReadStates holds what _meta says of a state, and that a client that knows the state is not sent it again.
func TestReadStates(t *testing.T) {
	dir := write(t, map[string]string{"a.md": "A", "sub/b.md": "B"})
	r := open(t, Options{Resources: []offer.Resource{{Name: "docs", Type: kindFile, Root: dir}}})
	for _, era := range eras {
		session := connect(t, r, era, nil)
		for _, uri := range []string{"sumun://file/docs/a.md", "sumun://file?path=a.md"} {
			result, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri})
			if err != nil {
				t.Fatal(err)
			}
			got := result.Contents[0]
			etag, _ := got.Meta[mcp.MetaETag].(string)
			if etag != etagOf([]byte("A")) || got.Meta[mcp.MetaRevisionNumber] == nil || got.Meta[mcp.MetaType] != kindFile {
				t.Errorf("%s: _meta = %v", uri, got.Meta)
			}
			if named := strings.Contains(uri, "?"); (got.Meta[mcp.MetaObject] == true) != named || named && got.Text != `{"content":"A"}` {
				t.Errorf("%s: %q with %v", uri, got.Text, got.Meta)
			}
			again, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri, Meta: sdk.Meta{mcp.MetaIfNoneMatch: etag}})
			if err != nil || len(again.Contents) != 0 || again.Meta[mcp.MetaNotModified] != true || again.Meta[mcp.MetaETag] != etag {
				t.Errorf("%s again: %+v, %v", uri, again, err)
			}
			other, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri, Meta: sdk.Meta{mcp.MetaIfNoneMatch: "x"}})
			if err != nil || len(other.Contents) != 1 {
				t.Errorf("%s with another etag: %+v, %v", uri, other, err)
			}
		}
		for uri, want := range map[string]string{
			"sumun://file?path=..%2Fa.md": "leaves the offered directory", "sumun://file?path=../a.md": "not found", "sumun://file?path=": "the path is empty", "sumun://file?": "the path is missing",
			"sumun://file": "the path is missing", "sumun://file?path=a.md&path=b": "not found", "sumun://file?p=a.md": "the path is missing",
			"sumun://file?path=no.md": "not found", "sumun://file?path=%00": "control character", "sumun://file?path=.env": "hidden",
			"sumun://file/docs/../a.md": "not found",
		} {
			_, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", uri, err, want)
			}
		}
	}
}

func TestHandleOtherMethods(t *testing.T) {
	r := open(t, Options{})
	err := r.Handle(t.Context(), &mcp.Call{Method: "mcp.resource.erase"}, &answered{})
	if e, ok := errors.AsType[*mcp.Error](err); !ok || e.Code != mcp.CodeMethodNotFound {
		t.Errorf("%v", err)
	}
}
