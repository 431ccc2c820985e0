package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sumun-mcp/sumun/internal/document"
)

// beyondSchema lists the bad files that the schema accepts, and why it must: it sees one file, before variables are expanded.
var beyondSchema = map[string]string{
	"guard-rules":                       "patterns are compiled, ranges and servers are looked at as a whole",
	"alias-bomb":                        "not a tree of values",
	"alias-loop":                        "not a tree of values",
	"alias-unknown":                     "not a tree of values",
	"anonymous-open":                    "compares listen with anonymous",
	"deep":                              "not a tree of values",
	"duplicate-key":                     "a tree has each key once",
	"duplicate-server":                  "a tree has each key once",
	"duplicate-server-both":             "compares the names under two keys",
	"duplicate-server-both-other-order": "compares the names under two keys",
	"host-odd":                          "an address is judged with its port",
	"json-duplicate":                    "a tree has each key once",
	"json-surrogate":                    "not a tree of values",
	"json-syntax":                       "not a tree of values",
	"key-empty":                         "depends on the environment",
	"key-empty-default":                 "a variable is judged when it is expanded",
	"key-list":                          "not a tree of values",
	"key-odd":                           "not a tree of values",
	"key-unset":                         "depends on the environment",
	"keys-absent":                       "compares keys with apiKey",
	"limits-large":                      "a text has no largest value",
	"limits":                            "compares limits with servers",
	"roles":                             "compares roles with scopes",
	"listen-large-port":                 "a text has no largest value",
	"listen-open":                       "compares listen with tls",
	"listen-open-empty":                 "compares listen with tls",
	"listen-open-name":                  "compares listen with tls",
	"listen-open-port":                  "compares host with tls",
	"listen-open-six":                   "compares listen with tls",
	"merge-list":                        "not a tree of values",
	"merge-text":                        "not a tree of values",
	"resource-root":                     "depends on other files",
	"resource-root-empty":               "which variables are set",
	"routing-targets":                   "compares targets with servers",
	"server-credentials":                "compares what a server has, and listen with publicURL",
	"scopes-when":                       "a language of its own",
	"server-cwd":                        "depends on other files",
	"server-timeout":                    "compares durations",
	"store-memory":                      "one name among all names",
	"syntax-colon":                      "not a tree of values",
	"syntax-indent":                     "not a tree of values",
	"syntax-open":                       "not a tree of values",
	"syntax-quote":                      "not a tree of values",
	"syntax-tab":                        "not a tree of values",
	"tag":                               "not a tree of values",
	"tools-cwd":                         "depends on other files",
	"tools-headers":                     "compares names in other letters",
	"alerts-secret":                     "compares secret with webhook",
	"apis-scheme":                       "a file or a URL, judged further",
	"oauth-address":                     "tells loopback from other hosts",
	"prompts":                           "depends on other files",
	"tls-absent":                        "depends on other files",
	"tls-directory":                     "depends on other files",
	"two-documents":                     "not a tree of values",
	"variable-bool":                     "depends on the environment",
	"variable-directory":                "depends on other files",
	"variable-editor":                   "depends on the environment",
	"variable-empty":                    "depends on the environment",
	"variable-enum":                     "depends on the environment",
	"variable-file":                     "depends on other files",
	"variable-flow":                     "not a tree of values",
	"variable-form":                     "a variable is judged when it is expanded",
	"variable-message":                  "depends on the environment",
	"variable-newline":                  "depends on the environment",
	"variable-open":                     "a variable is judged when it is expanded",
	"variable-type":                     "depends on the environment",
}

// compiled returns the schema, which must be a good one itself.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mcp.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mcp.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// verdict returns what the schema says of the file at path; a file that is no tree of values is not for it.
func verdict(t *testing.T, s *jsonschema.Schema, path string) (isTree bool, err error) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	value, notTree := document.Values(path, data)
	if notTree == nil {
		isTree, err = true, s.Validate(value)
	}
	return isTree, err
}

// TestSchema compares the schema's verdict with the loader's on every example and on every bad file.
func TestSchema(t *testing.T) {
	s := compiled(t)
	for name, path := range examples(t) {
		if isTree, err := verdict(t, s, path); err != nil || !isTree {
			t.Errorf("%s: the schema refuses what the loader accepts: %v", name, err)
		}
	}
	for name, file := range archives(t, "bad") {
		t.Run(name, func(t *testing.T) {
			archive := unpack(t, file)
			isTree, err := verdict(t, s, archive.Files[0].Name)
			why, excepted := beyondSchema[name]
			switch {
			case err == nil && !excepted:
				t.Error("the schema accepts what the loader refuses")
			case err != nil && excepted:
				t.Errorf("the schema refuses this too; it is not beyond it (%s)", why)
			case !isTree && why != "not a tree of values" && why != "a tree has each key once":
				t.Errorf("this is no tree of values; the exception says: %s", why)
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(beyondSchema)) {
		if _, err := os.Stat(filepath.Join("testdata", "bad", name+".txtar")); err != nil {
			t.Errorf("exception for a file that is not there: %v", err)
		}
	}
}

// TestSchemaDescribes wants a description of every key.
func TestSchemaDescribes(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	parts := map[string]any{"": doc}
	defs, _ := doc["$defs"].(map[string]any)
	maps.Copy(parts, defs)
	for name, part := range parts {
		object, _ := part.(map[string]any)
		properties, _ := object["properties"].(map[string]any)
		if len(properties) == 0 {
			t.Errorf("%q has no properties", name)
		}
		for key, p := range properties {
			property, _ := p.(map[string]any)
			if text, _ := property["description"].(string); !strings.HasSuffix(text, ".") {
				t.Errorf("%s.%s: description %s", name, key, strconv.Quote(text))
			}
		}
	}
}
