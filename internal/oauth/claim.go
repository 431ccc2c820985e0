package oauth

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// given returns the scopes and roles that a token of the issuer has by its claims.
func (v *Verifier) given(issuer *config.Issuer, c *claims) (scopes, roles []string) {
	scopes = slices.Clone(issuer.Scopes)
	for i := range issuer.Claims {
		rule := &issuer.Claims[i]
		values := slices.DeleteFunc(c.values(rule.Claim), func(value string) bool { return !counts(rule, value) })
		switch {
		case len(values) == 0:
		case rule.As == "scopes":
			scopes = append(scopes, slices.DeleteFunc(values, func(s string) bool { return !v.scopes[s] })...)
		case rule.As == "roles":
			roles = append(roles, slices.DeleteFunc(values, func(s string) bool { return !v.roles[s] })...)
		default:
			scopes, roles = append(scopes, rule.Scopes...), append(roles, rule.Roles...)
		}
	}
	return scopes, roles
}

// counts reports whether a value of a claim is one that its rule speaks of.
func counts(rule *config.Claim, value string) bool {
	switch {
	case rule.Is != "":
		return value == rule.Is
	case rule.Like != "":
		return mcp.Match(rule.Like, value)
	}
	return true
}

// values returns the values of the claim at a path: a member of that very name, as with names that are URLs, or what the names between
// its dots lead to.
func (c *claims) values(path string) []string {
	value, ok := c.all[path]
	if !ok {
		value = walk(c.all, path)
	}
	return texts(value, path == "scope" || path == "scp")
}

// walk returns what the names between the dots of a path lead to, nil if that is nothing.
func walk(members map[string]jsontext.Value, path string) jsontext.Value {
	name, rest, more := strings.Cut(path, ".")
	next := members[name]
	if !more {
		return next
	}
	var within map[string]jsontext.Value
	if next.Kind() != '{' || json.Unmarshal(next, &within) != nil {
		return nil
	}
	return walk(within, rest)
}

// texts returns the texts that a value is, or that stand in it: of a list its elements, and with words each word of a text (RFC 8693
// section 4.2). Objects and null are none.
func texts(value jsontext.Value, words bool) []string {
	switch value.Kind() {
	case '"':
		var text string
		if json.Unmarshal(value, &text) != nil {
			return nil
		}
		if words {
			return strings.Fields(text)
		}
		return []string{text}
	case 't', 'f', '0':
		return []string{string(value)}
	case '[':
		var list []jsontext.Value
		if json.Unmarshal(value, &list) != nil {
			return nil
		}
		var all []string
		for _, element := range list {
			if element.Kind() != '[' {
				all = append(all, texts(element, words)...)
			}
		}
		return all
	default:
		return nil
	}
}
