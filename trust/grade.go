package trust

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Tier is how well a server knows who calls it (seed 5.6 and 5.7-5): 1 not at all, 2 by a static credential, 3 strongly, by OAuth with
// an audience, by client certificates, or because its identity is signed. 0 is that nobody has looked.
type Tier int

// A Verdict is what is thought of a server.
type Verdict struct {
	// Tier is 1, 2 or 3, or 0 for a server that nobody has asked.
	Tier Tier `json:"tier"`
	// Malicious says that the server behaves as no honest one does, whatever its tier.
	Malicious bool `json:"malicious"`
	// Label is the tier in words: "Tier 1", "Tier 1-Malicious", "unknown".
	Label string `json:"label"`
	// Score is from 0 to 100; it begins with 100, and Reasons add up to what is missing.
	Score int `json:"score"`
	// Reasons explain the score, a line each, the heaviest first.
	Reasons []Reason `json:"reasons"`
}

// A Reason is one line of the explanation of a score.
type Reason struct {
	// Points is what it changes; it is negative but for what redeems.
	Points int `json:"points"`
	// Text says why.
	Text string `json:"text"`
	// Rule is that of the findings it is about, if it is about some.
	Rule string `json:"rule,omitempty"`
}

// What findings cost, by their severity. Of one rule the first three count, each half as much as the one before, so that a server with
// a hundred tools is not worse than one with three for the same habit.
var costs = [...]int{Info: 0, Low: 2, Medium: 8, High: 20, Critical: 40}

// maliciousScore is the most that a malicious server can have.
const maliciousScore = 10

// abnormal names the rules that tell of behaviour, not of settings. Findings of theirs in the band block make a server malicious; see [malicious].
var abnormal = map[string]bool{
	"behaviour/answer-injection": true, "behaviour/command": true, "behaviour/telemetry": true, "behaviour/canary-read": true,
	"behaviour/rug-pull": true, "behaviour/answer-drift": true, "behaviour/sleeper": true, "text/injection": true, "text/hidden-characters": true, "text/exfiltration": true,
	"graph/shadowing": true, "surface/admin": true,
}

// stands names the rules about what a server is, which [standing] has counted already.
var stands = map[string]bool{"surface/no-authentication": true, "surface/local-authentication": true, "surface/no-tls": true}

// Grade judges a server by the facts and by what was found. It is pure: the same in, the same out.
func Grade(s *Subject, findings []Finding) Verdict {
	v := Verdict{Tier: tier(s)}
	v.Reasons = append(standing(s), weigh(findings)...)
	slices.SortStableFunc(v.Reasons, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(a.Points, b.Points), cmp.Compare(a.Rule, b.Rule))
	})
	v.Score = 100
	for _, r := range v.Reasons {
		v.Score += r.Points
	}
	v.Score = min(max(v.Score, 0), 100)
	if v.Malicious = malicious(findings); v.Malicious && v.Score > maliciousScore {
		v.Reasons = slices.Insert(v.Reasons, 0, Reason{Points: maliciousScore - v.Score, Text: fmt.Sprintf("behaves as no honest server does; such a one has %d at most", maliciousScore)})
		v.Score = maliciousScore
	}
	v.Label = label(v.Tier, v.Malicious)
	return v
}

// malicious reports whether findings tell of a server that behaves as no honest one does. What it does, or leaves open, tells by itself. Of
// its words only those count that are its own, since answers and resources pass on what others wrote: a phrase that no honest text has, or
// orders in two texts. One text that only reads like an order does not make a server malicious, however sure the model is.
func malicious(findings []Finding) bool {
	texts := map[string]bool{}
	for i := range findings {
		f := &findings[i]
		switch {
		case f.Band != BandBlock || !abnormal[f.Rule]:
		case !strings.HasPrefix(f.Rule, "text/"):
			return true
		case f.Where.Kind == "answer":
		case f.Rule == ruleInjection && !f.phrased():
			texts[f.Evidence] = true
		case f.Rule == ruleHidden && !slices.ContainsFunc(findings, func(o Finding) bool { return o.Rule == ruleInjection && o.Band > BandInfo && o.Where == f.Where }):
		default:
			return true
		}
	}
	return len(texts) >= fewTexts
}

const (
	ruleInjection = "text/injection"
	ruleHidden    = "text/hidden-characters"
	// fewTexts is how many texts of a server have to read like orders where no phrase tells by itself.
	fewTexts = 2
)

// phrased reports whether a fixed phrase has led to the finding, and not the weights of words alone.
func (f *Finding) phrased() bool {
	return slices.ContainsFunc(f.Reasons, func(c Contribution) bool {
		return strings.HasPrefix(c.What, "rule:") && !strings.HasSuffix(c.What, "(quoted)")
	})
}

func tier(s *Subject) Tier {
	switch {
	case s.Authentication == AuthStrong || len(s.Signed) > 0:
		return 3
	case s.Authentication == AuthStatic:
		return 2
	case s.Authentication == AuthNone:
		return 1
	}
	return 0
}

func label(t Tier, malicious bool) string {
	text := "unknown"
	if t > 0 {
		text = fmt.Sprintf("Tier %d", t)
	}
	if malicious {
		text += "-Malicious"
	}
	return text
}

// standing returns the reasons that lie in what a server is, whatever was found.
func standing(s *Subject) (reasons []Reason) {
	add := func(points int, text string) { reasons = append(reasons, Reason{Points: points, Text: text}) }
	switch {
	case s.Authentication == AuthNone && !s.Loopback:
		add(-25, "asks nobody who they are, and is reached over the network")
	case s.Authentication == AuthNone && s.Transport != "stdio":
		add(-10, "asks nobody who they are; every program on this machine may call it")
	case s.Authentication == AuthStatic:
		add(-5, "asks for a credential that does not change by itself")
	case s.Authentication == "":
		add(-10, "nobody has tried what it asks of callers")
	}
	if !s.TLS && !s.Loopback {
		add(-20, "is reached over the network without TLS")
	}
	if s.Sandbox == "none" {
		add(-15, "runs with all the rights of its user, without a sandbox")
	}
	if len(s.Signed) == 0 {
		add(-5, "nobody has signed what it offers")
	}
	lost := 0
	for _, r := range reasons {
		lost -= r.Points
	}
	if s.Days >= steadyDays && lost > 0 {
		add(min(lost, steadyPoints), fmt.Sprintf("nothing of it has changed for %d days that nobody has approved", s.Days))
	}
	return reasons
}

// For how many days a server has to be watched without a change that nobody has approved for that to redeem what it is, and how much.
const (
	steadyDays   = 30
	steadyPoints = 5
)

// weigh returns what findings cost, a reason for each rule. What is only for information costs nothing.
func weigh(findings []Finding) (reasons []Reason) {
	byRule := map[string][]Finding{}
	for _, f := range findings {
		if f.Band != BandInfo && !stands[f.Rule] {
			byRule[f.Rule] = append(byRule[f.Rule], f)
		}
	}
	for rule, found := range byRule {
		slices.SortFunc(found, func(a, b Finding) int {
			return cmp.Or(-cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Fingerprint, b.Fingerprint))
		})
		points := 0
		for n, f := range found[:min(len(found), 3)] {
			points -= costs[min(f.Severity, Critical)] >> n
		}
		if points == 0 {
			continue
		}
		text := found[0].Message
		if len(found) > 1 {
			text = fmt.Sprintf("%s, and %d more of that kind", text, len(found)-1)
		}
		reasons = append(reasons, Reason{Points: points, Text: text, Rule: rule})
	}
	return reasons
}
