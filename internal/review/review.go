// Package review compares what keys may do with what they do: which scopes, keys, tools and resources nobody uses, and which are wider than
// anybody needs (the seed, section 5.7-4). Facts come from the configuration and the store, Judge is pure, and each finding brings what to
// do about it, ready to be done.
package review

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/usage"
)

// Facts are what a review goes by.
type Facts struct {
	Config *config.Config
	Keys   []keyring.Key
	Usage  []usage.Row
	// Now is when it is, and Days for how long something must not have been used.
	Now  time.Time
	Days int
}

// A Finding is one thing that could be narrower.
type Finding struct {
	// ID names the finding, the same each time: its kind, a slash, and what it is about.
	ID       string         `json:"id"`
	Kind     string         `json:"kind"`
	Severity alert.Severity `json:"-"`
	Level    string         `json:"severity"`
	Subject  string         `json:"subject"`
	Text     string         `json:"text"`
	// Command does something about it.
	Command string `json:"command"`
	// Patch is the change of mcp.yaml that the command makes, if it makes one: a JSON Patch (RFC 6902).
	Patch []Edit `json:"patch,omitempty"`
}

// The kinds of findings.
const (
	unusedKey   = "unused-key"
	endlessKey  = "endless-key"
	boundless   = "boundless-key"
	unusedScope = "unused-scope"
	unheldScope = "unheld-scope"
	emptyScope  = "empty-scope"
	broadScope  = "broad-scope"
	unusedRole  = "unheld-role"
	unusedTools = "unused-tools"
	unusedThing = "unused-resource"
)

// A Report is what a review came to.
type Report struct {
	// Days is how long something must not have been used, and Since from when on uses are known.
	Days     int       `json:"days"`
	Since    time.Time `json:"since"`
	Findings []Finding `json:"findings"`
	// Notes say what could not be judged.
	Notes []string `json:"notes,omitempty"`
}

// A judge is one review.
type judge struct {
	Facts
	report *Report
	cutoff time.Time
	// enough says that uses are known for as long as that.
	enough bool
	// holders are those who have each scope, by its name; used what each caller has used since the cutoff, and offered what there is.
	holders map[string][]string
	used    map[string][]usage.Thing
	offered []usage.Row
	// blurred says that not all that was used is told apart.
	blurred bool
}

// Judge returns what could be narrower. It does nothing but think.
func Judge(f Facts) *Report {
	j := &judge{Facts: f, cutoff: f.Now.AddDate(0, 0, -f.Days), holders: map[string][]string{}, used: map[string][]usage.Thing{}}
	j.report = &Report{Days: f.Days, Findings: []Finding{}}
	j.gather()
	j.enough = !j.report.Since.After(j.cutoff)
	if j.report.Since.IsZero() {
		j.report.Notes = append(j.report.Notes, "nothing is known of uses yet; a gateway that runs writes them once a minute")
	} else if !j.enough {
		j.report.Notes = append(j.report.Notes, "uses are known only since "+j.report.Since.UTC().Format(time.RFC3339)+"; what is unused cannot be told for so long")
	}
	if j.blurred {
		j.report.Notes = append(j.report.Notes, "so much was used that not all of it was counted apart; what is unused cannot be told")
	}
	j.enough = j.enough && !j.report.Since.IsZero() && !j.blurred
	j.keys()
	j.scopes()
	j.roles()
	j.tools()
	j.resources()
	slices.SortFunc(j.report.Findings, func(a, b Finding) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return j.report
}

// gather puts the facts in order.
func (j *judge) gather() {
	for _, row := range j.Usage {
		if j.report.Since.IsZero() || row.First.Before(j.report.Since) {
			j.report.Since = row.First
		}
		switch {
		case row.Caller == "":
			j.offered = append(j.offered, row)
		case !row.Last.Before(j.cutoff):
			j.used[row.Caller] = append(j.used[row.Caller], row.Thing)
			j.blurred = j.blurred || row.Caller == usage.Others || row.Name == usage.Others
		}
	}
	hold := func(who string, scopes []string) {
		for _, scope := range scopes {
			j.holders[scope] = append(j.holders[scope], who)
		}
	}
	if j.Config.APIKey != "" && j.Config.Scopes != nil {
		hold("apiKey", j.Config.ScopeNames())
	}
	for i := range j.Keys {
		if k := &j.Keys[i]; !k.Over(j.Now) {
			hold(k.Name, j.expand(k.Scopes, k.Roles))
		}
	}
	for _, given := range j.Config.Given() {
		hold(anyone, j.expand(given.Scopes, given.Roles))
	}
}

// anyone holds what tokens and certificates are given: the callers behind them have names of their own.
const anyone = ""

func (j *judge) expand(scopes, roles []string) []string {
	all := slices.Clone(scopes)
	for _, role := range roles {
		all = append(all, j.Config.Roles[role]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// find adds a finding.
func (j *judge) find(f Finding) {
	f.ID, f.Level = f.Kind+"/"+f.Subject, f.Severity.String()
	if f.Command == "" {
		f.Command = "sumun scope review --fix " + quoted(f.ID)
	}
	j.report.Findings = append(j.report.Findings, f)
}

// quoted returns a word as a shell takes it.
func quoted(word string) string {
	if !strings.ContainsFunc(word, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@", r)
	}) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// touched returns the names that fit a pattern and that holders of a scope have used.
func (j *judge) touched(scope, pattern string) []string {
	var names []string
	for caller, things := range j.used {
		if !j.holds(scope, caller) {
			continue
		}
		for _, thing := range things {
			if mcp.Match(pattern, thing.Name) {
				names = append(names, thing.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// holds reports whether a caller has, or may have, a scope: callers that are no keys may have what tokens are given.
func (j *judge) holds(scope, caller string) bool {
	holders := j.holders[scope]
	if slices.Contains(holders, caller) {
		return true
	}
	isKey := caller == "apiKey" || caller == "local" || slices.ContainsFunc(j.Keys, func(k keyring.Key) bool { return k.Name == caller })
	return !isKey && slices.Contains(holders, anyone)
}

// there returns the offered names that fit a pattern.
func (j *judge) there(pattern string) []string {
	var names []string
	for _, row := range j.offered {
		if mcp.Match(pattern, row.Name) {
			names = append(names, row.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
