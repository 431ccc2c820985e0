package oauth

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

func TestFind(t *testing.T) {
	_, v := open(t, configuration, newInternet())
	tests := map[string]struct {
		token  string
		id     string
		scopes []string
	}{
		"RS256":           {good(nil), "oauth:work:alice", []string{"read:docs"}},
		"PS256":           {mint(`{"alg":"PS256","typ":"JWT","kid":"rsa"}`, claimsOf(nil), ps256(rsaKey())), "oauth:work:alice", []string{"read:docs"}},
		"ES256":           {mint(`{"alg":"ES256","typ":"jwt","kid":"ec"}`, claimsOf(nil), es256(ecKey())), "oauth:work:alice", []string{"read:docs"}},
		"EdDSA":           {mint(`{"alg":"EdDSA","typ":"application/at+jwt","kid":"ed"}`, claimsOf(nil), eddsa(edKey())), "oauth:work:alice", []string{"read:docs"}},
		"no kid":          {mint(`{"alg":"ES256","typ":"JWT"}`, claimsOf(nil), es256(ecKey())), "oauth:work:alice", []string{"read:docs"}},
		"several":         {good(map[string]any{"aud": []string{"x", resource}}), "oauth:work:alice", []string{"read:docs"}},
		"scp":             {good(map[string]any{"scope": nil, "scp": []string{"invoke:pay", "deny:secret"}}), "oauth:work:alice", []string{"invoke:pay", "deny:secret"}},
		"nothing given":   {good(map[string]any{"scope": "* admin:gate local"}), "oauth:work:alice", nil},
		"fractions":       {good(map[string]any{"exp": float64(time.Now().Unix()) + 10.5}), "oauth:work:alice", []string{"read:docs"}},
		"within the skew": {good(map[string]any{"exp": time.Now().Unix() - 30, "nbf": time.Now().Unix() + 30}), "oauth:work:alice", []string{"read:docs"}},
		"odd subject":     {good(map[string]any{"sub": "a\n b%\"|:é"}), "oauth:work:a%0A%20b%25%22|:%C3%A9", []string{"read:docs"}},
		"other issuer": {
			mint(`{"alg":"RS256","typ":"JWT","kid":"other"}`, claimsOf(map[string]any{"iss": otherURL, "scope": "pay read:docs", "groups": []string{"staff"}}), rs256(otherRSA())),
			"oauth:other:alice",
			[]string{"invoke:pay", "role staff"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time from memory
				caller, err := v.Find(tt.token)
				if err != nil {
					t.Fatal(err)
				}
				if caller.ID != tt.id || !slices.Equal(caller.Scopes, tt.scopes) || caller.Admin || caller.Expired() {
					t.Errorf("%+v, want %s with %q", caller, tt.id, tt.scopes)
				}
				if !strings.Contains(string(caller.Claims), `"aud":`) {
					t.Errorf("conditions are told of the claims %q", caller.Claims)
				}
			}
		})
	}
}

// TestAttacks shows tokens that are not good, in all ways that are known to have worked elsewhere.
func TestAttacks(t *testing.T) {
	_, v := open(t, configuration, newInternet())
	now := time.Now().Unix()
	der, err := x509.MarshalPKIXPublicKey(&rsaKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	evil := jose.JSONWebKey{Key: &otherRSA().PublicKey, KeyID: "rsa"}
	jwk, err := evil.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	signed := good(nil)
	head, rest, _ := strings.Cut(signed, ".")
	body, signature, _ := strings.Cut(rest, ".")
	none := func([]byte) []byte { return []byte{0} }
	with := func(header string) string { return mint(header, claimsOf(nil), rs256(rsaKey())) }
	tests := map[string]string{
		"none":                       mint(`{"alg":"none","typ":"JWT","kid":"rsa"}`, claimsOf(nil), none),
		"none, without a signature":  b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + b64([]byte(claimsOf(nil))) + ".",
		"None":                       mint(`{"alg":"None","typ":"JWT","kid":"rsa"}`, claimsOf(nil), none),
		"HS256 with the key as PEM":  mint(`{"alg":"HS256","typ":"JWT","kid":"rsa"}`, claimsOf(nil), hs256(text)),
		"HS256 with the key as DER":  mint(`{"alg":"HS256","typ":"JWT","kid":"rsa"}`, claimsOf(nil), hs256(der)),
		"HS256 with the modulus":     mint(`{"alg":"HS256","typ":"JWT","kid":"rsa"}`, claimsOf(nil), hs256(rsaKey().N.Bytes())),
		"an algorithm not written":   mint(`{"alg":"RS384","typ":"JWT","kid":"rsa"}`, claimsOf(nil), rs256(rsaKey())),
		"the key's other algorithm":  mint(`{"alg":"ES256","typ":"JWT","kid":"rsa"}`, claimsOf(nil), es256(ecKey())),
		"PS256 said, RS256 signed":   mint(`{"alg":"PS256","typ":"JWT","kid":"rsa"}`, claimsOf(nil), rs256(rsaKey())),
		"signed by another":          mint(rsHeader, claimsOf(nil), rs256(otherRSA())),
		"another issuer's kid":       mint(`{"alg":"RS256","typ":"JWT","kid":"other"}`, claimsOf(nil), rs256(otherRSA())),
		"another issuer's name":      mint(`{"alg":"RS256","typ":"JWT","kid":"rsa"}`, claimsOf(map[string]any{"iss": otherURL}), rs256(rsaKey())),
		"jwk in the header":          mint(`{"alg":"RS256","typ":"JWT","kid":"x","jwk":`+string(jwk)+`}`, claimsOf(nil), rs256(otherRSA())),
		"jku in the header":          mint(`{"alg":"RS256","typ":"JWT","kid":"other","jku":"`+otherURL+`/keys"}`, claimsOf(nil), rs256(otherRSA())),
		"x5u in the header":          mint(`{"alg":"RS256","typ":"JWT","kid":"other","x5u":"https://evil.example/c.pem"}`, claimsOf(nil), rs256(otherRSA())),
		"an id token's type":         with(`{"alg":"RS256","typ":"id_token+jwt","kid":"rsa"}`),
		"no type":                    with(`{"alg":"RS256","kid":"rsa"}`),
		"an extension":               with(`{"alg":"RS256","typ":"JWT","kid":"rsa","crit":["b64"],"b64":false}`),
		"another token within":       with(`{"alg":"RS256","typ":"JWT","cty":"JWT","kid":"rsa"}`),
		"encrypted":                  head + "." + body + "." + body + "." + body + "." + signature,
		"enc in three parts":         with(`{"alg":"RS256","typ":"JWT","kid":"rsa","enc":"A256GCM"}`),
		"alg twice":                  with(`{"alg":"none","typ":"JWT","kid":"rsa","alg":"RS256"}`),
		"sub twice":                  mint(rsHeader, strings.Replace(claimsOf(nil), `"sub"`, `"sub":"root","sub"`, 1), rs256(rsaKey())),
		"twice in a claim":           mint(rsHeader, strings.Replace(claimsOf(nil), `"sub"`, `"a":{"b":1,"b":2},"sub"`, 1), rs256(rsaKey())),
		"more behind the claims":     mint(rsHeader, claimsOf(nil)+"{}", rs256(rsaKey())),
		"not UTF-8":                  mint(rsHeader, strings.Replace(claimsOf(nil), "alice", "al\xffice", 1), rs256(rsaKey())),
		"a list for claims":          mint(rsHeader, "["+claimsOf(nil)+"]", rs256(rsaKey())),
		"padding":                    head + "." + body + "." + signature + "==",
		"another last bit":           head + "." + body + "." + signature[:len(signature)-1] + string(flip(signature[len(signature)-1])),
		"one letter of the claims":   head + "." + flipped(body, len(body)/2) + "." + signature,
		"without its signature":      head + "." + body + ".",
		"spaces":                     head + "." + body + ". " + signature,
		"huge":                       good(map[string]any{"x": strings.Repeat("x", MaxToken)}),
		"a huge header":              with(`{"alg":"RS256","typ":"JWT","kid":"rsa","x":"` + strings.Repeat("x", maxHeader) + `"}`),
		"a huge kid":                 with(`{"alg":"RS256","typ":"JWT","kid":"` + strings.Repeat("x", maxKeyID+1) + `"}`),
		"expired":                    good(map[string]any{"exp": now - 61}),
		"no expiry":                  good(map[string]any{"exp": nil}),
		"an expiry in words":         good(map[string]any{"exp": strconv.FormatInt(now+600, 10)}),
		"expires at no time":         good(map[string]any{"exp": 1e300}),
		"not yet good":               good(map[string]any{"nbf": now + 120}),
		"issued in the future":       good(map[string]any{"iat": now + 120}),
		"another audience":           good(map[string]any{"aud": "https://mcp.example.com"}),
		"an audience that begins so": good(map[string]any{"aud": resource + "/x"}),
		"no audience":                good(map[string]any{"aud": nil}),
		"audiences in one text":      good(map[string]any{"aud": "x " + resource}),
		"an unknown issuer":          good(map[string]any{"iss": "https://evil.example"}),
		"the issuer with a slash":    good(map[string]any{"iss": workURL + "/"}),
		"the issuer in capitals":     good(map[string]any{"iss": strings.ToUpper(workURL)}),
		"no issuer":                  good(map[string]any{"iss": nil}),
		"no subject":                 good(map[string]any{"sub": nil}),
		"a long subject":             good(map[string]any{"sub": strings.Repeat("x", maxSubject+1)}),
		"bound to a key":             good(map[string]any{"cnf": map[string]string{"jkt": "x"}}),
		"nothing":                    "..",
		"words":                      "a.b.c",
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			caller, err := v.Find(token)
			if err == nil {
				t.Fatalf("let in as %s", caller.ID)
			}
			if err.Reason != mcp.Unauthenticated || len(err.Message) > 200 {
				t.Errorf("refused with %s: %s", err.Reason, err.Message)
			}
		})
	}
}

func flip(c byte) byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return letters[strings.IndexByte(letters, c)^1]
}

func flipped(text string, at int) string {
	return text[:at] + string(flip(text[at])) + text[at+1:]
}

// TestEveryByte changes each letter of a good token.
func TestEveryByte(t *testing.T) {
	_, v := open(t, configuration, newInternet())
	token := mint(`{"alg":"EdDSA","typ":"JWT","kid":"ed"}`, claimsOf(nil), eddsa(edKey()))
	for at := range token {
		if token[at] == '.' {
			continue
		}
		if caller, err := v.Find(flipped(token, at)); err == nil {
			t.Fatalf("with another letter at %d it is %s", at, caller.ID)
		}
	}
	if _, err := v.Find(token); err != nil {
		t.Error(err)
	}
}

// TestExpiry follows a token to its end: from memory it is good no longer than it says, and what goes on with it ends.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, v := open(t, configuration, newInternet())
		token := good(map[string]any{"exp": time.Now().Unix() + 100})
		caller, err := v.Find(token)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(159 * time.Second) // the skew is a minute
		if _, err := v.Find(token); err != nil || caller.Expired() {
			t.Errorf("within the skew: %v, expired %v", err, caller.Expired())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if !caller.Expired() {
			t.Error("what goes on with it does not end")
		}
		for range 2 {
			if _, err := v.Find(token); err == nil || !strings.Contains(err.Message, "expired") {
				t.Errorf("after its end: %v", err)
			}
		}
	})
}

// TestAmplification shows that strangers' key ids cause few questions.
func TestAmplification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newInternet()
		_, v := open(t, configuration, net)
		if _, err := v.Find(good(nil)); err != nil {
			t.Fatal(err)
		}
		for n := range 250 {
			stranger := mint(fmt.Sprintf(`{"alg":"EdDSA","typ":"JWT","kid":"k%d"}`, n), claimsOf(nil), eddsa(edKey()))
			if _, err := v.Find(stranger); err == nil || err.Reason != mcp.Unauthenticated {
				t.Fatalf("a strange key id: %v", err)
			}
			time.Sleep(80 * time.Millisecond)
		}
		if asked := net.asked.Load(); asked > 6 {
			t.Errorf("in 20 seconds the keys were asked for %d times", asked)
		}
	})
}

// TestRotation replaces a key: tokens of the new one are good at once, those of the old one end.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newInternet()
		_, v := open(t, configuration, net)
		old := good(map[string]any{"exp": time.Now().Unix() + 86400})
		caller, err := v.Find(old)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(gap)
		net.set(workURL+"/keys", keySetOf(map[string]any{"new": &otherRSA().PublicKey}))
		if _, err := v.Find(mint(`{"alg":"RS256","typ":"JWT","kid":"new"}`, claimsOf(nil), rs256(otherRSA()))); err != nil {
			t.Errorf("the new key: %v", err)
		}
		if !caller.Expired() {
			t.Error("what goes on with the old key does not end")
		}
		if _, err := v.Find(old); err == nil {
			t.Error("the old key is still good")
		}
	})
}

// TestWithdrawn withdraws a key while nobody calls: what goes on with it ends all the same.
func TestWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newInternet()
		_, v := open(t, configuration, net)
		caller, err := v.Find(good(map[string]any{"exp": time.Now().Unix() + 86400}))
		if err != nil {
			t.Fatal(err)
		}
		net.set(workURL+"/keys", keySetOf(map[string]any{"ed": edKey().Public()}))
		select {
		case <-caller.Over:
		case <-time.After(2 * refresh):
			t.Error("it goes on")
		}
	})
}

// TestAway has the issuer away: keys that are known hold for a while, nothing else.
func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newInternet()
		net.cut(true)
		_, v := open(t, strings.Replace(configuration, "oauth:\n", "oauth:\n  grace: 10m\n", 1), net)
		far := map[string]any{"exp": time.Now().Unix() + 86400}
		known := good(far)
		if _, err := v.Find(known); err == nil || err.Reason != mcp.Unavailable {
			t.Fatalf("before the keys are known: %v", err)
		}
		net.cut(false)
		if _, err := v.Find(known); err == nil || err.Reason != mcp.Unavailable {
			t.Errorf("they are asked for again too soon: %v", err)
		}
		time.Sleep(gap)
		if _, err := v.Find(known); err != nil {
			t.Fatalf("once the issuer answers: %v", err)
		}
		net.cut(true)
		for range 14 {
			time.Sleep(time.Minute)
			if _, err := v.Find(known); err != nil {
				t.Fatalf("within the grace: %v", err)
			}
			if _, err := v.Find(good(map[string]any{"exp": far["exp"], "jti": time.Now()})); err != nil {
				t.Fatalf("another token within the grace: %v", err)
			}
		}
		if _, err := v.Find(mint(`{"alg":"RS256","typ":"JWT","kid":"new"}`, claimsOf(nil), rs256(otherRSA()))); err == nil || err.Reason != mcp.Unavailable {
			t.Errorf("a key that may be new: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := v.Find(known); err == nil || err.Reason != mcp.Unavailable {
			t.Errorf("after the grace: %v", err)
		}
		net.cut(false)
		time.Sleep(gap)
		if _, err := v.Find(known); err != nil {
			t.Errorf("when it is back: %v", err)
		}
	})
}

// TestLate has the issuer come up after the gateway: its keys are known before anybody calls.
func TestLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := newInternet()
		net.cut(true)
		_, v := open(t, configuration, net)
		time.Sleep(time.Second)
		net.cut(false)
		time.Sleep(again)
		synctest.Wait()
		net.cut(true)
		if _, err := v.Find(good(nil)); err != nil {
			t.Error(err)
		}
	})
}

// TestReload takes another configuration: what is known of keys stays, tokens of issuers that are left out end.
func TestReload(t *testing.T) {
	net := newInternet()
	i, v := open(t, configuration, net)
	caller, err := v.Find(good(nil))
	if err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); net.asked.Load() < 2 && time.Since(begun) < 10*time.Second; {
		time.Sleep(time.Millisecond) // what is asked of an issuer beside its keys need not be there for the first token
	}
	v = verifier(t, i, configuration)
	if _, err := v.Find(good(nil)); err != nil || net.asked.Load() != 2 || !v.Has(caller) || caller.Expired() {
		t.Errorf("with the same issuers: %v, asked %d times", err, net.asked.Load())
	}
	v = verifier(t, i, strings.ReplaceAll(configuration, workURL, "https://login.example.net"))
	if _, err := v.Find(good(nil)); err == nil || !caller.Expired() {
		t.Errorf("without the issuer: %v", err)
	}
	none, err2 := i.Verifier(load(t, "{}"), holders{})
	if none != nil || err2 != nil || none.Has(caller) {
		t.Errorf("without oauth: %v, %v", none, err2)
	}
	i.Close()
	if _, err := v.Find(good(map[string]any{"iss": "https://login.example.net"})); err == nil || err.Reason != mcp.Unavailable {
		t.Errorf("after the end: %v", err)
	}
}

// TestTogether checks tokens while the configuration changes.
func TestTogether(t *testing.T) {
	net := newInternet()
	i, v := open(t, configuration, net)
	token, other := good(nil), strings.ReplaceAll(configuration, workURL, "https://login.example.net")
	if _, err := v.Find(token); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	for n := range 4 {
		running.Go(func() {
			for range 25 {
				verifier(t, i, []string{configuration, other}[n%2])
				if _, err := v.Find(good(map[string]any{"jti": rand.Text()})); err != nil && err.Reason != mcp.Unavailable {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
}

// TestFull fills the memory of tokens.
func TestFull(t *testing.T) {
	_, v := open(t, configuration, newInternet())
	for n := range shards * shardTokens / 16 * 17 / 16 {
		var hash [32]byte
		hash[0], hash[1], hash[2], hash[3] = byte(n%4), byte(n>>8), byte(n), byte(n>>16)
		v.known.put(&hash, &entry{ends: 1 << 60, key: &key{}}, time.Now())
	}
	for s := range v.known {
		if n := len(v.known[s].entries); n > shardTokens {
			t.Errorf("%d tokens are kept in one place", n)
		}
	}
}

// TestMetadataOfIssuers finds keys by metadata of several kinds, and refuses those that are another's.
func TestMetadataOfIssuers(t *testing.T) {
	const at = workURL + "/.well-known/openid-configuration"
	tests := map[string]struct {
		url, page string
		ok        bool
	}{
		"RFC 8414":          {"https://login.example.com/.well-known/oauth-authorization-server/realms/work", `{"issuer":"` + workURL + `","jwks_uri":"` + workURL + `/keys"}`, true},
		"another's":         {at, `{"issuer":"` + otherURL + `","jwks_uri":"` + workURL + `/keys"}`, false},
		"keys in the clear": {at, `{"issuer":"` + workURL + `","jwks_uri":"http://login.example.com/keys"}`, false},
		"no keys":           {at, `{"issuer":"` + workURL + `"}`, false},
		"no JSON":           {at, `<html>`, false},
		"too long":          {at, `{"issuer":"` + workURL + `","jwks_uri":"` + workURL + `/keys","x":"` + strings.Repeat("x", answerBytes) + `"}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			net := newInternet()
			delete(net.pages, at)
			net.set(tt.url, tt.page)
			_, v := open(t, configuration, net)
			_, err := v.Find(good(nil))
			if tt.ok != (err == nil) || err != nil && err.Reason != mcp.Unavailable {
				t.Error(err)
			}
		})
	}
}

// TestPrivate asks issuers on addresses that are not public: only where the operator has written them.
func TestPrivate(t *testing.T) {
	i := Open(t.Context(), slogDiscard())
	t.Cleanup(i.Close)
	keys := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, keySetOf(map[string]any{"rsa": &rsaKey().PublicKey}))
	})
	var at string
	issuer := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, at, keys)
	})
	at = issuer
	text := strings.ReplaceAll(configuration, workURL, issuer)
	v, err := i.Verifier(load(t, text), holders{})
	if err != nil {
		t.Fatal(err)
	}
	token := good(map[string]any{"iss": issuer})
	if _, err := v.Find(token); err == nil || err.Reason != mcp.Unavailable {
		t.Errorf("keys at a private address that the issuer names: %v", err)
	}
	v, err = i.Verifier(load(t, strings.Replace(text, "issuer: "+issuer, "issuer: "+issuer+"\n      jwks: "+keys, 1)), holders{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Find(token); err != nil {
		t.Errorf("keys at a private address that is written down: %v", err)
	}
}

func TestKeys(t *testing.T) {
	public := func(change string) string {
		k := jose.JSONWebKey{Key: &rsaKey().PublicKey, KeyID: "k"}
		text := string(must(k.MarshalJSON()))
		return strings.TrimSuffix(text, "}") + change + "}"
	}
	private := jose.JSONWebKey{Key: edKey(), KeyID: "k"}
	short := base64.RawURLEncoding.EncodeToString(make([]byte, 128))
	tests := map[string]struct {
		text string
		n    int
	}{
		"one":               {public(""), 1},
		"for signatures":    {public(`,"use":"sig","key_ops":["verify"],"alg":"RS256"`), 1},
		"for encryption":    {public(`,"use":"enc"`), 0},
		"for other uses":    {public(`,"key_ops":["encrypt"]`), 0},
		"secret":            {`{"kty":"oct","k":"c2VjcmV0","kid":"k"}`, 0},
		"private":           {string(must(private.MarshalJSON())), 0},
		"short":             {`{"kty":"RSA","e":"AQAB","kid":"k","n":"_` + short[1:] + `"}`, 0},
		"of no known kind":  {`{"kty":"AKP","kid":"k"}`, 0},
		"not on the curve":  {`{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`, 0},
		"a text":            {`"x"`, 0},
		"one beside others": {`{"kty":"new"},` + public("") + `,7`, 1},
		"many":              {strings.TrimSuffix(strings.Repeat(public("")+",", maxKeys+5), ","), maxKeys},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			keys, err := readKeys([]byte(`{"keys":[` + tt.text + `]}`))
			if len(keys) != tt.n || (err == nil) != (tt.n > 0) {
				t.Errorf("%d keys, %v; want %d", len(keys), err, tt.n)
			}
		})
	}
	k := readKey([]byte(public(`,"alg":"RS256"`)))
	if diff := cmp.Diff([]bool{true, false, false, false}, []bool{k.fits("RS256"), k.fits("PS256"), k.fits("HS256"), k.fits("ES256")}); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkFind(b *testing.B) {
	_, v := open(b, configuration, newInternet())
	token := good(map[string]any{"groups": []string{"a", "b", "c"}, "email": "alice@example.com"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Find(token); err != nil {
			b.Fatal(err)
		}
	}
}
