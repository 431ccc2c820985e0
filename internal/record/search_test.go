package record

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/sumun-mcp/sumun/internal/auditlog"
)

func TestMatches(t *testing.T) {
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{"calc.evaluate", "calc.evaluate", true},
		{"calc.evaluate", "calc.evaluate2", false},
		{"calc.*", "calc.", true},
		{"calc.*", "weather.getCurrent", false},
		{"*", "", true},
		{"", "", true},
		{"", "x", false},
		{"*/call", "tools/call", true},
		{"a*a", "a", false},
		{"a*b*c", "aXbYc", true},
		{"a*b*c", "aXcYb", false},
		{"a**c", "ac", true},
	}
	for _, tt := range tests {
		if got := matches(tt.pattern, tt.text); got != tt.want {
			t.Errorf("matches(%q, %q) = %v", tt.pattern, tt.text, got)
		}
	}
}

// TestAbsent tells a member that is not there from one that may be anything.
func TestAbsent(t *testing.T) {
	e := read(auditlog.Record{Seq: 1, Body: []byte(`{"event":"key.created"}`)})
	for condition, want := range map[string]bool{"event=*": true, "method=*": false, "method=": true, "event=": false, "method=**": false} {
		q, err := ParseQuery([]string{condition})
		if err != nil {
			t.Fatal(err)
		}
		if q.means(&e) != want {
			t.Errorf("%s: not %v", condition, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	tests := map[string]string{
		"2h": "2026-11-22T10:00:00Z", "2026-11-01": "2026-11-01T00:00:00Z", "2026-11-01T07:08:09+01:00": "2026-11-01T06:08:09Z", "": "0001-01-01T00:00:00Z",
	}
	for text, want := range tests {
		if at, err := ParseTime(text, now); err != nil || at.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %v; want %s", text, at, err, want)
		}
	}
}

// TestLines prints no line but its own, and nothing that cannot be seen, whatever a client calls things.
func TestLines(t *testing.T) {
	e := read(auditlog.Record{Seq: 7, Body: []byte(`{"time":"2026-11-22T12:00:00.5Z","caller":"local","method":"tools/call","name":"x\n8  2026\u001b[2J\u202e|=\\","error":"a=b\nc|d","outcome":"error","remote":"[::1]:9"}`)})
	if line := e.Line(); strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || !strings.HasPrefix(line, "7  2026-11-22T12:00:00.500Z  local  tools/call x") {
		t.Errorf("the line is %q", line)
	}
	want := `CEF:0|Sumun|Sumun|1|tools/call|tools/call x` + "\ufffd" + `8 2026` + "\ufffd" + `[2J` + "\ufffd" + `\|=\\|4|rt=1795348800500 cn1Label=seq cn1=7 suser=local c6a2Label=Source IPv6 Address c6a2=::1 spt=9` +
		` request=x\n8  2026` + "\ufffd" + `[2J` + "\ufffd" + `|\=\\ outcome=error msg=a\=b\nc|d`
	if got := e.CEF(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if e := read(auditlog.Record{Seq: 3, Body: []byte("nonsense")}); e.Line() != "3  is no JSON object" {
		t.Errorf("the line is %q", e.Line())
	}
}

func FuzzCheckExport(f *testing.F) {
	f.Add([]byte(`{"checkpoint":"a\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"}` + "\n" + `{"seq":1,"body":"{}","proof":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, of, err := CheckExport(bytes.NewReader(data), "")
		if err != nil && !Lost(err) {
			t.Errorf("error = %v, want one that says that it was altered", err)
		}
		if err == nil && n > 0 && of.Size == 0 {
			t.Errorf("%d records in a log of none", n)
		}
	})
}

// FuzzEntry reads any body as a record.
func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-22T12:00:00Z","name":"\u202e\n","durationUs":1e99,"count":7}`), "name=*")
	f.Fuzz(func(t *testing.T, body []byte, condition string) {
		e := read(auditlog.Record{Seq: 1, Body: body})
		if strings.ContainsAny(e.Line()+e.CEF(), "\n\r") {
			t.Errorf("more than one line of %q", body)
		}
		if q, err := ParseQuery([]string{condition}); err == nil {
			q.means(&e)
		}
	})
}
