// Package task keeps tasks apart: a server's id of a task reaches clients as a
// sealed token only, which names the server, the task and the caller it is for. So
// a call that addresses a task is routed by the token alone, and nobody can address
// the task of somebody else, guess one, or learn a server's own ids.
//
// In the legacy era (basic/utilities/tasks) a client asks for a task, and is told
// the same id in every answer, list and notice: a [Book] remembers the tokens that a
// session was given. In the modern era (extension io.modelcontextprotocol/tasks) the
// id comes with each request and goes back as it came.
package task

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Reasons why a token names no task.
var (
	// ErrForged says that the token was not made by us, or not for a task.
	ErrForged = errors.New("the task id is not one of ours")
	// ErrForeign says that the task belongs to another caller.
	ErrForeign = errors.New("the task belongs to another caller")
	// ErrGone says that the task cannot be addressed from here, or any more.
	ErrGone = errors.New("the task is not there")
)

// A Sealer makes tokens that clients can neither read nor change. Open fails for
// everything that Seal has not returned for the same bound.
type Sealer interface {
	Seal(plain, bound []byte) (token string)
	Open(token string, bound []byte) (plain []byte, err error)
	// IsOurs reports whether a token claims to be sealed with one of the keys.
	IsOurs(token string) bool
}

// A Ref is one task of one server.
type Ref struct {
	// Modern tells the eras apart, which know different methods.
	Modern bool
	// Server is the server's name in the configuration, ID its own id of the task.
	Server, ID string
	// Session is the client session in which alone the task can be addressed, as the server has a session, or a process,
	// for that one alone: elsewhere it may give the same id to another task. It is empty where clients share one.
	Session string
	// Tool is the full name of the tool that the task runs: who may not use that any
	// more has lost the task too.
	Tool string
}

// maxID bounds a server's id of a task, in bytes: the token must fit into a header.
const maxID = 2048

// forTask keeps the tokens of tasks apart from all others.
var forTask = []byte("task")

// The first byte of what a token holds.
const (
	legacyTask = 1
	modernTask = 2
)

// A fingerprint stands for the caller of a task.
type fingerprint [16]byte

func fingerprintOf(caller string) fingerprint {
	sum := sha256.Sum256([]byte(caller))
	return fingerprint(sum[:])
}

// Seal returns the token by which that caller addresses a task. Each call returns
// another one; all of them stay good as long as the sealer opens them.
func Seal(s Sealer, caller string, ref Ref) string {
	era, owner := byte(legacyTask), fingerprintOf(caller)
	if ref.Modern {
		era = modernTask
	}
	plain := append([]byte{era}, owner[:]...)
	for _, part := range [...]string{ref.Server, ref.Tool, ref.Session, ref.ID} {
		plain = append(binary.AppendUvarint(plain, uint64(len(part))), part...)
	}
	return s.Seal(plain, forTask)
}

// Open returns the task that a token names to that caller. The error is ErrForged or ErrForeign.
func Open(s Sealer, caller, token string) (Ref, error) {
	plain, err := s.Open(token, forTask)
	if err != nil || len(plain) < 1+len(fingerprint{}) {
		return Ref{}, ErrForged
	}
	ref := Ref{Modern: plain[0] == modernTask}
	owner, rest := fingerprint(plain[1:]), plain[1+len(fingerprint{}):]
	for _, part := range [...]*string{&ref.Server, &ref.Tool, &ref.Session, &ref.ID} {
		n, size := binary.Uvarint(rest)
		if size <= 0 || n > uint64(len(rest)-size) { //nolint:gosec // not negative
			return Ref{}, ErrForged
		}
		rest = rest[size:]
		*part, rest = string(rest[:n]), rest[n:]
	}
	if owner != fingerprintOf(caller) {
		return Ref{}, ErrForeign
	}
	return ref, nil
}

// Declares reports whether a client of the modern era takes tasks, by its capabilities.
func Declares(capabilities []byte) bool {
	return wire.Get(wire.Get(capabilities, "extensions"), mcp.TasksExtension) != nil
}

// ErrUndeclared returns the error for clients of the modern era that have not said that they take tasks.
func ErrUndeclared() *mcp.Error {
	e := mcp.Errorf(mcp.CodeMissingCapability, mcp.Unsupported,
		"this needs the extension %s, which the client has not declared", mcp.TasksExtension)
	e.Data = []byte(`{"requiredCapabilities":{"extensions":{"` + mcp.TasksExtension + `":{}}}}`)
	return e
}

// Unknown returns the error for an id that names no task of the caller, whatever the
// reason: the record tells it, the client is not told. Of a token, which must not get on
// record, only the beginning is shown.
func Unknown(reason mcp.Reason, id string) *mcp.Error {
	const shown = 40
	if len(id) > shown {
		id = strings.ToValidUTF8(id[:shown], "") + "…"
	}
	return mcp.Errorf(mcp.CodeInvalidParams, reason, "unknown task: %s", id)
}
