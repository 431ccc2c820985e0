package declared

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Fail returns the answer of a tool that failed.
func Fail(err error) *mcp.CallToolResult {
	result := Text(err.Error())
	result.IsError = true
	return result
}

// Text returns the answer of a tool that has a text to say.
func Text(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: strings.ToValidUTF8(text, "\uFFFD")}}}
}

// JSON returns the answer of a tool that has a value to say: as text, and as the structured answer if it is an object. Numbers keep their
// digits. mapping, if there is one, makes an object: for each member a JSON Pointer (RFC 6901) into the value; members whose pointer leads
// nowhere are left out.
func JSON(value []byte, mapping map[string]string) (*mcp.CallToolResult, error) {
	value = bytes.ToValidUTF8(value, []byte("\uFFFD"))
	if !json.Valid(value) {
		return nil, fmt.Errorf("the answer is not JSON: %s", Clean(string(value)))
	}
	if mapping != nil {
		object := map[string]json.RawMessage{}
		for member, pointer := range mapping {
			if part, ok := at(value, pointer); ok {
				object[member] = part
			}
		}
		var err error
		if value, err = encode(object); err != nil {
			return nil, err
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err != nil {
		return nil, fmt.Errorf("reading an answer: %w", err)
	}
	result := Text(compact.String())
	if compact.Bytes()[0] == '{' {
		result.StructuredContent = json.RawMessage(compact.Bytes())
	}
	return result, nil
}

// encode returns an object as JSON, with <, > and & as they are.
func encode(object map[string]json.RawMessage) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil {
		return nil, fmt.Errorf("making an answer: %w", err)
	}
	return out.Bytes(), nil
}

// at returns the part of a value that a JSON Pointer leads to.
func at(value json.RawMessage, pointer string) (json.RawMessage, bool) {
	if pointer == "" {
		return value, true
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		var object map[string]json.RawMessage
		var list []json.RawMessage
		if json.Unmarshal(value, &object) == nil {
			part, ok := object[token]
			if !ok {
				return nil, false
			}
			value = part
			continue
		}
		i, err := strconv.Atoi(token)
		if json.Unmarshal(value, &list) != nil || err != nil || i < 0 || i >= len(list) {
			return nil, false
		}
		value = list[i]
	}
	return value, true
}

// Clean returns what somebody else has said so that it fits into an error: one line, at most 500 characters, nothing invisible.
func Clean(text string) string {
	const most = 500
	var out strings.Builder
	n, gap := 0, false
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			gap = true
			continue
		}
		if gap && out.Len() > 0 {
			out.WriteByte(' ')
		}
		gap = false
		if n++; n > most {
			out.WriteString("…")
			break
		}
		out.WriteRune(r)
	}
	return out.String()
}
