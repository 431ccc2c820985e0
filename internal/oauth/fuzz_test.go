package oauth

import (
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// FuzzParse compares what is read of a token with what go-jose reads of it, and holds that nothing is let in that nobody has signed.
func FuzzParse(f *testing.F) {
	signed := good(nil)
	f.Add(signed)
	f.Add(mint(`{"alg":"none"}`, `{"iss":"`+workURL+`"}`, func([]byte) []byte { return []byte("x") }))
	f.Add(mint(rsHeader, `{"iss":"a","aud":["b"],"exp":1e3,"sub":"c","sub":"d"}`, rs256(rsaKey())))
	f.Add("a.b.c.d.e")
	f.Add(strings.Repeat(".", 100))
	_, v := open(f, configuration, newInternet())
	f.Fuzz(func(t *testing.T, text string) {
		if caller, err := v.Find(text); err == nil && text != signed {
			t.Fatalf("let in as %s", caller.ID)
		} else if err != nil && len(err.Message) > 200 {
			t.Errorf("a long refusal: %s", err.Message)
		}
		read, err := parse(text)
		if err != nil {
			return
		}
		theirs, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(read.header.Algorithm)})
		if err != nil {
			return // they look at more, such as an embedded key
		}
		var c jwt.Claims
		if err := theirs.UnsafeClaimsWithoutVerification(&c); err != nil {
			return
		}
		if c.Issuer != read.claims.Issuer || c.Subject != read.claims.Subject || theirs.Headers[0].KeyID != read.header.KeyID {
			t.Errorf("%s is read as %+v and as %+v", text, read.claims, c)
		}
	})
}
