package port

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Hosts are the values of Host under which a listener is to answer, against DNS
// rebinding: on loopback only the names of loopback and of the public address;
// elsewhere all, told as none, unless there is a public address.
func Hosts(publicURL, listen string) []string {
	var all []string
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		all = append(all, strings.ToLower(u.Hostname()))
	}
	host, _, err := net.SplitHostPort(listen)
	if err == nil && (len(all) > 0 || IsLoopback(host)) {
		all = append(all, "localhost", "127.0.0.1", "::1", strings.ToLower(host))
	}
	return all
}

// IsLoopback reports whether a host is this machine itself.
func IsLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}
