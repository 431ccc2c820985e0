package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/files"
	"github.com/sumun-mcp/sumun/internal/owntool"
)

func (s *fileSource) writeTool() *mcp.Tool {
	return &mcp.Tool{
		Name:  writeName,
		Title: "Write a file",
		Description: "Makes a text that of a file, as a whole. A file that exists is changed only if ifMatch is its etag, " +
			"so that no change of somebody else is lost; without ifMatch the file is created.",
		InputSchema: json.RawMessage(fmt.Sprintf(`{
			"type": "object",
			"properties": {
				"path": {"type": "string", "description": %q, "minLength": 1, "maxLength": %d},
				"content": {"type": "string", "description": "The whole new text", "maxLength": %d},
				"ifMatch": {"type": "string", "description": "The etag of the file as it was read; * for any", "minLength": 1}
			},
			"required": ["path", "content"],
			"additionalProperties": false
		}`, s.pathWords(), files.MaxPathBytes, files.MaxBytes)),
		OutputSchema: json.RawMessage(`{
			"type": "object",
			"properties": {
				"etag": {"type": "string", "description": "The etag of the file now"},
				"revision": {"type": "integer", "description": "The revision of the file now"}
			},
			"required": ["etag", "revision"],
			"additionalProperties": false
		}`),
		Annotations: &mcp.ToolAnnotations{Title: "Write a file", DestructiveHint: new(true), OpenWorldHint: new(false)},
	}
}

func (s *fileSource) callWrite(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var in struct {
		Path    *string `json:"path"`
		Content *string `json:"content"`
		IfMatch string  `json:"ifMatch"`
	}
	if err := owntool.Decode(req.Params.Arguments, &in, "path", "content", "ifMatch"); err != nil {
		return owntool.Failed(err), nil
	}
	switch {
	case in.Path == nil:
		return owntool.Failed(owntool.Missing("path")), nil
	case in.Content == nil:
		return owntool.Failed(owntool.Missing("content")), nil
	}
	at, err := s.Locate(*in.Path)
	if err != nil {
		return owntool.Failed(err), nil
	}
	done, err := s.all.write(ctx, &request{uri: at.URI(), content: []byte(*in.Content), ifMatch: bare(in.IfMatch)})
	if err != nil {
		return owntool.Failed(s.all.toolWords(ctx, at.URI(), err)), nil
	}
	out := struct {
		ETag     string `json:"etag"`
		Revision int64  `json:"revision"`
	}{done.etag, done.revision}
	return structured(out)
}

// structured is the answer of a tool: the same value as a structure and as text.
func structured(value any) (*mcp.CallToolResult, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: string(text)}},
		StructuredContent: json.RawMessage(text),
	}, nil
}

// toolWords is what a model is told of an error.
func (r *Resources) toolWords(ctx context.Context, uri string, err error) error {
	if c, ok := errors.AsType[*conflict](err); ok {
		return c
	}
	if words, ok := told(err); ok {
		return refusal(words)
	}
	if errors.Is(err, errNotFound) {
		return err
	}
	return r.hidden(ctx, uri, err)
}
