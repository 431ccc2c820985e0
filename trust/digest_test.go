package trust_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/trust"
)

// TestCanonical has the example of RFC 8785, section 3.2, and what is refused beyond it.
func TestCanonical(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
		  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}`: `{"literals":[null,true,false],` +
			`"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
		`{"\u20ac":5,"\r":1,"\ufb33":7,"1":2,"\ud83d\ude00":6,"\u0080":3,"\u00f6":4}`: "{\"\\r\":1,\"1\":2,\"\u0080\":3,\"ö\":4,\"€\":5,\"😀\":6,\"\ufb33\":7}",
		`[9007199254740992,-9007199254740992,1e-400,-0,1e21]`:                         `[9007199254740992,-9007199254740992,0,0,1e+21]`,
	} {
		got, err := trust.Canonical([]byte(document))
		if err != nil || string(got) != want {
			t.Errorf("%s is\n%s (%v), want\n%s", document, got, err, want)
		}
	}
	for document, want := range map[string]string{
		`{"a":[1,9007199254740993]}`:   "9007199254740993",
		`[-9007199254740993]`:          "-9007199254740993",
		`[18446744073709551616]`:       "18446744073709551616",
		`[1e400]`:                      "1e400",
		`[1e16]`:                       "1e16",
		`{"a":{"b":1,"\u0062":2}}`:     `"b" stands twice`,
		`["\ud800"]`:                   `\ud800`,
		`{"\udc00":1}`:                 `\udc00`,
		`[` + strings.Repeat("9", 9e5): "", // not JSON
	} {
		_, err := trust.Canonical([]byte(document))
		if errors.Is(err, trust.ErrInexact) != (want != "") || err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 200 {
			t.Errorf("%.100s: %v", document, err)
		}
	}
}

// TestDigest compares the digests of tools. What stands before the colon is what must be alike, what comes after tells those apart
// that must differ.
func TestDigest(t *testing.T) {
	t.Parallel()
	const plain = `{"name":"계산","description":"adds 🙂","inputSchema":{"type":"object","properties":{"a":{"maximum":10,"minimum":0.50}}}}`
	alike := [][]string{
		{
			plain,
			`{ "inputSchema":{"properties":{"a":{"minimum":5e-1,"maximum":10}},"type":"object"}, "name":"\uacc4\uc0b0", "description":"adds \ud83d\ude42"}`,
			strings.Replace(plain, `{`, `{"_meta":{"x":18446744073709551616},"execution":{},"icons":[],`, 1),
		},
		{strings.Replace(plain, "10", "11", 1)},
		{strings.Replace(plain, "adds", "subtracts", 1)},
		{strings.Replace(plain, `{`, `{"title":null,`, 1)},
		{strings.Replace(plain, `{`, `{"title":"",`, 1)},
		{strings.Replace(plain, `{`, `{"annotations":{},`, 1)},
		{strings.Replace(plain, `{`, `{"outputSchema":{},`, 1)},
		{strings.Replace(plain, "10", "18446744073709551616", 1), strings.Replace(plain, "10,", "18446744073709551616 , ", 1)},
		{strings.Replace(plain, "10", "18446744073709551615", 1)},
		{strings.Replace(plain, "10", "9007199254740992", 1)},
		{strings.Replace(plain, "10", "9007199254740993", 1)},
		{strings.Replace(plain, "10", "1e400", 1)},
		{strings.Replace(plain, "10", "1e16", 1)},
		{strings.Replace(plain, "10", "10000000000000000", 1)},
		{strings.Replace(plain, "10", "1e401", 1)},
		{strings.Replace(plain, "10", `"1e401"`, 1)},
		{strings.Replace(plain, "adds", `\ud800`, 1)},
		{strings.Replace(plain, "adds", `\ud801`, 1)},
		{strings.Replace(plain, "adds", `\ufffd`, 1), strings.Replace(plain, "adds", "\ufffd", 1)},
		{strings.Replace(plain, `"description"`, `"description":"hidden","description"`, 1)},
		{strings.Replace(plain, `"description"`, `"description":"other","description"`, 1)},
		{strings.Replace(plain, `"maximum":10`, `"maximum":10,"maximum":10`, 1)},
	}
	seen := map[string]string{}
	for _, same := range alike {
		first := digest(t, same[0])
		for _, tool := range same[1:] {
			if got := digest(t, tool); got != first {
				t.Errorf("%s\nhas %s, want the %s of\n%s", tool, got, first, same[0])
			}
		}
		if other := seen[first]; other != "" {
			t.Errorf("%s\nhas the digest of\n%s", same[0], other)
		}
		seen[first] = same[0]
	}
	for _, not := range []string{"", "[]", "null", `"tool"`, "{", strings.Repeat("[", 600)} {
		if got, err := trust.Digest([]byte(not)); err == nil {
			t.Errorf("%q has the digest %s", not, got)
		}
	}
	const want = "sha256:1817ce09e6cbba6ee0f7326fc0c603cb94b0f8aace1a297021400fbd7a44603b"
	if got := digest(t, plain); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func digest(t *testing.T, tool string) string {
	t.Helper()
	d, err := trust.Digest([]byte(tool))
	if err != nil {
		t.Errorf("%.200s: %v", tool, err)
	}
	return d
}

// TestDigestOfAnything gives every tool a digest, and another when one of its members is another.
func TestDigestOfAnything(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	seen, exact := map[string]string{}, 0
	for range 5000 {
		schema := document(random, 4)
		tool := fmt.Sprintf(`{"name":"x","inputSchema":%s,"description":%s}`, schema, text(random))
		d := digest(t, tool)
		canonical, err := trust.Canonical([]byte(tool))
		if strings.HasPrefix(d, trust.CanonicalExact) != (err != nil) {
			t.Fatalf("%s has the digest %s, and no canonical form because %v", tool, d, err)
		}
		said := string(canonical)
		if err != nil {
			exact++
			said, _ = trust.Checksum([]byte(tool))
		}
		if other, ok := seen[d]; ok && other != said {
			t.Fatalf("%s has the digest of %s", tool, other)
		}
		seen[d] = said
	}
	if exact < 100 || exact > 4900 {
		t.Errorf("%d of 5000 have no canonical form: little is tested", exact)
	}
}

func BenchmarkDigest(b *testing.B) {
	tool := []byte(`{"name":"repo.search","description":"` + strings.Repeat("finds text in files ", 10) + `","inputSchema":{"type":"object","properties":{` +
		`"query":{"type":"string","minLength":1},"glob":{"type":"string"},"limit":{"type":"integer","minimum":1,"maximum":1000}},"required":["query"]}}`)
	for b.Loop() {
		if _, err := trust.Digest(tool); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzDigest(f *testing.F) {
	f.Add(`{"name":"a","inputSchema":{"maximum":18446744073709551616}}`)
	f.Add(`{"inputSchema":{"maximum":18446744073709551.00}}`)
	f.Add(`{"name":"\ud800","name":1e400}`)
	f.Fuzz(func(t *testing.T, tool string) {
		_, notJSON := trust.Checksum([]byte(tool))
		d, err := trust.Digest([]byte(tool))
		if notJSON != nil || !strings.HasPrefix(strings.TrimLeft(tool, " \t\r\n"), "{") {
			if err == nil {
				t.Errorf("%q has the digest %s", tool, d)
			}
			return
		}
		if err != nil {
			t.Errorf("%q has no digest: %v", tool, err)
		}
		canonical, err := trust.Canonical([]byte(tool))
		if err != nil {
			return
		}
		again, err := trust.Canonical(canonical)
		if err != nil || string(again) != string(canonical) {
			t.Errorf("%q is %q, and that %q, %v", tool, canonical, again, err)
		}
		if of, err := trust.Digest(canonical); err != nil || of != d {
			t.Errorf("%q has the digest %s, in canonical form %s, %v", tool, d, of, err)
		}
	})
}
