package builtin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func (all files) readTool() *mcp.Tool {
	where := "The path, relative to the offered directory, for example notes/today.md"
	if len(all) > 1 {
		where = "The path, beginning with one of " + all.names() + " for example " + all[0].name + "/today.md"
	}
	return &mcp.Tool{
		Name:        "file.read",
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
		}`, where, maxPathBytes, MaxFileBytes)),
		OutputSchema: json.RawMessage(`{
			"type": "object",
			"properties": {
				"content": {"type": "string", "description": "The text of the file"},
				"truncated": {"type": "boolean", "description": "True if maxBytes has cut the text"}
			},
			"required": ["content"],
			"additionalProperties": false
		}`),
		Annotations: readsOnly("Read a file"),
	}
}

func (all files) callRead(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var in struct {
		Path     *string `json:"path"`
		MaxBytes *int    `json:"maxBytes"`
	}
	if err := decodeArguments(req.Params.Arguments, &in, "path", "maxBytes"); err != nil {
		return toolError(err), nil
	}
	if in.Path == nil {
		return toolError(missingArgument("path")), nil
	}
	out, err := all.readText(*in.Path, in.MaxBytes)
	if err != nil {
		return toolError(err), nil
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
func (all files) readText(path string, maxBytes *int) (fileText, error) {
	limit := MaxFileBytes
	if maxBytes != nil {
		limit = *maxBytes
	}
	if limit < 1 || limit > MaxFileBytes {
		return fileText{}, fmt.Errorf("maxBytes is %d; use 1 to %d", limit, MaxFileBytes)
	}
	at, err := all.locate(path)
	if err != nil {
		return fileText{}, err
	}
	content, more, err := at.read(limit)
	if err != nil {
		return fileText{}, err
	}
	if more {
		if maxBytes == nil {
			return fileText{}, errTooLong
		}
		content = wholeRunes(content)
	}
	if !isText(content) {
		return fileText{}, fmt.Errorf("the file is binary, not UTF-8 text; read it as the resource %s", at.uri())
	}
	return fileText{Content: string(content), Truncated: more}, nil
}

var errTooLong = errors.New("the file is larger than 4 MiB; read its beginning with file.read and maxBytes")
