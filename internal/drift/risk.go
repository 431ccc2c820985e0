package drift

import "github.com/sumun-mcp/sumun/trust"

// A risk is one thing that can come of a change.
type risk int

// The risks, the worst first.
const (
	orders risk = iota
	lookAlike
	effects
	takes
	newPlace
	renamed
	isNew
	words
	gone
	other
)

var risks = [...]struct {
	severity trust.Severity
	says     string
}{
	orders:    {trust.Critical, "what is new reads like an order to the model: do not approve it before you know why it is there"},
	lookAlike: {trust.Critical, "whoever means the one may call the other"},
	effects:   {trust.High, "it said of itself that it changes nothing, and says so no longer"},
	takes:     {trust.High, "it takes more than before: what a model puts there goes to the server"},
	newPlace:  {trust.Medium, "what lies there is read as if the server had always offered it"},
	renamed:   {trust.High, "a new name escapes rules, scopes and approvals that name the old one"},
	isNew:     {trust.High, "models can use it as soon as it is approved"},
	words:     {trust.High, "models act on words: read what is new as you would read an order"},
	gone:      {trust.Low, "whoever relies on it gets an error"},
	other:     {trust.Medium, "small; see whether it is what the server's authors have announced"},
}

// worst returns the worst of the risks, and how bad it is.
func (t *teller) worst(findings []trust.Finding) (string, trust.Severity) {
	for _, f := range findings {
		if f.Severity >= trust.Medium && f.Rule != "text/look-alike" { // which says nothing of what it is for
			t.risk[orders] = true
		}
	}
	for r := range other {
		if t.risk[r] {
			return risks[r].says, risks[r].severity
		}
	}
	return risks[other].says, risks[other].severity
}
