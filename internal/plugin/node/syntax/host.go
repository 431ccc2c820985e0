package syntax

import (
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Hosts returns the hosts of the URLs that stand in the source as texts, as HOST:PORT, without those that are this machine.
func Hosts(src string) []string {
	tokens, _, _ := lex(src)
	found := map[string]bool{}
	for i, t := range tokens {
		if t.kind != text && t.kind != template {
			continue
		}
		if host := hostOf(t.text, at(tokens, i+1).is("${")); host != "" {
			found[host] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// hostOf returns the host of a URL that a text begins with. When something is put in behind the text, the host must have ended before.
func hostOf(s string, goesOn bool) string {
	scheme, rest, ok := strings.Cut(s, "://")
	ports := map[string]string{"http": "80", "https": "443", "ws": "80", "wss": "443"}
	if !ok || ports[scheme] == "" || goesOn && !strings.ContainsAny(rest, "/?#") {
		return ""
	}
	if n := strings.IndexAny(rest, "/?#"); n >= 0 {
		rest = rest[:n]
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil || u.User != nil || !strings.Contains(u.Hostname(), ".") || net.ParseIP(u.Hostname()) != nil {
		return ""
	}
	port := u.Port()
	if port == "" {
		port = ports[scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
