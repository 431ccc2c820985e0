package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The elements of JUnit's reports, as CI systems read them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"timestamp,attr,omitempty"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string      `xml:"classname,attr"`
		Name    string      `xml:"name,attr"`
		Failure *junitFault `xml:"failure"`
		Error   *junitFault `xml:"error"`
		Skipped *junitFault `xml:"skipped"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a suite for each target: a failed test for each finding that counts, a skipped one for each that is known or
// suppressed, and one for the verdict, which passes unless the server is malicious.
func writeJUnit(w io.Writer, r *Report) error {
	all := junitSuites{Name: cmp.Or(plain(r.Begin.Program), "sumun")}
	for _, t := range r.Targets {
		all.add(suite(r, t))
	}
	if len(r.Together) > 0 {
		all.add(suite(r, &Result{Target: "all targets together", Findings: r.Together}))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("writing the report as JUnit XML: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (all *junitSuites) add(s junitSuite) {
	for _, c := range s.Cases {
		s.Tests++
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
	}
	all.Suites = append(all.Suites, s)
	all.Tests += s.Tests
	all.Failures += s.Failures
	all.Errors += s.Errors
	all.Skipped += s.Skipped
}

func suite(r *Report, t *Result) junitSuite {
	name := plain(t.Target)
	s := junitSuite{Name: name}
	if !r.Begin.Time.IsZero() {
		s.Time = r.Begin.Time.UTC().Format("2006-01-02T15:04:05")
	}
	switch {
	case t.Failure != nil:
		s.Cases = append(s.Cases, junitCase{Class: name, Name: "reachable", Error: &junitFault{Message: plain(t.Failure.Error), Type: "unreachable", Text: plain(t.Failure.Hint)}})
	case t.Verdict != nil:
		verdict := junitCase{Class: name, Name: "verdict: " + plain(t.Verdict.Label) + ", score " + number(t.Verdict.Score)}
		if t.Verdict.Malicious {
			verdict.Failure = &junitFault{Message: "behaves as no honest server does", Type: "malicious"}
		}
		s.Cases = append(s.Cases, verdict)
	}
	for i := range t.Findings {
		s.Cases = append(s.Cases, testCase(name, &t.Findings[i]))
	}
	return s
}

func testCase(class string, f *Finding) junitCase {
	c := junitCase{Class: class, Name: strings.TrimSpace(plain(f.Rule + " " + f.Where.String()))}
	if !f.Counts() {
		c.Skipped = &junitFault{Message: strings.Trim(plain(state(f)), " ()")}
		return c
	}
	var b strings.Builder
	for _, line := range [][2]string{{"evidence", f.Evidence}, {"remedy", f.Remedy}, {"id", f.Fingerprint}} {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", line[0], plain(line[1]))
		}
	}
	c.Failure = &junitFault{Message: plain(f.Message), Type: f.Weight().String(), Text: b.String()}
	return c
}
