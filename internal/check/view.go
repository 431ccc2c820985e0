package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/trust"
)

// An offer is what a server says of itself at one time to one client: texts by what they belong to, a tool's name, or "" for the instructions.
type offer map[string]string

func offerOf(instructions string, tools []json.RawMessage) offer {
	o := offer{"": instructions}
	for _, raw := range tools {
		var element any
		if json.Unmarshal(raw, &element) != nil {
			continue
		}
		members, _ := element.(map[string]any)
		if name, _ := members["name"].(string); name != "" {
			o[name] += strings.Join(texts(element, nil), "\n")
		}
	}
	return o
}

// texts returns all texts of a JSON value, names of members among them, in an order that depends on nothing but the value.
func texts(value any, all []string) []string {
	switch v := value.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, inner := range v {
			all = texts(inner, all)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = texts(v[name], append(all, name))
		}
	}
	return all
}

// secretive is what only those texts say that mean harm: an honest one that changed from one day to another, or that is another one for some
// clients, may well have a new "always use" or "important:".
var secretive = regexp.MustCompile(`(?i)\b(ignore|disregard|forget) (all |any |every )?(of )?(the |your |my )?(previous|prior|earlier|above|other|user's|system) ` +
	`|\b(do not|don't|never|must not|without) (tell(ing)?|mention(ing)?|reveal(ing)?|inform(ing)?|ask(ing)?) (it |this |that |them |about )?(to )?(the |your )?(user|anybody|anyone|them|it\b|this\b|that\b)` +
	`|\b(read|send|post|upload|forward|pass|include|attach)\b[^.\n]{0,60}(~/\.|id_rsa|\.ssh\b|\.env\b|credentials|\bpasswords?\b|\bapi keys?\b|\bthe (whole )?conversation\b|\bmessages? of the user\b)` +
	`|사용자(에게|한테)[^.\n]{0,16}(알리지|말하지)|(이전|기존|앞선)[^.\n]{0,14}(지시|지침|명령)[^.\n]{0,12}무시|不要告诉用户|忽略(之前|以上|所有)|no (se )?lo (digas|menciones)[^.\n]{0,20}usuario`)

// denied is what stands before what a text says not to do.
var denied = regexp.MustCompile(`(?i)(\bnot|\bnever|n't|\bcannot) $`)

// orders returns the orders of a kind that stand in one text, in sentences that the other does not have.
func orders(kind *regexp.Regexp, text, other string) (all []string) {
	for _, at := range kind.FindAllStringIndex(text, -1) {
		if denied.MatchString(text[max(at[0]-12, 0):at[0]]) {
			continue
		}
		if !strings.Contains(digitless(other), digitless(sentenceAt(text, at[0], at[1]))) {
			all = append(all, text[at[0]:at[1]])
		}
	}
	return all
}

// sentenceAt returns the sentence in which a part of a text stands.
func sentenceAt(text string, begin, end int) string {
	if before := sentenceEnd.FindAllStringIndex(text[:begin], -1); len(before) > 0 {
		begin = before[len(before)-1][1]
	} else {
		begin = 0
	}
	if after := sentenceEnd.FindStringIndex(text[end:]); after != nil {
		return text[begin : end+after[0]]
	}
	return text[begin:]
}

// A change is a difference between two offers.
type change struct {
	name  string // the tool's; "" for the instructions
	was   string
	text  string // as it became; "" if it is gone
	comes bool   // the tool was not there
}

// differences returns what differs between two offers, but for digits: counts and dates change.
func differences(before, after offer) (all []change) {
	names := slices.Collect(maps.Keys(before))
	for name := range after {
		if _, ok := before[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		was, there := before[name]
		is := after[name]
		if digitless(was) != digitless(is) {
			all = append(all, change{name: name, was: was, text: is, comes: !there})
		}
	}
	return all
}

// orders returns the orders that came with a change; what counts as one depends on what else may have changed since.
func (c *change) orders(v *trust.View) []string {
	if v.Cause == trust.ViewEarlier {
		return orders(secretive, c.text, c.was)
	}
	return orders(commanding, c.text, c.was)
}

func (c *change) place() trust.Place {
	if c.name == "" {
		return trust.Place{Kind: trust.KindInstructions}
	}
	return trust.Place{Kind: trust.KindTool, Name: c.name}
}

func (c *change) what() string {
	switch {
	case c.name == "":
		return "the server's instructions"
	case c.comes:
		return "the new tool " + excerpt(c.name)
	}
	return "the tool " + excerpt(c.name)
}

// moved yields what changed between two looks at a server, and the later of the two causes; of a server that says it has another version now
// the last is true.
func moved(s *trust.Subject, do func(c *change, v *trust.View, updated bool)) {
	now := offerOf(s.Instructions, s.Tools)
	for i := range s.Views {
		v := &s.Views[i]
		if v.Cause == trust.ViewClient {
			continue
		}
		before, after := now, offerOf(v.Instructions, v.Tools)
		if v.Cause == trust.ViewEarlier {
			before, after = after, now
		}
		for _, c := range differences(before, after) {
			do(&c, v, v.Version != s.Version)
		}
	}
}

// pulled yields orders that came to what a server offers after it was looked at, while its version stayed the same.
func pulled(s *trust.Subject, _ []*tool, say func(hit)) {
	seen := map[string]bool{}
	moved(s, func(c *change, v *trust.View, updated bool) {
		came := c.orders(v)
		if len(came) == 0 || updated || seen[c.name] {
			return
		}
		seen[c.name] = true
		say(hit{
			where: c.place(), evidence: around(c.text, came[0]),
			message: fmt.Sprintf("%s orders its reader about what it did not %s: %s", c.what(), since(v), excerpt(strings.Join(came, ", "))),
		})
	})
}

// silently yields texts that changed without orders, while neither the version changed nor clients were told.
func silently(s *trust.Subject, _ []*tool, say func(hit)) {
	changes(s, say, func(c *change, v *trust.View, updated bool) bool {
		return !updated && !v.Announced && !c.comes && c.text != "" && v.Cause != trust.ViewEarlier
	})
}

// openly yields what came, went, or changed otherwise.
func openly(s *trust.Subject, _ []*tool, say func(hit)) {
	changes(s, say, func(c *change, v *trust.View, updated bool) bool {
		return updated || v.Announced || c.comes || c.text == "" || v.Cause == trust.ViewEarlier
	})
}

func changes(s *trust.Subject, say func(hit), fits func(c *change, v *trust.View, updated bool) bool) {
	seen := map[string]bool{}
	moved(s, func(c *change, v *trust.View, updated bool) {
		if seen[c.name] || !fits(c, v, updated) || !updated && len(c.orders(v)) > 0 {
			return
		}
		seen[c.name] = true
		say(hit{where: c.place(), evidence: c.text, message: fmt.Sprintf("%s is not what it was %s", c.what(), since(v))})
	})
}

// since says when a server was looked at before a change.
func since(v *trust.View) string {
	switch v.Cause {
	case trust.ViewCalls:
		return fmt.Sprintf("before %s calls", excerpt(v.Target))
	case trust.ViewEarlier:
		return "when it was scanned before, " + excerpt(v.Target)
	}
	return "a moment ago"
}

// sleeping yields orders that a server gives to some clients only.
func sleeping(s *trust.Subject, _ []*tool, say func(hit)) {
	partial(s, func(c *change, client string, ordered []string) {
		if len(ordered) > 0 {
			say(hit{
				where: c.place(), evidence: around(c.text, ordered[0]),
				message: fmt.Sprintf("%s orders some clients what it does not order others (%s): %s", c.what(), excerpt(client), excerpt(strings.Join(ordered, ", "))),
			})
		}
	})
}

// adapting yields what a server says otherwise to some clients, without orders.
func adapting(s *trust.Subject, _ []*tool, say func(hit)) {
	partial(s, func(c *change, client string, ordered []string) {
		if len(ordered) == 0 {
			say(hit{where: c.place(), evidence: c.text, message: fmt.Sprintf("%s is another one for the client %s", c.what(), excerpt(client))})
		}
	})
}

// partial calls do with what differs between clients, once for each tool, and the orders that one of the two hears alone.
func partial(s *trust.Subject, do func(c *change, client string, ordered []string)) {
	ours := offerOf(s.Instructions, s.Tools)
	seen := map[string]bool{}
	for i := range s.Views {
		v := &s.Views[i]
		if v.Cause != trust.ViewClient {
			continue
		}
		for _, c := range differences(ours, offerOf(v.Instructions, v.Tools)) {
			if seen[c.name] {
				continue
			}
			seen[c.name] = true
			ordered := orders(secretive, c.text, c.was)
			if hides := orders(secretive, c.was, c.text); len(ordered) == 0 && len(hides) > 0 && c.text != "" { // from that client
				ordered, c.text = hides, c.was
			}
			do(&c, v.Target, ordered)
		}
	}
}

// around returns the part of a text in which something is said.
func around(text, said string) string {
	at := max(strings.Index(text, said), 0)
	begin := max(strings.LastIndexAny(text[:at], ".!?\n")+1, at-maxEvidence/2, 0)
	return strings.TrimSpace(strings.ToValidUTF8(text[begin:], ""))
}

// prying are parameters by which a tool would learn what the model knows of itself and of the talk, without separators.
var prying = []string{
	"systemprompt", "systeminstructions", "conversationhistory", "chathistory", "fullconversation", "conversationcontext", "previousmessages", "allmessages",
	"chainofthought", "reasoningtrace", "thoughtprocess", "toolcallhistory", "previoustoolcalls", "previoustoolresults", "availabletools", "listoftools", "contextwindow",
}

// models are words of the names of tools that speak to a model, which has a system prompt and a history of its own.
var models = []string{"chat", "complete", "completion", "ask", "generate", "llm", "prompt", "model", "agent", "assistant", "conversation", "message", "messages", "claude", "gpt", "gemini", "summarize"}

// conversing yields tools of other kinds that take such parameters.
func conversing(_ *trust.Subject, tools []*tool, say func(hit)) {
	for _, t := range tools {
		if t.first(models) != "" {
			continue
		}
		for _, p := range t.parameters {
			if slices.Contains(prying, strings.NewReplacer("_", "", "-", "", ".", "").Replace(p)) {
				say(hit{where: t.place("/inputSchema/properties/" + p), evidence: p, message: fmt.Sprintf("the tool takes %s, which models fill with what they know of themselves and of the talk", excerpt(p))})
				break
			}
		}
	}
}
