package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// A Severity is how much harm what was found can do.
type Severity uint8

// The severities, the least first.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severities = [...]string{"info", "low", "medium", "high", "critical"}

// String returns the severity's name in lower case.
func (s Severity) String() string { return nameOf(severities[:], int(s)) }

// MarshalText returns the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a severity's name.
func (s *Severity) UnmarshalText(text []byte) error {
	n, err := indexOf(severities[:], text, "severity")
	*s = Severity(n) //nolint:gosec // the place of a name among five
	return err
}

// A Band is what follows from a finding where nobody is asked: how sure it is, whatever harm it can do.
type Band uint8

// The bands. A rule whose band is BandBlock is calibrated: of a thousand harmless things it names two at most.
const (
	BandInfo Band = iota
	BandWarn
	BandBlock
)

var bands = [...]string{"info", "warn", "block"}

// String returns the band's name in lower case.
func (b Band) String() string { return nameOf(bands[:], int(b)) }

// MarshalText returns the band's name.
func (b Band) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads a band's name.
func (b *Band) UnmarshalText(text []byte) error {
	n, err := indexOf(bands[:], text, "band")
	*b = Band(n) //nolint:gosec // the place of a name among three
	return err
}

// A Place is where something was found. What does not apply is empty.
type Place struct {
	// Server is the server's name.
	Server string `json:"server,omitempty"`
	// Kind is what Name names: tool, prompt, resource, template, instructions, answer, server or file.
	Kind string `json:"kind,omitempty"`
	// Name is the tool's, the prompt's, the resource's URI, or a file's path.
	Name string `json:"name,omitempty"`
	// Pointer is the JSON Pointer (RFC 6901) of the value inside of what Name names.
	Pointer string `json:"pointer,omitempty"`
	// Line counts from 1, in a file.
	Line int `json:"line,omitempty"`
}

// String returns the place in one line, as people read it: files:tool read_file/description.
func (p Place) String() string {
	var b strings.Builder
	for _, part := range []string{p.Server, p.Kind, p.Name} {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(part)
	}
	b.WriteString(p.Pointer)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	return b.String()
}

// A Contribution is one reason for a finding, and how much it weighs.
type Contribution struct {
	// What is the reason in words.
	What string `json:"what"`
	// Text is the part of the evidence that it is about.
	Text string `json:"text,omitempty"`
	// Weight is what it adds to the score of the finding; it may be negative.
	Weight float64 `json:"weight,omitempty"`
}

// A Finding is one thing that was seen: by the scanner, in the call path, in source code, in an IDE's files. It judges nothing by itself.
type Finding struct {
	// Rule names what found it, as ROOM/RULE, and never changes its meaning.
	Rule string `json:"rule"`
	// Severity is how much harm it can do.
	Severity Severity `json:"severity"`
	// Band is how sure it is.
	Band Band `json:"band"`
	// Where it was found.
	Where Place `json:"where"`
	// Evidence is the text that it was found in, shortened and made harmless to print. A secret is never in it.
	Evidence string `json:"evidence,omitempty"`
	// Message is what was found, in a sentence.
	Message string `json:"message"`
	// Remedy is what to do, in a sentence.
	Remedy string `json:"remedy,omitempty"`
	// Reasons are what led to it, the heaviest first.
	Reasons []Contribution `json:"reasons,omitempty"`
	// Fingerprint is equal for the same thing at the same place in another scan: baselines and suppressions go by it. See [Fingerprinted].
	Fingerprint string `json:"fingerprint"`
}

// fingerprint returns 32 hex digits over its rule, its place without the line, and its evidence without
// regard to case and blanks, so that what is only moved or re-wrapped stays the same.
func (f *Finding) fingerprint() string {
	h := sha256.New()
	for _, part := range []string{f.Rule, f.Where.Server, f.Where.Kind, f.Where.Name, f.Where.Pointer, strings.ToLower(strings.Join(strings.Fields(f.Evidence), " "))} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Fingerprinted returns f with its fingerprint.
func Fingerprinted(f Finding) Finding {
	f.Fingerprint = f.fingerprint()
	return f
}

func nameOf(names []string, n int) string {
	if n < 0 || n >= len(names) {
		return strconv.Itoa(n)
	}
	return names[n]
}

func indexOf(names []string, text []byte, what string) (int, error) {
	for n, name := range names {
		if name == string(text) {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%q is no %s; write %s", text, what, strings.Join(names, ", "))
}
