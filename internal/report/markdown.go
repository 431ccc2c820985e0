package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/trust"
)

// maxMarkdown is how many bytes of Markdown are written before findings are only counted: the comments of code hosts end at 65,536.
const maxMarkdown = 56_000

// writeMarkdown writes a report for the comments of a pull request.
func writeMarkdown(w io.Writer, r *Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## Trust scan: %s\n\n", markdown(Count(r.Findings()).String()))
	if len(r.Targets) > 0 {
		b.WriteString("| target | verdict | score | findings |\n| --- | --- | ---: | --- |\n")
	}
	for _, t := range r.Targets {
		verdict, score := "", ""
		switch {
		case t.Failure != nil:
			verdict = "not looked at: " + t.Failure.Error
		case t.Verdict != nil:
			verdict, score = t.Verdict.Label, number(t.Verdict.Score)
			if t.Verdict.Malicious {
				verdict = "⛔ " + verdict
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", markdown(t.Target), markdown(verdict), score, Count(t.Findings))
	}
	left := 0
	for _, f := range r.Findings() {
		if !f.Counts() {
			continue
		}
		before := b.Len()
		markdownFinding(&b, &f)
		if before > maxMarkdown || b.Len() > maxMarkdown {
			kept := b.String()[:before]
			b.Reset()
			b.WriteString(kept)
			left++
		}
	}
	if left > 0 {
		fmt.Fprintf(&b, "\n%s more; see the whole report.\n", count(left, "finding"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// marks are what stands before findings of a severity.
var marks = [...]string{trust.Info: "⚪", trust.Low: "🔵", trust.Medium: "🟡", trust.High: "🟠", trust.Critical: "🔴"}

func markdownFinding(b *strings.Builder, f *Finding) {
	severity := min(f.Weight(), trust.Critical)
	fmt.Fprintf(b, "\n### %s %s: %s\n\n", marks[severity], severity, markdown(f.Message))
	for _, line := range [][2]string{{"rule", f.Rule}, {"where", f.Where.String()}, {"evidence", f.Evidence}, {"remedy", f.Remedy}, {"id", f.Fingerprint}} {
		if line[1] != "" {
			fmt.Fprintf(b, "* %s: %s\n", line[0], markdown(line[1]))
		}
	}
}

// markdown returns a text, made plain, that says nothing in Markdown, in HTML or to a code host: no emphasis, no link, no cell, nobody
// notified. What might is written as a character reference, which no parser takes for syntax (CommonMark, section 2.5).
func markdown(s string) string {
	s = plain(s)
	var b strings.Builder
	for i, r := range s {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		ends := next == utf8.RuneError || next == ' '
		switch {
		case r >= utf8.RuneSelf, unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune(" ,;?'/()", r), (r == '.' || r == ':') && ends:
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	return b.String()
}
