package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sumun-mcp/sumun/internal/config/suppress"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/report"
	"github.com/sumun-mcp/sumun/trust"
)

// hostile is a text that tries to leave the place where it is shown, in every format.
const hostile = "</td><script>alert(1)</script> \x1b[2J\x1b]0;x\x07 `|` **b** [l](http://evil.example) @all #1 www.evil.example\r\n\n## Trust scan: no findings\n| a | ]]> --> \u202egnp.exe \u200b\u00a0\U000e0041 \xff\u2028 ::error::x 한글 텍스트는 두 칸을 씁니다"

func scan() []*report.Event {
	now := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	found := func(target, rule string, severity trust.Severity, band trust.Band, where trust.Place) *report.Event {
		return &report.Event{Finding: &report.Finding{Target: target, Finding: trust.Fingerprinted(trust.Finding{
			Rule: rule, Severity: severity, Band: band, Where: where, Evidence: hostile, Message: "the text reads like an order to the model that reads it",
			Remedy:  "read it; if it tells the model to do what its reader did not ask for, do not let the server in",
			Reasons: []trust.Contribution{{What: "asks for secrecy", Text: "do not tell " + hostile, Weight: 1.25}, {What: "rule:override"}},
		})}}
	}
	subject := &trust.Subject{Name: "files", Target: "npx files", Transport: "stdio", Loopback: true, Authentication: trust.AuthNone}
	events := []*report.Event{
		{Begin: &report.Begin{Program: "sumun", Version: "1.2.3", Time: now, Rules: []report.Rule{{Name: "text/injection", Severity: trust.High, Means: "a text gives orders to the model"}}}},
		{Target: &report.Target{Name: "files", Index: 1, Of: 3}},
		{Target: &report.Target{Name: hostile, Index: 2, Of: 3}},
		{Progress: &report.Progress{Target: "files", Text: "listing" + hostile}},
		{Fact: &report.Fact{Target: "files", Subject: subject}},
		found("files", "text/order", trust.Low, trust.BandWarn, trust.Place{Server: "files", Kind: "file", Name: "src/a b.py", Line: 7}),
		found("files", "text/injection", trust.High, trust.BandBlock, trust.Place{Server: "files", Kind: "tool", Name: hostile, Pointer: "/description"}),
		found("files", "capability/payment", trust.High, trust.BandInfo, trust.Place{Server: "files", Kind: "tool", Name: "pay"}),
		found("files", "text/old", trust.Medium, trust.BandWarn, trust.Place{Server: "files", Kind: "tool", Name: "old"}),
		found("files", "text/accepted", trust.Medium, trust.BandWarn, trust.Place{Server: "files", Kind: "tool", Name: "accepted"}),
		{Failure: &report.Failure{Target: hostile, Error: "no answer: " + hostile, Hint: "is it running?"}},
	}
	v := trust.Grade(subject, []trust.Finding{events[6].Finding.Finding})
	return append(events,
		&report.Event{Verdict: &report.Verdict{Target: "files", Verdict: v}},
		&report.Event{Target: &report.Target{Name: "clean", Index: 3, Of: 3}},
		&report.Event{Verdict: &report.Verdict{Target: "clean", Verdict: trust.Grade(&trust.Subject{Authentication: trust.AuthStrong, TLS: true, Signed: []string{"k"}}, nil)}},
		found("", "graph/toxic-flow", trust.Medium, trust.BandWarn, trust.Place{}),
		&report.Event{End: &report.End{Took: 1234}},
	)
}

// filtered returns the events of the scan as a filter hands them on.
func filtered(tb testing.TB, to report.Handler) *report.Threshold {
	tb.Helper()
	var old string
	for _, e := range scan() {
		if e.Finding != nil && e.Finding.Rule == "text/old" {
			old = e.Finding.Fingerprint
		}
	}
	last := &report.Threshold{Next: to, At: trust.High}
	f := &report.Filter{
		Next: last, Now: time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC),
		Baseline: &report.Baseline{Findings: []report.Known{{Fingerprint: old}}},
		Suppressions: []suppress.Suppression{
			{Rule: "text/acc*", Server: "files", Reason: "reviewed " + hostile, Expires: "2026-12-31"},
			{Rule: "text/injection", Reason: "over", Expires: "2026-12-30"},
			{Rule: "text/injection", Name: "other", Reason: "never used", Expires: "2027-01-01"},
		},
	}
	for _, e := range scan() {
		if err := f.Handle(e); err != nil {
			tb.Fatal(err)
		}
	}
	return last
}

func write(tb testing.TB, format string, how report.Options) []byte {
	tb.Helper()
	var b bytes.Buffer
	h, err := report.New(format, &b, how)
	if err != nil {
		tb.Fatal(err)
	}
	filtered(tb, h)
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for _, format := range report.Formats() {
		got := write(t, format, report.Options{All: true})
		name := filepath.Join("testdata", "golden."+format)
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(name, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got); UPDATE=1 writes it anew\n%s", format, diff)
		}
	}
	if _, err := report.New("pdf", io.Discard, report.Options{}); err == nil {
		t.Error("a format that there is not is written")
	}
}

// TestHarmless looks for what a hostile text must not do in any format.
func TestHarmless(t *testing.T) {
	for _, format := range report.Formats() {
		got := string(write(t, format, report.Options{All: true}))
		if !utf8.ValidString(got) {
			t.Errorf("%s is not UTF-8", format)
		}
		for _, r := range got {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%s: the character %U stands in it", format, r)
			}
		}
	}
	if got := string(write(t, "html", report.Options{})); strings.Count(got, "<script") > 0 {
		t.Error("html: a script stands in it")
	}
	md := string(write(t, "markdown", report.Options{}))
	if strings.Count(md, "\n## ") > 0 || strings.Contains(md, "](") || strings.Contains(md, "@all") || strings.Contains(md, "www.evil") || strings.Contains(md, "<") {
		t.Errorf("markdown: syntax of the server's stands in it\n%s", md)
	}
	for line := range strings.Lines(md) {
		if strings.HasPrefix(line, "| ") && strings.Count(line, "|") != 5 {
			t.Errorf("markdown: a row has another number of cells: %s", line)
		}
	}
	for line := range strings.Lines(string(write(t, "text", report.Options{All: true}))) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			t.Errorf("text: a command to a CI system stands in it: %s", line)
		}
	}
	if got := write(t, "text", report.Options{Color: true}); !bytes.Contains(got, []byte("\x1b[31m")) || bytes.Contains(got, []byte("\x1b[2J")) {
		t.Error("text: colours are not ours alone")
	}
}

func TestTextWidth(t *testing.T) {
	for line := range strings.Lines(string(write(t, "text", report.Options{All: true}))) {
		n := 0
		for _, r := range strings.TrimSuffix(line, "\n") {
			if n++; r >= 0xac00 && r <= 0xd7a3 {
				n++
			}
		}
		if n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestSARIF holds the report to the official schema of the standard (OASIS, errata 01), which stands in testdata.
func TestSARIF(t *testing.T) {
	text, err := os.ReadFile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", schema); err != nil {
		t.Fatal(err)
	}
	valid, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	var empty bytes.Buffer
	h, err := report.New("sarif", &empty, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Handle(&report.Event{End: &report.End{}}); err != nil {
		t.Fatal(err)
	}
	full := write(t, "sarif", report.Options{})
	for _, doc := range [][]byte{full, empty.Bytes()} {
		got, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
		if err != nil {
			t.Fatal(err)
		}
		if err := valid.Validate(got); err != nil {
			t.Errorf("%v\n%s", err, doc)
		}
	}
	broken, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.Replace(full, []byte(`"ruleId"`), []byte(`"rule"`), 1)))
	if err != nil {
		t.Fatal(err)
	}
	if valid.Validate(broken) == nil {
		t.Error("the schema takes everything")
	}
	if n := bytes.Count(full, []byte(`"sumun/v1"`)); n != 6 {
		t.Errorf("%d results have a fingerprint, want 6", n)
	}
}

func TestHTMLPolicy(t *testing.T) {
	page := string(write(t, "html", report.Options{}))
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if style == nil || policy == nil {
		t.Fatal("no style or no policy")
	}
	sum := sha256.Sum256([]byte(style[1]))
	decoded := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(policy[1])
	if !strings.HasPrefix(decoded, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Errorf("the policy %s does not fit the style", decoded)
	}
}

func TestJUnit(t *testing.T) {
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Skipped  int `xml:"skipped,attr"`
		Suites   []struct {
			Name  string `xml:"name,attr"`
			Cases []any  `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(write(t, "junit", report.Options{}), &suites); err != nil {
		t.Fatal(err)
	}
	if suites.Tests != 9 || suites.Failures != 5 || suites.Errors != 1 || suites.Skipped != 2 || len(suites.Suites) != 4 {
		t.Errorf("%+v", suites)
	}
}

// TestReplay makes each report again from the stream that was written as jsonl.
func TestReplay(t *testing.T) {
	stream := write(t, "jsonl", report.Options{})
	for _, format := range report.Formats() {
		var b bytes.Buffer
		h, err := report.New(format, &b, report.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range report.Events(bytes.NewReader(stream)) {
			if err != nil {
				t.Fatal(err)
			}
			if err := h.Handle(e); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(string(write(t, format, report.Options{})), b.String()); diff != "" {
			t.Errorf("%s: from the stream (-scan +stream)\n%s", format, diff)
		}
	}
	for name, text := range map[string]string{
		"cut off": string(stream[:len(stream)/2]), "empty": "", "no event": "{}\n", "two at once": `{"end":{},"begin":{}}` + "\n", "without an end": `{"begin":{}}` + "\n",
	} {
		var last error
		for _, last = range report.Events(strings.NewReader(text)) {
		}
		if last == nil {
			t.Errorf("%s: it is read", name)
		}
	}
}

func TestThreshold(t *testing.T) {
	for _, tt := range []struct {
		at   trust.Severity
		drop string // rules that are left out
		want int
	}{
		{trust.High, "", exit.Findings},
		{trust.Critical, "", exit.Unreachable},
		{trust.High, "text/injection", exit.Unreachable}, // what is only for information does not count as high
		{trust.Info, "", exit.Findings},
	} {
		th := &report.Threshold{Next: discard{}, At: tt.at}
		for _, e := range scan() {
			if e.Finding != nil && e.Finding.Rule == tt.drop {
				continue
			}
			if err := th.Handle(e); err != nil {
				t.Fatal(err)
			}
		}
		failure, ok := errors.AsType[*exit.Error](th.Err())
		if !ok || failure.Code != tt.want {
			t.Errorf("%v without %q: %v", tt.at, tt.drop, th.Err())
		}
	}
	th := &report.Threshold{Next: discard{}}
	if th.Err() == nil {
		t.Error("a scan without an end is a success")
	}
	if err := th.Handle(&report.Event{End: &report.End{}}); err != nil || th.Err() != nil {
		t.Errorf("%v, %v", err, th.Err())
	}
}

type discard struct{}

func (discard) Handle(*report.Event) error { return nil }

func TestBaseline(t *testing.T) {
	var all report.Report
	for _, e := range scan() {
		all.Add(e)
	}
	var b bytes.Buffer
	if err := report.NewBaseline(all.Findings()).Write(&b); err != nil {
		t.Fatal(err)
	}
	base, err := report.ParseBaseline(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	th := &report.Threshold{Next: discard{}, At: trust.Info}
	f := report.Filter{Next: th, Baseline: base}
	for _, e := range scan() {
		if e.Failure == nil {
			if err := f.Handle(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := th.Err(); err != nil {
		t.Errorf("what is known counts: %v", err)
	}
	for _, text := range []string{
		"", "[]", "{}", `{"type":"sumun.baseline/v2"}`, b.String() + "x", `{"type":"sumun.baseline/v1","findings":[{"fingerprint":"*"}]}`,
		`{"type":"sumun.baseline/v1","all":true}`,
	} {
		if _, err := report.ParseBaseline([]byte(text)); err == nil {
			t.Errorf("%.60q is read as a baseline", text)
		}
	}
}

func TestSuppressions(t *testing.T) {
	got, err := report.ParseSuppressions("a.yaml", []byte("suppress:\n  - rule: surface/*\n    server: files\n    reason: behind a proxy\n    expires: 2027-03-01\n  - fingerprint: abc\n    reason: seen\n    expires: \"2027-03-01\"\n"))
	want := []suppress.Suppression{{Rule: "surface/*", Server: "files", Reason: "behind a proxy", Expires: "2027-03-01"}, {Fingerprint: "abc", Reason: "seen", Expires: "2027-03-01"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for _, tt := range []struct{ text, want string }{
		{"suppress:\n  - rule: a\n    expires: 2027-01-01\n", "a.yaml:2"},
		{"suppress:\n  - rule: a\n    reason: x\n", "never ends"},
		{"suppress:\n  - reason: x\n    expires: 2027-01-01\n", "names no findings"},
		{"suppress:\n  - rule: a\n    reason: x\n    expires: tomorrow\n", "is no day"},
		{"suppress:\n  - rule: '['\n    reason: x\n    expires: 2027-01-01\n", "is no pattern"},
		{"suppress:\n  - rules: a\n    reason: x\n    expires: 2027-01-01\n", "rules"},
	} {
		_, err := report.ParseSuppressions("a.yaml", []byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %s", tt.text, err, tt.want)
		}
	}
}

func TestColor(t *testing.T) {
	env := func(name, value string) func(string) string {
		return func(s string) string {
			if s == name {
				return value
			}
			return ""
		}
	}
	if !report.Color(true, env("", "")) || report.Color(false, env("", "")) || report.Color(true, env("NO_COLOR", "1")) || report.Color(true, env("TERM", "dumb")) {
		t.Error("colours where nobody wants them, or none where somebody does")
	}
}

func FuzzBaseline(f *testing.F) {
	f.Add([]byte(`{"type":"sumun.baseline/v1","findings":[{"fingerprint":"0123456789abcdef0123456789abcdef","rule":"a/b"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		one, err := report.ParseBaseline(data)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := one.Write(&b); err != nil {
			t.Fatal(err)
		}
		two, err := report.ParseBaseline(b.Bytes())
		if err != nil || len(two.Findings) != len(one.Findings) {
			t.Errorf("%s: %v", b.Bytes(), err)
		}
	})
}

func FuzzSuppressions(f *testing.F) {
	f.Add("suppress:\n  - rule: a/*\n    reason: x\n    expires: 2027-01-01\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := report.ParseSuppressions("a.yaml", []byte(text))
		if err != nil {
			return
		}
		for i := range got {
			if err := got[i].Check(); err != nil {
				t.Errorf("%+v: %v", got[i], err)
			}
			got[i].Covers(&trust.Finding{Rule: "a/b"})
		}
	})
}

// FuzzFormats writes hostile texts in every format.
func FuzzFormats(f *testing.F) {
	f.Add(hostile)
	f.Fuzz(func(t *testing.T, text string) {
		found := trust.Fingerprinted(trust.Finding{Rule: "a/" + text, Message: text, Evidence: text, Where: trust.Place{Name: text}, Remedy: text})
		events := []*report.Event{{Target: &report.Target{Name: text}}, {Finding: &report.Finding{Target: text, Finding: found}}, {Failure: &report.Failure{Target: text, Error: text}}, {End: &report.End{}}}
		for _, format := range report.Formats() {
			var b bytes.Buffer
			h, err := report.New(format, &b, report.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if err := h.Handle(e); err != nil {
					t.Fatal(err)
				}
			}
			if !utf8.Valid(b.Bytes()) || bytes.ContainsFunc(b.Bytes(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("%s: %q", format, b.Bytes())
			}
			switch format {
			case "json", "sarif":
				if !json.Valid(b.Bytes()) {
					t.Errorf("%s: %s", format, b.Bytes())
				}
			case "junit":
				if err := xml.Unmarshal(b.Bytes(), new(struct{})); err != nil {
					t.Errorf("junit: %v\n%s", err, b.Bytes())
				}
			case "html":
				if bytes.Contains(bytes.ToLower(b.Bytes()), []byte("<script")) {
					t.Errorf("html: %s", b.Bytes())
				}
			}
		}
	})
}
