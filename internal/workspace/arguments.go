package workspace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// decodeArguments reads the arguments of a tool into the struct that into points to. Names are matched exactly and unknown ones are
// refused, as the schemas say; encoding/json alone would take "URL" for "url" and ignore the rest.
func decodeArguments(raw json.RawMessage, into any) error {
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	var members map[string]json.RawMessage
	known := names(into)
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

// names returns the names of the members of a struct.
func names(of any) []string {
	var all []string
	for field := range reflect.TypeOf(of).Elem().Fields() {
		all = append(all, field.Tag.Get("json"))
	}
	return all
}

// toolError is the answer of a tool that failed: words for the model, which can then correct its call.
func toolError(err error) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: err.Error()}}, IsError: true}
}

// encode writes JSON in which code stays legible: & < and > as they are.
func encode(object any) ([]byte, error) {
	var out bytes.Buffer
	w := json.NewEncoder(&out)
	w.SetEscapeHTML(false)
	if err := w.Encode(object); err != nil {
		return nil, fmt.Errorf("writing the answer: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// toolResult is the answer of a tool that gives an object, as an object and as text.
func toolResult(object any) (*mcp.CallToolResult, error) {
	text, err := encode(object)
	if err != nil {
		return nil, err
	}
	return &mcp.CallToolResult{
		Content: []mcp.Content{&mcp.TextContent{Text: string(text)}}, StructuredContent: json.RawMessage(text),
	}, nil
}
