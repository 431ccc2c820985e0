package auditlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Checkpoint says what the log was at a time. Its text is that of a C2SP
// tlog-checkpoint: origin, size and root on a line each, and lines of ours with the time
// and, where the log gets another key, both keys.
type Checkpoint struct {
	// Origin names the log; it is the name of its keys too.
	Origin string
	// Size is how many records there were.
	Size int64
	// Root is the hash of the tree over them.
	Root tlog.Hash
	// Time is when it was made, by the clock of the gateway.
	Time time.Time
	// From and To are public keys: the one that has signed up to here, and the one that
	// signs from here on. Both sign this checkpoint. Empty where the key stays.
	From, To string
}

// maxCheckpoint is how long a checkpoint may be with its signatures, in bytes.
const maxCheckpoint = 16 << 10

// errMissing says that a part of the log is not there.
var errMissing = errors.New("missing in the store")

// ErrCheckpoint says that something is no checkpoint, or that it is not signed with the key.
var ErrCheckpoint = errors.New("not a checkpoint of this log")

// What the lines of ours begin with.
const (
	timePrefix = "time "
	keysPrefix = "keys "
)

// String returns the text that is signed.
func (c Checkpoint) String() string {
	text := fmt.Sprintf("%s\n%d\n%s\n%s%s\n", c.Origin, c.Size, c.Root, timePrefix, c.Time.UTC().Format(time.RFC3339Nano))
	if c.From != "" {
		text += keysPrefix + c.From + " " + c.To + "\n"
	}
	return text
}

// parseCheckpoint reads the text of a checkpoint. Lines after the third that are not
// ours are passed over, as the format wants.
func parseCheckpoint(text string) (Checkpoint, error) {
	var c Checkpoint
	lines := strings.Split(text, "\n")
	if len(text) > maxCheckpoint || len(lines) < 4 || lines[len(lines)-1] != "" || lines[0] == "" {
		return c, fmt.Errorf("%w: it has no origin, size and root", ErrCheckpoint)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return c, fmt.Errorf("%w: %q is no size", ErrCheckpoint, lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return c, fmt.Errorf("%w: %q is no root", ErrCheckpoint, lines[2])
	}
	c.Origin, c.Size, c.Root = lines[0], size, tlog.Hash(root)
	for _, line := range lines[3:] {
		if err := c.parseLine(line); err != nil {
			return c, err
		}
	}
	return c, nil
}

// parseLine reads a line after the third.
func (c *Checkpoint) parseLine(line string) (err error) {
	if at, ok := strings.CutPrefix(line, timePrefix); ok {
		if c.Time, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return fmt.Errorf("%w: %q is no time", ErrCheckpoint, at)
		}
	}
	if keys, ok := strings.CutPrefix(line, keysPrefix); ok {
		from, to, two := strings.Cut(keys, " ")
		if !two || from == "" || to == "" {
			return fmt.Errorf("%w: %q are not two keys", ErrCheckpoint, keys)
		}
		c.From, c.To = from, to
	}
	return nil
}

// Open reads a checkpoint. It must bear the signature of one of by, and no false one of
// any; without any of them none is looked at.
func Open(data []byte, by ...note.Verifier) (Checkpoint, error) {
	if len(by) == 0 {
		text, _, _ := bytes.Cut(data, []byte("\n\n"))
		return parseCheckpoint(strings.TrimSuffix(string(text), "\n") + "\n")
	}
	if len(data) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("%w: it is too long", ErrCheckpoint)
	}
	n, err := note.Open(data, note.VerifierList(by...))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	c, err := parseCheckpoint(n.Text)
	if err == nil && c.Origin != by[0].Name() {
		err = fmt.Errorf("%w: it is of the log %q", ErrCheckpoint, c.Origin)
	}
	return c, err
}

// isSigned reports whether a checkpoint has a signature, whosesoever.
func isSigned(data []byte) bool { return bytes.Contains(data, []byte("\n\n\u2014 ")) }
