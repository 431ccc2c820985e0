// Package owntool is what the rooms with tools of our own share: how arguments are read,
// and what a tool says of itself and of its failures.
package owntool

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Decode reads the arguments of a tool into the struct at into.
// Names are matched exactly and unknown ones are refused, as the schemas say;
// encoding/json alone would take "Path" for "path" and ignore the rest.
func Decode(raw json.RawMessage, into any, known ...string) error {
	if len(raw) == 0 {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return fmt.Errorf("the arguments are not a JSON object; give %s", strings.Join(known, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return fmt.Errorf("unknown argument %q; this tool takes %s", name, strings.Join(known, ", "))
		}
		if string(members[name]) == "null" {
			return fmt.Errorf("the argument %q is null; give a value or leave it out", name)
		}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("an argument has the wrong type: %w", err)
	}
	return nil
}

// Missing is the error of a call without an argument that must be there.
func Missing(name string) error {
	return fmt.Errorf("the argument %q is missing; give it", name)
}

// Failed is the answer of a tool that failed: words for the model, which
// can then correct its call.
func Failed(err error) *mcp.CallToolResult {
	return &mcp.CallToolResult{
		Content: []mcp.Content{&mcp.TextContent{Text: err.Error()}},
		IsError: true,
	}
}

// ReadsOnly are the annotations of a tool that changes nothing and reaches
// nothing beyond this process and its files.
func ReadsOnly(title string) *mcp.ToolAnnotations {
	return &mcp.ToolAnnotations{
		Title:           title,
		ReadOnlyHint:    true,
		DestructiveHint: new(false),
		IdempotentHint:  true,
		OpenWorldHint:   new(false),
	}
}
