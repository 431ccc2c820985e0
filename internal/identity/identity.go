// Package identity tells who a client is by its certificate: it compares what the certificate's authority has vouched for (RFC 5280
// section 4.2.1.6, and SPIFFE IDs among the URIs) with the identities of the configuration. That the certificate holds, others have seen.
package identity

import (
	"crypto/x509"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/sumun-mcp/sumun/internal/config"
)

// Prefix stands before the IDs of callers that are known by certificates. No key has such a name, nor anybody else such an ID.
const Prefix = "cert:"

// longest bounds what is taken of a certificate into a caller's ID, in bytes.
const longest = 256

// Identities are those of one configuration. They never change.
type Identities struct{ all []identity }

// An identity is what a certificate must have.
type identity struct {
	name  string
	needs []need
}

// A need is one of the names that a certificate must have.
type need struct {
	of func(c *x509.Certificate) []string
	// exact is the name itself; empty where pattern says what fits.
	exact   string
	pattern *regexp.Regexp
	fold    func(string) string
}

// New returns the identities of a configuration, in their order.
func New(list []config.Identity) *Identities {
	ids := &Identities{}
	for _, from := range list {
		one := identity{name: from.Name}
		for _, sort := range sorts {
			if text := sort.text(&from); text != "" {
				one.needs = append(one.needs, sort.need(text))
			}
		}
		ids.all = append(ids.all, one)
	}
	return ids
}

// Find returns which identity a certificate has, by its place in the list, and the ID of the caller: cert:NAME, and behind it what the
// patterns stand for, so that two certificates that may be told apart are two callers.
func (ids *Identities) Find(c *x509.Certificate) (place int, id string, ok bool) {
	for i := range ids.all {
		if id, ok := ids.all[i].of(c); ok {
			return i, id, true
		}
	}
	return 0, "", false
}

// Place returns the place of the identity that the caller of that ID was found by; not ok if there is none any more.
func (ids *Identities) Place(id string) (place int, ok bool) {
	name, _, _ := strings.Cut(strings.TrimPrefix(id, Prefix), ":")
	for i := range ids.all {
		if ids.all[i].name == name {
			return i, true
		}
	}
	return 0, false
}

// of returns the ID of the caller whose certificate that is; not ok if it has another identity.
func (i *identity) of(c *x509.Certificate) (id string, ok bool) {
	id = Prefix + i.name
	behind := ":"
	for _, n := range i.needs {
		found, ok := n.find(c)
		if !ok {
			return "", false
		}
		if n.pattern != nil {
			id, behind = id+behind+printable(found), " "
		}
	}
	return id, len(i.needs) > 0
}

// find returns the first name of the certificate that fits.
func (n *need) find(c *x509.Certificate) (string, bool) {
	for _, name := range n.of(c) {
		if name == "" || len(name) > longest {
			continue
		}
		if name = n.fold(name); n.pattern == nil && name == n.exact || n.pattern != nil && n.pattern.MatchString(name) {
			return name, true
		}
	}
	return "", false
}

// printable returns the same for the same name, and for no other: in ASCII and without spaces, quoted unless it is so by itself.
func printable(name string) string {
	odd := func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > unicode.MaxASCII || r == 0x7f }
	if !strings.ContainsFunc(name, odd) {
		return name
	}
	return strings.ReplaceAll(strconv.QuoteToASCII(name), " ", `\x20`)
}

// A sort is a sort of names in certificates.
type sort struct {
	text func(i *config.Identity) string
	of   func(c *x509.Certificate) []string
	// star and stars are what * and ** stand for, as regular expressions.
	star, stars string
	// fold makes one of the names that are the same.
	fold func(string) string
}

// sorts are those that identities name, in the order in which a caller's ID has them.
var sorts = []sort{
	{func(i *config.Identity) string { return i.URI }, uris, `[^/]+`, `.+`, func(s string) string { return s }},
	{func(i *config.Identity) string { return i.DNS }, func(c *x509.Certificate) []string { return c.DNSNames }, `[^.*]+`, `[^.*]+`, strings.ToLower},
	{func(i *config.Identity) string { return i.Email }, func(c *x509.Certificate) []string { return c.EmailAddresses }, `[^@]+`, `[^@]+`, foldMail},
	{
		func(i *config.Identity) string { return i.Subject }, func(c *x509.Certificate) []string { return []string{c.Subject.CommonName} },
		`[^\pC]+`, `[^\pC]+`, func(s string) string { return s },
	},
}

// need is the need of one name or pattern.
func (s sort) need(text string) need {
	text = s.fold(strings.ToValidUTF8(text, "\uFFFD"))
	n := need{of: s.of, exact: text, fold: s.fold}
	if !strings.Contains(text, "*") {
		return n
	}
	stars := strings.Split(text, "**")
	for i, part := range stars {
		literals := strings.Split(part, "*")
		for j := range literals {
			literals[j] = regexp.QuoteMeta(literals[j])
		}
		stars[i] = strings.Join(literals, s.star)
	}
	n.pattern = regexp.MustCompile(`\A` + strings.Join(stars, s.stars) + `\z`)
	return n
}

// uris returns the URIs of a certificate, but for those whose way a pattern could be led astray by.
func uris(c *x509.Certificate) []string {
	var all []string
	for _, u := range c.URIs {
		if !odd(u) {
			all = append(all, u.String())
		}
	}
	return all
}

// odd reports whether a URI can be written in more than one way.
func odd(u *url.URL) bool {
	path := u.EscapedPath()
	return u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.ContainsAny(path, `%\`) ||
		strings.Contains(path, "//") || strings.Contains(path+"/", "/./") || strings.Contains(path+"/", "/../")
}

// foldMail returns an address with its host in small letters. What stands before the host is its host's matter.
func foldMail(address string) string {
	at := strings.LastIndexByte(address, '@')
	return address[:at+1] + strings.ToLower(address[at+1:])
}
