package advisory

import (
	"math"
	"strings"

	"github.com/sumun-mcp/sumun/trust"
)

// metrics are the weights of CVSS 3.0 and 3.1 (specification, section 7.4), by metric and value. PR is that of an unchanged scope.
var metrics = map[string]map[string]float64{
	"AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
	"AC": {"L": 0.77, "H": 0.44},
	"PR": {"N": 0.85, "L": 0.62, "H": 0.27},
	"UI": {"N": 0.85, "R": 0.62},
	"S":  {"U": 0, "C": 1},
	"C":  {"H": 0.56, "L": 0.22, "N": 0},
	"I":  {"H": 0.56, "L": 0.22, "N": 0},
	"A":  {"H": 0.56, "L": 0.22, "N": 0},
}

// baseScore returns the base score of a CVSS vector of version 3 (section 7.1); ok is false for another vector.
func baseScore(vector string) (score float64, ok bool) {
	rest, ok := strings.CutPrefix(vector, "CVSS:3.")
	if !ok {
		return 0, false
	}
	m := map[string]float64{}
	privileges := ""
	for part := range strings.SplitSeq(rest, "/") {
		name, value, _ := strings.Cut(part, ":")
		if weight, known := metrics[name][value]; known {
			m[name] = weight
		}
		if name == "PR" {
			privileges = value
		}
	}
	if len(m) != len(metrics) {
		return 0, false
	}
	changed := m["S"] == 1
	if changed { // more weight where what is attacked is not what is vulnerable
		m["PR"] = map[string]float64{"N": 0.85, "L": 0.68, "H": 0.5}[privileges]
	}
	base := 1 - (1-m["C"])*(1-m["I"])*(1-m["A"])
	impact := 6.42 * base
	if changed {
		impact = 7.52*(base-0.029) - 3.25*math.Pow(base-0.02, 15)
	}
	if impact <= 0 {
		return 0, true
	}
	total := impact + 8.22*m["AV"]*m["AC"]*m["PR"]*m["UI"]
	if changed {
		total *= 1.08
	}
	return roundUp(min(total, 10)), true
}

// roundUp returns the smallest number with one decimal that is not smaller (CVSS 3.1, appendix A).
func roundUp(x float64) float64 {
	n := int(math.Round(x * 100_000))
	if n%10_000 == 0 {
		return float64(n) / 100_000
	}
	return float64(n/10_000+1) / 10
}

// rating is the severity of a score (section 5).
func rating(score float64) trust.Severity {
	switch {
	case score >= 9:
		return trust.Critical
	case score >= 7:
		return trust.High
	case score >= 4:
		return trust.Medium
	case score > 0:
		return trust.Low
	}
	return trust.Info
}
