package transport

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
