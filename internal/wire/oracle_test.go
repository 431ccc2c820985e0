package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The oracle says in another way, slowly and with another parser, what the scanner must say.

const oracleDepth = 10_000 // of jsontext

type oracleMember struct {
	raw, name string // the name between its quotes, and what it means
	value     string
}

// isJSON is RFC 8259 and UTF-8, nothing more.
func isJSON(data []byte) bool {
	return utf8.Valid(data) && jsontext.Value(data).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// isStrictJSON also refuses duplicate names and, unless they are allowed, lone surrogates.
func isStrictJSON(data []byte, surrogates bool) bool {
	return isJSON(data) && jsontext.Value(data).IsValid(jsontext.AllowInvalidUTF8(surrogates))
}

// oracleMembers returns the members of an object, nothing for other values.
func oracleMembers(t *testing.T, object string) []oracleMember {
	t.Helper()
	if jsontext.Value(object).Kind() != '{' {
		return nil
	}
	d := jsontext.NewDecoder(strings.NewReader(object), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if _, err := d.ReadToken(); err != nil {
		t.Fatal(err)
	}
	var all []oracleMember
	for d.PeekKind() != '}' {
		raw, err := d.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		m := oracleMember{raw: string(raw[1 : len(raw)-1]), name: oracleString(t, raw)}
		value, err := d.ReadValue()
		if err != nil {
			t.Fatal(err)
		}
		m.value = string(value)
		all = append(all, m)
	}
	return all
}

func oracleString(t *testing.T, raw []byte) string {
	t.Helper()
	var s string
	if err := json.Unmarshal(raw, &s); err != nil { // version 1 reads lone surrogates as U+FFFD, as we do
		t.Fatal(err)
	}
	return s
}

// isTwin reports whether a member is spelled otherwise than one of the names that it could be taken for.
func isTwin(m oracleMember, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(m.name, name) }) &&
		!slices.Contains(names, m.raw)
}

func anyTwin(members []oracleMember, names []string) bool {
	return slices.ContainsFunc(members, func(m oracleMember) bool { return isTwin(m, names) })
}

var integer = regexp.MustCompile(`^-?[0-9]+$`)

// oracleMessage says which kind of message data is, or with which code it is refused.
func oracleMessage(t *testing.T, data []byte, v Vocabulary, answer bool) (Kind, int) {
	t.Helper()
	if !isJSON(data) {
		return Invalid, CodeParse
	}
	if !isStrictJSON(data, answer) || jsontext.Value(data).Kind() != '{' {
		return Invalid, CodeInvalid
	}
	members := oracleMembers(t, string(data))
	envelope := map[string]string{}
	for _, m := range members {
		if strings.Contains(m.raw, `\`) {
			return Invalid, CodeInvalid
		}
		envelope[m.name] = m.value
	}
	if anyTwin(members, []string{"jsonrpc", "id", "method", "params", "result", "error"}) || envelope["jsonrpc"] != `"2.0"` {
		return Invalid, CodeInvalid
	}
	if kind := oracleKind(envelope, answer); kind != Invalid && (answer || !oracleTwins(t, envelope["params"], v)) {
		return kind, 0
	}
	return Invalid, CodeInvalid
}

func oracleKind(envelope map[string]string, answer bool) Kind {
	id, method, params := envelope["id"], envelope["method"], envelope["params"]
	result, failure := envelope["result"], envelope["error"]
	goodID := id != "" && (id[0] == '"' || integer.MatchString(id))
	switch {
	case method != "":
		if result != "" || failure != "" || method[0] != '"' || strings.Contains(method, `\`) || params != "" && params[0] != '{' {
			return Invalid
		}
		if id == "" {
			return Notification
		}
		if goodID {
			return Request
		}
	case params != "":
	case result != "" && failure == "" && goodID:
		return Result
	case failure != "" && result == "" && failure[0] == '{' && (goodID || answer && (id == "" || id == "null")):
		return Failure
	}
	return Invalid
}

func oracleTwins(t *testing.T, params string, v Vocabulary) bool {
	t.Helper()
	members := oracleMembers(t, params)
	for _, m := range members {
		if m.raw == metaName && anyTwin(oracleMembers(t, m.value), v.Meta) {
			return true
		}
	}
	return anyTwin(members, append([]string{metaName}, v.Params...))
}

// checkMessage compares an outcome with the oracle, and what the message tells with what the oracle reads.
func checkMessage(t *testing.T, data []byte, m *Message, err error, answer bool) {
	t.Helper()
	kind, code := oracleMessage(t, data, testVocabulary, answer)
	got := 0
	if e, ok := errors.AsType[*Error](err); ok {
		got = e.Code
		if e.ID.Ok() && !json.Valid(data[e.ID.Start:e.ID.End]) {
			t.Errorf("%q: the id of the error is %q", data, data[e.ID.Start:e.ID.End])
		}
	}
	if got != code || m.Kind != kind {
		t.Fatalf("%q: got %s, want code %d, kind %d", data, verdict(err, m.Kind), code, kind)
	}
	if err != nil {
		return
	}
	for _, member := range oracleMembers(t, string(m.Bytes(m.Body()))) {
		if got := string(m.Bytes(m.Member(member.name))); got != member.value {
			t.Errorf("%q: Member(%q) = %s, want %s", data, member.name, got, member.value)
		}
		if member.name != metaName {
			continue
		}
		if got := string(m.Bytes(m.MetaSpan())); got != member.value {
			t.Errorf("%q: MetaSpan = %s, want %s", data, got, member.value)
		}
		for _, inner := range oracleMembers(t, member.value) {
			if got := string(m.Bytes(m.Meta(inner.name))); got != inner.value {
				t.Errorf("%q: Meta(%q) = %s, want %s", data, inner.name, got, inner.value)
			}
		}
	}
}

func addCorpus(f *testing.F, names ...string) {
	f.Helper()
	for _, name := range names {
		for _, c := range readCorpus(f, name) {
			f.Add(c.data)
		}
	}
}

func FuzzRequest(f *testing.F) {
	addCorpus(f, "request.txt", "answer.txt")
	f.Add([]byte(smallCall))
	f.Add(wide(20))
	s := NewScanner(testVocabulary, oracleDepth)
	var m Message
	f.Fuzz(func(t *testing.T, data []byte) {
		err := s.Request(data, &m)
		checkMessage(t, data, &m, err, false)
	})
}

func FuzzAnswer(f *testing.F) {
	addCorpus(f, "request.txt", "answer.txt")
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"result":{"_meta":` + manyMembers(20) + `,"tools":[]}}`))
	s := NewScanner(testVocabulary, oracleDepth)
	var m Message
	f.Fuzz(func(t *testing.T, data []byte) {
		err := s.Answer(data, &m)
		checkMessage(t, data, &m, err, true)
	})
}

// FuzzValue also walks what it is given, valid or not.
func FuzzValue(f *testing.F) {
	addCorpus(f, "value.txt")
	f.Add([]byte(manyMembers(20)))
	s := NewScanner(Vocabulary{}, oracleDepth)
	f.Fuzz(func(t *testing.T, data []byte) {
		want := 0
		switch {
		case !isJSON(data):
			want = CodeParse
		case !isStrictJSON(data, false):
			want = CodeInvalid
		}
		got := 0
		err := s.Value(data)
		if e, ok := errors.AsType[*Error](err); ok {
			got = e.Code
		}
		if got != want {
			t.Fatalf("%q: %v, want code %d", data, err, want)
		}
		checkWalk(t, data, want != CodeParse)
	})
}

// checkWalk compares a walk with the oracle if data is JSON, and is content if it ends otherwise.
func checkWalk(t *testing.T, data []byte, valid bool) {
	t.Helper()
	var got []oracleMember
	for key, value := range Members(data) {
		got = append(got, oracleMember{string(key), "", string(value)})
	}
	elements := slices.Collect(Elements(data))
	text, isString := Unquote(data)
	_, _ = Get(data, "a"), KeyEqual(data, "a")
	if !valid {
		return
	}
	want := oracleMembers(t, string(data))
	if len(got) != len(want) {
		t.Fatalf("%q: members %q, want %q", data, got, want)
	}
	for i, m := range want {
		if got[i].raw != m.raw || got[i].value != m.value || !KeyEqual([]byte(m.raw), m.name) {
			t.Errorf("%q: member %q, want %q", data, got[i], m)
		}
	}
	var array []json.RawMessage
	_ = json.Unmarshal(data, &array) // leaves it empty if it is not an array
	if !slices.EqualFunc(elements, array, func(a []byte, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
		t.Errorf("%q: elements %q", data, elements)
	}
	if isString && text != oracleString(t, data) {
		t.Errorf("%q: string %q", data, text)
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("a\"\\\n\x00\xff수문\u2028😀")
	f.Fuzz(func(t *testing.T, s string) {
		raw := AppendQuote(nil, s)
		want := strings.ToValidUTF8(string([]rune(s)), "\uFFFD")
		if got, ok := Unquote(raw); !ok || got != want || !isStrictJSON(raw, false) {
			t.Errorf("%q: quoted %s, unquoted %q", s, raw, got)
		}
		if !KeyEqual(raw[1:len(raw)-1], want) {
			t.Errorf("%q: KeyEqual of %s is false", s, raw)
		}
	})
}
