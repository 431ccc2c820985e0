package workspace

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// searchAt returns the URI of a search, as a client expands the template.
func searchAt(arguments map[string]any) string {
	var parts []string
	for name, value := range arguments {
		parts = append(parts, name+"="+strings.ReplaceAll(url.QueryEscape(fmt.Sprint(value)), "+", "%20"))
	}
	if len(parts) == 0 {
		return searchURI
	}
	return searchURI + "?" + strings.Join(parts, "&")
}

// readSearch reads a search as a resource.
func readSearch(t *testing.T, session *sdk.ClientSession, arguments map[string]any) (string, error) {
	t.Helper()
	result, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: searchAt(arguments)})
	if err != nil {
		return "", err
	}
	return result.Contents[0].Text, nil
}

// TestSearchTwice wants the same answer of the tool and of the resource, with an etag, and none if it is known.
func TestSearchTwice(t *testing.T) {
	root := write(t, map[string]string{"src/a b.go": "package a\n\nfunc Need() { _ = 1 < 2 && 3 > 2 }\n", "b.py": "def need(): pass\n"})
	for _, era := range eras {
		t.Run(era, func(t *testing.T) {
			session := connect(t, newWorkspace(t, Options{Root: root}), era, nil)
			arguments := map[string]any{"query": `func\s+Need|def`, "regexp": true, "context": 1, "limit": 5, "glob": "*.{go,py}"}
			got, fault := call(t, session, "repo.search", arguments)
			if fault != "" {
				t.Fatal(fault)
			}
			want := map[string]any{"truncated": false, "matches": []any{
				map[string]any{"path": "b.py", "line": 1.0, "column": 1.0, "text": "def need(): pass"},
				map[string]any{"path": "src/a b.go", "line": 3.0, "column": 1.0, "text": "func Need() { _ = 1 < 2 && 3 > 2 }", "before": []any{""}},
			}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			result, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: searchAt(arguments)})
			if err != nil {
				t.Fatal(err)
			}
			if text := result.Contents[0].Text; !strings.Contains(text, "1 < 2 && 3 > 2") {
				t.Errorf("code is not legible: %s", text)
			}
			c := result.Contents[0]
			var object map[string]any
			if err := json.Unmarshal([]byte(c.Text), &object); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, object); diff != "" {
				t.Errorf("as a resource (-want +got)\n%s", diff)
			}
			tag, _ := c.Meta[mcp.MetaETag].(string)
			if n, ok := c.Meta[mcp.MetaRevisionNumber].(float64); c.MIMEType != "application/json" || c.Meta[mcp.MetaObject] != true || len(tag) != 26 || !ok || n <= 0 {
				t.Errorf("%s, %v", c.MIMEType, c.Meta)
			}
			result, err = session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: searchAt(arguments), Meta: sdk.Meta{mcp.MetaIfNoneMatch: tag}})
			if err != nil || len(result.Contents) > 0 || result.Meta[mcp.MetaNotModified] != true || result.Meta[mcp.MetaETag] != tag {
				t.Errorf("with the etag: %+v, %v", result, err)
			}
		})
	}
}

// TestSearchURIs refuses URIs that are no searches.
func TestSearchURIs(t *testing.T) {
	session := connect(t, newWorkspace(t, Options{Root: t.TempDir()}), eras[0], nil)
	for uri, want := range map[string]string{
		searchURI:                             "has a query",
		searchURI + "?query=a&query=b":        "more than once",
		searchURI + "?query=a&pre=b":          "unknown variable",
		searchURI + "?query=a&limit=many":     "neither a number",
		searchURI + "?query=a&regexp=perhaps": "neither a number",
		searchURI + "?query=%zz":              "not found",
		searchURI + "?limit=1":                "missing",
		"sumun://repo/other?query=a":          "not found",
	} {
		if result, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", uri, result, err, want)
		}
	}
}

// TestBase wants each project to itself: paths start at the context root in which a call is made.
func TestBase(t *testing.T) {
	root := write(t, map[string]string{
		"one/a.go": "package one // needle\n", "two/a.go": "package two // needle\n", "two/sub/b.go": "package sub // needle\n", "top.go": "package top // needle\n",
		".hidden/a.go": "package hidden // needle\n",
	})
	outside := write(t, map[string]string{"a.go": "package outside // needle\n"})
	if err := os.Symlink(outside, root+"/link"); err != nil {
		t.Fatal(err)
	}
	session := connect(t, newWorkspace(t, Options{Root: root}), eras[1], nil)
	all := []string{"one/a.go", "top.go", "two/a.go", "two/sub/b.go"}
	for name, tt := range map[string]struct {
		context any
		want    []string
	}{
		"none":            {nil, all},
		"id":              {map[string]any{"rootId": "one"}, []string{"a.go"}},
		"id and path":     {map[string]any{"rootId": "two", "path": "sub"}, []string{"b.go"}},
		"id, other path":  {map[string]any{"rootId": "two", "path": "summary"}, []string{"a.go", "sub/b.go"}},
		"id, path out":    {map[string]any{"rootId": "two", "path": "../one"}, []string{"a.go", "sub/b.go"}},
		"uri":             {map[string]any{"rootId": "r-1", "uri": "file://" + root + "/two/sub"}, []string{"b.go"}},
		"uri of the root": {map[string]any{"uri": "file://" + root}, all},
		"uri elsewhere":   {map[string]any{"uri": "file://" + outside}, all},
		"uri out":         {map[string]any{"uri": "file://" + root + "/one/../.."}, all},
		"uri by a link":   {map[string]any{"uri": "file://" + root + "/link"}, all},
		"hidden":          {map[string]any{"rootId": ".hidden"}, all},
		"id out":          {map[string]any{"rootId": "../x"}, all},
		"a link":          {map[string]any{"rootId": "link"}, all},
		"wrong types":     {map[string]any{"rootId": 7, "path": []any{}}, all},
		"no object":       {"one", all},
	} {
		t.Run(name, func(t *testing.T) {
			params := &sdk.CallToolParams{Name: "repo.search", Arguments: map[string]any{"query": "needle"}}
			if tt.context != nil {
				params.Meta = sdk.Meta{mcp.MetaContext: tt.context}
			}
			got, fault := callWith(t, session, params)
			if fault != "" {
				t.Fatal(fault)
			}
			var paths []string
			found, _ := got["matches"].([]any)
			for _, m := range found {
				m, _ := m.(map[string]any)
				paths = append(paths, fmt.Sprint(m["path"]))
			}
			if diff := cmp.Diff(tt.want, paths); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
