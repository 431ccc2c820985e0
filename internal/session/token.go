package session

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Reasons why a genuine token opens no session. Each is an ErrUnknown too.
var (
	// ErrEnded says that the session has ended: its client or the idle time ended it.
	ErrEnded = fmt.Errorf("%w: it has ended", ErrUnknown)
	// ErrElsewhere says that the session was opened by another instance, such as this
	// one before it was restarted.
	ErrElsewhere = fmt.Errorf("%w: it was opened before the gateway was restarted, or by another instance", ErrUnknown)
)

// A fingerprint stands for bytes that are only compared.
type fingerprint [16]byte

func fingerprintOf[T string | []byte](b T) fingerprint {
	sum := sha256.Sum256([]byte(b))
	return fingerprint(sum[:])
}

// A token is what the client of a session shows: any instance can tell from it
// whose session it is, and what was agreed on. Its times are in whole seconds.
type token struct {
	created, expires time.Time
	// caller and capabilities are those of the client's hello.
	caller, capabilities fingerprint
	// id is the session's, revision its revision's name, and instance opened it.
	id, revision, instance string
}

// forSession keeps the tokens of sessions apart from all others.
var forSession = []byte("session")

// tokenHead is the length of what comes before the strings of a token.
const tokenHead = 2*8 + 2*len(fingerprint{})

// issue returns the token of a session.
func (s *Store) issue(session *Session) string {
	h := &session.Hello
	caller, capabilities := fingerprintOf(h.Caller.ID), fingerprintOf(h.Capabilities)
	b := make([]byte, 0, 128)
	b = binary.BigEndian.AppendUint64(b, uint64(session.used.Unix()))                //nolint:gosec // after 1970
	b = binary.BigEndian.AppendUint64(b, uint64(session.used.Add(TokenLife).Unix())) //nolint:gosec // after 1970
	b = append(append(b, caller[:]...), capabilities[:]...)
	for _, part := range [...]string{session.ID, h.revision(), s.options.Instance} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return s.options.Sealer.Seal(b, forSession)
}

// read opens a token. The only error is ErrForged.
func (s *Store) read(sealed string) (token, error) {
	var t token
	b, err := s.options.Sealer.Open(sealed, forSession)
	if err != nil || len(b) < tokenHead {
		return t, ErrForged
	}
	t.created, b = time.Unix(int64(binary.BigEndian.Uint64(b)), 0), b[8:] //nolint:gosec // sealed by us
	t.expires, b = time.Unix(int64(binary.BigEndian.Uint64(b)), 0), b[8:] //nolint:gosec // sealed by us
	t.caller, b = fingerprint(b), b[len(t.caller):]
	t.capabilities, b = fingerprint(b), b[len(t.capabilities):]
	for _, part := range [...]*string{&t.id, &t.revision, &t.instance} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) { //nolint:gosec // Uvarint has read size bytes of b
			return t, ErrForged
		}
		b = b[size:]
		*part, b = string(b[:n]), b[n:]
	}
	return t, nil
}

// verify returns what a token holds that caller shows, if it is good.
func (s *Store) verify(sealed string, caller *mcp.Caller) (token, error) {
	t, err := s.read(sealed)
	switch {
	case err != nil:
		return t, ErrUnknown
	case t.caller != fingerprintOf(caller.ID):
		return t, ErrForeign
	case !time.Now().Before(t.expires):
		return t, ErrEnded
	}
	return t, nil
}

// explain returns why there is no session for a token that caller shows.
func (s *Store) explain(sealed string, caller *mcp.Caller) error {
	t, err := s.verify(sealed, caller)
	switch {
	case err != nil:
		return err
	case t.instance != s.options.Instance:
		return ErrElsewhere
	}
	return ErrEnded
}
