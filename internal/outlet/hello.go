package outlet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The numbers of TLS that a ClientHello is known by (RFC 8446 sections 4 and 5.1, RFC 6066 section 3, RFC 9849 section 5).
const (
	recordHandshake = 22
	recordHead      = 5
	maxRecord       = 1 << 14
	clientHello     = 1
	messageHead     = 4
	extensionName   = 0
	extensionECH    = 0xfe0d
	nameOfHost      = 0
)

// maxHello bounds a ClientHello. Those with post-quantum key shares have two thousand bytes.
const maxHello = 32 << 10

// errNotTLS says that a client has begun with something else than TLS.
var errNotTLS = errors.New("the client speaks no TLS")

// readHello reads the first message of a TLS client and no byte more than the records that it lies in. It returns them as they came and the name
// of the server that the client asks for, which is never empty.
func readHello(r io.Reader) (raw []byte, name string, err error) {
	var message []byte
	for {
		at := len(raw)
		raw = append(raw, make([]byte, recordHead)...)
		if _, err := io.ReadFull(r, raw[at:]); err != nil {
			return raw, "", fmt.Errorf("reading the first record: %w", err)
		}
		n := int(binary.BigEndian.Uint16(raw[at+3:]))
		if raw[at] != recordHandshake || raw[at+1] != 3 || n == 0 || n > maxRecord || len(message)+n > maxHello {
			return raw, "", errNotTLS
		}
		at = len(raw)
		raw = append(raw, make([]byte, n)...)
		if _, err := io.ReadFull(r, raw[at:]); err != nil {
			return raw, "", fmt.Errorf("reading the first record: %w", err)
		}
		message = append(message, raw[at:]...)
		body, whole, err := helloBody(message)
		if err != nil {
			return raw, "", err
		}
		if whole {
			name, err = serverName(body)
			return raw, name, err
		}
	}
}

// helloBody returns what stands in the first message of a handshake, and whether all of it is there.
func helloBody(message []byte) (body []byte, whole bool, err error) {
	if message[0] != clientHello {
		return nil, false, errNotTLS
	}
	if len(message) < messageHead {
		return nil, false, nil
	}
	n := int(message[1])<<16 | int(message[2])<<8 | int(message[3])
	if n > maxHello || len(message) > messageHead+n {
		return nil, false, errNotTLS
	}
	return message[messageHead:], len(message) == messageHead+n, nil
}

// serverName returns the name in the body of a ClientHello. One that hides another name (ECH) is refused: what it asks for cannot be seen.
func serverName(body []byte) (string, error) {
	c := cursor{rest: body}
	c.take(2 + 32) // version, random
	c.list(1)      // session
	c.list(2)      // cipher suites
	c.list(1)      // compression
	all := cursor{rest: c.list(2)}
	if c.bad || len(c.rest) > 0 {
		return "", errNotTLS
	}
	name, found := "", false
	for len(all.rest) > 0 {
		kind, value := all.number(2), all.list(2)
		switch {
		case all.bad:
			return "", errNotTLS
		case kind == extensionECH:
			return "", errors.New("the client hides which server it asks for (Encrypted Client Hello)")
		case kind == extensionName && found:
			return "", errNotTLS
		case kind == extensionName:
			var ok bool
			if name, ok = hostName(value); !ok {
				return "", errNotTLS
			}
			found = true
		}
	}
	if name == "" {
		return "", errors.New("the client does not say which server it asks for (no SNI)")
	}
	return name, nil
}

// hostName reads the value of the extension server_name, which has exactly one name.
func hostName(value []byte) (string, bool) {
	c := cursor{rest: value}
	names := cursor{rest: c.list(2)}
	kind, name := names.number(1), names.list(2)
	ok := !c.bad && !names.bad && len(c.rest) == 0 && len(names.rest) == 0 && kind == nameOfHost && len(name) > 0
	return string(name), ok
}

// A cursor reads the numbers and lists of TLS. After something that is not there, bad is true and all is empty.
type cursor struct {
	rest []byte
	bad  bool
}

func (c *cursor) take(n int) []byte {
	if c.bad || len(c.rest) < n {
		c.bad, c.rest = true, nil
		return nil
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken
}

// number reads a number of that many bytes.
func (c *cursor) number(size int) int {
	n := 0
	for _, b := range c.take(size) {
		n = n<<8 | int(b)
	}
	return n
}

// list reads bytes behind their number, which has that many bytes.
func (c *cursor) list(size int) []byte { return c.take(c.number(size)) }
