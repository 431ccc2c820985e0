package check

import (
	"cmp"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/trust"
)

const (
	// near is from which share of common words on two descriptions say the same.
	near = 0.8
	// fewWords is how many words a description has at least that is compared.
	fewWords = 5
	// copies is from which share of equal tools on two servers are copies of one.
	copies = 0.8
)

// shadowed yields tools that two servers offer under one name with nearly the same description. Which of the two a model calls is chance, or
// what the later one's description makes of it. Copies of one server, such as one for each folder, are left out.
func shadowed(all []*server, say func(hit)) {
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.Name == b.Name || replicas(a, b) {
				continue
			}
			named := map[string][]*tool{}
			for _, o := range a.tools {
				named[o.skeleton] = append(named[o.skeleton], o)
			}
			for _, t := range b.tools {
				for _, o := range named[t.skeleton] {
					if !alike(o.text, t.text) {
						continue
					}
					at := t.place("/description")
					at.Server = b.Name
					say(hit{
						where: at, evidence: t.description,
						message: fmt.Sprintf("the servers %s and %s offer the same tool, by name and description: a model cannot know which it calls", excerpt(a.Name), excerpt(b.Name)),
					})
				}
			}
		}
	}
}

// replicas reports whether two servers are the same program: nearly all of their tools are equal.
func replicas(a, b *server) bool {
	if len(a.tools) == 0 || len(b.tools) == 0 || a.Software != b.Software || a.Software == "" {
		return false
	}
	digests := map[string]bool{}
	for _, t := range a.tools {
		if d, err := trust.Digest(t.raw); err == nil {
			digests[d] = true
		}
	}
	same := 0
	for _, t := range b.tools {
		if d, err := trust.Digest(t.raw); err == nil && digests[d] {
			same++
		}
	}
	return float64(same) >= copies*float64(max(len(a.tools), len(b.tools)))
}

// alike reports whether two texts have nearly the same words.
func alike(a, b string) bool {
	one, two := vocabulary(a), vocabulary(b)
	if len(one) < fewWords || len(two) < fewWords {
		return false
	}
	common := 0
	for w := range one {
		if two[w] {
			common++
		}
	}
	return float64(common) >= near*float64(len(one)+len(two)-common)
}

func vocabulary(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range words(text) {
		set[w] = true
	}
	return set
}

// steering is what a text says that is about more than its own tool: when to call another, or what to do instead.
var steering = regexp.MustCompile(`(?i)\b(instead of|do not use|don't use|never (call|use)|must (first|always|also|be called|call)|always (call|use|run|pass|set|add|send)|before (using|calling|you (use|call))|after (using|calling|you (use|call))|when(ever)? (you (use|call)|using|calling|\S+ is (used|called))|prefer this|replaces?\b|supersedes?|deprecated|override)|대신|(호출|사용)하기 전에|쓰기 전에|사용하지 마|쓰지 마`)

// references yields descriptions that speak of another server's tools; orders says whether those are meant that say what to do with them.
func references(orders bool) across {
	return func(all []*server, say func(hit)) {
		owners := map[string][]*server{} // by the names of tools
		for _, s := range all {
			for _, t := range s.tools {
				if telling(t.name) {
					owners[t.name] = append(owners[t.name], s)
				}
			}
		}
		for _, s := range all {
			for at, text := range s.told {
				for name := range mentioned(text, owners) {
					if h, ok := refer(s, at, text, name, owners[name]); ok && steering.MatchString(h.evidence) == orders {
						say(h)
					}
				}
			}
		}
	}
}

// told yields what a server tells models in sentences: its instructions, and the descriptions of tools and of their parameters.
func (s *server) told(yield func(at trust.Place, text string) bool) {
	if s.Instructions != "" && !yield(trust.Place{Server: s.Name, Kind: trust.KindInstructions}, s.Instructions) {
		return
	}
	for _, t := range s.tools {
		for _, part := range [...]struct{ pointer, text string }{{"/description", t.description}, {"/inputSchema", t.explained}} {
			at := t.place(part.pointer)
			if at.Server = s.Name; part.text != "" && !yield(at, part.text) {
				return
			}
		}
	}
}

// refer returns what there is to say of a text that names a tool which others own; nothing if its own server has such a tool.
func refer(s *server, at trust.Place, text, name string, owners []*server) (hit, bool) {
	if slices.ContainsFunc(owners, func(o *server) bool { return o.Name == s.Name || replicas(s, o) }) {
		return hit{}, false
	}
	sentence := mention(text, name)
	what := "speaks of"
	if steering.MatchString(sentence) {
		what = "says what to do with"
	}
	return hit{where: at, evidence: sentence, message: fmt.Sprintf("the text %s %s, a tool of the server %s", what, excerpt(name), excerpt(owners[0].Name))}, sentence != ""
}

// mentioned yields the names among those that are known which stand in a text, each once, in their order.
func mentioned(text string, known map[string][]*server) iter.Seq[string] {
	return func(yield func(string) bool) {
		var seen []string
		try := func(name string) bool {
			if known[name] == nil || slices.Contains(seen, name) {
				return true
			}
			seen = append(seen, name)
			return yield(name)
		}
		for token := range strings.FieldsFuncSeq(text, func(r rune) bool {
			return r < utf8.RuneSelf && !wordByte(string(r), 0) && !strings.ContainsRune("-./:", r)
		}) {
			token = strings.Trim(token, "-./:")
			if !try(token) {
				return
			}
			for part := range strings.FieldsFuncSeq(token, func(r rune) bool { return r >= utf8.RuneSelf || strings.ContainsRune("./:", r) }) {
				if !try(part) {
					return
				}
			}
		}
	}
}

// telling reports whether a name is one that stands in no text by chance.
func telling(name string) bool { return len(name) >= 6 && len(words(name)) >= 2 }

// sentenceEnd parts sentences; a dot inside of a name does not.
var sentenceEnd = regexp.MustCompile(`[.!?]\s|\n`)

// mention returns the sentence of a text in which a name stands, with its neighbours, and "" if it stands nowhere as a word of its own.
func mention(text, name string) string {
	for from := 0; ; {
		at := strings.Index(text[from:], name)
		if at < 0 {
			return ""
		}
		at += from
		end := at + len(name)
		if !wordByte(text, at-1) && !wordByte(text, end) {
			const around = 120
			begin, stop := max(at-around, 0), len(text)
			if ends := sentenceEnd.FindAllStringIndex(text[begin:at], -1); len(ends) > 0 {
				begin += ends[len(ends)-1][1]
			}
			if next := sentenceEnd.FindStringIndex(text[end:]); next != nil {
				stop = end + next[0]
			}
			return strings.TrimSpace(strings.ToValidUTF8(text[begin:min(stop, end+around)], ""))
		}
		from = end
	}
}

func wordByte(s string, i int) bool {
	if i < 0 || i >= len(s) {
		return false
	}
	c := s[i]
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// The sides of a toxic flow: what strangers can write, what is nobody's business, and what leads out.
var (
	strangers = capability{
		names:      []string{"fetch", "web search", "browse", "read email", "search emails", "read emails", "list issues", "get issue", "read issue", "search issues", "read messages", "list messages", "get comments", "list comments", "read web", "scrape", "crawl", "get page", "navigate", "list emails", "get email", "search web", "pull request", "get thread", "conversations history", "channel history"},
		text:       regexp.MustCompile(`\b(fetch|read|retriev|get|brows|crawl|scrap|search|list)\w*\b[^.]{0,40}\b(web ?pages?|websites?|urls?|internet|e-?mails?|inbox|issues?|comments?|pull requests?|messages|tweets|reviews|rss)\b`),
		parameters: []string{"url", "uri", "query", "issue_number", "message_id", "channel", "channel_id", "q"},
		looks:      true,
	}
	private = capability{
		names:      []string{"read file", "read files", "read multiple", "read text", "search files", "query", "execute sql", "run query", "read query", "read email", "search emails", "read emails", "list emails", "get email", "get secret", "get file", "get contents", "read notes", "search notes", "list contacts", "get calendar", "list events", "get customer", "list customers", "read graph", "read memory"},
		text:       regexp.MustCompile(`\b(read|return|retriev|get|search|query|list|access)\w*\b[^.]{0,40}\b(local files?|contents? of (a |the )?files?|files? from disk|database|private|e-?mails?|inbox|customers?|contacts?|calendar|secrets|credentials|medical|documents?)\b`),
		parameters: []string{"path", "file", "sql", "query", "file_path", "customer_id", "message_id"},
		looks:      true,
	}
	outward = capability{
		names:      []string{"send email", "send message", "post message", "webhook", "upload", "http request", "create issue", "create comment", "add comment", "add issue", "create pull", "publish", "tweet", "fetch", "curl", "post", "send", "create gist", "push files", "share"},
		text:       regexp.MustCompile(`\b(send|post|upload|publish|submit|push|shar)\w*\b[^.]{0,40}\b(urls?|https?|webhooks?|e-?mails?|messages?|comments?|issues?|server|channel|public|repository)\b`),
		parameters: []string{"url", "to", "recipient", "webhook", "body", "channel", "message", "channel_id"},
		looks:      true,
	}
)

// toxicFlow yields one finding for a set that has all three sides: what strangers write can make a model send out what is private.
func toxicFlow(all []*server, say func(hit)) {
	sides := []struct {
		what string
		is   *capability
	}{{"brings in what strangers write", &strangers}, {"reads what is private", &private}, {"leads out", &outward}}
	var reasons []trust.Contribution
	var named []string
	for _, side := range sides {
		tools := having(all, side.is)
		if len(tools) == 0 {
			return
		}
		shown := tools[:min(len(tools), 5)]
		named = append(named, shown[0])
		reasons = append(reasons, trust.Contribution{What: fmt.Sprintf("%s (%d)", side.what, len(tools)), Text: strings.Join(shown, ", ")})
	}
	say(hit{
		where: trust.Place{Kind: "server", Server: strings.Join(names(all), "+")}, evidence: strings.Join(slices.Compact(named), " → "),
		message: "one model gets what strangers write, what is private, and a way out: a text from outside can make it send what is private", reasons: reasons,
	})
}

// having returns the tools of all servers that have a capability, as server/tool.
func having(all []*server, c *capability) (found []string) {
	for _, s := range all {
		for _, t := range s.tools {
			if c.why(t) != "" {
				found = append(found, cmp.Or(s.Name, "server")+"/"+t.name)
			}
		}
	}
	return found
}

func names(all []*server) (names []string) {
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}
