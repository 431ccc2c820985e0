package workspace

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/owntool"
	"github.com/sumun-mcp/sumun/internal/search"
)

const (
	searchName = "repo.search"
	// searchURI begins the URIs of searches.
	searchURI = "sumun://repo/search"
)

// searchTool is the declaration of repo.search as a tool.
func searchTool() *sdk.Tool {
	return &sdk.Tool{
		Name:  searchName,
		Title: "Search source code",
		Description: "Finds lines in the text files of the workspace, in the order of their paths. Files that a .gitignore names, hidden files and " +
			"binary files are left out. The query is a text, or with regexp a regular expression (RE2) that is matched within lines.",
		InputSchema: json.RawMessage(fmt.Sprintf(`{
			"type": "object",
			"properties": {
				"query": {"type": "string", "description": "What to look for", "minLength": 1, "maxLength": %d},
				"regexp": {"type": "boolean", "description": "The query is a regular expression"},
				"path": {"type": "string", "description": "A directory or a file to search, relative to the workspace; all of it if left out", "minLength": 1, "maxLength": %d},
				"glob": {"type": "string", "description": "Only files like this: *.go by name, src/**/*.{ts,tsx} by path; with ! in front, all others", "minLength": 1, "maxLength": %d},
				"ignoreCase": {"type": "boolean", "description": "Upper and lower case are the same"},
				"limit": {"type": "integer", "description": "How many lines at most; %d if left out", "minimum": 1, "maximum": %d},
				"context": {"type": "integer", "description": "How many lines to give before and after each", "minimum": 0, "maximum": %d}
			},
			"required": ["query"],
			"additionalProperties": false
		}`, search.MaxQuery, search.MaxPath, search.MaxGlob, search.DefaultMatches, search.MaxMatches, search.MaxContext)),
		OutputSchema: json.RawMessage(`{
			"type": "object",
			"properties": {
				"matches": {
					"type": "array",
					"items": {
						"type": "object",
						"properties": {
							"path": {"type": "string"},
							"line": {"type": "integer", "description": "From 1"},
							"column": {"type": "integer", "description": "Of the first match in the line, in characters from 1"},
							"text": {"type": "string", "description": "The line; of a long one, what stands around the match"},
							"before": {"type": "array", "items": {"type": "string"}},
							"after": {"type": "array", "items": {"type": "string"}}
						},
						"required": ["path", "line", "column", "text"],
						"additionalProperties": false
					}
				},
				"truncated": {"type": "boolean", "description": "There may be more"}
			},
			"required": ["matches", "truncated"],
			"additionalProperties": false
		}`),
		Annotations: &sdk.ToolAnnotations{
			Title: "Search source code", ReadOnlyHint: true, DestructiveHint: new(false), IdempotentHint: true, OpenWorldHint: new(false),
		},
	}
}

// A question is repo.search as it is asked.
type question struct {
	Query      *string `json:"query"`
	Regexp     bool    `json:"regexp"`
	Path       *string `json:"path"`
	Glob       *string `json:"glob"`
	IgnoreCase bool    `json:"ignoreCase"`
	Limit      *int    `json:"limit"`
	Context    int     `json:"context"`
}

func (w *Workspace) callSearch(ctx context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
	var in question
	if err := decodeArguments(req.Params.Arguments, &in); err != nil {
		return owntool.Failed(err), nil
	}
	out, err := w.search(ctx, &in, req.Params.Meta)
	if err != nil {
		return owntool.Failed(err), nil
	}
	return toolResult(out)
}

// search answers a question in the context root that meta names.
func (w *Workspace) search(ctx context.Context, in *question, meta sdk.Meta) (search.Answer, error) {
	q := search.Question{Base: w.base(meta), Regexp: in.Regexp, IgnoreCase: in.IgnoreCase, Context: in.Context}
	if in.Query == nil {
		return search.Answer{}, errors.New(`the argument "query" is missing; give it`)
	}
	q.Query = *in.Query
	for name, value := range map[string]*string{"path": in.Path, "glob": in.Glob} {
		if value != nil && *value == "" {
			return search.Answer{}, fmt.Errorf("%s is empty; give one, or leave it out", name)
		}
	}
	if in.Path != nil {
		q.Path = *in.Path
	}
	if in.Glob != nil {
		q.Glob = *in.Glob
	}
	if in.Limit != nil {
		if q.Limit = *in.Limit; q.Limit == 0 {
			q.Limit = -1 // which is refused; 0 stands for nothing said
		}
	}
	return w.engine.Search(ctx, q)
}

// searchTemplate is the declaration of repo.search as a named resource.
func searchTemplate() *sdk.ResourceTemplate {
	return &sdk.ResourceTemplate{
		Name:        searchName,
		Title:       "Search source code",
		Description: "The lines of the workspace in which a query is found, as the tool of this name gives them",
		URITemplate: searchURI + "{?" + strings.Join(names(&question{}), ",") + "}",
		MIMEType:    "application/json",
	}
}

// readSearch answers a search as a resource.
func (w *Workspace) readSearch(ctx context.Context, req *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
	in, err := parseSearch(req.Params.URI)
	if err != nil {
		return nil, invalidParams(err)
	}
	out, err := w.search(ctx, in, req.Params.Meta)
	if err != nil {
		return nil, invalidParams(err)
	}
	text, err := encode(out)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
	if req.Params.Meta[mcp.MetaIfNoneMatch] == tag {
		return &sdk.ReadResourceResult{Meta: sdk.Meta{mcp.MetaNotModified: true, mcp.MetaETag: tag}, Contents: []*sdk.ResourceContents{}}, nil
	}
	return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{
		URI: req.Params.URI, MIMEType: "application/json", Text: string(text),
		Meta: sdk.Meta{mcp.MetaObject: true, mcp.MetaETag: tag, mcp.MetaRevisionNumber: out.Newest / int64(time.Millisecond)},
	}}}, nil
}

// parseSearch reads the question in the URI of a search.
func parseSearch(uri string) (*question, error) {
	rest, ok := strings.CutPrefix(uri, searchURI+"?")
	if !ok {
		return nil, errors.New("the URI of a search has a query, such as " + searchURI + "?query=TODO")
	}
	values, err := url.ParseQuery(rest)
	if err != nil {
		return nil, errors.New("the query of the URI is not percent-encoded as it should be; expand the URI template")
	}
	in := &question{}
	for name, value := range values {
		if len(value) != 1 {
			return nil, fmt.Errorf("%q stands more than once in the URI; give it once", name)
		}
		if err := in.set(name, value[0]); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// set takes one variable of the URI template.
func (in *question) set(name, value string) (err error) {
	var number int
	switch name {
	case "query":
		in.Query = &value
	case "path":
		in.Path = &value
	case "glob":
		in.Glob = &value
	case "regexp":
		in.Regexp, err = strconv.ParseBool(value)
	case "ignoreCase":
		in.IgnoreCase, err = strconv.ParseBool(value)
	case "limit":
		number, err = strconv.Atoi(value)
		in.Limit = &number
	case "context":
		in.Context, err = strconv.Atoi(value)
	default:
		return fmt.Errorf("unknown variable %q; this resource takes %s", name, strings.Join(names(in), ", "))
	}
	if err != nil {
		return fmt.Errorf("%s is %.40q, which is neither a number nor true or false, as it should be", name, cmp.Or(value, "empty"))
	}
	return nil
}

func invalidParams(err error) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error(), Data: []byte(`{"reason":"invalid-arguments"}`)}
}
