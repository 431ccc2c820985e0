package wire

import (
	"fmt"
	"strconv"
)

// The codes of an [Error], from the JSON-RPC 2.0 specification, section 5.1.
const (
	CodeParse   = -32700 // not JSON: bad grammar, not UTF-8, trailing bytes, nested too deeply
	CodeInvalid = -32600 // JSON, but not an acceptable message
)

// An Error says why bytes are not an acceptable message.
type Error struct {
	Code   int    // CodeParse or CodeInvalid
	Reason string // for people; may quote a part of the message, shortened
	Offset int    // in bytes, where the fault was seen
	ID     Span   // the message's id if that is sure, so that the refusal can carry it; never with CodeParse
}

// Error describes the fault and where it is.
func (e *Error) Error() string {
	what := "not an acceptable message"
	if e.Code == CodeParse {
		what = "not JSON"
	}
	return what + " at byte " + strconv.Itoa(e.Offset) + ": " + e.Reason
}

// shown quotes a part of a message for a reason, shortened since it may be hostile.
func shown(part []byte) string {
	const most = 64
	if len(part) > most {
		return fmt.Sprintf("%q…", part[:most])
	}
	return fmt.Sprintf("%q", part)
}
