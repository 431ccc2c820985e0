// Package offer is the part of mcp.yaml that says what the gateway itself offers: tools that need no code, the operations of APIs,
// resources, and a workspace of source code.
package offer

import (
	_ "embed"
	"reflect"
	"regexp"
	"strings"

	"github.com/sumun-mcp/sumun/internal/document"
)

// An Offer is what one configuration says of it. It shares everything with that configuration.
type Offer struct {
	Tools     []Tool
	APIs      []API
	Weather   *Weather
	Resources []Resource
	Workspace *Workspace
}

const sqlite = "sqlite:"

// Finish makes paths absolute that stand in a file of that directory.
func (o *Offer) Finish(dir string) {
	if w := o.Workspace; w.Root != "" {
		w.Root = document.Absolute(dir, w.Root)
	}
	for i := range o.Tools {
		if t := &o.Tools[i]; len(t.Command) > 0 {
			t.Cwd = document.Absolute(dir, t.Cwd)
		}
	}
	for i := range o.APIs {
		if a := &o.APIs[i]; a.OpenAPI != "" && !strings.Contains(a.OpenAPI, "://") {
			a.OpenAPI = document.Absolute(dir, a.OpenAPI)
		}
	}
	for i := range o.Resources {
		r := &o.Resources[i]
		if r.Root != "" {
			r.Root = document.Absolute(dir, r.Root)
		}
		if name, ok := strings.CutPrefix(r.DSN, sqlite); ok && name != "" {
			r.DSN = sqlite + document.Absolute(dir, name)
		}
	}
}

// Check notes in the document what is wrong with the offer that was read from it.
func (o *Offer) Check(in *document.Document) {
	d := checker{in}
	d.checkDeclared(o)
	d.checkResources(o)
	d.checkWorkspace(o.Workspace)
}

// A checker is a document whose faults are noted in it.
type checker struct{ *document.Document }

// SameTools reports whether the two declare the same tools, APIs and weather, so that what runs for one can go on for the other. Both
// stand in files of one directory.
func (o *Offer) SameTools(other *Offer) bool {
	return reflect.DeepEqual(o.Tools, other.Tools) && reflect.DeepEqual(o.APIs, other.APIs) && reflect.DeepEqual(o.Weather, other.Weather)
}

// Forms are the forms that the tags here name.
var Forms = map[string]document.Form{
	"gitHost":   gitHost,
	"endpoint":  endpointForm,
	"braceless": bracelessForm,
	"pointer":   pointerForm,
	"operation": operationForm,
	"weather":   weatherForm,
	"page":      pageForm,
	"store":     storeForm,
	"pagehost":  {Pattern: regexp.MustCompile(`^(\*\.)?[A-Za-z0-9._-]+(:[0-9]{1,5})?$`), Message: "is not a host", Hint: "write docs.example.com, docs.example.com:8443, or *.example.com"},
	"query":     {Pattern: regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`), Message: "cannot be the name of a query", Hint: "use letters, digits, _ and -, at most 64"},
}

var (
	pageForm  = document.Form{Pattern: regexp.MustCompile(`^https?://[^/?#\s@]+[^\s]*$`), Message: "is not an http or https URL without credentials", Hint: "write it like https://docs.example.com/guide"}
	storeForm = document.Form{Pattern: regexp.MustCompile(`^(file:///|s3://[a-z0-9][a-z0-9.-]+)`), Message: "is not a store of objects", Hint: "write file:///DIRECTORY, or s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION"}
)

// Rules say of the types here what their tags do not say.
var Rules = map[string]document.Schema{
	"Workspace": {"if": clones, "then": document.Schema{"required": []string{"root"}}},
	"Resource":  resourceRule(),
	"Tool":      toolRule,
	"HTTP":      needsURL,
	"Weather":   needsURL,
	"API":       {"type": "object", "required": []string{"openapi"}},
}

// The structs' own sources: their comments are the schema's descriptions.
var (
	//go:embed resource.go
	resourceSource string
	//go:embed workspace.go
	workspaceSource string
	//go:embed tools.go
	toolsSource string
)

// Sources are the Go sources of the structs.
func Sources() []string { return []string{resourceSource, workspaceSource, toolsSource} }
