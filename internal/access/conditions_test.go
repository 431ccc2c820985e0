package access

import (
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TestConditionsOfEveryCaller has conditions hold for callers with tokens and certificates as for those with keys: they are asked the
// claims and roles that there are, whatever a caller has shown, and one that shares its view with another of a different kind.
func TestConditionsOfEveryCaller(t *testing.T) {
	a := mustNew(t, Options{
		Scopes: map[string]config.Scope{
			"invoke:little": {Names: []string{"pay.now"}, When: "args.amount < 100"},
			"invoke:staff":  {Names: []string{"staff"}, When: "caller.claims.dept == 'it' || 'clerk' in caller.roles"},
			"invoke:all":    {Names: []string{"*"}},
			"deny:guests":   {Names: []string{"inner"}, When: "has(caller.claims.guest)"},
			"deny:clerks":   {Names: []string{"cash"}, When: "'clerk' in caller.roles"},
		},
		Roles:      map[string][]string{"clerk": {"invoke:little"}},
		Identities: []config.Identity{{Name: "agent", DNS: "agent.example.org", Scopes: []string{"invoke:little"}}, {Name: "till", DNS: "till.example.org", Scopes: []string{"invoke:staff", "invoke:all", "deny:clerks"}, Roles: []string{"clerk"}}},
	})
	token := func(claims string, scopes ...string) *mcp.Caller {
		c := a.TokenHolder("oauth:work:ann", scopes, []string{"clerk"}, []byte(claims))
		return &c
	}
	key := a.Holder(&keyring.Key{Name: "ci", Scopes: []string{"invoke:little"}})
	tests := []struct {
		who        string
		caller     *mcp.Caller
		name, args string
		want       bool
	}{
		{"certificate, little", &a.certs.callers[0], "pay.now", `{"amount":99}`, true},
		{"certificate, much", &a.certs.callers[0], "pay.now", `{"amount":100}`, false},
		{"a key of the same scopes, much", &key, "pay.now", `{"amount":100}`, false},
		{"certificate with a role", &a.certs.callers[1], "staff", `{}`, true},
		{"certificate denied by a role", &a.certs.callers[1], "cash", `{}`, false},
		{"token with the claim", token(`{"dept":"it"}`, "invoke:staff"), "staff", `{}`, true},
		{"token with the role", token(`{"dept":"hr"}`, "invoke:staff"), "staff", `{}`, true},
		{"token that a claim denies", token(`{"guest":true}`, "invoke:all", "deny:guests"), "inner", `{}`, false},
		{"token that no claim denies", token(`{}`, "invoke:all", "deny:guests"), "inner", `{}`, true},
		{"token that a role denies", token(`{}`, "invoke:all", "deny:clerks"), "cash", `{}`, false},
	}
	for _, tt := range tests {
		call := calling(t, tt.name, tt.args)
		caller := *tt.caller
		call.Caller, call.Revision = &caller, mcp.Latest()
		call.Settle()
		if err := authorize(call); (err == nil) != tt.want {
			t.Errorf("%s: %v, want it allowed: %v", tt.who, err, tt.want)
		}
	}
}

// TestAgainAfterRolesChange has what is open follow the roles of the configuration in force: what a role was given meanwhile, and above all
// what it denies.
func TestAgainAfterRolesChange(t *testing.T) {
	ring, s := ringOf(t)
	scopes := map[string]config.Scope{"invoke:all": {Names: []string{"*"}}, "deny:x": {Names: []string{"x"}}, "invoke:y": {Names: []string{"y"}}}
	identities := []config.Identity{{Name: "agent", DNS: "agent.example.org", Roles: []string{"r"}}}
	by := func(role ...string) *Access {
		return mustNew(t, Options{Ring: ring, Scopes: scopes, Roles: map[string][]string{"r": role}, Identities: identities})
	}
	before := by("invoke:all")
	first, err := before.Bearer(s.add("ci", nil, []string{"r"}))
	if err != nil {
		t.Fatal(err)
	}
	cert := before.certs.callers[0]
	cert.ID = "cert:agent"
	for _, was := range []*mcp.Caller{first, &cert} {
		now := by("invoke:all", "deny:x").Again(was)
		if now == nil || now.View.Sees(mcp.Tool, "x") || !now.View.Sees(mcp.Tool, "y") {
			t.Errorf("%s still has what its role denies by now: %+v", was.ID, now)
		}
		if now = by("invoke:y").Again(was); now == nil || now.View.Sees(mcp.Tool, "x") {
			t.Errorf("%s still has what its role gave it before: %+v", was.ID, now)
		}
	}
}
