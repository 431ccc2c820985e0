package wire

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestBatch(t *testing.T) {
	const most = 3
	s := NewScanner(testVocabulary, 4)
	for _, tt := range []struct {
		data, want string // the messages with a bar between them, or the code and a part of the reason
	}{
		{`[{"a":1}]`, `{"a":1}`},
		{" [ {\"a\":[1]} ,\n7 , \"[\" ] ", `{"a":[1]}|7|"["`},
		{`[{"a":1,"a":2},{"b":"\ud800"}]`, `{"a":1,"a":2}|{"b":"\ud800"}`}, // for the scans of the messages to refuse
		{`[{"a":{"a":{"a":{}}}}]`, `{"a":{"a":{"a":{}}}}`},                 // as deep as alone
		{`[{"a":{"a":{"a":{"a":{}}}}}]`, `-32700 nested`},
		{`[]`, `-32600 empty`},
		{` [ ] `, `-32600 empty`},
		{`[[{}]]`, `-32600 another`},
		{`[{},[]]`, `-32600 another`},
		{`[{},{},{},{}]`, `-32600 too many`},
		{`{}`, `-32600 not an array`},
		{`{"a":1,"a":1}`, `-32600 not an array`},
		{``, `-32700`},
		{`{`, `-32700`},
		{`[`, `-32700`},
		{`[{}`, `-32700 comma`},
		{`[{},]`, `-32700 value`},
		{`[{} {}]`, `-32700 comma`},
		{`[,{}]`, `-32700 value`},
		{`[{}] {}`, `-32700 more bytes`},
		{`[] x`, `-32700 more bytes`},
		{`[[],x]`, `-32700 value`},
		{`[{},{},{},{},x]`, `-32700 value`},
		{"[\"\xff\"]", `-32700`},
		{"\uFEFF[{}]", `-32700 byte order mark`},
	} {
		messages, err := s.Batch([]byte(tt.data), most)
		got := string(slices.Concat(separated(messages)...))
		if err != nil {
			got = verdict(err, Invalid)
		}
		code, part, _ := strings.Cut(tt.want, " ")
		if err == nil && got != tt.want || err != nil && (!strings.HasPrefix(got, code) || !strings.Contains(got, part)) {
			t.Errorf("%s: got %s, want %s", tt.data, got, tt.want)
		}
	}
}

func separated(messages [][]byte) [][]byte {
	var all [][]byte
	for i, m := range messages {
		if i > 0 {
			all = append(all, []byte("|"))
		}
		all = append(all, m)
	}
	return all
}

func TestBatchMessagesAreApart(t *testing.T) {
	data := []byte(`[{},{}]`)
	messages, err := NewScanner(Vocabulary{}, 0).Batch(data, MostBatch)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(messages[0], "XXXX"...)
	if string(data) != `[{},{}]` {
		t.Errorf("appending to one message changed another: %s", data)
	}
}

func TestIsBatch(t *testing.T) {
	for text, want := range map[string]bool{"[": true, " \t\r\n[1]": true, "": false, " ": false, "{}": false, `"["`: false} {
		if IsBatch([]byte(text)) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// FuzzBatch compares the split with what another parser finds.
func FuzzBatch(f *testing.F) {
	for _, seed := range []string{`[{"a":1},{"b":[2]}]`, `[]`, `[[]]`, `[1,"\ud800",null] `, `[{"a":1,"a":2}]`, `[{}]x`, `{}`, "[\"\xff\"]"} {
		f.Add([]byte(seed))
	}
	s := NewScanner(testVocabulary, oracleDepth-1)
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 5
		messages, err := s.Batch(data, most)
		e, _ := errors.AsType[*Error](err)
		if isJSON(data) == (e != nil && e.Code == CodeParse) {
			t.Fatalf("%q: %v", data, err)
		}
		if !isJSON(data) {
			return
		}
		want := oracleElements(t, data)
		bad := len(want) == 0 || len(want) > most || slices.ContainsFunc(want, func(m string) bool { return m[0] == '[' })
		if bad != (err != nil) {
			t.Fatalf("%q: %v", data, err)
		}
		if got := texts(messages); err == nil && !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", data, got, want)
		}
	})
}

func texts(messages [][]byte) []string {
	var all []string
	for _, m := range messages {
		all = append(all, string(m))
	}
	return all
}

// oracleElements returns the elements of an array, nothing for other values.
func oracleElements(t *testing.T, data []byte) []string {
	t.Helper()
	if jsontext.Value(data).Kind() != '[' {
		return nil
	}
	d := jsontext.NewDecoder(strings.NewReader(string(data)), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if _, err := d.ReadToken(); err != nil {
		t.Fatal(err)
	}
	var all []string
	for d.PeekKind() != ']' {
		v, err := d.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(v))
	}
	return all
}
