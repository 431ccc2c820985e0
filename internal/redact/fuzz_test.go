package redact

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// checkJSON wants of what is found in a JSON value: in order, within it, and a value of the same shape once it is taken out.
func checkJSON(t *testing.T, r *Rules, value []byte) []Finding {
	t.Helper()
	before := bytes.Clone(value)
	found := r.JSON(nil, value)
	if !bytes.Equal(before, value) {
		t.Fatalf("%q was changed", before)
	}
	end := 0
	for _, f := range found {
		if f.Start < end || f.End <= f.Start || f.End > len(value) {
			t.Fatalf("%q: %v", value, found)
		}
		if place := wire.Locate(value, f.Start); f.Number == (value[place.Value.Start] == '"') || f.End > place.Value.End {
			t.Fatalf("%q: %v is in %v", value, f, place)
		}
		end = f.End
	}
	clean := Append(nil, value, found)
	if !json.Valid(clean) {
		t.Fatalf("%q becomes %q", value, clean)
	}
	// What is not found stays: put back, it is the value again.
	var back []byte
	rest := clean
	done := 0
	for _, f := range found {
		mark := Mark(f.Kind)
		if f.Number {
			mark = `"` + mark + `"`
		}
		kept := value[done:f.Start]
		if !bytes.HasPrefix(rest, kept) || !bytes.HasPrefix(rest[len(kept):], []byte(mark)) {
			t.Fatalf("%q becomes %q", value, clean)
		}
		back = append(append(back, kept...), value[f.Start:f.End]...)
		rest, done = rest[len(kept)+len(mark):], f.End
	}
	if back = append(back, rest...); !bytes.Equal(back, value) {
		t.Fatalf("%q is %q when it is put back", value, back)
	}
	return found
}

func FuzzJSON(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for secret := range secrets(r) {
		f.Add(`{"a":[` + quoteOf(secret) + `,` + quoteOf("x\n"+secret) + `]}`)
	}
	f.Add(`[4111111111111111,-4111111111111111,"\ud83d\ude00\ud83d 4111111111111111"]`)
	f.Add(`"-----BEGIN PRIVATE KEY-----\\n\u002d\u002d"`)
	own, err := ParsePattern("own", `a+b|7{3}`)
	if err != nil {
		f.Fatal(err)
	}
	scanner := wire.NewScanner(wire.Vocabulary{}, 0)
	f.Fuzz(func(t *testing.T, value string) {
		var m wire.Message // as answers: half of a pair of surrogates passes
		if scanner.Answer([]byte(`{"jsonrpc":"2.0","id":1,"result":`+value+`}`), &m) != nil {
			(*Rules)(nil).JSON(nil, []byte(value)) // what is no JSON must not hurt
			return
		}
		checkJSON(t, nil, []byte(value))
		checkJSON(t, New([]Pattern{own}, nil), []byte(value))
	})
}

// TestProperty puts secrets at random places of random values, in random spellings: all of them are found, and nothing else is changed.
func TestProperty(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(9, 10))
	all := secrets(r)
	keys := make([]string, 0, len(all))
	for secret := range all {
		keys = append(keys, secret)
	}
	slices.Sort(keys)
	for range 300 {
		var value strings.Builder
		var want []string
		value.WriteByte('[')
		for n := range 1 + r.IntN(5) {
			if n > 0 {
				value.WriteString([]string{",", " , ", ",null,", `,"\n",`, ",12,"}[r.IntN(5)])
			}
			text := fillers[r.IntN(len(fillers))]
			if r.IntN(2) == 0 {
				secret := keys[r.IntN(len(keys))]
				want = append(want, all[secret])
				text += secret + []string{"", " ", "\n", ", a", "\" ", ")", ". ", "가나다", "\t"}[r.IntN(9)]
			}
			if r.IntN(3) == 0 {
				value.WriteString(escapeAll(strings.ToValidUTF8(text, "")))
			} else {
				value.WriteString(quoteOf(text))
			}
		}
		value.WriteByte(']')
		var got []string
		for _, f := range checkJSON(t, nil, []byte(value.String())) {
			got = append(got, f.Kind)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s\nhas %v, want %v", value.String(), got, want)
		}
	}
}

// fillers stand around secrets.
var fillers = []string{"", " ", "\n", "see: ", "\"", "가나다 ", "(", "\t- ", "a, ", "= ", "\\ "}

// TestLinear wants the time for a text twice as long to be about twice as long, for texts that would make a careless search slow.
func TestLinear(t *testing.T) {
	for _, unit := range []string{
		"-----BEGIN PRIVATE KEY----- ", "eyJhbGciOiJIUzI1NiJ9.", "bearer ", "4111 ", "4111-1111-", "aws_secret_access_key = ", "\\\\", "ghp_", "a/", "1", "\\u0031", "sk-", "abcdefghijklmnop+",
	} {
		for _, v := range []string{`"` + strings.Repeat(unit, (64<<10)/len(unit)) + `"`, `["` + strings.Repeat(strings.Repeat(unit, 4)+`","`, (16<<10)/len(unit)) + `"]`} {
			const most = 500 * time.Millisecond // quadratic would be minutes
			begin := time.Now()
			(*Rules)(nil).JSON(nil, []byte(v))
			if took := time.Since(begin); took > most {
				t.Errorf("%d bytes of %q took %v", len(v), unit, took)
			}
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	small := []byte(`{"query":"select * from customers where region = 'EU' and name like '%son' order by created desc, name asc","limit":100,"offset":0,"text":"a few words of an ordinary request, as a model writes it, with \"quotes\" and a line\nbreak","filters":{"status":["open","closed"],"assignee":"somebody@example.com"},"id":"0f8fad5b-d9cb-469f-a165-70867728950e","since":"2026-11-22T18:27:03Z","tags":["a","b","c"]}`)
	large := []byte(`{"text":"` + strings.Repeat("an ordinary text of words, numbers such as 20261122 and more words. ", (1<<20)/68) + `"}`)
	escaped := []byte(`{"text":"` + strings.Repeat(`\tif err != nil {\n\t\treturn fmt.Errorf(\"reading %s: %w\", name, err)\n\t}\n`, (1<<20)/80) + `"}`)
	blob := []byte(`{"data":"` + letters(rand.New(rand.NewPCG(1, 1)), base62+"+/", 1<<20) + `"}`)
	korean := []byte(`{"text":"` + strings.Repeat("수문은 문을 지킨다. ", (1<<20)/27) + `"}`)
	for name, value := range map[string][]byte{"400B": small, "1MiB": large, "1MiB-code": escaped, "1MiB-base64": blob, "1MiB-Korean": korean} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			for b.Loop() {
				(*Rules)(nil).JSON(nil, value)
			}
		})
	}
}
