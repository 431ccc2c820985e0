package inspect

import (
	"github.com/sumun-mcp/sumun/internal/redact"
	"github.com/sumun-mcp/sumun/trust"
)

// card is the kind of secrets that texts have as examples: numbers of payment cards are not reported, but not shown either.
const card = "card"

// secrets returns a text without the secrets in it, so that no evidence shows one, and a finding for each kind of them. In an answer they are
// no finding: there a secret may be what was asked for.
func secrets(text string, kind Kind, where trust.Place) (clean string, all []trust.Finding) {
	var rules *redact.Rules
	found := rules.Text(nil, []byte(text))
	if len(found) == 0 {
		return text, nil
	}
	seen := map[string]bool{card: true}
	for _, f := range found {
		if kind == Answer || seen[f.Kind] {
			continue
		}
		seen[f.Kind] = true
		all = append(all, trust.Fingerprinted(trust.Finding{
			Rule: "secret/" + f.Kind, Severity: trust.High, Band: trust.BandWarn, Where: where, Evidence: redact.Mark(f.Kind),
			Message: "a secret stands in the text, where every client can read it", Remedy: "revoke it, and take it out",
		}))
	}
	return string(redact.Append(nil, []byte(text), found)), all
}
