package check

import (
	"encoding/json"
	"regexp"
	"slices"

	"github.com/sumun-mcp/sumun/trust"
)

// answering are verbs, besides those of reading, of tools that do nothing but answer.
var answering = []string{
	"echo", "hello", "hi", "greet", "greeting", "ping", "say", "lookup", "look", "translate", "convert", "calculate", "calc", "compute", "evaluate", "sum", "multiply",
	"encode", "decode", "hash", "compare", "diff", "inspect", "analyze", "analyse", "measure", "is", "has", "what", "who", "when", "where", "how", "time", "now", "current",
	"weather", "forecast", "define", "suggest", "recommend", "info", "about", "help", "version", "quote", "random", "roll", "detect", "classify", "review", "fetch",
}

// acting are words of names of tools that change something, spend something or reach somebody.
var acting = []string{
	"create", "add", "insert", "update", "upsert", "set", "put", "write", "save", "store", "edit", "modify", "patch", "delete", "remove", "drop", "clear", "reset", "purge",
	"send", "post", "publish", "upload", "share", "notify", "email", "reply", "submit", "push", "commit", "merge", "deploy", "release", "install", "uninstall",
	"run", "exec", "execute", "eval", "start", "stop", "restart", "kill", "launch", "spawn", "invoke", "trigger", "schedule", "cancel", "approve", "reject", "init", "initialize",
	"buy", "sell", "pay", "order", "book", "charge", "refund", "transfer", "withdraw", "sign", "mint", "swap", "grant", "revoke", "enable", "disable", "rotate", "register",
	"move", "rename", "copy", "download", "sync", "import", "export", "migrate", "backup", "restore", "shutdown", "reboot", "lock", "unlock", "open", "close", "assign", "invite",
	"ask", "chat", "complete", "generate", "train", "login", "logout", "connect", "subscribe", "unsubscribe", "remember", "forget", "secret", "secrets", "password", "credentials",
}

// tells matches descriptions that begin by saying that a tool answers something.
var tells = regexp.MustCompile(`(?i)^\W*(returns?|gets?|lists?|shows?|reads?|tells?|search(es)?|finds?|looks? up|describes?|computes?|calculates?|converts?|translates?|echo(es)?|says?|greets?|counts?|gives?|provides?|displays?|fetch(es)?|checks?|현재|조회|알려)`)

// Harmless reports whether a tool, an element of tools/list, may be called without asking anybody: its name, its text and its annotations
// tell that it answers something and changes nothing. A server that lies in all three of them can still do what it wants, as it can
// whenever it is asked anything.
func Harmless(element json.RawMessage) bool {
	all := toolsOf(&trust.Subject{Tools: []json.RawMessage{element}})
	if len(all) == 0 {
		return false
	}
	t := all[0]
	if t.annotations.Destructive != nil && *t.annotations.Destructive && !t.readOnly() || t.acts() {
		return false
	}
	for _, c := range append(slices.Clone(dangerous), &credentials) {
		if c.why(t) != "" {
			return false
		}
	}
	switch {
	case t.annotations.ReadOnly != nil:
		return *t.annotations.ReadOnly
	case len(t.words) == 0:
		return false
	case slices.Contains(reading, t.words[0]) || slices.Contains(answering, t.words[0]):
		return true
	case t.looks() || slices.Contains(answering, t.words[len(t.words)-1]):
		return true
	}
	return tells.MatchString(t.description)
}

// acts reports whether the tool's name says that it does something. Behind a verb of reading the other words are what is read, unless they
// are joined to it.
func (t *tool) acts() bool {
	if len(t.words) == 0 || !slices.Contains(reading, t.words[0]) && !slices.Contains(answering, t.words[0]) {
		return t.first(acting) != ""
	}
	for i, w := range t.words[1:] {
		if slices.Contains([]string{"and", "or", "then"}, t.words[i]) && slices.Contains(acting, w) {
			return true
		}
	}
	return false
}
