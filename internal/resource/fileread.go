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

// pathWords describes the argument path.
func (s *fileSource) pathWords() string {
	if roots := s.Roots(); len(roots) > 1 {
		return "The path, beginning with one of " + s.Beginnings() + " for example " + roots[0] + "/today.md"
	}
	return "The path, relative to the offered directory, for example notes/today.md"
}

func (s *fileSource) readTool() *mcp.Tool {
	return &mcp.Tool{
		Name:        readName,
		Title:       "Read a file",
		Description: "Returns the text of a file. Hidden files are not offered; binary files are read as resources.",
		InputSchema: json.RawMessage(fmt.Sprintf(`{
			"type": "object",
			"properties": {
				"path": {"type": "string", "description": %q, "minLength": 1, "maxLength": %d},
				"maxBytes": {
					"type": "integer",
					"description": "Read only the beginning of the file, up to so many bytes",
					"minimum": 1,
					"maximum": %d
				}
			},
			"required": ["path"],
			"additionalProperties": false
		}`, s.pathWords(), files.MaxPathBytes, files.MaxBytes)),
		OutputSchema: json.RawMessage(`{
			"type": "object",
			"properties": {
				"content": {"type": "string", "description": "The text of the file"},
				"truncated": {"type": "boolean", "description": "True if maxBytes has cut the text"}
			},
			"required": ["content"],
			"additionalProperties": false
		}`),
		Annotations: owntool.ReadsOnly("Read a file"),
	}
}

func (s *fileSource) callRead(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var in struct {
		Path     *string `json:"path"`
		MaxBytes *int    `json:"maxBytes"`
	}
	if err := owntool.Decode(req.Params.Arguments, &in, "path", "maxBytes"); err != nil {
		return owntool.Failed(err), nil
	}
	if in.Path == nil {
		return owntool.Failed(owntool.Missing("path")), nil
	}
	out, err := s.readText(*in.Path, in.MaxBytes)
	if err != nil {
		return owntool.Failed(err), nil
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: out.Content}},
		StructuredContent: out,
	}, nil
}

// fileText is the structured answer of file.read.
type fileText struct {
	Content   string `json:"content"`
	Truncated bool   `json:"truncated,omitempty"`
}

// readText reads a text file, or its beginning if maxBytes is given.
func (s *fileSource) readText(path string, maxBytes *int) (fileText, error) {
	limit := files.MaxBytes
	if maxBytes != nil {
		limit = *maxBytes
	}
	if limit < 1 || limit > files.MaxBytes {
		return fileText{}, fmt.Errorf("maxBytes is %d; use 1 to %d", limit, files.MaxBytes)
	}
	at, err := s.Locate(path)
	if err != nil {
		return fileText{}, err
	}
	content, more, err := at.Read(limit)
	if err != nil {
		return fileText{}, err
	}
	if more {
		if maxBytes == nil {
			return fileText{}, errTooLong
		}
		content = files.WholeRunes(content)
	}
	if !files.IsText(content) {
		return fileText{}, errors.New(binary(at))
	}
	return fileText{Content: string(content), Truncated: more}, nil
}

// binary is what is said of a file whose text was asked for.
func binary(at files.Place) string {
	return "the file is binary, not UTF-8 text; read it as the resource " + at.URI()
}

var errTooLong = errors.New("the file is larger than 4 MiB; read its beginning with file.read and maxBytes")
