package terminal

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Arguments makes the arguments of a call of texts, as the tool's input schema wants them.
func Arguments(schema []byte, values map[string]string) ([]byte, error) {
	fields := map[string]json.RawMessage{}
	for key, value := range values {
		fields[key] = argument(wire.Get(wire.Get(schema, "properties"), key), value)
	}
	return json.Marshal(fields)
}

// argument reads one value: as JSON where the schema wants something else than
// text and it is JSON, else as text.
func argument(property []byte, value string) json.RawMessage {
	var kinds []string
	var kind string
	raw := wire.Get(property, "type")
	if json.Unmarshal(raw, &kind) == nil {
		kinds = []string{kind}
	} else {
		// A list of types, or none: then anything goes that is JSON.
		_ = json.Unmarshal(raw, &kinds)
	}
	if slices.Contains(kinds, "string") {
		return wire.AppendQuote(nil, value)
	}
	if len(kinds) > 0 && json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	return wire.AppendQuote(nil, value)
}

// Headers returns the headers that repeat arguments for a gateway over HTTP, as the tool's input schema marks them.
func Headers(schema, arguments []byte) http.Header {
	params, err := mcp.HeaderParams(schema)
	if err != nil || len(params) == 0 {
		return nil
	}
	header := http.Header{}
	for _, p := range params {
		if value, ok := p.Value(arguments); ok {
			header.Set(mcp.ParamHeader+p.Header, mcp.EncodeHeader(value))
		}
	}
	return header
}
