// Package advisory knows which servers are known to be vulnerable: records in the OSV format (https://ossf.github.io/osv-schema), of which
// some are part of the program, matched against what is known of a server: the packages that its command line starts, what it says of
// itself, and what its server.json lists.
//
// Reading and matching do no I/O and are safe for concurrent use; [Shelf] keeps further records up to date.
package advisory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/trust"
)

// An Advisory is one record. What is not needed here is not kept.
type Advisory struct {
	ID        string     `json:"id"`
	Aliases   []string   `json:"aliases,omitempty"`
	Summary   string     `json:"summary,omitempty"`
	Details   string     `json:"details,omitempty"`
	Modified  time.Time  `json:"modified"`
	Published time.Time  `json:"published,omitzero"`
	Withdrawn time.Time  `json:"withdrawn,omitzero"`
	Severity  []Score    `json:"severity,omitempty"`
	Affected  []Affected `json:"affected,omitempty"`
	// References are where it is told of.
	References []Reference `json:"references,omitempty"`
	Specific   Specific    `json:"database_specific,omitzero"`
}

// A Score is how severe it is, as a CVSS vector.
type Score struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

// A Reference is a page about it.
type Reference struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

// Specific is what databases add by themselves: the severity in a word, and for the records of our own what the server calls itself, and what
// was told of it wrongly.
type Specific struct {
	Severity   string   `json:"severity,omitempty"`
	CWE        []string `json:"cwe_ids,omitempty"`
	Software   []string `json:"software,omitempty"`
	Correction string   `json:"correction,omitempty"`
}

// An Affected says which versions of a package are affected.
type Affected struct {
	Package  Named    `json:"package,omitzero"`
	Versions []string `json:"versions,omitempty"`
	Ranges   []Range  `json:"ranges,omitempty"`
}

// Named is a package: an ecosystem, such as npm or PyPI, and its name there.
type Named struct {
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
	PURL      string `json:"purl,omitempty"`
}

// A Range is between events. Of type GIT it is about the commits of Repo.
type Range struct {
	Type   string  `json:"type"`
	Repo   string  `json:"repo,omitempty"`
	Events []Event `json:"events"`
}

// An Event begins or ends a range. One member is set.
type Event struct {
	Introduced   string `json:"introduced,omitempty"`
	Fixed        string `json:"fixed,omitempty"`
	LastAffected string `json:"last_affected,omitempty"`
	Limit        string `json:"limit,omitempty"`
}

// What is read is bounded.
const (
	maxRecord  = 4 << 20
	maxRecords = 500_000
)

// Read reads records: one, several one after the other, a list of them, or the answer of an OSV server ({"vulns": [...]}). A record that
// is none is an error; one of an ecosystem that nobody here knows is not.
func Read(data []byte) ([]Advisory, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\uFEFF"))))
	var all []Advisory
	for n := 1; ; n++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("reading advisories: value %d at byte %d is not JSON: %w", n, d.InputOffset(), err)
		}
		some, err := records(raw)
		if err != nil {
			return nil, fmt.Errorf("reading advisories: value %d: %w", n, err)
		}
		if all = append(all, some...); len(all) > maxRecords {
			return nil, fmt.Errorf("reading advisories: there are more than %d", maxRecords)
		}
	}
	if all == nil {
		return nil, errors.New("reading advisories: there are none")
	}
	return all, nil
}

// records reads one value.
func records(raw json.RawMessage) ([]Advisory, error) {
	if raw[0] == '[' {
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, err
		}
		return each(list)
	}
	var answer struct {
		Vulns []json.RawMessage `json:"vulns"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return nil, fmt.Errorf("it is no record: %w", err)
	}
	if answer.Vulns != nil {
		return each(answer.Vulns)
	}
	return each([]json.RawMessage{raw})
}

func each(list []json.RawMessage) ([]Advisory, error) {
	all := make([]Advisory, 0, len(list))
	for i, raw := range list {
		if len(raw) > maxRecord {
			return nil, fmt.Errorf("record %d has more than %d bytes", i+1, maxRecord)
		}
		var a Advisory
		if err := json.Unmarshal(raw, &a); err != nil {
			return nil, fmt.Errorf("record %d is not in the OSV format: %w", i+1, err)
		}
		if a.ID == "" || a.Modified.IsZero() {
			return nil, fmt.Errorf("record %d is not in the OSV format: id and modified are wanted", i+1)
		}
		all = append(all, a)
	}
	return all, nil
}

// CVE returns its CVE number, or its id where it has none.
func (a *Advisory) CVE() string {
	for _, id := range append([]string{a.ID}, a.Aliases...) {
		if strings.HasPrefix(id, "CVE-") {
			return id
		}
	}
	return a.ID
}

// Grave returns how severe it is: as its database says in a word, or by its CVSS vector, high where neither says.
func (a *Advisory) Grave() trust.Severity {
	switch strings.ToUpper(a.Specific.Severity) {
	case "CRITICAL":
		return trust.Critical
	case "HIGH":
		return trust.High
	case "MODERATE", "MEDIUM":
		return trust.Medium
	case "LOW":
		return trust.Low
	}
	for _, s := range a.Severity {
		if score, ok := baseScore(s.Score); ok {
			return rating(score)
		}
	}
	return trust.High
}

// Page returns where to read of it.
func (a *Advisory) Page() string {
	for _, kind := range []string{"ADVISORY", "WEB", ""} {
		for _, r := range a.References {
			if kind == "" || r.Type == kind {
				return r.URL
			}
		}
	}
	return "https://osv.dev/vulnerability/" + a.ID
}
