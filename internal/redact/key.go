package redact

import "bytes"

var (
	begin  = []byte("-----BEGIN ")
	dashes = []byte("-----")
)

// keys looks for private keys in PEM (RFC 7468) and the armour of OpenPGP, with their line breaks in whatever form. One whose end is
// missing reaches as far as base64 does.
func (s *scan) keys(text []byte) {
	for i := 0; i < len(text); {
		n := bytes.Index(text[i:], begin)
		if n < 0 {
			return
		}
		start := i + n
		label := start + len(begin)
		// What bounds the search is the next line of dashes, where the next one goes on: each byte is looked at once.
		n = bytes.Index(text[label:], dashes)
		if n < 0 {
			return
		}
		body := label + n + len(dashes)
		if i = label + n; !isPrivate(text[label:i]) {
			continue
		}
		end := armour(text, body)
		if i = end; countBase64(text[body:end]) < minKey {
			continue
		}
		if tail := text[end:]; bytes.HasPrefix(tail, []byte("-----END ")) {
			if n = bytes.Index(tail[len(dashes):], dashes); n >= 0 && n < 2*len("-----END PGP PRIVATE KEY BLOCK") {
				end += 2*len(dashes) + n
			}
		}
		s.add(start, end, kindKey)
		i = end
	}
}

// minKey is how much base64 makes a key: the smallest has 64 bytes.
const minKey = 40

// isPrivate reports whether a label is one of a private key.
func isPrivate(label []byte) bool {
	const longest = 60
	return len(label) < longest && bytes.Contains(label, []byte("PRIVATE KEY"))
}

// armour returns where the body of a key ends: before the next dashes, or what is neither base64, nor a header, nor white space.
func armour(text []byte, i int) int {
	for ; i < len(text); i++ {
		c := text[i]
		if c == '-' && bytes.HasPrefix(text[i:], dashes) {
			return i
		}
		if classes[c]&base64Class == 0 && bytes.IndexByte([]byte(" \t\r\n\\:,-.()@<>"), c) < 0 {
			return i
		}
	}
	return i
}

func countBase64(b []byte) (n int) {
	for _, c := range b {
		if classes[c]&base64Class != 0 {
			n++
		}
	}
	return n
}
