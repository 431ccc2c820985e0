package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// testVocabulary is what the corpus is written for.
var testVocabulary = Vocabulary{Params: []string{"name", "arguments", "uri"}, Meta: []string{"progressToken"}}

// A corpusCase is one line of a file of testdata.
type corpusCase struct {
	line int
	want string // "ok …", or a code and a part of the reason
	data []byte
}

var hexByte = regexp.MustCompile(`<[0-9a-f]{2}>`)

func readCorpus(tb testing.TB, name string) []corpusCase {
	tb.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	var cases []corpusCase
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		want, message, found := strings.Cut(line, " | ")
		if !found {
			tb.Fatalf("%s:%d: no bar", name, i+1)
		}
		data := hexByte.ReplaceAllFunc([]byte(message), func(b []byte) []byte {
			b, _ = hex.AppendDecode(nil, b[1:3])
			return b
		})
		cases = append(cases, corpusCase{i + 1, want, data})
	}
	return cases
}

var kindNames = map[Kind]string{Request: "request", Notification: "notification", Result: "result", Failure: "failure"}

// verdict puts an outcome into the form of the corpus.
func verdict(err error, kind Kind) string {
	if err == nil {
		return strings.TrimSpace("ok " + kindNames[kind])
	}
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return "not an *Error"
	}
	return strconv.Itoa(e.Code) + " " + e.Reason
}

func TestCorpus(t *testing.T) {
	s := NewScanner(testVocabulary, 0)
	var m Message
	scans := map[string]func([]byte) error{
		"value.txt":   func(data []byte) error { m.Kind = Invalid; return s.Value(data) },
		"request.txt": func(data []byte) error { return s.Request(data, &m) },
		"answer.txt":  func(data []byte) error { return s.Answer(data, &m) },
	}
	for name, scan := range scans {
		for _, c := range readCorpus(t, name) {
			code, part, _ := strings.Cut(c.want, " ")
			got := verdict(scan(c.data), m.Kind)
			if !strings.HasPrefix(got, code) || !strings.Contains(got, part) {
				t.Errorf("%s:%d: %q: got %s, want %s", name, c.line, c.data, got, c.want)
			}
		}
	}
}

func TestMessage(t *testing.T) {
	const text = ` {"jsonrpc":"2.0", "id": "q\n1" ,"method":"tools/call","params":{"name":"a.b","arguments":{"n":1.10},` +
		`"\u006fdd":true,"_meta":{"progressToken":[7],"\u0078":null}}}`
	var m Message
	if err := NewScanner(testVocabulary, 0).Request([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		what string
		span Span
		want string
	}{
		{"ID", m.ID, `"q\n1"`},
		{"Method", m.Method, `"tools/call"`},
		{"name", m.Member("name"), `"a.b"`},
		{"arguments", m.Member("arguments"), `{"n":1.10}`},
		{"an escaped name", m.Member("odd"), `true`},
		{"_meta", m.MetaSpan(), `{"progressToken":[7],"\u0078":null}`},
		{"_meta as a member", m.Member("_meta"), `{"progressToken":[7],"\u0078":null}`},
		{"progressToken", m.Meta("progressToken"), `[7]`},
		{"an escaped name in _meta", m.Meta("x"), `null`},
		{"a member that is absent", m.Member("n"), ``},
		{"a member of _meta that is absent", m.Meta("name"), ``},
		{"Result", m.Result, ``},
	} {
		if got := string(m.Bytes(tt.span)); got != tt.want {
			t.Errorf("%s = %s, want %s", tt.what, got, tt.want)
		}
	}
	if string(m.MethodName()) != "tools/call" {
		t.Errorf("MethodName = %s", m.MethodName())
	}
}

// TestMessageReused scans a message with more members than are remembered, and one that has none into the same Message.
func TestMessageReused(t *testing.T) {
	s := NewScanner(testVocabulary, 0)
	many := manyMembers(40)
	var m Message
	text := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"error":{"_meta":%s,%s}`, many, many[1:])
	if err := s.Answer([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 15, 16, 39} {
		name, want := fmt.Sprintf("key%d", i), strconv.Itoa(i)
		if got := string(m.Bytes(m.Member(name))); got != want {
			t.Errorf("Member(%s) = %q", name, got)
		}
		if got := string(m.Bytes(m.Meta(name))); got != want {
			t.Errorf("Meta(%s) = %q", name, got)
		}
	}
	if err := s.Answer([]byte(`{"jsonrpc":"2.0","id":1,"result":[{"key1":1}]}`), &m); err != nil {
		t.Fatal(err)
	}
	if m.Member("key1").Ok() || m.Meta("key1").Ok() || m.MetaSpan().Ok() || m.Error.Ok() {
		t.Error("parts of the last message are still there")
	}
	if err := s.Request([]byte(`{"id":1,"method":"x"}`), &m); err == nil || m.Kind != Invalid || m.ID.Ok() || m.MethodName() != nil {
		t.Errorf("a refused message left %+v (%v)", m, err)
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"key%d":%d`, i, i)
	}
	return "{" + b.String()[1:] + "}"
}

func TestErrorID(t *testing.T) {
	s := NewScanner(testVocabulary, 0)
	for text, want := range map[string]string{
		`{"jsonrpc":"2.0","method":"m","params":{"a":1,"a":2},"id":"last"}`: `"last"`,
		`{"jsonrpc":"2.0","id":7,"method":"m","params":{"Name":1}}`:         `7`,
		`{"jsonrpc":"2.0","id":7,"method":"m","params":[]}`:                 `7`,
		`{"jsonrpc":"1.0","id":7,"method":"m"}`:                             `7`,
		`{"jsonrpc":"2.0","id":7,"id":8,"method":"m"}`:                      ``,
		`{"jsonrpc":"2.0","id":7,"ID":8,"method":"m"}`:                      ``,
		`{"jsonrpc":"2.0","ID":8,"id":7,"method":"m"}`:                      ``,
		`{"jsonrpc":"2.0","id":7,"\u0069d":8,"method":"m"}`:                 ``,
		`{"jsonrpc":"2.0","id":1.5,"method":"m"}`:                           ``,
		`{"jsonrpc":"2.0","id":{"id":1},"method":"m"}`:                      ``,
		`{"jsonrpc":"2.0","id":7,"method":"m","params":{"id":8,"id":9}}`:    `7`,
		`[{"jsonrpc":"2.0","id":7,"method":"m"}]`:                           ``,
		`{"jsonrpc":"2.0","id":7,"method":"m"`:                              ``,
		`{"jsonrpc":"2.0","id":7,"method":"m"} {"id":8}`:                    ``,
	} {
		var m Message
		e, ok := errors.AsType[*Error](s.Request([]byte(text), &m))
		if !ok {
			t.Errorf("%s: not refused", text)
			continue
		}
		if got := text[e.ID.Start:e.ID.End]; got != want {
			t.Errorf("%s: id %q, want %q", text, got, want)
		}
	}
}

func TestErrorOffset(t *testing.T) {
	for text, want := range map[string]int{
		`{"a":x}`:                   5,
		`[1,2`:                      4,
		`"ab` + "\n":                3,
		`"ab` + "\xff" + `"`:        3,
		`{"a":1,"b":{"c":2,"c":3}}`: 19,
		`{} x`:                      3,
	} {
		e, ok := errors.AsType[*Error](NewScanner(Vocabulary{}, 0).Value([]byte(text)))
		if !ok || e.Offset != want {
			t.Errorf("%s: %v, want offset %d", text, e, want)
		}
	}
}

func TestDepth(t *testing.T) {
	s := NewScanner(Vocabulary{}, 10)
	nested := func(n int) []byte { return []byte(strings.Repeat(`{"a":[`, n) + strings.Repeat(`]}`, n)) }
	if err := s.Value(nested(5)); err != nil {
		t.Errorf("depth 10: %v", err)
	}
	if err := s.Value([]byte(`[` + string(nested(5)) + `]`)); err == nil {
		t.Error("depth 11 passes")
	}
	if err := s.Value([]byte(strings.Repeat(`{"a":`, 10) + `{}` + strings.Repeat(`}`, 10))); err == nil {
		t.Error("objects of depth 11 pass")
	}
	e, ok := errors.AsType[*Error](NewScanner(Vocabulary{}, 0).Value(nested(1e6)))
	if !ok || e.Code != CodeParse || e.Offset > 6*DefaultDepth {
		t.Errorf("depth 2,000,000: %v", e)
	}
}

func TestConcurrentScans(t *testing.T) {
	s := NewScanner(testVocabulary, 0)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			var m Message
			text := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"m","params":%s}`, g, manyMembers(5*g+1))
			for range 200 {
				if err := s.Request([]byte(text), &m); err != nil || string(m.Bytes(m.ID)) != strconv.Itoa(g) {
					t.Errorf("scan %d: %v", g, err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestReasonIsShort(t *testing.T) {
	long := strings.Repeat("k", 1e6)
	err := NewScanner(Vocabulary{}, 0).Value([]byte(`{"` + long + `":1,"` + long + `":2}`))
	if err == nil || len(err.Error()) > 300 || !strings.Contains(err.Error(), "…") {
		t.Errorf("the reason is not short: %d bytes", len(fmt.Sprint(err)))
	}
}

func TestOrdinary(t *testing.T) {
	for c := range 256 {
		special := c < ' ' || c == '"' || c == '\\' || c >= 0x80
		for at := range 20 {
			b := bytes.Repeat([]byte{'a'}, 20)
			b[at] = byte(c)
			want := len(b)
			if special {
				want = at
			}
			if got := ordinary(b, 0); got != want {
				t.Fatalf("byte %#x at %d: %d", c, at, got)
			}
		}
	}
}
