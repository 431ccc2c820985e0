package credential

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// FuzzChallenge reads what servers send with a refusal.
func FuzzChallenge(f *testing.F) {
	for _, seed := range []string{
		`Bearer`, `Bearer resource_metadata="https://a.example/x", error="insufficient_scope", scope="a b"`, `Basic realm="x", Bearer scope=a`,
		`Bearer realm="a \" b", scope="a"`, `bearer error=invalid_token`, "Bearer scope=\"a\x00b c\"", `Negotiate abc==, Bearer error="x"`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, scope := range challengeOf(http.Header{"Www-Authenticate": {value}}).Scopes {
			if scope == "" || strings.ContainsAny(scope, " \t\r\n\x00") {
				t.Errorf("the scope %q of %q", scope, value)
			}
		}
	})
}

// FuzzToken reads what token endpoints answer: whatever comes of it can stand in a header.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{
		`{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r","scope":"a b"}`,
		`{"access_token":"a","token_type":"bearer","expires_in":"60"}`, `{"access_token":"a\r\nX: y","token_type":"bearer"}`,
		`{"access_token":"a","token_type":"DPoP"}`, `{"access_token":"a","token_type":"bearer","expires_in":-1}`, `{"access_token":"a","token_type":"bearer","expires_in":1e300}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	now := time.Unix(1e9, 0)
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := readToken(body, now)
		if err != nil {
			return
		}
		if got.Access == "" || strings.ContainsFunc(got.Access, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("the token %q", got.Access)
		}
		if !got.Expires.IsZero() && got.Expires.Before(now) {
			t.Errorf("it has ended before it came: %v", got.Expires)
		}
	})
}

// TestCovers tells a server's own description from one of its neighbours.
func TestCovers(t *testing.T) {
	for resource, want := range map[string]bool{
		"https://a.example/mcp/x": true, "https://a.example/mcp": true, "https://a.example": true, "https://a.example/": true, "HTTPS://A.example:443/mcp/": true,
		"https://a.example/mc": false, "https://a.example/mcp/x/y": false, "http://a.example/mcp": false, "https://a.example:8443/mcp": false,
		"https://b.example/mcp": false, "https://a.example.evil/mcp": false, "https://user@a.example/mcp": false, "https://a.example/mcp?x": false, "": false, "://": false,
	} {
		u, err := url.Parse("https://a.example/mcp/x")
		if err != nil {
			t.Fatal(err)
		}
		if got := covers(resource, u); got != want {
			t.Errorf("%q covers %v: %v", resource, u, got)
		}
	}
}

// TestInsert puts well-known documents where RFC 8414 has them.
func TestInsert(t *testing.T) {
	for text, want := range map[string]string{
		"https://a.example":          "https://a.example/.well-known/x",
		"https://a.example/":         "https://a.example/.well-known/x",
		"https://a.example/t/one":    "https://a.example/.well-known/x/t/one https://a.example/.well-known/x",
		"https://a.example/t%2Fone/": "https://a.example/.well-known/x/t%2Fone https://a.example/.well-known/x",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(insert(u, "/.well-known/x"), " "); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}
