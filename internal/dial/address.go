package dial

import "net/netip"

// A kind is what an address is good for.
type kind int

const (
	public    kind = iota // on the Internet
	private               // reached only if it, its network or its host is named
	sensitive             // reached only if the address itself is named
	never                 // no server has it
)

// embedded returns the address that traffic to addr ends at: the IPv4 address in an IPv4-mapped one (RFC 4291 section 2.5.5.2) or in
// one behind the well-known NAT64 prefix (RFC 6052), else addr.
func embedded(addr netip.Addr) netip.Addr {
	addr = addr.Unmap()
	if nat64.Contains(addr) {
		b := addr.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return addr
}

// kindOf returns the kind of an address that embedded has returned.
func kindOf(addr netip.Addr) kind {
	switch {
	case addr.IsUnspecified(), addr.IsMulticast(), addr == broadcast:
		return never
	case contains(sensitives, addr):
		return sensitive
	case addr.Is4() && !contains(specials, addr):
		return public
	case addr.Is6() && globals.Contains(addr) && !contains(specials, addr):
		return public
	}
	return private
}

func contains(networks []netip.Prefix, addr netip.Addr) bool {
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	globals   = netip.MustParsePrefix("2000::/3") // all of IPv6 that is given out (RFC 4291 section 2.4)
	broadcast = netip.MustParseAddr("255.255.255.255")

	// sensitives are where clouds answer with credentials, and whatever else is link-local.
	sensitives = prefixes(
		"169.254.0.0/16", "fe80::/10", // link-local: AWS, Azure, Google Cloud, DigitalOcean, ECS
		"fd00:ec2::/32", "fd20:ce::/32", // AWS, Google Cloud
		"100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32", // Alibaba, Azure, Oracle
	)

	// specials are the special-purpose networks of IANA (RFC 6890 and its registries) and, of IPv6, those within globals.
	specials = prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
		"192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", // Teredo and others, examples, 6to4, examples
	)
)

func prefixes(texts ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		out[i] = netip.MustParsePrefix(t)
	}
	return out
}
