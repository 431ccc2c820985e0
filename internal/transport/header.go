package transport

import "strings"

// The header names that are set on each request, in Go's canonical spelling.
const (
	headerSession = "Mcp-Session-Id"
	headerVersion = "Mcp-Protocol-Version"
	headerMethod  = "Mcp-Method"
	headerName    = "Mcp-Name"
	headerLast    = "Last-Event-Id"
	headerAccept  = "Accept"
	headerContent = "Content-Type"
)

// Media types of Streamable HTTP.
const (
	mediaJSON   = "application/json"
	mediaEvents = "text/event-stream"
)

// media returns the media type of a Content-Type header, without its parameters.
func media(contentType string) string {
	m, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(m))
}
