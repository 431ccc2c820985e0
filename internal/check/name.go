package check

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/sumun-mcp/sumun/trust"
)

// twins are letters that are drawn like others: those of other alphabets like Latin ones, digits like letters.
var twins = strings.NewReplacer(
	"а", "a", "в", "b", "е", "e", "к", "k", "м", "m", "н", "h", "о", "o", "р", "p", "с", "c", "т", "t", "у", "y", "х", "x", "і", "i", "ї", "i", "ј", "j", "ѕ", "s",
	"ԁ", "d", "ԛ", "q", "ԝ", "w", "һ", "h", "ӏ", "l", "ө", "o", "ґ", "r", "г", "r", "п", "n", "ѵ", "v", "ա", "w", "օ", "o", "ս", "u", "ո", "n", "հ", "h", "ց", "g",
	"α", "a", "β", "b", "γ", "y", "ε", "e", "η", "n", "ι", "i", "κ", "k", "μ", "u", "ν", "v", "ο", "o", "ρ", "p", "σ", "o", "τ", "t", "υ", "u", "χ", "x", "ω", "w", "ϲ", "c",
	"ı", "i", "ɡ", "g", "ɑ", "a", "ʟ", "l", "ɪ", "i", "ᴏ", "o", "ᴀ", "a", "ᴇ", "e", "ꜱ", "s", "ⅼ", "l", "ǀ", "l", "0", "o", "1", "l", "|", "l", "rn", "m", "vv", "w",
)

// Skeleton returns what is left of a name for somebody who glances at it: no case, no separators, nothing that is not seen, twins as one.
func Skeleton(name string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Cf, unicode.Co, unicode.Variation_Selector), !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '|':
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(strings.ReplaceAll(name, "I", "l"))) // I and l are twins before the case is lost
	return twins.Replace(strings.ReplaceAll(twins.Replace(plain), "i", "l"))
}

// notation is how names differ that two honest people give: read_file, readFile.
const notation = "case and separators only"

// why returns in words how two names differ that look alike.
func why(a, b string) string {
	folded := strings.NewReplacer("_", "", "-", "", ".", "", "/", "", ":", "", " ", "")
	switch {
	case strings.EqualFold(folded.Replace(a), folded.Replace(b)):
		return notation
	case !isASCII(a) || !isASCII(b):
		return "characters that are drawn alike or not seen"
	}
	return "characters that are drawn alike"
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// lookAlikesOf yields tools of one server whose names look alike.
func lookAlikesOf(_ *trust.Subject, tools []*tool, say func(hit)) {
	seen := map[string]*tool{}
	for _, t := range tools {
		first := seen[t.skeleton]
		if t.skeleton == "" || first == nil {
			seen[t.skeleton] = t
			continue
		}
		if first.name == t.name {
			say(hit{where: t.place("/name"), evidence: t.name, message: "two tools of the server have the same name"})
			continue
		}
		say(hit{where: t.place("/name"), evidence: t.name, message: fmt.Sprintf("the tool's name looks like %s, another of the server's; they differ in %s", excerpt(first.name), why(first.name, t.name))})
	}
}

// foreignLookAlikes yields tools whose names look like those of other servers and are not the same.
func foreignLookAlikes(all []*server, say func(hit)) {
	type owner struct {
		server *server
		tool   *tool
	}
	seen := map[string][]owner{}
	for _, s := range all {
		for _, t := range s.tools {
			key := t.skeleton
			for _, o := range seen[key] {
				if o.server == s || o.tool.name == t.name || why(o.tool.name, t.name) == notation {
					continue
				}
				odd, plain := owner{s, t}, o
				if isASCII(t.name) && !isASCII(o.tool.name) {
					odd, plain = o, odd
				}
				at := odd.tool.place("/name")
				at.Server = odd.server.Name
				say(hit{where: at, evidence: odd.tool.name, message: fmt.Sprintf("the tool's name looks like %s of the server %s; they differ in %s", excerpt(plain.tool.name), excerpt(plain.server.Name), why(o.tool.name, t.name))})
				break
			}
			seen[key] = append(seen[key], owner{s, t})
		}
	}
}
