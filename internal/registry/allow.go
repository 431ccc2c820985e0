package registry

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// keyPrefix begins an element of a list that is the id of a key.
const keyPrefix = "key:"

// Allowed reports whether a server is on a list such as trust.registry. It is pure. An element of the list is
//   - a name or a pattern of names as the operator gives them, with * for any characters: github, team-*;
//   - a URL, without a path for all of that origin. In the host and in the path * stands for any characters of that part alone:
//     https://*.example.com/mcp is not https://evil.example/.example.com/mcp;
//   - a command line, word by word, where * stands for any characters within one word: npx -y @example/server@*. It has to be all of it;
//   - key:ID, for all that this key has signed.
func Allowed(list []string, id Identity) bool {
	return slices.ContainsFunc(list, func(one string) bool { return fits(one, &id) })
}

func fits(element string, id *Identity) bool {
	element = strings.TrimSpace(element)
	switch key, isKey := strings.CutPrefix(element, keyPrefix); {
	case element == "":
		return false
	case isKey:
		return slices.Contains(id.Signers, strings.ReplaceAll(key, " ", ""))
	case isURL(element):
		return isURL(id.Target) && fitsURL(element, id.Target)
	case strings.ContainsAny(element, " \t"), strings.HasPrefix(element, "/"):
		return !isURL(id.Target) && fitsWords(words(element), words(id.Target))
	}
	return id.Name != "" && mcp.Match(element, id.Name)
}

// fitsURL reports whether a target is of the URL of a list, part by part.
func fitsURL(pattern, target string) bool {
	// A star is no character of a host for url.Parse in all places; the parts are told apart by hand.
	scheme, rest, _ := strings.Cut(pattern, "://")
	authority, at, hasPath := strings.Cut(rest, "/")
	if strings.ContainsAny(authority, "@?#") || strings.ContainsAny(scheme, "*") {
		return false
	}
	authority, anyPort := strings.CutSuffix(authority, ":*")
	whole := strings.Trim(at, "/") == ""
	marked := URLTarget(scheme + "://" + strings.ReplaceAll(authority, "*", star) + "/" + strings.ReplaceAll(at, "*", star))
	want, err := url.Parse(marked)
	got, err2 := url.Parse(target)
	if err != nil || err2 != nil || want.Scheme != got.Scheme {
		return false
	}
	host := got.Host
	if anyPort {
		host = strings.TrimSuffix(host, ":"+got.Port())
	}
	if !mcp.Match(strings.ReplaceAll(want.Host, star, "*"), host) {
		return false
	}
	if whole || !hasPath {
		return true
	}
	return want.RawQuery == got.RawQuery && mcp.Match(strings.ReplaceAll(want.EscapedPath(), star, "*"), got.EscapedPath())
}

// star stands for * while a pattern is taken apart as a URL.
const star = "x--sumun-star--x"

// fitsWords reports whether each word fits the pattern in its place.
func fitsWords(patterns, words []string) bool {
	return slices.EqualFunc(patterns, words, mcp.Match)
}
