package openapi

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/declared"
)

// answer makes a tool's answer of a service's. JSON becomes the structured answer, mapped if there is a mapping, and text; other texts are
// text; pictures and sounds are those. What is no success is an error, told with the beginning of what the service says.
func answer(resp *http.Response, body []byte, mapping map[string]string) (*mcp.CallToolResult, error) {
	status := strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		said := ""
		if isText(kind) {
			said = declared.Clean(string(body))
		}
		if said != "" {
			said = ": " + said
		}
		return nil, fmt.Errorf("the service answered %s%s", status, said)
	case isJSON(kind) && len(body) > 0, mapping != nil:
		return declared.JSON(body, mapping)
	case len(body) == 0:
		return declared.Text(status), nil
	case strings.HasPrefix(kind, "image/"):
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.ImageContent{MIMEType: kind, Data: body}}}, nil
	case strings.HasPrefix(kind, "audio/"):
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.AudioContent{MIMEType: kind, Data: body}}}, nil
	case isText(kind):
		return declared.Text(string(body)), nil
	}
	return nil, fmt.Errorf("the service answered %s with %d bytes of %s, which is no text", status, len(body), kind)
}

// isJSON reports whether a media type is that of JSON (RFC 6839 section 3.1).
func isJSON(kind string) bool { return kind == "application/json" || strings.HasSuffix(kind, "+json") }

// isText reports whether people can read a media type. Nothing is text, as it mostly is.
func isText(kind string) bool {
	switch kind {
	case "", "application/xml", "application/yaml", "application/javascript", "application/x-www-form-urlencoded":
		return true
	}
	return strings.HasPrefix(kind, "text/") || isJSON(kind) || strings.HasSuffix(kind, "+xml")
}
