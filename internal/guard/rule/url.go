package rule

import (
	"net/url"
	"slices"
	"strings"
)

// URL says which URLs may be there.
type URL struct {
	// Schemes are the schemes that may be used, in small letters.
	Schemes []string
	// Hosts are the hosts that may be named: a name or address, *.NAME for all names below one, each with :PORT where it is not the port of
	// the scheme. None stands for all.
	Hosts []string
}

// ports are those of schemes.
var ports = map[string]string{"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21", "ssh": "22"}

// fault returns what a URL has wrong, nothing if it may be there. What one program reads in another way than the next is refused.
func (u *URL) fault(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7F || r == '\\' }) {
		return "has a blank, a control character or a backslash, which URLs do not have"
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme == "" || parsed.Opaque != "" {
		return "is not a URL with a scheme"
	}
	if len(u.Schemes) > 0 && !slices.Contains(u.Schemes, parsed.Scheme) {
		return "has none of the schemes that may be here: " + strings.Join(u.Schemes, ", ")
	}
	if parsed.User != nil {
		return "has credentials in it"
	}
	if len(u.Hosts) == 0 {
		return ""
	}
	host := strings.ToLower(strings.TrimSuffix(parsed.Hostname(), "."))
	if host == "" || strings.ContainsFunc(parsed.Host, func(r rune) bool { return r > '~' }) || strings.Contains(authority(text), "%") {
		return "has no host in plain letters"
	}
	port := parsed.Port()
	if port == "" {
		port = ports[parsed.Scheme]
	}
	for _, allowed := range u.Hosts {
		if hostFits(strings.ToLower(allowed), host, port, ports[parsed.Scheme]) {
			return ""
		}
	}
	return "names a host that may not be here"
}

// authority returns what stands between the slashes of a URL, as it is written.
func authority(text string) string {
	_, rest, _ := strings.Cut(text, "//")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return rest[:i]
	}
	return rest
}

// hostFits reports whether a host and its port are the one that is allowed.
func hostFits(allowed, host, port, usual string) bool {
	name, wanted := allowed, usual
	if i := strings.LastIndexByte(allowed, ':'); i >= 0 && !strings.HasSuffix(allowed, "]") && (strings.Count(allowed, ":") == 1 || allowed[0] == '[') {
		name, wanted = allowed[:i], allowed[i+1:]
	}
	name = strings.Trim(name, "[]")
	if port != wanted {
		return false
	}
	if below, ok := strings.CutPrefix(name, "*."); ok {
		return strings.HasSuffix(host, "."+below) && len(host) > len(below)+1
	}
	return host == name
}
