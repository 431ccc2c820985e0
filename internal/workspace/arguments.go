package workspace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/owntool"
)

// decodeArguments reads the arguments of a tool into the struct that into points to, whose members are all that it takes.
func decodeArguments(raw json.RawMessage, into any) error {
	return owntool.Decode(raw, into, names(into)...)
}

// names returns the names of the members of a struct.
func names(of any) []string {
	var all []string
	for field := range reflect.TypeOf(of).Elem().Fields() {
		all = append(all, field.Tag.Get("json"))
	}
	return all
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
