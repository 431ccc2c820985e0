package trust

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func found(rule string, severity Severity, band Band) Finding {
	return Fingerprinted(Finding{Rule: rule, Severity: severity, Band: band, Message: rule})
}

func TestGrade(t *testing.T) {
	signed := Subject{Authentication: AuthStrong, TLS: true, Transport: "http", Signed: []string{"k"}}
	open := Subject{Authentication: AuthNone, Transport: "http"}
	for name, tt := range map[string]struct {
		subject  Subject
		findings []Finding
		label    string
		score    int
	}{
		"signed and strong":    {signed, nil, "Tier 3", 100},
		"an API key":           {Subject{Authentication: AuthStatic, TLS: true, Transport: "http"}, nil, "Tier 2", 90},
		"open to everybody":    {open, nil, "Tier 1", 50},
		"steady":               {Subject{Authentication: AuthStatic, TLS: true, Transport: "http", Days: 45}, nil, "Tier 2", 95},
		"steady and perfect":   {Subject{Authentication: AuthStrong, TLS: true, Transport: "http", Signed: []string{"k"}, Days: 45}, nil, "Tier 3", 100},
		"not long enough":      {Subject{Authentication: AuthStatic, TLS: true, Transport: "http", Days: 29}, nil, "Tier 2", 90},
		"a process":            {Subject{Authentication: AuthNone, Transport: "stdio", Loopback: true}, nil, "Tier 1", 95},
		"not asked":            {Subject{Transport: "http", TLS: true}, nil, "unknown", 85},
		"open and malicious":   {open, []Finding{found("behaviour/answer-injection", High, BandBlock)}, "Tier 1-Malicious", 10},
		"strong and malicious": {signed, []Finding{found("behaviour/telemetry", Critical, BandBlock)}, "Tier 3-Malicious", 10},
		"only suspected":       {signed, []Finding{found("text/injection", Critical, BandWarn)}, "Tier 3", 60},
		"words are no conduct": {signed, []Finding{found("capability/shell", Critical, BandBlock)}, "Tier 3", 60},
		"a habit counts thrice": {
			signed, slices.Repeat([]Finding{found("text/order", Medium, BandWarn)}, 100), "Tier 3", 100 - 8 - 4 - 2,
		},
		"nothing is below 0": {open, []Finding{
			found("a/a", Critical, BandWarn), found("a/b", Critical, BandWarn), found("a/c", Critical, BandWarn),
		}, "Tier 1", 0},
	} {
		v := Grade(&tt.subject, tt.findings)
		if v.Label != tt.label || v.Score != tt.score {
			t.Errorf("%s: %s, %d; want %s, %d: %v", name, v.Label, v.Score, tt.label, tt.score, v.Reasons)
		}
		sum := 100
		for _, r := range v.Reasons {
			sum += r.Points
		}
		if max(sum, 0) != v.Score {
			t.Errorf("%s: the reasons add up to %d, the score is %d", name, sum, v.Score)
		}
	}
}

// TestMalicious says which findings make a server malicious, and which only cost points.
func TestMalicious(t *testing.T) {
	at := func(rule, kind, evidence string, reasons ...string) Finding {
		f := Finding{Rule: rule, Severity: High, Band: BandBlock, Where: Place{Server: "s", Kind: kind, Name: evidence}, Evidence: evidence}
		for _, r := range reasons {
			f.Reasons = append(f.Reasons, Contribution{What: r})
		}
		return Fingerprinted(f)
	}
	warned := at("text/injection", "tool", "a")
	warned.Band = BandWarn
	for name, tt := range map[string]struct {
		findings []Finding
		want     bool
	}{
		"what it does":                     {[]Finding{at("behaviour/answer-injection", "answer", "a")}, true},
		"what it leaves open":              {[]Finding{at("surface/admin", "server", "a")}, true},
		"a setting":                        {[]Finding{at("surface/no-tls", "server", "a")}, false},
		"one text by weight":               {[]Finding{at("text/injection", "tool", "a", "annul")}, false},
		"one text, found twice":            {[]Finding{at("text/injection", "tool", "a"), at("text/injection", "tool", "a")}, false},
		"two texts by weight":              {[]Finding{at("text/injection", "tool", "a"), at("text/injection", "instructions", "b")}, true},
		"two texts, one not sure":          {[]Finding{at("text/injection", "tool", "b"), warned}, false},
		"a phrase":                         {[]Finding{at("text/injection", "tool", "a", "annul", "rule:override")}, true},
		"a quoted phrase":                  {[]Finding{at("text/injection", "tool", "a", "rule:override (quoted)")}, false},
		"a phrase that strangers wrote":    {[]Finding{at("text/injection", "answer", "a", "rule:override")}, false},
		"two texts that strangers wrote":   {[]Finding{at("text/injection", "answer", "a"), at("text/injection", "answer", "b")}, false},
		"hidden characters":                {[]Finding{at("text/hidden-characters", "tool", "a")}, false},
		"hidden characters and an order":   {[]Finding{at("text/hidden-characters", "tool", "a"), warned}, true},
		"hidden characters, order beside":  {[]Finding{at("text/hidden-characters", "tool", "b"), warned}, false},
		"a way out":                        {[]Finding{at("text/exfiltration", "tool", "a")}, true},
		"a way out that strangers wrote":   {[]Finding{at("text/exfiltration", "answer", "a")}, false},
		"how another's tool is to be used": {[]Finding{at("graph/shadowing", "tool", "a")}, true},
	} {
		if v := Grade(&Subject{}, tt.findings); v.Malicious != tt.want {
			t.Errorf("%s: %v", name, v.Malicious)
		}
	}
}

func TestCompare(t *testing.T) {
	tool := func(name, digest string) Pin { return Pin{"tool", name, digest} }
	approved := []Pin{tool("a", "1"), tool("b", "2"), tool("c", "3"), {"prompt", "a", "4"}}
	for name, tt := range map[string]struct {
		offered []Pin
		want    []Change
	}{
		"nothing": {slices.Clone(approved), nil},
		"swapped names": {
			[]Pin{tool("b", "1"), tool("a", "2"), tool("c", "3"), {"prompt", "a", "4"}},
			[]Change{{Changed, "tool", "a", "1", "2"}, {Changed, "tool", "b", "2", "1"}},
		},
		"another name": {
			[]Pin{tool("a", "1"), tool("b", "2"), tool("с", "3"), {"prompt", "a", "4"}}, // Cyrillic
			[]Change{{Removed, "tool", "c", "3", ""}, {Added, "tool", "с", "", "3"}},
		},
		"a kind more": {
			append(slices.Clone(approved), Pin{"resource", "a", "1"}), []Change{{Added, "resource", "a", "", "1"}},
		},
		"one twice": {
			append(slices.Clone(approved), tool("a", "9")), []Change{{Added, "tool", "a", "", "9"}},
		},
	} {
		if diff := cmp.Diff(tt.want, Compare(approved, tt.offered)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestFindingText(t *testing.T) {
	f := Fingerprinted(Finding{Rule: "text/x", Severity: High, Band: BandBlock, Where: Place{Server: "s", Kind: "tool", Name: "t", Pointer: "/description", Line: 3}, Evidence: "Do  this"})
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	var back Finding
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, back); diff != "" {
		t.Errorf("written and read (-want +got)\n%s", diff)
	}
	moved := f
	moved.Where.Line, moved.Evidence = 9, "do this"
	if Fingerprinted(moved).Fingerprint != f.Fingerprint {
		t.Error("what is moved and re-wrapped has another fingerprint")
	}
	if moved.Where.Pointer = ""; Fingerprinted(moved).Fingerprint == f.Fingerprint {
		t.Error("what is elsewhere has the same fingerprint")
	}
	if got := f.Where.String(); got != "s tool t/description:3" {
		t.Errorf("place = %q", got)
	}
	if err := json.Unmarshal([]byte(`{"severity":"bad"}`), &back); err == nil {
		t.Error("a severity that is none is read")
	}
}
