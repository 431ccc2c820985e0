package dial

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// harmless are the headers that another origin may see when it is redirected to.
var harmless = map[string]bool{"Accept": true, "Accept-Language": true, "User-Agent": true}

// redirects returns what decides about each redirect: at most so many, never from https to http, and to another origin nothing but the
// question. Whoever was sent away from the first origin gets no credentials any more, also when sent back: another has chosen the path.
// The hosts are checked in RoundTrip.
func redirects(most int) func(*http.Request, []*http.Request) error {
	if most == 0 {
		most = defaultRedirects
	}
	return func(r *http.Request, via []*http.Request) error {
		if most < 0 {
			return http.ErrUseLastResponse
		}
		if len(via) > most {
			return fmt.Errorf("%w: more than %d redirects", ErrRefused, most)
		}
		first, last := via[0].URL, via[len(via)-1].URL
		if last.Scheme == "https" && r.URL.Scheme != "https" {
			return fmt.Errorf("%w: a redirect from https to %s", ErrRefused, r.URL.Scheme)
		}
		r.Header.Del("Referer") // it tells the path and query
		strayed := !sameOrigin(first, r.URL)
		for _, v := range via {
			strayed = strayed || !sameOrigin(first, v.URL)
		}
		if !strayed {
			return nil
		}
		if r.Body != nil && r.Body != http.NoBody {
			return fmt.Errorf("%w: a redirect of what was sent to another origin, %s", ErrRefused, r.URL.Host)
		}
		for name := range r.Header {
			if !harmless[name] {
				delete(r.Header, name)
			}
		}
		return nil
	}
}

// sameOrigin reports whether two URLs have one scheme, host and port (RFC 6454 section 4).
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}
