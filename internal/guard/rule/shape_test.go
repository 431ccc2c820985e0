package rule

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// all refuses everything that there is to refuse.
var all = Characters{Refuse, Refuse, Refuse, Refuse, Refuse}

// kindsOf returns the kinds of the faults that a value has.
func kindsOf(s *Shape, value string) string {
	var report Report
	s.Check([]byte(value), &report)
	var kinds []string
	for _, f := range report.Faults {
		kinds = append(kinds, f.Kind)
	}
	return strings.Join(kinds, " ")
}

func quoted(text string) string { return string(wire.AppendQuote(nil, text)) }

// TestWriting lets pass what people write.
func TestWriting(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"plain", "tab\tand\r\nlines\nand a page\fbreak", "수문은 문을 지킨다 ㄱㄴㄷ ᄀᆞᆷ", "日本語のテキスト、カタカナ。", "中文文本", "Ελληνικά Русский Türkçe ñ é ß",
		"مرحبا بالعالم", "العربية \u200fRLM 123\u200e", "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", // Persian with a ZWNJ
		"\u0915\u094d\u200d\u0937 \u0dc1\u0dca\u200d\u0dbb\u0dd3", // Devanagari and Sinhala with a ZWJ
		"ภาษา\u200bไทย ខ្មែរ\u200bភាសា", "שלום עולם", "name \u2068אבג\u2069 done", "\u202bעברית\u202c ok", "ไทย", "ᠮᠣᠩᠭᠣᠯ\u180b",
		"👨\u200d👩\u200d👧\u200d👦 👩🏽\u200d🚀 ❤️\u200d🔥 🏳️\u200d🌈 1️⃣ ☺️ ©️ 👁️\u200d🗨️ 🇰🇷",
		"🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F", // England
		"葛\U000E0100城", "𠮷野家 𝒜𝓑 ￥ ﬁ", "\ufeffa file that begins with a mark", "“quotes” – dashes — … • €", "line\u2028paragraph\u2029next\u0085",
		base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00\x01\xffbinary", 80_000))), strings.Repeat("%", 1000), `C:\Users\가 \\n \u0000`,
	} {
		if kinds := kindsOf(&Shape{Characters: all, Strict: true}, quoted(text)); kinds != "" {
			t.Errorf("%.60q: %s", text, kinds)
		}
		escaped := strings.Trim(fmt.Sprintf("%+q", text), `"`)
		if json.Valid([]byte(`"` + escaped + `"`)) {
			if kinds := kindsOf(&Shape{Characters: all, Strict: true}, `{"a":["`+escaped+`"]}`); kinds != "" {
				t.Errorf("%.60s: %s", escaped, kinds)
			}
		}
	}
}

// TestSources lets the sources of this project pass, as arguments that write a file.
func TestSources(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../*/*.go")
	if err != nil || len(files) < 100 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if kinds := kindsOf(&Shape{Characters: all, Strict: true}, quoted(string(text))); kinds != "" {
			t.Errorf("%s: %s", file, kinds)
		}
	}
}

func TestCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a\u0000b": "control", "\u001b[31mred\u001b[0m": "control", "\u0007": "control", "\b": "control", "\u007f": "control", "\u0090": "control",
		"user\u202egpj.exe": "bidi", "access\u2066 check": "bidi", "a\u2069": "bidi", "\u2067 }\n\u2069": "bidi", "\u202aa\u202c\u202c": "bidi",
		"hello\U000E0068\U000E0069": "hidden", "🏴\U000E0067\U000E0062": "hidden", "🏴" + strings.Repeat("\U000E0061", 9) + "\U000E007F": "hidden",
		"a\ufe00\ufe01\ufe02": "hidden", "😀\U000E0120\U000E0121\U000E0122": "hidden",
		strings.Repeat("\u200b\u200c", 8): "hidden invisible", "\u200e\u200f\u200e\u200f\u200e\u200f": "hidden",
		"pass\u200bword": "invisible", "ad\u00admin": "invisible", "a\u2060b": "invisible", "x\u3164": "invisible", "a\u200db": "invisible", "a\ufeffb": "invisible",
		"\u034f": "invisible", " \ufe0f": "invisible", "\u2066a\u2069\u202e": "bidi",
	} {
		for _, value := range []string{quoted(text), "[" + quoted("가"+strings.Repeat("x", 20)+"\n"+text) + "]"} {
			if got := kindsOf(&Shape{Characters: all, Strict: true}, value); got != want && text != "\u2067 }\n\u2069" {
				t.Errorf("%+q: %q, want %q", text, got, want)
			}
		}
	}
	for value, want := range map[string]string{`"\ud83d"`: "surrogate", `"\ude00x"`: "surrogate", `"\ud83d\u0041"`: "surrogate", `"\ud83d\ude00"`: "", `"\udb40\udc68"`: "hidden"} {
		if got := kindsOf(&Shape{Characters: all}, value); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
	answers := &Shape{Characters: all}
	for text, want := range map[string]string{
		"\u001b[31mred\u001b[0m \u001b[1;38;5;208mx\u001b[K\u001b[m": "", "\u001b[8mhidden": "control", "\u001b]0;title\u0007": "control", "\u001b[2J": "control",
	} {
		if got := kindsOf(answers, quoted(text)); got != want {
			t.Errorf("in an answer %+q: %q, want %q", text, got, want)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	s := &Shape{Characters: Characters{Refuse, Refuse, Refuse, Flag, Flag}, Strict: true, Sizes: Sizes{Text: 10, Name: 5, Number: 6, Array: 3, Members: 2, Depth: 3}}
	var report Report
	s.Check([]byte(`{"a/b":[1,2,3,4],"long name":"가나다라","x":{"y":[[1]],"k\u200b":"z\u200b"},"n":12345678}`), &report)
	want := []Fault{
		{"/a~1b", "size", "has 4 elements, may have 3", true, false},
		{"/long name", "size", "has a name that has 9 bytes, may have 5", true, false},
		{"/long name", "size", "has 12 bytes, may have 10", true, false},
		{"/x/y/0", "size", "nests deeper than 3", true, false},
		{"/x/k\u200b", "invisible", "has a name that has an invisible character (U+200B)", true, false},
		{"/x/k\u200b", "invisible", "has an invisible character (U+200B)", false, false},
		{"/n", "size", "has 8 characters of a number, may have 6", true, false},
		{"", "size", "has 4 members, may have 2", true, false},
	}
	if !slices.Equal(report.Faults, want) || report.Refused != 7 || report.Flagged != 1 {
		t.Errorf("%+v", report)
	}
	report.Reset()
	(&Shape{Characters: all}).Check([]byte("["+strings.Repeat(`"\u0000",`, 100)+`1]`), &report)
	if len(report.Faults) != maxFaults || report.Refused != 100 || report.Faults[7].Pointer != "/7" {
		t.Errorf("%d faults of %d", len(report.Faults), report.Refused)
	}
}

// TestTime wants no value to take long.
func TestTime(t *testing.T) {
	s := &Shape{Characters: all, Strict: true, Sizes: Sizes{Text: 10, Name: 10, Array: 10, Members: 10, Depth: 10}}
	for _, value := range []string{
		"[" + strings.Repeat(`"\u0000\u200b\ud800",`, 10_000) + "1]", `"` + strings.Repeat("\u200b", 30_000) + `"`,
		strings.Repeat("[", 500) + strings.Repeat("]", 500), "{" + strings.Repeat(`"\u202e":1,`, 10_000) + `"a":1}`,
		`"` + strings.Repeat("🏴\U000E0067", 10_000) + `"`, `"` + strings.Repeat(`\u001b[1;`, 10_000) + `"`,
	} {
		var report Report
		begin := time.Now()
		s.Check([]byte(value), &report)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%.30s… took %v", value, took)
		}
	}
}

func FuzzShape(f *testing.F) {
	for _, value := range []string{`{"a":["\u0000",1.5e3,null,true,{"b":{}}]}`, `"\ud83d\ude00\u200d"`, `[[[[`, `"\`, `{"a"`, `"\u00`, "\"\xe2\x80", "\"\xf3"} {
		f.Add(value)
	}
	scanner := wire.NewScanner(wire.Vocabulary{}, 0)
	s := &Shape{Characters: all, Strict: true, Sizes: Sizes{Text: 20, Name: 5, Number: 5, Array: 3, Members: 3, Depth: 3}}
	f.Fuzz(func(t *testing.T, value string) {
		var report Report
		s.Check([]byte(value), &report)
		if scanner.Value([]byte(value)) != nil {
			return
		}
		// The same value written with escapes has the same faults.
		var v any
		d := json.NewDecoder(strings.NewReader(value))
		d.UseNumber()
		if d.Decode(&v) != nil {
			return
		}
		if _, object := v.(map[string]any); object || strings.ContainsAny(value, "{\ufffd") {
			return // its members would come in another order
		}
		plain, err := json.Marshal(v)
		if err != nil {
			return
		}
		var again Report
		s.Check(plain, &again)
		if !slices.Equal(report.Faults, again.Faults) {
			t.Fatalf("%q: %v\n%q: %v", value, report.Faults, plain, again.Faults)
		}
	})
}

func BenchmarkShape(b *testing.B) {
	s := &Shape{Characters: all, Strict: true, Sizes: Sizes{Text: 4 << 20, Name: 512, Number: 400, Array: 10_000, Members: 1000, Depth: 64}}
	small := `{"query":"select * from customers where region = 'EU' and name like '%son' order by created desc, name asc","limit":100,"offset":0,"text":"a few words of an ordinary request, as a model writes it, with \"quotes\" and a line\nbreak","filters":{"status":["open","closed"],"assignee":"somebody@example.com"},"id":"0f8fad5b-d9cb-469f-a165-70867728950e","since":"2026-11-22T18:27:03Z","tags":["a","b","c"]}`
	for name, value := range map[string]string{
		"400B": small, "1MiB": quoted(strings.Repeat("an ordinary text of words, numbers such as 20261122. ", (1<<20)/53)),
		"1MiB-Korean": quoted(strings.Repeat("수문은 문을 지킨다. ", (1<<20)/27)), "1MiB-emoji": quoted(strings.Repeat("❤️ ", (1<<20)/7)),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			var report Report
			value := []byte(value)
			for b.Loop() {
				s.Check(value, &report)
			}
			if len(report.Faults) > 0 {
				b.Fatal(report.Faults)
			}
		})
	}
}
