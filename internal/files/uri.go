package files

import (
	"fmt"
	"net/url"
	"strings"
)

// URIPrefix begins the URI of every file: sumun://file/<root>/<path>. The scheme file: is not used, because it would name a path of this
// machine, and hosts would look for it on theirs.
const URIPrefix = "sumun://file/"

// URI is the only URI of a place.
func (at Place) URI() string {
	return URIPrefix + at.folder.name + "/" + EscapePath(at.path)
}

// Template is the RFC 6570 template of the URIs of the files of the directory of that name; its variable is path.
func Template(root string) string {
	return URIPrefix + root + "/{+path}"
}

// LocateURI finds the place of a URI. Only the spelling that URI gives is known: were %2e or %61 decoded as a courtesy, one file would have
// many names, and a rule about one of them would not hold for the others.
func (all *Files) LocateURI(uri string) (Place, bool) {
	rest, ok := strings.CutPrefix(uri, URIPrefix)
	if !ok {
		return Place{}, false
	}
	name, escaped, _ := strings.Cut(rest, "/")
	p, ok := UnescapePath(escaped)
	if !ok || checkPath(p) != nil {
		return Place{}, false
	}
	at := Place{all.folder(name), p}
	if at.folder == nil {
		return Place{}, false
	}
	return at, true
}

// hasDotPart reports parts that do not move, as in a//b or a/./b.
func hasDotPart(p string) bool {
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." {
			return true
		}
	}
	return false
}

// EscapePath percent-encodes all but slashes and the pchar of RFC 3986, as the expansion of {+path} does, save for ? and #, which would end
// the path.
func EscapePath(p string) string {
	var out strings.Builder
	for i := range len(p) {
		if c := p[i]; isPathByte(c) {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

// UnescapePath undoes EscapePath, and refuses every other spelling of the same path: other escapes, and parts that do not move.
func UnescapePath(escaped string) (p string, ok bool) {
	p, err := url.PathUnescape(escaped)
	if err != nil || hasDotPart(p) || EscapePath(p) != escaped {
		return "", false
	}
	return p, true
}

func isPathByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=:@/", c) >= 0
}
