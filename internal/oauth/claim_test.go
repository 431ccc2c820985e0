package oauth

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestClaims(t *testing.T) {
	_, v := open(t, configuration, newInternet())
	tests := map[string]struct {
		rules, claims string
		scopes, roles []string
	}{
		"a text":                   {`[{claim: dept, is: eng, scopes: ["read:docs"]}]`, `{"dept":"eng"}`, []string{"read:docs"}, nil},
		"not split":                {`[{claim: dept, is: eng, scopes: ["read:docs"]}]`, `{"dept":"eng sales"}`, nil, nil},
		"another case":             {`[{claim: dept, is: eng, scopes: ["read:docs"]}]`, `{"dept":"ENG"}`, nil, nil},
		"a list":                   {`[{claim: groups, is: b, roles: [staff]}]`, `{"groups":["a","b"]}`, nil, []string{"staff"}},
		"lists in lists":           {`[{claim: groups, is: b, roles: [staff]}]`, `{"groups":["a",["b"]]}`, nil, nil},
		"a path":                   {`[{claim: realm.roles, like: "mcp-*", scopes: ["read:docs"]}]`, `{"realm":{"roles":["x","mcp-user"]}}`, []string{"read:docs"}, nil},
		"a path through a text":    {`[{claim: realm.roles, like: "*", scopes: ["read:docs"]}]`, `{"realm":"roles"}`, nil, nil},
		"a name with dots":         {`[{claim: "https://x.example/groups", is: a, scopes: ["read:docs"]}]`, `{"https://x.example/groups":"a"}`, []string{"read:docs"}, nil},
		"the name before the path": {`[{claim: a.b, is: "1", scopes: ["read:docs"]}]`, `{"a.b":"2","a":{"b":"1"}}`, nil, nil},
		"twice below a path":       {`[{claim: a.b, is: "1", scopes: ["read:docs"]}]`, `{"a":{"b":"1","b":"1"}}`, nil, nil},
		"true":                     {`[{claim: email_verified, is: "true", scopes: ["read:docs"]}]`, `{"email_verified":true}`, []string{"read:docs"}, nil},
		"a number":                 {`[{claim: level, is: "3", scopes: ["read:docs"]}]`, `{"level":3}`, []string{"read:docs"}, nil},
		"null":                     {`[{claim: level, scopes: ["read:docs"]}]`, `{"level":null}`, nil, nil},
		"an object":                {`[{claim: level, scopes: ["read:docs"]}]`, `{"level":{}}`, nil, nil},
		"any":                      {`[{claim: level, scopes: ["read:docs"]}]`, `{"level":"x"}`, []string{"read:docs"}, nil},
		"as scopes":                {`[{claim: scope, as: scopes}]`, `{"scope":"read:docs  * nothing invoke:pay"}`, []string{"read:docs", "invoke:pay"}, nil},
		"as scopes, some":          {`[{claim: scope, like: "invoke:*", as: scopes}]`, `{"scope":"read:docs invoke:pay"}`, []string{"invoke:pay"}, nil},
		"as roles":                 {`[{claim: groups, as: roles}]`, `{"groups":["staff","root"]}`, nil, []string{"staff"}},
		"words of scp":             {`[{claim: scp, as: scopes}]`, `{"scp":"read:docs invoke:pay"}`, []string{"read:docs", "invoke:pay"}, nil},
		"everything":               {`[{claim: sub, is: root, scopes: ["*"]}]`, `{"sub":"root"}`, []string{"*"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			text := configuration + "    third: {issuer: https://third.example, claims: " + tt.rules + "}\n"
			c := load(t, text)
			third := &c.OAuth.Issuers[2]
			var cl claims
			if _, err := decode(b64([]byte(tt.claims)), &cl.all); err != nil && tt.scopes != nil {
				t.Fatal(err)
			}
			scopes, roles := v.given(third, &cl)
			if diff := cmp.Diff([][]string{tt.scopes, tt.roles}, [][]string{scopes, roles}, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
