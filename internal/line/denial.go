package line

import (
	"bytes"
	"regexp"
)

// deniesSession matches what servers say of a session that they do not know.
var deniesSession = regexp.MustCompile(`(?i)^\W*((session( id)?|mcp-session-id) (is )?(not found|unknown|invalid|expired|terminated)|(unknown|invalid|no such|no valid|missing) session)`)

// DeniesSession reports whether a server says in a message that it does not know the session.
func DeniesSession(message string) bool { return deniesSession.MatchString(message) }

// NamesSession reports whether the text of a refusal is about the session.
func NamesSession(text []byte) bool { return bytes.Contains(bytes.ToLower(text), []byte("session")) }
