package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// letters returns n random characters of an alphabet.
func letters(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	digits10 = "0123456789"
	base62   = digits10 + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	url64    = base62 + "-_"
	small16  = digits10 + "abcdef"
)

// secrets are made here, so that no program that looks for lost ones finds any in this file.
func secrets(r *rand.Rand) map[string]string {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	jwt := encode(`{"alg":"HS256","typ":"JWT"}`) + "." + encode(`{"sub":"1234567890","n":1}`) + "." + letters(r, url64, 42) + "x"
	return map[string]string{
		"gh" + "p_" + letters(r, base62, 36):                                                                    "github-token",
		"github_" + "pat_" + letters(r, base62, 22) + "_" + letters(r, base62, 59):                              "github-token",
		"gl" + "pat-" + letters(r, url64, 18) + "9x":                                                            "gitlab-token",
		"AK" + "IA" + letters(r, capitals, 16):                                                                  "aws-access-key",
		"xox" + "b-" + letters(r, digits10, 12) + "-" + letters(r, digits10, 12) + "-" + letters(r, base62, 24): "slack-token",
		"sk_" + "live_" + letters(r, base62, 23) + "7":                                                          "stripe-key",
		"AI" + "za" + letters(r, url64, 34) + "x":                                                               "google-api-key",
		"sk-" + "ant-api03-" + letters(r, url64, 90) + "A1b2C3":                                                 "anthropic-key",
		"sk-" + "proj-" + letters(r, base62, 60) + "A1b2":                                                       "openai-key",
		"sk-" + letters(r, small16, 20) + "0123abcd4567":                                                        "openai-key",
		"np" + "m_" + letters(r, base62, 35) + "1":                                                              "npm-token",
		"py" + "pi-AgEIcHlwaS5vcmc" + letters(r, url64, 60):                                                     "pypi-token",
		"hf" + "_" + letters(r, base62, 32) + "1x":                                                              "huggingface-token",
		"su" + "mun_" + letters(r, base62, 47) + "1x":                                                           "sumun-key",
		"ya29" + "." + letters(r, url64, 60) + "A1b2":                                                           "google-token",
		"S" + "G." + letters(r, base62, 20) + "1x." + letters(r, base62, 43):                                    "sendgrid-key",
		jwt: "jwt",
		"-----BEGIN " + "RSA PRIVATE KEY-----\n" + letters(r, base62, 64) + "\n" + letters(r, base62, 64) + "\n-----END RSA PRIVATE KEY-----":  "private-key",
		"-----BEGIN " + "PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n" + letters(r, base62, 64) + "\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----": "private-key",
		"4111 1111 1111 1111": "card", "4111-1111-1111-1111": "card", "4111111111111111": "card", "378282246310005": "card",
		"3782 822463 10005": "card", "5555555555554444": "card", "6011111111111117": "card", "3530111333300000": "card",
		"30569309025904": "card", "2223003122003222": "card", "6200000000000005": "card",
	}
}

func quoteOf(s string) string { return string(wire.AppendQuote(nil, s)) }

// escapeAll writes each character of a text as an escape.
func escapeAll(s string) string {
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return `"` + b.String() + `"`
}

// TestSecrets finds each secret wherever it stands, and takes out nothing else.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for secret, kind := range secrets(rand.New(rand.NewPCG(1, 2))) {
		mark := Mark(kind)
		inner, _ := json.Marshal(map[string]string{"key": secret})
		for value, want := range map[string]string{
			`{"a":` + quoteOf(secret) + `}`:                                      `{"a":"` + mark + `"}`,
			`{"a":[1,` + quoteOf("token="+secret+", really") + `,2.50]}`:         `{"a":[1,"token=` + mark + `, really",2.50]}`,
			`{"a\n":"\n가","b":` + quoteOf("line\n"+secret+"\n\ttail") + `}`:      `{"a\n":"\n가","b":"line\n` + mark + `\n\ttail"}`,
			`{"x":` + escapeAll(secret) + `}`:                                    `{"x":"` + mark + `"}`,
			`["\u20ac😀\ud83d\ude00 ` + strings.Trim(quoteOf(secret), `"`) + `"]`: `["\u20ac😀\ud83d\ude00 ` + mark + `"]`,
			`{` + quoteOf(secret) + `:null}`:                                     `{"` + mark + `":null}`,
			quoteOf(string(inner)):                                               `"{\"key\":\"` + mark + `\"}"`,
		} {
			if got := string((*Rules)(nil).CleanJSON([]byte(value))); got != want {
				t.Errorf("%s: %s\nbecomes %s\nwant    %s", kind, value, got, want)
			}
		}
		if got := (*Rules)(nil).Clean("see (" + secret + ")."); got != "see ("+mark+")." {
			t.Errorf("%s: a text becomes %s", kind, got)
		}
	}
}

func TestAround(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	aws := letters(r, base62+"+/", 39) + "7"
	opaque := letters(r, base62, 30) + "7/" + letters(r, base62, 10)
	for value, want := range map[string]string{
		`{"SecretAccessKey":"` + aws + `"}`:                                      `{"SecretAccessKey":"[redacted:aws-secret-key]"}`,
		`{"SecretAccessKey":"` + strings.ReplaceAll(aws, "/", `\/`) + `\u0037"}`: `{"SecretAccessKey":"` + strings.ReplaceAll(aws, "/", `\/`) + `\u0037"}`,
		`{"aws_secret_access_key": "\u0037` + aws[1:] + `"}`:                     `{"aws_secret_access_key": "[redacted:aws-secret-key]"}`,
		`"aws_secret_access_key = ` + aws + `\n"`:                                `"aws_secret_access_key = [redacted:aws-secret-key]\n"`,
		`"Authorization: Bearer ` + opaque + `"`:                                 `"Authorization: Bearer [redacted:bearer-token]"`,
		`"bearer of bad-news-and-other-things"`:                                  `"bearer of bad-news-and-other-things"`,
		`{"n":4111111111111111}`:                                                 `{"n":"[redacted:card]"}`,
		`{"n":[-4111111111111111 ,1]}`:                                           `{"n":["[redacted:card]" ,1]}`,
		`{"n":4111111111111111.5}`:                                               `{"n":4111111111111111.5}`,
		`{"n":4111111111111111e1}`:                                               `{"n":4111111111111111e1}`,
		`"12 4111 1111 1111 1111 12/27"`:                                         `"12 [redacted:card] 12/27"`,
		`"4111111111111111,4111111111111111"`:                                    `"[redacted:card],[redacted:card]"`,
		`"1111 4111 1111 1111 1111"`:                                             `"1111 4111 1111 1111 1111"`,
		`"-----BEGIN PRIVATE KEY----- and nothing"`:                              `"-----BEGIN PRIVATE KEY----- and nothing"`,
		`"-----BEGIN PRIVATE KEY-----\n` + letters(r, base62, 64) + `"`:          `"[redacted:private-key]"`,
		`"-----BEGIN CERTIFICATE-----\n` + letters(r, base62, 64) + `"`:          "",
	} {
		if want == "" {
			want = value
		}
		if got := string((*Rules)(nil).CleanJSON([]byte(value))); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", value, got, want)
		}
	}
}

// TestHarmless looks at what resembles secrets and is none.
func TestHarmless(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	var texts []string
	for range 200 {
		var b [16]byte
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		x := hex.EncodeToString(b[:])
		texts = append(texts, x, x[:8]+"-"+x[8:12]+"-"+x[12:16]+"-"+x[16:20]+"-"+x[20:], x+x, "sha256:"+x+x, x[:7])
		millis := 1_500_000_000_000 + r.Int64N(500_000_000_000)
		texts = append(texts, strconv.FormatInt(millis, 10), strconv.FormatInt(millis*1000, 10), strconv.FormatInt(millis*1_000_000, 10),
			fmt.Sprintf("2026-11-22T18:%02d:%02d.%09dZ", r.IntN(60), r.IntN(60), r.IntN(1e9)),
			fmt.Sprintf("2026-11-22 18:27:03 %d 2026-11-23", r.IntN(1e9)),
			"ORD-2026-"+letters(r, digits10, 8), "order "+letters(r, digits10, 12), "+82 10 "+letters(r, digits10, 4)+" "+letters(r, digits10, 4),
			"urn:isbn:978-3-16-"+letters(r, digits10, 6)+"-0", fmt.Sprintf("%d.%d", r.Int64(), r.Int64()), "v"+letters(r, digits10, 16))
	}
	texts = append(texts, "sk-folding-cube-animation-delay-100ms-ease-in-out", "task-1234567890-abcdefghijklmnop-and-more",
		"github_pattern_matching_is_a_function_name_that_is_long_enough_for_this", "npm_config_registry_is_a_variable_of_the_environment_12",
		"AKIAlike", "AIzawa-san", "xoxo-from-me-to-you-and-all-of-you", "the_secret_access_key_is_what_follows: not this one at all, I think",
		"eyJust.a.joke.that.is.long.enough.to.be.looked.at", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
		strings.Repeat("-", 200), strings.Repeat("| --- ", 50), strings.Repeat("1234 ", 40), "DE89 3704 0044 0532 0130 00")
	for _, text := range texts {
		if found := (*Rules)(nil).Text(nil, []byte(text)); len(found) > 0 {
			t.Errorf("%q has %v", text, found)
		}
	}
	for range 2 {
		image := make([]byte, 100_000)
		for i := range image {
			image[i] = byte(r.Uint32())
		}
		for _, text := range []string{base64.StdEncoding.EncodeToString(image), base64.URLEncoding.EncodeToString(image), hex.EncodeToString(image)} {
			if found := (*Rules)(nil).JSON(nil, []byte(`{"data":"`+text+`"}`)); len(found) > 0 {
				t.Errorf("random bytes have %v", found)
			}
		}
	}
}

func TestOwn(t *testing.T) {
	t.Parallel()
	pattern, err := ParsePattern("employee", `\bE-([0-9]{6})\b`)
	if err != nil {
		t.Fatal(err)
	}
	number, err := ParsePattern("account", `77[0-9]{6}`)
	if err != nil {
		t.Fatal(err)
	}
	r := New([]Pattern{pattern, number}, []string{kindCard})
	value := `{"E-123456":["\u0045-654321 \"E-1\"",77123456, 771234567,"4111111111111111"],"c":"x77123456"}`
	want := `{"E-[redacted:employee]":["\u0045-[redacted:employee] \"E-1\"","[redacted:account]", 771234567,"4111111111111111"],"c":"x[redacted:account]"}`
	if got := string(r.CleanJSON([]byte(value))); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, bad := range [][2]string{{"Employee", "x"}, {"x", "("}, {"x", "a*"}, {"", "x"}} {
		if _, err := ParsePattern(bad[0], bad[1]); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if kinds := Kinds(); len(kinds) < 20 {
		t.Errorf("kinds: %v", kinds)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	secret := "gh" + "p_" + strings.Repeat("aB3", 12)
	var out bytes.Buffer
	log := slog.New(Handler(slog.NewTextHandler(&out, nil), nil)).With(slog.String("with", secret)).WithGroup("g")
	message := "is " + secret
	log.InfoContext(t.Context(), message, //nolint:sloglint // as a careless caller would
		slog.String("text", secret), slog.Any("error", errors.New("of "+secret)),
		slog.Group("in", slog.String("deep", secret), slog.Int("n", 1)), slog.Int("n", 7))
	log.InfoContext(t.Context(), "plain", slog.String("text", "nothing"))
	if text := out.String(); strings.Contains(text, secret) || strings.Count(text, "[redacted:github-token]") != 6 || !strings.Contains(text, "g.n=7") || !strings.Contains(text, "msg=plain") {
		t.Error(text)
	}
}

// TestCost wants no memory where nothing is found, and time in proportion to length whatever the bytes are.
func TestCost(t *testing.T) {
	value := []byte(`{"query":"select * from customers where region = 'EU' and name like '%son'","limit":100,"text":"a line\nanother \"line\" 가나다","id":"0f8fad5b-d9cb-469f-a165-70867728950e"}`)
	if n := testing.AllocsPerRun(100, func() { (*Rules)(nil).JSON(nil, value) }); n > 0 && !raced {
		t.Errorf("%v allocations", n)
	}
}
