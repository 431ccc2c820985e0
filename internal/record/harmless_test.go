package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/auditlog"
)

// hostile are texts with which somebody may try to write a line of ours, or to a terminal.
var hostile = []string{
	"x\n9  2026-01-01T00:00:00.000Z  local  tools/call payment.initiate  ok  1ms",
	"x\r\nCEF:0|Sumun|Sumun|1|tools/call|all is well|1|rt=0",
	"x  ok  1ms", "\x1b[2J\x1b[1;1H", "\x1b]0;title\x07", "\u009b31m", "\u202eevil\u202c", "\u2066x\u2069", "a\u2028b\u2029c\u0085d\ve\ff", "\x00\x7f",
	"|1|2|", `\`, `\\|`, "a=b c=d outcome=ok", "suser=admin", "=", " ", "  ", "\u00a0\u3000\u200b", "\xff\xfe", "\u200f\U000e0041", "<109>1 2026-11-22T17:20:49Z h a 1 c - x", `{"checkpoint":"x"}`,
}

// hostileEntry is a record in which everything that others say is that.
func hostileEntry(said string) Entry {
	body, _ := json.Marshal(map[string]any{
		"v": 1, "time": "2026-11-22T12:00:00.5Z", "id": said, "caller": said, "client": said, "transport": said, "remote": said, "method": said, "name": said,
		"server": said, "reason": said, "error": said, "outcome": "refused", "detail": map[string]any{said: said}, "subject": said, "approval": said,
	})
	return read(auditlog.Record{Seq: 7, Body: body})
}

func unseen(r rune) bool { return !unicode.IsPrint(r) }

// TestHostileLines lets nobody forge a line or a column, or write to a terminal.
func TestHostileLines(t *testing.T) {
	columns := len(strings.Split(func() string { e := hostileEntry("x"); return e.Line() }(), "  "))
	for _, said := range hostile {
		e := hostileEntry(said)
		line := e.Line()
		if strings.ContainsFunc(line, unseen) || !strings.HasPrefix(line, "7  2026-11-22T12:00:00.500Z  ") || len(strings.Split(line, "  ")) != columns {
			t.Errorf("%q makes the line %q", said, line)
		}
		var out bytes.Buffer
		if err := (&jsonWriter{to: &out}).Encode(e.Exported()); err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSuffix(out.String(), "\n")
		var back struct{ Record json.RawMessage }
		if err := json.Unmarshal([]byte(text), &back); err != nil || strings.ContainsFunc(text, unseen) {
			t.Errorf("%q is written as %q, %v", said, text, err)
		}
		again := read(auditlog.Record{Seq: 7, Body: back.Record})
		if diff := cmp.Diff(e.Members, again.Members); diff != "" {
			t.Errorf("%q is changed in JSON: %s", said, diff)
		}
	}
}

// pair is what begins a pair of the extension: a key behind a space, and an equals sign
// that is not escaped.
var pair = regexp.MustCompile(`(?:^| )([A-Za-z0-9]+)=`)

// parseCEF reads a line as the specification of CEF says (version 26, "Character
// encoding"): seven fields of a header between bars, and pairs whose values reach to
// the next key.
func parseCEF(line string) (fields []string, pairs map[string]string, err error) {
	var field strings.Builder
	i := 0
	for ; i < len(line) && len(fields) < 7; i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && strings.IndexByte(`\|`, line[i+1]) >= 0:
			i++
			field.WriteByte(line[i])
		case c == '\\':
			return nil, nil, fmt.Errorf("a lone backslash at %d", i)
		case c == '|':
			fields = append(fields, field.String())
			field.Reset()
		default:
			field.WriteByte(c)
		}
	}
	pairs = map[string]string{}
	rest := line[i:]
	keys := pair.FindAllStringSubmatchIndex(rest, -1)
	for n, at := range keys {
		end := len(rest)
		if n+1 < len(keys) {
			end = keys[n+1][0]
		}
		key, value := rest[at[2]:at[3]], rest[at[1]:end]
		if _, twice := pairs[key]; twice {
			return nil, nil, fmt.Errorf("%s stands there twice", key)
		}
		if pairs[key], err = unescape(value); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return fields, pairs, nil
}

func unescape(value string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '=':
			return "", fmt.Errorf("an equals sign that is not escaped in %q", value)
		case c != '\\':
			b.WriteByte(c)
		case i+1 == len(value) || strings.IndexByte(`\=nr`, value[i+1]) < 0:
			return "", fmt.Errorf("a lone backslash in %q", value)
		default:
			i++
			b.WriteByte(map[byte]byte{'n': '\n', 'r': '\r', '\\': '\\', '=': '='}[value[i]])
		}
	}
	return b.String(), nil
}

// TestCEF reads back what is written, with a reader of its own.
func TestCEF(t *testing.T) {
	for _, said := range hostile {
		e := hostileEntry(said)
		line := e.CEF()
		if strings.ContainsFunc(line, unseen) {
			t.Errorf("%q makes the line %q", said, line)
		}
		fields, pairs, err := parseCEF(line)
		if err != nil || len(fields) != 7 || fields[0] != "CEF:0" || fields[6] != "6" {
			t.Fatalf("%q makes %q: %v", line, fields, err)
		}
		want := strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(said, "\ufffd\ufffd"), "\r", "\n"), "\n", "\x00")
		want = strings.ReplaceAll(visible(strings.ReplaceAll(want, "\x00", "\n")), "\ufffd", "?")
		plain := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, "\n", "?"), "\ufffd", "?") }
		for _, key := range []string{"externalId", "suser", "app", "requestClientApplication", "destinationServiceName", "request", "reason", "msg", "cs1", "cs4"} {
			if got := plain(pairs[key]); got != want {
				t.Errorf("%s of %q is read as %q, want %q", key, said, got, want)
			}
		}
		for key := range pairs {
			known := " rt cn1 cn1Label externalId suser src spt c6a2 c6a2Label app requestClientApplication destinationServiceName request cs1 cs1Label cs2 cs2Label cs4 cs4Label outcome reason msg "
			if !strings.Contains(known, " "+key+" ") {
				t.Errorf("%q has made the key %s", said, key)
			}
		}
	}
}
