package builtin

import (
	"fmt"
	"net/url"
	"strings"
)

// uriPrefix begins the URI of every file: sumun://file/<root>/<path>. The
// scheme file: is not used, because it would name a path of this machine,
// and hosts would look for it on theirs.
const uriPrefix = "sumun://file/"

// uri is the only URI of a place.
func (at place) uri() string {
	return uriPrefix + at.folder.name + "/" + escapePath(at.path)
}

// template is the RFC 6570 template of the URIs of a folder.
func (f *folder) template() string {
	return uriPrefix + f.name + "/{+path}"
}

// locateURI finds the place of a URI. Only the spelling that uri gives is
// known: were %2e or %61 decoded as a courtesy, one file would have many names,
// and a rule about one of them would not hold for the others.
func (all files) locateURI(uri string) (place, bool) {
	rest, ok := strings.CutPrefix(uri, uriPrefix)
	if !ok {
		return place{}, false
	}
	name, escaped, _ := strings.Cut(rest, "/")
	p, err := url.PathUnescape(escaped)
	if err != nil || checkPath(p) != nil {
		return place{}, false
	}
	at := place{all.folder(name), p}
	if at.folder == nil || at.uri() != uri || hasDotPart(p) {
		return place{}, false
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

// escapePath percent-encodes all but slashes and the pchar of RFC 3986, as
// the expansion of {+path} does, save for ? and #, which would end the path.
func escapePath(p string) string {
	var out strings.Builder
	for i := range len(p) {
		if c := p[i]; isLetter(c) || isDigit(c) || strings.IndexByte("-.~!$&'()*+,;=:@/", c) >= 0 {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}
