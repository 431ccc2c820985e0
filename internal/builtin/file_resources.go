package builtin

import (
	"context"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// resource is the listed form of a file. Size and time are left out: a list
// that named them would change with every line of a log.
func (all files) resource(at place) *mcp.Resource {
	return &mcp.Resource{
		URI:      at.uri(),
		Name:     all.label(at),
		MIMEType: mimeByExtension(at.path),
	}
}

func (f *folder) resourceTemplate() *mcp.ResourceTemplate {
	return &mcp.ResourceTemplate{
		Name:        f.name,
		Title:       "Files of " + f.name,
		Description: "A file by its path, also one that the list is too short for",
		URITemplate: f.template(),
	}
}

// readResource is the handler of every file, listed or found by a template.
func (all files) readResource(_ context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	at, ok := all.locateURI(req.Params.URI)
	if !ok {
		return nil, mcp.ResourceNotFoundError(req.Params.URI)
	}
	contents, err := at.contents()
	switch {
	case errors.Is(err, errNoFile), errors.Is(err, errNotFile):
		return nil, mcp.ResourceNotFoundError(req.Params.URI)
	case err != nil:
		return nil, invalidParams(err)
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{contents}}, nil
}

// contents reads the whole file at a place: text as text, the rest as a blob.
func (at place) contents() (*mcp.ResourceContents, error) {
	content, more, err := at.read(MaxFileBytes)
	if err != nil {
		return nil, err
	}
	if more {
		return nil, errTooLong
	}
	text := isText(content)
	out := &mcp.ResourceContents{URI: at.uri(), MIMEType: mimeOf(at.path, text)}
	if text && len(content) > 0 {
		out.Text = string(content)
	} else {
		out.Blob = content // also for an empty file: the SDK leaves an empty text out
	}
	return out, nil
}

func invalidParams(err error) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
}
