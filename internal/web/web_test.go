package web

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

// site has pages of every sort.
func site(tb testing.TB) *Site {
	tb.Helper()
	s, err := Open(Options{
		Hosts: []string{"docs.example.com", "*.wiki.example.com", "alt.example.com:8443"}, URLs: []string{"http://one.example.com/page"}, MaxBytes: 1,
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// TestHas decides which addresses are pages.
func TestHas(t *testing.T) {
	s := site(t)
	for uri, want := range map[string]bool{
		"https://docs.example.com/":                             true,
		"https://docs.example.com/a/b.html?x=1&y=%20":           true,
		"https://de.wiki.example.com/a":                         true,
		"https://alt.example.com:8443/a":                        true,
		"http://one.example.com/page":                           true,
		"https://docs.example.com":                              false,
		"http://docs.example.com/a":                             false,
		"https://one.example.com/page":                          false,
		"http://one.example.com/other":                          false,
		"http://one.example.com/page?x":                         false,
		"https://wiki.example.com/a":                            false,
		"https://alt.example.com/a":                             false,
		"https://docs.example.com:443/a":                        false,
		"https://docs.example.com:8443/a":                       false,
		"https://DOCS.example.com/a":                            false,
		"https://docs.example.com./a":                           false,
		"https://docs.example.com/../a":                         false,
		"https://docs.example.com/a/../b":                       false,
		"https://docs.example.com/a/%2e%2e/b":                   false,
		"https://docs.example.com/a/%2E./b":                     false,
		"https://docs.example.com/a/..%2fb":                     false,
		"https://docs.example.com/a/..%5cb":                     false,
		`https://docs.example.com/a\..\b`:                       false,
		"https://docs.example.com/%00":                          false,
		"https://docs.example.com/a#b":                          false,
		"https://user@docs.example.com/a":                       false,
		"https://docs.example.com@evil.example/a":               false,
		"https://evil.example/docs.example.com":                 false,
		"https://docs.example.com.evil.example/a":               false,
		"https://evildocs.example.com/a":                        false,
		"https://127.0.0.1/a":                                   false,
		"https://[::1]/a":                                       false,
		"https://docs.example.com/" + strings.Repeat("a", 3000): false,
		"HTTPS://docs.example.com/a":                            false,
		"https:docs.example.com/a":                              false,
		"//docs.example.com/a":                                  false,
		"file:///etc/passwd":                                    false,
		"https://docs.example.com/a b":                          false,
		"https://docs.example.com/é":                            false,
		"https://xn--docs.example.com/a":                        false,
	} {
		if got := s.Has(uri); got != want {
			t.Errorf("%.80s is a page: %v, want %v", uri, got, want)
		}
	}
}

// FuzzHas holds that what is a page is one in one spelling, at one of the hosts, and without detours.
func FuzzHas(f *testing.F) {
	for _, seed := range []string{"https://docs.example.com/a/b?c=d", "https://x.wiki.example.com/%2e%2e/", "https://docs.example.com@evil/", "https://docs.example.com:443/"} {
		f.Add(seed)
	}
	s := site(f)
	f.Fuzz(func(t *testing.T, uri string) {
		if !s.Has(uri) || uri == s.URLs[0] {
			return
		}
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		host, port := u.Hostname(), u.Port()
		named := host == "docs.example.com" && port == "" || strings.HasSuffix(host, ".wiki.example.com") && port == "" || u.Host == "alt.example.com:8443"
		if !named || u.Scheme != "https" || u.User != nil || u.Fragment != "" {
			t.Errorf("%q is a page", uri)
		}
		if clean := path.Clean(u.Path); len(strings.Split(clean, "/")) < len(strings.Split(strings.Trim(u.Path, "/"), "/")) && strings.Contains(u.Path, "/../") {
			t.Errorf("%q has a detour", uri)
		}
	})
}

func TestStrongETag(t *testing.T) {
	for etag, want := range map[string]string{
		`"abc"`: "abc", `"a-b_c:1"`: "a-b_c:1", `W/"abc"`: "", `abc`: "", `""`: "", `"*"`: "", `"a b"`: "", "\"a\x00\"": "", `"é"`: "", `"`: "", ``: "",
		`"` + strings.Repeat("x", 129) + `"`: "", `"a"b"`: "",
	} {
		if got := strongETag(etag); got != want {
			t.Errorf("%q = %q, want %q", etag, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, o := range []Options{{Hosts: []string{"a b"}}, {URLs: []string{"http://a b/"}}, {Private: []string{"10.0.0.0/99"}, Hosts: []string{"a.example"}}} {
		if s, err := Open(o); err == nil {
			s.Close()
			t.Errorf("%+v was opened", o)
		}
	}
}
