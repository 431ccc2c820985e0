package resource

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/files"
)

// eras are one revision of the legacy era and one of the modern.
var eras = []string{"2025-06-18", "2026-07-28"}

// eachEra runs a test once for each era, with a new server over roots.
func eachEra(t *testing.T, roots []files.Root, test func(t *testing.T, session *mcp.ClientSession)) {
	t.Helper()
	for _, era := range eras {
		t.Run(era, func(t *testing.T) {
			test(t, connect(t, newFiles(t, roots...), era, nil))
		})
	}
}

func newFiles(t *testing.T, roots ...files.Root) *Resources {
	t.Helper()
	b, err := New(t.Context(), Options{Resources: of(roots), Version: "1.2.3", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

func connect(t *testing.T, b *Resources, era string, options *mcp.ClientOptions) *mcp.ClientSession {
	t.Helper()
	near, far := mcp.NewInMemoryTransports()
	server, err := b.Server().Connect(t.Context(), far, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, options)
	session, err := client.Connect(t.Context(), near, &mcp.ClientSessionOptions{ProtocolVersion: era})
	if err != nil {
		t.Fatal(err)
	}
	if got := session.InitializeResult().ProtocolVersion; got != era {
		t.Fatalf("the revision is %s, want %s", got, era)
	}
	t.Cleanup(func() {
		session.Close()
		server.Wait()
	})
	return session
}

// write makes files below a new directory; a name that ends in / is a
// directory.
func write(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		put(t, filepath.Join(dir, name), text)
	}
	return dir
}

func put(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// call calls a tool with arguments in JSON and returns its text, structured
// answer and whether it is an error.
func call(t *testing.T, session *mcp.ClientSession, tool, arguments string) (text, structured string, isError bool) {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
	if err != nil {
		t.Fatalf("%s %s: %v", tool, arguments, err)
	}
	if len(result.Content) != 1 {
		t.Fatalf("%s %s: %d content blocks, want 1", tool, arguments, len(result.Content))
	}
	block, ok := result.Content[0].(*mcp.TextContent)
	if !ok {
		t.Fatalf("%s %s: content is %T, want text", tool, arguments, result.Content[0])
	}
	if result.StructuredContent != nil {
		out, err := json.Marshal(result.StructuredContent)
		if err != nil {
			t.Fatal(err)
		}
		structured = string(out)
	}
	return block.Text, structured, result.IsError
}

func TestOffer(t *testing.T) {
	dir := write(t, map[string]string{"a.md": "A"})
	eachEra(t, docs(dir), func(t *testing.T, session *mcp.ClientSession) {
		t.Helper()
		want := &mcp.ServerCapabilities{
			Tools:       &mcp.ToolCapabilities{},
			Prompts:     &mcp.PromptCapabilities{},
			Resources:   &mcp.ResourceCapabilities{ListChanged: true, Subscribe: true},
			Completions: &mcp.CompletionCapabilities{},
		}
		if diff := cmp.Diff(want, session.InitializeResult().Capabilities); diff != "" {
			t.Errorf("capabilities (-want +got):\n%s", diff)
		}
		tools, err := session.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, tool := range tools.Tools {
			names = append(names, tool.Name)
			a := tool.Annotations
			if !a.ReadOnlyHint || !a.IdempotentHint || *a.DestructiveHint || *a.OpenWorldHint {
				t.Errorf("%s: annotations %+v", tool.Name, a)
			}
			if tool.OutputSchema == nil || tool.InputSchema == nil {
				t.Errorf("%s lacks a schema", tool.Name)
			}
		}
		if want := []string{"file.read"}; !slices.Equal(names, want) {
			t.Errorf("tools = %q, want %q", names, want)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	dir := write(t, map[string]string{"file": "x"})
	tests := []struct {
		name  string
		roots []files.Root
		want  string
	}{
		{"a directory that is not there", docs(filepath.Join(dir, "no")), `"docs"`},
		{"a file as directory", docs(filepath.Join(dir, "file")), `"docs"`},
		{"a name with a slash", []files.Root{{Name: "a/b", Dir: dir}}, "does not fit"},
		{"no name", []files.Root{{Dir: dir}}, "does not fit"},
		{"a name of dots", []files.Root{{Name: "..", Dir: dir}}, "does not fit"},
		{"a name twice", append(docs(dir), docs(dir)...), "two file resources"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := New(t.Context(), Options{Resources: of(tt.roots)})
			if err == nil {
				b.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("New: %v; want an error with %q", err, tt.want)
			}
		})
	}
}

func TestCloseTwice(t *testing.T) {
	b, err := New(t.Context(), Options{Resources: of(docs(t.TempDir()))})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// docs is one directory under the name docs.
func docs(dir string) []files.Root { return []files.Root{{Name: "docs", Dir: dir}} }

// of are roots as the configuration has them.
func of(roots []files.Root) []offer.Resource {
	var all []offer.Resource
	for _, r := range roots {
		all = append(all, offer.Resource{Name: r.Name, Type: "file", Root: r.Dir, Write: r.Write})
	}
	return all
}
