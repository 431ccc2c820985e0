// Package suppress is the part of mcp.yaml that says which findings of scans do not count, and why. Files of suppressions hold the same.
package suppress

import (
	_ "embed"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/trust"
)

//go:embed suppress.go
var source string

// Source returns the source of the types, whose comments describe the keys in the JSON Schema.
func Source() string { return source }

// All wants each suppression of the list at a path of a document to name findings, and to say why and until when.
func All(d *document.Document, at string, list []Suppression) {
	for i := range list {
		p := d.Element(at, i)
		if !d.OK(p) {
			continue
		}
		if err := list[i].Check(); err != nil {
			d.Wrong(p, err.Error(), "write {rule: surface/no-tls, server: NAME, reason: why, expires: YEAR-MM-DD}")
		}
	}
}

// A Suppression says that findings are known, and why they do not count. It names findings by fingerprint or rule, and may
// narrow that down by server and name. It ends: what is accepted is looked at again some day.
type Suppression struct {
	// Fingerprint is that of one finding.
	Fingerprint string `json:"fingerprint,omitempty" yaml:"fingerprint"`
	// Rule is the rule of the findings; * stands for any text without a slash.
	Rule string `json:"rule,omitempty" yaml:"rule"`
	// Server is the name of the server that they are about, with *; empty for all.
	Server string `json:"server,omitempty" yaml:"server"`
	// Name is the name of the tool, prompt, resource or file, with *; empty for all.
	Name string `json:"name,omitempty" yaml:"name"`
	// Reason is why, for people.
	Reason string `json:"reason" yaml:"reason"`
	// Expires is the last day on which it holds, as YEAR-MM-DD in UTC.
	Expires string `json:"expires" yaml:"expires"`
}

// Check returns what is wrong with s: it names nothing, gives no reason, or does not say when it ends.
func (s *Suppression) Check() error {
	switch {
	case s.Fingerprint == "" && s.Rule == "":
		return errors.New("it names no findings; write a fingerprint or a rule")
	case s.Reason == "":
		return errors.New("it gives no reason; write why the findings do not count")
	case s.Expires == "":
		return errors.New("it never ends; write expires: and the last day on which it holds, as YEAR-MM-DD")
	}
	if _, err := time.Parse(time.DateOnly, s.Expires); err != nil {
		return fmt.Errorf("%.40q is no day; write YEAR-MM-DD", s.Expires)
	}
	for _, pattern := range []string{s.Rule, s.Server, s.Name} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%.80q is no pattern; * stands for any text, and [ and \\ are written behind a \\", pattern)
		}
	}
	return nil
}

// Expired reports whether s does not hold any more. One whose end cannot be read does not hold.
func (s *Suppression) Expired(now time.Time) bool {
	day, err := time.Parse(time.DateOnly, s.Expires)
	return err != nil || !now.Before(day.AddDate(0, 0, 1))
}

// Covers reports whether s names f, however long it holds.
func (s *Suppression) Covers(f *trust.Finding) bool {
	if s.Fingerprint == "" && s.Rule == "" || s.Fingerprint != "" && s.Fingerprint != f.Fingerprint {
		return false
	}
	return fits(s.Rule, f.Rule) && fits(s.Server, f.Where.Server) && fits(s.Name, f.Where.Name)
}

func fits(pattern, text string) bool {
	if pattern == "" || pattern == text {
		return true
	}
	ok, err := path.Match(pattern, text)
	return ok && err == nil
}
