package check

import "github.com/sumun-mcp/sumun/trust"

// table is all there is to check, by rule. To add a check, add a function and a line.
var table = [...]row{
	{"answer/blank-end", trust.Low, trust.BandInfo, "answers of several tools end in a blank line, as if a text was to follow", "read the server's source: is something added to its answers?", dormant, nil},
	{"answer/constant-text", trust.Low, trust.BandInfo, "answers of several tools end or begin with the same text", "ask the server's author what the text is for", constant, nil},
	{"answer/constant-request", trust.Low, trust.BandWarn, "answers of several tools end or begin with the same text, which asks something of the reader", "ask the server's author what the text is for", inviting, nil},
	{"behaviour/answer-drift", trust.High, trust.BandBlock, "an order to the reader came to the answers while the list of tools stayed the same", "do not use the server: who runs it changes what its answers tell your model", drifting, nil},
	{"behaviour/answer-injection", trust.High, trust.BandBlock, "the same text stands at one end of answers to different questions, and gives the reader orders", "do not use the server: it gives orders to your model through its answers", injected, nil},
	{"capability/code-execution", trust.High, trust.BandWarn, "a tool runs code, commands or files", "allow it for few callers, with approval of each call, in a sandbox", can("run code, commands or files", &codeExecution), nil},
	{"capability/credentials", trust.Medium, trust.BandInfo, "a tool reads credentials", "allow it for callers only that need them, and ask for approval", can("read credentials", &credentials), nil},
	{"capability/download-and-run", trust.Critical, trust.BandWarn, "a tool downloads something and runs it", "disable the tool: whoever speaks to the model can run what they like", can("download something and run it", &downloadAndRun), nil},
	{"capability/egress", trust.Low, trust.BandInfo, "a tool reaches the network", "allow the hosts that it needs, and no others", can("reach the network", &egress), nil},
	{"capability/filesystem-write", trust.Low, trust.BandInfo, "a tool changes files", "give it one folder, and ask for approval", can("change files", &filesystemWrite), nil},
	{"capability/payment", trust.Medium, trust.BandInfo, "a tool moves money", "ask for approval of each call, and set limits at the bank", can("move money", &payment), nil},
	{"capability/wallet", trust.Medium, trust.BandInfo, "a tool signs or sends with a wallet", "ask for approval of each call, and keep little in the wallet", can("sign or send with a wallet", &wallet), nil},
	{"graph/look-alike", trust.High, trust.BandWarn, "a tool's name looks like that of another server's tool", "disable one of the two, or give the servers prefixes", nil, foreignLookAlikes},
	{"graph/reference", trust.Info, trust.BandInfo, "a description speaks of another server's tool", "read the description", nil, references(false)},
	{"graph/shadowing", trust.High, trust.BandBlock, "a description says what to do with another server's tool", "do not use the two servers together: one decides how the model uses the other", nil, references(true)},
	{"graph/same-tool", trust.Medium, trust.BandWarn, "two servers offer the same tool, by name and description", "offer one of the two, or give the servers prefixes", nil, shadowed},
	{"graph/toxic-flow", trust.Medium, trust.BandWarn, "strangers' texts, private data and a way out meet in one model", "separate them into endpoints or keys, or ask for approval of what leads out", nil, toxicFlow},
	{"surface/admin", trust.High, trust.BandBlock, "paths that decide what tools say are open to everybody", "do not use the server before the paths ask for credentials, or are gone", admin(true), nil},
	{"surface/bad-version", trust.Low, trust.BandInfo, "the server answers in a revision that there is not", "refuse what MCP-Protocol-Version does not name rightly with status 400", badVersion, nil},
	{"surface/duplicate-members", trust.Low, trust.BandInfo, "the server takes messages in which a member stands twice", "refuse such messages, or put the gateway in front", duplicateMembers, nil},
	{"surface/foreign-host", trust.Medium, trust.BandWarn, "the server answers under every host name", "refuse requests whose Host is not the server's", foreignHost, nil},
	{"surface/foreign-origin", trust.Medium, trust.BandWarn, "the server answers pages of every origin", "refuse requests whose Origin is not expected with status 403", foreignOrigin, nil},
	{"surface/local-authentication", trust.Low, trust.BandWarn, "every program on the machine may use the server", "ask for a key, or start the server over stdio", localAuthentication, nil},
	{"surface/no-authentication", trust.High, trust.BandWarn, "the server asks nobody who they are", "ask for OAuth tokens with an audience, or put the gateway in front", noAuthentication, nil},
	{"surface/no-tls", trust.Medium, trust.BandWarn, "the server is reached without TLS", "serve over TLS with a certificate that holds", noTLS, nil},
	{"surface/open-admin", trust.Medium, trust.BandWarn, "an interface for operators is open to everybody", "ask for credentials on these paths", admin(false), nil},
	{"surface/open-call", trust.High, trust.BandWarn, "tools can be called without credentials", "refuse calls without credentials with status 401, before looking at them", openCall, nil},
	{"surface/static-authentication", trust.Info, trust.BandInfo, "the server asks for a credential that does not change", "use OAuth tokens with an audience, or client certificates", staticAuthentication, nil},
	{"surface/wrong-credentials", trust.Critical, trust.BandWarn, "the server takes any credentials", "check credentials, and refuse wrong ones with status 401", wrongCredentials, nil},
	{"tool/contradiction", trust.Medium, trust.BandWarn, "a tool says that it only reads, and its name that it acts", "do not believe the server's annotations (trust.annotations: false)", contradicting, nil},
	{"tool/look-alike", trust.High, trust.BandWarn, "two tools of one server have names that look alike", "ask the server's author for names that can be told apart", lookAlikesOf, nil},
	{"tool/no-annotations", trust.Low, trust.BandWarn, "a dangerous tool says nothing of what it does", "ask the server's author for annotations; until then treat it as destructive", bare, nil},
}
