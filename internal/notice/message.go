package notice

import "github.com/sumun-mcp/sumun/internal/wire"

// Message makes a message of a whole JSON-RPC notification of ours. It panics on
// anything else, which would be a mistake of the programmer.
func Message(raw []byte) *wire.Message {
	m := new(wire.Message)
	if err := wire.NewScanner(wire.Vocabulary{}, 0).Answer(raw, m); err != nil || m.Kind != wire.Notification {
		panic("notice: not a notification: " + string(raw))
	}
	return m
}
