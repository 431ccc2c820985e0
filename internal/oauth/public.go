package oauth

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// WellKnown is where the metadata of a protected resource are (RFC 9728 section 3).
const WellKnown = "/.well-known/oauth-protected-resource"

// A public is what anybody is told: the metadata, and the challenges.
type public struct {
	metadata []byte
	// at is the URL of the metadata.
	at string
	// paths are where they are served: at the root, and with the path of the endpoint inserted, as the gateway and as clients see it.
	paths []string
	// first are the scopes that clients ask for at first.
	first string
	// names are, of each issuer by its name, the scopes that tokens name to be given one of ours.
	names map[string]map[string][]string
}

// newPublic returns what is told of a configuration. It holds for as long as that does.
func newPublic(c *config.Config, o *config.OAuth) public {
	p := public{names: map[string]map[string][]string{}}
	first := map[string]bool{}
	issuers := make([]string, len(o.Issuers))
	for i := range o.Issuers {
		issuer := &o.Issuers[i]
		issuers[i], p.names[issuer.Name] = issuer.Issuer, namesOf(c, issuer)
		for scope, names := range p.names[issuer.Name] {
			if !c.Scopes[scope].StepUp {
				first[names[0]] = true
			}
		}
	}
	scopes := slices.Sorted(maps.Keys(first))
	p.first = strings.Join(scopes, " ")
	resource := c.Resource()
	u, err := url.Parse(resource)
	if err != nil {
		return p // no configuration is like that
	}
	p.at = u.Scheme + "://" + u.Host + WellKnown + u.Path
	p.paths = []string{WellKnown, WellKnown + "/mcp", WellKnown + u.Path}
	// Texts always encode.
	p.metadata, _ = json.Marshal(struct {
		Resource string   `json:"resource"`
		Issuers  []string `json:"authorization_servers"`
		Scopes   []string `json:"scopes_supported,omitempty"`
		Methods  []string `json:"bearer_methods_supported"`
	}{resource, issuers, scopes, []string{"header"}})
	return p
}

// namesOf returns, by our scopes, what scopes tokens of an issuer name to be given them: their own names, or those that claims map to
// them. Scopes that deny are none to ask for.
func namesOf(c *config.Config, issuer *config.Issuer) map[string][]string {
	names := map[string][]string{}
	for i := range issuer.Claims {
		claim := &issuer.Claims[i]
		if claim.Claim != "scope" && claim.Claim != "scp" {
			continue
		}
		for name := range c.Scopes {
			asked := ""
			switch given := append(rolled(c, claim.Roles), claim.Scopes...); {
			case strings.HasPrefix(name, "deny:") || runsGate(name):
			case claim.As == "scopes" && counts(claim, name):
				asked = name
			case claim.Is != "" && slices.Contains(given, name):
				asked = claim.Is
			}
			if asked != "" && !slices.Contains(names[name], asked) {
				names[name] = append(names[name], asked)
			}
		}
	}
	return names
}

// rolled returns the scopes of roles.
func rolled(c *config.Config, roles []string) []string {
	var all []string
	for _, role := range roles {
		all = append(all, c.Roles[role]...)
	}
	return all
}

// ServeHTTP answers with the metadata (RFC 9728 section 3.2). Anybody may read them, from any web page.
func (p *public) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(p.paths, r.URL.Path) {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	switch r.Method {
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", http.MethodGet)
		h.Set("Access-Control-Allow-Headers", "*")
		w.WriteHeader(http.StatusNoContent)
	case http.MethodGet, http.MethodHead:
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "max-age=60")
		_, _ = w.Write(p.metadata) // a client that left needs none
	default:
		h.Set("Allow", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// Challenge returns what an answer that refuses says in WWW-Authenticate (RFC 6750 section 3, RFC 9728 section 5.1). shown says that a
// token was presented; caller is whose it is, where it is only not enough.
func (v *Verifier) Challenge(e *mcp.Error, shown bool, caller *mcp.Caller) string {
	c := challenge(`Bearer `)
	switch {
	case e.Reason == mcp.InsufficientScope:
		c.add("error", "insufficient_scope")
		c.add("error_description", e.Message)
		c.add("scope", v.ask(e.Scopes, caller))
	case shown:
		c.add("error", "invalid_token")
		c.add("error_description", e.Message)
		c.add("scope", v.first)
	default:
		c.add("scope", v.first)
	}
	c.add("resource_metadata", v.at)
	return string(c)
}

// ask returns the scopes that a client asks for, to have one of ours of which each is enough, and to keep those that it has: some clients
// ask for what they are told and nothing else (basic/authorization of the last legacy revision, "Step-Up Authorization Flow").
func (v *Verifier) ask(scopes []string, caller *mcp.Caller) string {
	i := v.issuerOf(caller)
	if i == nil || len(scopes) == 0 {
		return ""
	}
	names := v.names[i.Name]
	var all []string
	for _, had := range caller.Scopes {
		all = append(all, names[had]...)
	}
	more := scopes[0]
	for _, scope := range slices.Backward(scopes) {
		if asked := names[scope]; len(asked) > 0 {
			more = asked[0]
		}
	}
	slices.Sort(all)
	return strings.Join(append(slices.DeleteFunc(slices.Compact(all), func(s string) bool { return s == more }), more), " ")
}

// A challenge is a challenge in the making.
type challenge string

// add adds a parameter. Values are quoted; what cannot be is left out (RFC 6750 section 3).
func (c *challenge) add(name, value string) {
	value = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return -1
		}
		return r
	}, value)
	if value == "" {
		return
	}
	separator := ", "
	if *c == `Bearer ` {
		separator = ""
	}
	*c += challenge(separator + name + `="` + value + `"`)
}
