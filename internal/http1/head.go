package http1

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// The bounds of what a server may send around a body.
const (
	mostHead    = 64 << 10 // bytes of a head, or of a trailer section
	mostFields  = 200      // in either
	mostInterim = 8        // answers of the kind 1xx before the final one
)

// errHead says that a head is too large.
var errHead = fmt.Errorf("its head is larger than %d bytes or %d fields", mostHead, mostFields)

// readSection appends lines to head until an empty one, which it appends too.
func readSection(in *bufio.Reader, head []byte) ([]byte, error) {
	for start := len(head); ; {
		part, err := in.ReadSlice('\n')
		head = append(head, part...)
		switch {
		case len(head) > mostHead:
			return head, errHead
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return head, err
		}
		if line := head[start:]; len(line) == 1 || len(line) == 2 && line[0] == '\r' {
			return head, nil
		}
		start = len(head)
	}
}

// cutLine cuts the first line off a section; the line that ends it comes out empty.
func cutLine(section string) (line, rest string) {
	line, rest, _ = strings.Cut(section, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// malformed returns an error about a line that breaks RFC 9112.
func malformed(what, line string) error {
	const most = 80
	return fmt.Errorf("malformed %s %q", what, line[:min(len(line), most)])
}

// parseStatus reads a status line (RFC 9112, section 4) into resp.
func parseStatus(line string, resp *http.Response) error {
	const version = "HTTP/1."
	const before = len(version + "1 ")
	if len(line) < before+3 || line[:len(version)] != version || line[len(version)]&^1 != '0' || line[before-1] != ' ' ||
		len(line) > before+3 && line[before+3] != ' ' || !isValue(line) {
		return malformed("status line", line)
	}
	code := 0
	for _, digit := range []byte(line[before : before+3]) {
		if digit < '0' || digit > '9' {
			return malformed("status line", line)
		}
		code = 10*code + int(digit-'0')
	}
	if code < 100 {
		return malformed("status line", line)
	}
	resp.Status, resp.StatusCode = line[before:], code
	resp.Proto, resp.ProtoMajor, resp.ProtoMinor = line[:before-1], 1, int(line[before-2]-'0')
	return nil
}

// parseFields reads field lines (RFC 9112, section 5) until the empty line. A folded line, which some read as one field and some
// as another, is refused, as is any character that could end a line for somebody. The values lie in slots as long as these last.
func parseFields(section string, slots []string) (http.Header, error) {
	header := make(http.Header, min(strings.Count(section, "\n"), 16))
	for n := 0; ; n++ {
		var line string
		if line, section = cutLine(section); line == "" {
			return header, nil
		}
		if n == mostFields {
			return nil, errHead
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if !ok || !isToken(name) || !isValue(value) {
			return nil, malformed("header line", line)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if values := header[name]; values != nil || len(slots) == 0 {
			header[name] = append(values, value)
			continue
		}
		slots[0] = value
		header[name], slots = slots[:1:1], slots[1:]
	}
}

// A framing says where a body ends.
type framing uint8

const (
	sized   framing = iota // after so many bytes
	chunked                // after the last chunk and the trailer
	open                   // with the connection
)

// frame finds out where the body of resp ends (RFC 9112, section 6.3), sets its ContentLength and TransferEncoding, and reports
// whether the connection can carry another exchange. Contradictions are refused.
func frame(resp *http.Response, method string) (f framing, keep bool, err error) {
	lengths, codings := resp.Header["Content-Length"], resp.Header["Transfer-Encoding"]
	size, err := contentLength(lengths)
	if err != nil {
		return 0, false, err
	}
	keep = keepsAlive(resp)
	code := resp.StatusCode
	switch {
	case len(codings) > 0 && (len(lengths) > 0 || resp.ProtoMinor == 0):
		return 0, false, errors.New("an answer with a Transfer-Encoding has a Content-Length too, or is HTTP/1.0")
	case len(codings) > 1 || len(codings) == 1 && !strings.EqualFold(codings[0], "chunked"):
		return 0, false, fmt.Errorf("unsupported Transfer-Encoding %q", codings)
	case method == http.MethodHead:
		resp.ContentLength = size
		return sized, keep, nil
	case code < 200 || code == http.StatusNoContent || code == http.StatusNotModified:
		resp.ContentLength = 0
		return sized, keep, nil
	case len(codings) == 1:
		resp.ContentLength, resp.TransferEncoding = -1, chunkedOnly
		delete(resp.Header, "Transfer-Encoding")
		return chunked, keep, nil
	}
	resp.ContentLength = size
	if size < 0 {
		return open, false, nil
	}
	return sized, keep, nil
}

// chunkedOnly is shared by all answers. Nobody changes it.
var chunkedOnly = []string{"chunked"}

// contentLength returns the length that all fields agree on, -1 if there is none.
func contentLength(values []string) (int64, error) {
	if len(values) == 0 {
		return -1, nil
	}
	for _, value := range values {
		if value != values[0] {
			return 0, fmt.Errorf("contradicting Content-Length %q", values)
		}
	}
	n, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil || values[0][0] == '+' {
		return 0, fmt.Errorf("malformed Content-Length %q", values[0])
	}
	return int64(n), nil
}

// keepsAlive reports whether the server is going to keep the connection (RFC 9112, section 9.3).
func keepsAlive(resp *http.Response) bool {
	keep := resp.ProtoMinor > 0
	for _, value := range resp.Header["Connection"] {
		for option := range strings.SplitSeq(value, ",") {
			switch option = strings.Trim(option, " \t"); {
			case strings.EqualFold(option, "close"):
				return false
			case strings.EqualFold(option, "keep-alive"):
				keep = true
			}
		}
	}
	return keep
}

// isToken reports whether s is a token (RFC 9110, section 5.6.2), as names and methods are.
func isToken(s string) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

// tokenBytes are those that a token is made of. Nobody changes them.
var tokenBytes = func() (set [256]bool) {
	const all = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := range len(all) {
		set[all[i]] = true
	}
	return set
}()

// isValue reports whether s can be the value of a field: it has no control characters but tabs.
func isValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isTarget reports whether s can stand in a request line.
func isTarget(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return s != ""
}
