package dial

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// canonical returns the one form in which a host is compared: an IP address as netip prints it, a name in lower case without the final
// dot. Refused is what may be read differently by whoever resolves it: names that are not ASCII, numbers that some take for addresses
// (0x7f.1, 2130706433, 0177.0.0.1), addresses with a zone.
func canonical(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return "", fmt.Errorf("%w: the host %q has a zone, which only this machine knows", ErrRefused, host)
		}
		return addr.Unmap().String(), nil
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if len(name) > 253 {
		return "", fmt.Errorf("%w: the host is longer than a name can be", ErrRefused)
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, foreign) {
			return "", fmt.Errorf("%w: the host %q is not a name; use letters, digits, - and dots, other letters as xn--…", ErrRefused, host)
		}
		last = label
	}
	if numeric(last) {
		return "", fmt.Errorf("%w: the host %q is a number; write an address as 192.0.2.1", ErrRefused, host)
	}
	return name, nil
}

// foreign reports whether no name in lower case has r. Underscores are used within private networks.
func foreign(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// numeric reports whether some resolvers take a name that ends in label for an address (WHATWG URL, "ends in a number").
func numeric(label string) bool {
	digits := strings.Trim(label, "0123456789")
	if digits == "" {
		return true
	}
	hex, ok := strings.CutPrefix(label, "0x")
	return ok && strings.Trim(hex, "0123456789abcdef") == ""
}

// A pattern is a host that may be asked, or all names below one.
type pattern struct {
	host  string // canonical
	below bool   // names below host, not host itself
	any   bool   // every host
	port  string // empty for any
}

// parsePattern reads HOST or HOST:PORT, where HOST is a name, an address (of IPv6 in brackets when a port follows), *.NAME or *.
func parsePattern(text string) (pattern, error) {
	var p pattern
	host := text
	if addr, err := netip.ParseAddr(text); err == nil {
		p.host, err = canonical(addr.String())
		return p, err
	}
	if strings.ContainsRune(text, ':') {
		var err error
		if host, p.port, err = net.SplitHostPort(text); err != nil {
			return p, notHost(text)
		}
		if n, err := strconv.ParseUint(p.port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != p.port {
			return p, fmt.Errorf("%q has a port that is no number from 1 to 65535", text)
		}
	}
	if host == "*" {
		p.any = true
		return p, nil
	}
	host, p.below = strings.CutPrefix(host, "*.")
	name, err := canonical(host)
	if err != nil {
		return p, notHost(text)
	}
	if _, err := netip.ParseAddr(name); err == nil && p.below {
		return p, notHost(text)
	}
	p.host = name
	return p, nil
}

func notHost(text string) error {
	return fmt.Errorf("%q is not a host; write HOST or HOST:PORT, such as api.example.com, *.example.com or 127.0.0.1:9000", text)
}

// matches reports whether p names the host of that canonical name at that port.
func (p pattern) matches(name, port string) bool {
	if p.port != "" && p.port != port {
		return false
	}
	if p.below {
		return strings.HasSuffix(name, "."+p.host)
	}
	return p.any || name == p.host
}
