package own_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/own"
)

// TestCheck names, without starting anything, what would keep resources and tools from being offered.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		`resources: {x: {type: database, dsn: "sqlite:none.db", queries: {a: SELECT 1}}}`:                                                   "name a SQLite file that is there",
		`resources: {x: {type: database, dsn: "postgres://u@127.0.0.1:1/n", queries: {a: DELETE FROM t}}}`:                                  `the query "a"`,
		`resources: {x: {type: database, dsn: "postgres://u@127.0.0.1:1/n", queries: {a: "SELECT :sql"}}}`:                                  ":sql has a name",
		`resources: {x: {type: database, dsn: "postgres://u:pw@@h:x/y", rawSQL: true}}`:                                                     "cannot be understood",
		`resources: {x: {type: web, hosts: [example.com], private: [10.0.0.0/99]}}`:                                                         "10.0.0.0/99",
		`tools: {a.b: {http: {url: "https://example.com/"}, inputSchema: {type: object, properties: {a: {type: strng}}}}}`:                  "/properties/a/type: ",
		`tools: {a.b: {command: [ls, "{x}"]}}`:                                                                                              "can be any text",
		`resources: {x: {type: database, dsn: "postgres://u@127.0.0.1:1/n", queries: {a: SELECT 1}}, y: {type: web, hosts: [example.com]}}`: "",
	} {
		file := filepath.Join(dir, "mcp.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Load(file, func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		err = own.Check(t.Context(), cfg)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s\n%v; want %q", text, err, want)
		}
	}
}
