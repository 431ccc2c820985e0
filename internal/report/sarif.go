package report

import (
	"cmp"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sumun-mcp/sumun/trust"
)

// The part of SARIF 2.1.0 that a scan needs. Names and their meanings are the standard's.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Results     []sarifResult     `json:"results"`
		ColumnKind  string            `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string         `json:"id"`
		ShortDescription sarifText      `json:"shortDescription"`
		Help             sarifText      `json:"help"`
		Default          sarifDefault   `json:"defaultConfiguration"`
		Properties       map[string]any `json:"properties"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		StartTime     string              `json:"startTimeUtc,omitempty"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Baseline     string             `json:"baselineState,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
		Properties   map[string]any     `json:"properties"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
)

// sarifSchema is where the standard's schema is published.
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// levels are SARIF's words for the severities, and scores the numbers that GitHub's code scanning reads as security-severity.
var (
	levels = [...]string{trust.Info: "note", trust.Low: "note", trust.Medium: "warning", trust.High: "error", trust.Critical: "error"}
	scores = [...]string{trust.Info: "0.0", trust.Low: "2.0", trust.Medium: "5.5", trust.High: "8.0", trust.Critical: "9.5"}
)

func writeSARIF(w io.Writer, r *Report) error {
	rules := rulesOf(r)
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: cmp.Or(r.Begin.Program, "sumun"), Version: r.Begin.Version, InformationURI: "https://github.com/sumun-mcp/sumun", Rules: []sarifRule{},
		}},
		Invocations: []sarifInvocation{invocation(r)}, Results: []sarifResult{}, ColumnKind: "unicodeCodePoints",
	}
	index := map[string]int{}
	for i, rule := range rules {
		index[rule.Name] = i
		severity := min(rule.Severity, trust.Critical)
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: plain(rule.Name), ShortDescription: sarifText{plain(rule.Means)}, Help: sarifText{plain(cmp.Or(rule.Remedy, rule.Means))},
			Default:    sarifDefault{levels[severity]},
			Properties: map[string]any{"security-severity": scores[severity], "tags": []string{"security", "mcp"}},
		})
	}
	for _, f := range r.Findings() {
		run.Results = append(run.Results, result(&f, index[f.Rule]))
	}
	return writeDocument(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// rulesOf returns the rules of a scan by their names, those that only findings name among them.
func rulesOf(r *Report) []Rule {
	rules := map[string]Rule{}
	for _, rule := range r.Begin.Rules {
		rule.Means = cmp.Or(rule.Means, rule.Name)
		rules[rule.Name] = rule
	}
	for _, f := range r.Findings() {
		if _, ok := rules[f.Rule]; !ok {
			rules[f.Rule] = Rule{Name: f.Rule, Severity: f.Severity, Means: cmp.Or(f.Message, f.Rule), Remedy: f.Remedy}
		}
	}
	return slices.SortedFunc(maps.Values(rules), func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
}

func invocation(r *Report) sarifInvocation {
	in := sarifInvocation{Successful: true}
	if !r.Begin.Time.IsZero() {
		in.StartTime = r.Begin.Time.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	for _, t := range r.Targets {
		if f := t.Failure; f != nil {
			in.Successful = false
			in.Notifications = append(in.Notifications, sarifNotification{"error", sarifText{plain(t.Target + ": " + f.Error)}})
		}
	}
	return in
}

func result(f *Finding, rule int) sarifResult {
	res := sarifResult{
		RuleID: plain(f.Rule), RuleIndex: rule, Level: levels[min(f.Weight(), trust.Critical)], Message: sarifText{plain(message(f))},
		Locations:    []sarifLocation{location(f)},
		Fingerprints: map[string]string{"sumun/v1": f.Fingerprint},
		Properties:   map[string]any{"band": f.Band.String(), "severity": f.Severity.String(), "target": plain(f.Target)},
	}
	if f.Known {
		res.Baseline = "unchanged"
	}
	if s := f.Suppressed; s != nil {
		res.Suppressions = []sarifSuppression{{"external", "accepted", plain(s.Reason + " (until " + s.Expires + ")")}}
	}
	return res
}

func message(f *Finding) string {
	var b strings.Builder
	b.WriteString(cmp.Or(f.Message, f.Rule))
	if f.Evidence != "" {
		b.WriteString(": " + f.Evidence)
	}
	return b.String()
}

// location returns where a finding is. What is in no file is at an address with the scheme mcp, since code scanning shows no result
// without an artifact.
func location(f *Finding) sarifLocation {
	at := sarifLocation{Logical: []sarifLogical{{FullyQualifiedName: plain(f.Where.String()), Kind: "member"}}}
	if at.Logical[0].FullyQualifiedName == "" {
		at.Logical[0].FullyQualifiedName = plain(cmp.Or(f.Target, "all targets"))
	}
	if f.Where.Kind == "file" {
		at.Physical.Artifact.URI = (&url.URL{Path: strings.ToValidUTF8(f.Where.Name, "\uFFFD")}).String()
		if f.Where.Line > 0 {
			at.Physical.Region = &sarifRegion{StartLine: f.Where.Line}
		}
		return at
	}
	parts := []string{cmp.Or(f.Where.Server, f.Target, "all"), f.Where.Kind, f.Where.Name}
	for i, part := range parts {
		parts[i] = url.PathEscape(strings.ToValidUTF8(part, "\uFFFD"))
	}
	at.Physical.Artifact.URI = "mcp:///" + strings.TrimRight(strings.Join(parts, "/"), "/")
	if f.Where.Line > 0 {
		at.Physical.Region = &sarifRegion{StartLine: f.Where.Line}
	}
	return at
}

// number is an int as text.
func number(n int) string { return strconv.Itoa(n) }
