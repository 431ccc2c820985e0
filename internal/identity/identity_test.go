package identity

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
)

// certificate returns one with names as sort:value.
func certificate(tb testing.TB, names ...string) *x509.Certificate {
	tb.Helper()
	c := &x509.Certificate{}
	for _, name := range names {
		sort, value, _ := strings.Cut(name, ":")
		switch sort {
		case "uri":
			u, err := url.Parse(value)
			if err != nil {
				tb.Skip(err)
			}
			c.URIs = append(c.URIs, u)
		case "dns":
			c.DNSNames = append(c.DNSNames, value)
		case "email":
			c.EmailAddresses = append(c.EmailAddresses, value)
		case "cn":
			c.Subject = pkix.Name{CommonName: value}
		}
	}
	return c
}

func TestFind(t *testing.T) {
	ids := New([]config.Identity{
		{Name: "exact", URI: "spiffe://a.org/ns/prod/sa/agent"},
		{Name: "ns", URI: "spiffe://a.org/ns/*/sa/agent"},
		{Name: "deep", URI: "spiffe://a.org/deep/**"},
		{Name: "host", DNS: "*.Build.a.org"},
		{Name: "mail", Email: "*@A.org"},
		{Name: "both", Subject: "svc *", DNS: "svc.a.org"},
		{Name: "cn", Subject: "Anna Müller"},
		{Name: "any", Subject: "team-*"},
	})
	for _, c := range []struct {
		want  string
		names []string
	}{
		{"cert:exact", []string{"uri:spiffe://a.org/ns/prod/sa/agent"}},
		{"cert:ns:spiffe://a.org/ns/dev/sa/agent", []string{"uri:spiffe://a.org/ns/dev/sa/agent", "cn:Anna Müller"}},
		{"", []string{"uri:spiffe://a.org/ns/x/y/sa/agent"}},
		{"", []string{"uri:spiffe://a.org/ns//sa/agent"}},
		{"", []string{"uri:spiffe://a.org.evil/ns/dev/sa/agent"}},
		{"", []string{"uri:spiffe://a.org/ns/dev/sa/agent/"}},
		{"", []string{"uri:spiffe://a.org/ns/dev/sa/agent?x"}},
		{"cert:deep:spiffe://a.org/deep/a/b", []string{"uri:spiffe://a.org/deep/a/b"}},
		{"", []string{"uri:spiffe://a.org/deep/../ns"}},
		{"", []string{"uri:spiffe://a.org/deep/%2e%2e/ns"}},
		{"", []string{"uri:spiffe://eve@a.org/deep/a"}},
		{"cert:host:x.build.a.org", []string{"dns:other.org", "dns:X.build.A.org"}},
		{"", []string{"dns:x.y.build.a.org"}},
		{"", []string{"dns:*.build.a.org"}},
		{"", []string{"dns:build.a.org"}},
		{"cert:mail:Eve@a.org", []string{"email:Eve@a.org"}},
		{"", []string{"email:eve@b.a.org"}},
		{"", []string{"email:eve@x@a.org"}},
		{"", []string{"cn:svc one"}},
		{`cert:both:"svc\x20one"`, []string{"cn:svc one", "dns:svc.a.org"}},
		{"cert:cn", []string{"cn:Anna Müller"}},
		{`cert:any:"team-\u00e9"`, []string{"cn:team-é"}},
		{"", []string{"cn:team-\n level=error"}},
		{"", []string{"cn:team-" + strings.Repeat("x", 300)}},
		{"", []string{"cn:"}},
		{"", nil},
	} {
		place, id, ok := ids.Find(certificate(t, c.names...))
		if id != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, want %q", c.names, id, c.want)
		}
		if again, there := ids.Place(id); ok && (!there || again != place) {
			t.Errorf("%q stands at %d, not at %d", id, again, place)
		}
	}
	if _, ok := ids.Place("cert:gone:x"); ok {
		t.Error("an identity that is not there is found")
	}
	if _, _, ok := New([]config.Identity{{Name: "nothing"}}).Find(certificate(t, "cn:x")); ok {
		t.Error("an identity that needs nothing is everybody's")
	}
}

// FuzzFind wants a caller's ID to be one word in ASCII with the right prefix, and two names never to make one ID.
func FuzzFind(f *testing.F) {
	for _, s := range []string{"team-x", "team- ", "team-\"", `team-"\x20"`, "*", "team-é\u202e", "svc a"} {
		f.Add("*", s, s+"x")
		f.Add("team-*", s, strings.ToUpper(s))
	}
	f.Fuzz(func(t *testing.T, pattern, one, other string) {
		ids := New([]config.Identity{{Name: "n", Subject: pattern}, {Name: "m", DNS: pattern}, {Name: "u", URI: pattern}, {Name: "e", Email: pattern}})
		_, a, ok := ids.Find(certificate(t, "cn:"+one))
		if !ok {
			return
		}
		if !strings.HasPrefix(a, "cert:n") || strings.ContainsFunc(a, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q is %q", one, a)
		}
		if _, b, ok := ids.Find(certificate(t, "cn:"+other)); ok && one != other && a == b {
			t.Errorf("%q and %q are both %q", one, other, a)
		}
	})
}
