package check

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/trust"
)

// A capability is something a tool can do that people want to know of. A tool has it if its name says so, or its text does and either
// its parameters or its verb agree; one telling alone is a topic, not an ability.
type capability struct {
	// names are words of a name, or two words in a row, that are enough.
	names []string
	// verbs and things are words of a name of which one each is enough.
	verbs, things []string
	// text is what titles and descriptions say.
	text *regexp.Regexp
	// parameters are names of parameters that agree with the text.
	parameters []string
	// looks says that a tool which only reads may have it.
	looks bool
}

// reading are verbs of tools that do nothing but tell.
var reading = []string{"get", "list", "read", "show", "describe", "search", "find", "query", "view", "count", "check", "validate", "explain", "lint", "parse", "format", "summarize", "estimate", "preview", "history", "status", "logs", "log", "docs"}

var (
	payment = capability{
		names:      []string{"pay", "payout", "charge card", "refund", "checkout", "wire transfer", "place order", "buy", "purchase", "withdraw"},
		verbs:      []string{"create", "send", "make", "execute", "process", "confirm", "capture", "submit", "issue", "transfer", "finalize"},
		things:     []string{"payment", "payments", "invoice", "charge", "refund", "payout", "money", "funds", "subscription", "order", "purchase", "checkout"},
		text:       regexp.MustCompile(`\b(charges?|debits?) (a|the|your|this) (card|customer|account)|\b(make|send|initiate|process|create)s? (a |the )?(payment|payout|wire|bank transfer|money transfer)|\btransfers? (money|funds)|결제(를|을)? ?(실행|진행|한다|합니다)|송금(을)? ?(실행|진행|한다|합니다)`),
		parameters: []string{"amount", "currency", "iban", "card_number", "cardnumber", "payment_method", "price"},
	}
	wallet = capability{
		names:      []string{"sign transaction", "send transaction", "swap tokens", "mint", "wallet transfer", "send eth", "send sol", "send btc", "broadcast transaction", "approve token"},
		verbs:      []string{"send", "sign", "transfer", "swap", "bridge", "stake", "withdraw", "export", "import", "create", "unlock", "broadcast", "approve"},
		things:     []string{"wallet", "transaction", "tx", "crypto", "token", "tokens", "eth", "btc", "sol", "usdc", "nft", "seed phrase", "mnemonic"},
		text:       regexp.MustCompile(`\b(crypto(currency)?|ethereum|bitcoin|solana|blockchain|on-?chain|web3)\b.*\b(send|sign|transfer|swap|wallet)|\b(send|sign|transfer|swap)\w*\b.*\b(crypto(currency)?|ethereum|bitcoin|solana|blockchain|on-?chain|web3)\b|\bprivate key\b.*\bwallet|\bseed phrase|지갑.*(전송|서명)`),
		parameters: []string{"private_key", "privatekey", "mnemonic", "seed_phrase", "seedphrase", "wallet", "wallet_address", "to_address", "toaddress", "recipient", "tx", "transaction", "gas", "chain_id", "chainid", "token_address"},
	}
	codeExecution = capability{
		names:      []string{"exec", "shell", "bash", "eval", "powershell", "run command", "run code", "run python", "run script", "run javascript", "execute command", "execute code", "execute file", "execute script", "execute python", "terminal", "spawn", "subprocess", "repl", "run shell", "run terminal"},
		verbs:      []string{"execute", "run", "eval", "evaluate", "invoke", "launch", "start"},
		things:     []string{"command", "commands", "cmd", "code", "script", "shell", "python", "javascript", "binary", "process", "program", "bash", "executable"},
		text:       regexp.MustCompile(`\b(execut|run|launch|evaluat|spawn)\w*\b[^.]{0,40}\b(shell|arbitrary|system commands?|commands?|code|scripts?|binar(y|ies)|executables?|python|javascript|bash|program|subprocess)\b|(명령어?|코드|스크립트)[를을]? ?(실행|수행)`),
		parameters: []string{"command", "cmd", "code", "script", "shell", "file_path", "filepath", "executable", "program", "args", "argv", "expression"},
	}
	downloadAndRun = capability{
		names:      []string{"download execute", "download run", "curl bash", "fetch execute", "fetch run", "install url", "remote exec", "remote execute"},
		text:       regexp.MustCompile(`\b(download|fetch|retriev|pull)\w*\b[^.]{0,60}\b(and|then|to)\b[^.]{0,20}\b(execut|run|launch|open|install)\w*|\b(execut|run|launch)\w*\b[^.]{0,40}\b(from|at) (a |the |any )?(url|remote|internet)|(내려받|다운로드)[^.]{0,30}실행`),
		parameters: []string{"url", "uri", "download_url", "link", "source", "package"},
	}
	credentials = capability{
		names:      []string{"get secret", "read secret", "get credentials", "get credential", "get password", "read env", "get env", "export key", "export keys", "get token", "list secrets", "reveal password", "get api key", "keychain", "print env", "dump env"},
		verbs:      []string{"get", "read", "export", "reveal", "dump", "show", "fetch", "retrieve", "list"},
		things:     []string{"secret", "secrets", "credential", "credentials", "password", "passwords", "keychain", "env", "dotenv"},
		text:       regexp.MustCompile(`\b(return|read|retriev|reveal|export|dump|fetch|get|access)\w*\b[^.]{0,40}\b(passwords?|credentials?|api keys?|private keys?|ssh keys?|access tokens?|secrets)\b`),
		parameters: []string{"secret_name", "secretname", "secret", "secret_id", "vault", "key_name", "item", "variable", "credential"},
		looks:      true,
	}
	filesystemWrite = capability{
		names:      []string{"write file", "edit file", "delete file", "move file", "create file", "create directory", "append file", "remove file", "save file", "str replace", "apply patch", "rename file", "copy file", "chmod", "mkdir", "rm"},
		verbs:      []string{"write", "edit", "delete", "remove", "move", "create", "append", "save", "overwrite", "patch", "rename", "copy"},
		things:     []string{"file", "files", "directory", "folder", "path", "disk"},
		text:       regexp.MustCompile(`\b(write|overwrit|delet|creat|edit|mov|renam|append|modif|sav)\w*\b[^.]{0,30}\b(files?|director(y|ies)|folders?|disk)\b`),
		parameters: []string{"path", "file", "filename", "file_path", "filepath", "destination", "dest", "save_as", "output_path", "working_dir"},
	}
	egress = capability{
		names:      []string{"fetch", "http request", "web request", "curl", "wget", "send email", "send message", "post message", "webhook", "upload", "web search", "browse", "navigate", "download"},
		verbs:      []string{"send", "post", "upload", "publish", "fetch", "download", "navigate", "open", "request", "browse", "crawl", "scrape"},
		things:     []string{"email", "mail", "message", "webhook", "url", "http", "web", "page", "website", "request", "tweet", "sms"},
		text:       regexp.MustCompile(`\b(fetch|download|retriev|request|crawl|scrap|brows|send|post|upload)\w*\b[^.]{0,40}\b(urls?|https?|web ?pages?|websites?|internet|webhooks?|e-?mails?)\b`),
		parameters: []string{"url", "uri", "link", "endpoint", "to", "recipient", "webhook", "webhook_url", "host"},
		looks:      true,
	}
)

// dangerous are the capabilities by which one call can do harm that cannot be undone.
var dangerous = []*capability{&payment, &wallet, &codeExecution, &downloadAndRun, &filesystemWrite}

// why returns what tells that a tool has the capability, empty if it has not. The tool remembers it.
func (c *capability) why(t *tool) string {
	said, known := t.can[c]
	if !known {
		said = c.find(t)
		t.can[c] = said
	}
	return said
}

func (c *capability) find(t *tool) string {
	if !c.looks && (t.readOnly() && !t.hasAny(c.names) || t.looks()) {
		return ""
	}
	for _, name := range c.names {
		if t.named(name) {
			return "its name says " + name
		}
	}
	verb, thing := t.first(c.verbs), t.first(c.things)
	if verb != "" && thing != "" {
		return "its name says " + verb + " and " + thing
	}
	taken := slices.IndexFunc(c.parameters, func(p string) bool { return slices.Contains(t.parameters, p) })
	if taken < 0 && verb == "" {
		return "" // the text alone would be a topic
	}
	said := c.text.FindString(t.text)
	switch {
	case said == "" || negated(t.text, said):
		return ""
	case taken >= 0:
		return fmt.Sprintf("it says %q, and takes %s", excerpt(said), c.parameters[taken])
	}
	return fmt.Sprintf("it says %q, and its name %s", excerpt(said), verb)
}

// negated reports whether a text says that it does not do what it speaks of.
func negated(text, said string) bool {
	before, _, _ := strings.Cut(text, said)
	before = before[max(len(before)-24, 0):]
	for _, no := range []string{"not ", "n't ", "never ", "without ", "cannot "} {
		if strings.Contains(before, no) {
			return true
		}
	}
	return false
}

func (t *tool) hasAny(names []string) bool { return slices.ContainsFunc(names, t.named) }

// named reports whether the words stand in the tool's name, one after the other; "and" between them does not count.
func (t *tool) named(name string) bool {
	if t.has[name] {
		return true
	}
	first, second, two := strings.Cut(name, " ")
	at := slices.Index(t.words, "and")
	return two && at > 0 && at+1 < len(t.words) && t.words[at-1] == first && t.words[at+1] == second
}

// looks reports whether the tool's name begins with a verb of reading, or ends in what is read.
func (t *tool) looks() bool {
	if len(t.words) == 0 {
		return false
	}
	return slices.Contains(reading, t.words[0]) || len(t.words) > 1 && slices.Contains(reading[len(reading)-5:], t.words[len(t.words)-1])
}

func (t *tool) first(of []string) string {
	for _, w := range of {
		if t.has[w] {
			return w
		}
	}
	return ""
}

// can returns the check for a capability.
func can(what string, c *capability) look {
	return func(_ *trust.Subject, tools []*tool, say func(hit)) {
		for _, t := range tools {
			if why := c.why(t); why != "" {
				say(hit{where: t.place(""), evidence: t.name + ": " + t.description, message: "the tool can " + what + ": " + why})
			}
		}
	}
}

// bare yields dangerous tools that say neither that they only read nor that they destroy.
func bare(_ *trust.Subject, tools []*tool, say func(hit)) {
	for _, t := range tools {
		if t.annotations.ReadOnly != nil || t.annotations.Destructive != nil {
			continue
		}
		for _, c := range dangerous {
			if why := c.why(t); why != "" {
				say(hit{where: t.place("/annotations"), evidence: t.name, message: "a dangerous tool says nothing of what it does to its surroundings (readOnlyHint, destructiveHint): " + why})
				break
			}
		}
	}
}

// contradicting yields tools that say they only read, while their names say that they act.
func contradicting(_ *trust.Subject, tools []*tool, say func(hit)) {
	for _, t := range tools {
		if !t.readOnly() || t.looks() {
			continue
		}
		for _, c := range dangerous {
			if t.hasAny(c.names) {
				say(hit{where: t.place("/annotations/readOnlyHint"), evidence: t.name, message: "the tool says that it only reads, and " + c.why(t)})
				break
			}
		}
	}
}
