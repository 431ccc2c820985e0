package transport

import (
	"encoding/base64"
	"strings"
)

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

const (
	sentinelStart = "=?base64?"
	sentinelEnd   = "?="
)

// HeaderValue returns s as the value of a header that repeats a part of the body: as it is if it is printable ASCII without
// spaces around it, else in Base64 between sentinels (streamable HTTP transport of the modern era, "Value Encoding").
func HeaderValue(s string) string {
	if isPlain(s) {
		return s
	}
	return sentinelStart + base64.StdEncoding.EncodeToString([]byte(s)) + sentinelEnd
}

// isPlain reports whether s can stand in a header and be read back as it was.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return strings.TrimSpace(s) == s && !strings.HasPrefix(s, sentinelStart)
}

// media returns the media type of a Content-Type header, without its parameters.
func media(contentType string) string {
	m, _, _ := strings.Cut(contentType, ";")
	return strings.ToLower(strings.TrimSpace(m))
}
