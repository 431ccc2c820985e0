package zoo

import (
	"os"
	"path/filepath"

	"github.com/sumun-mcp/sumun/trust"
)

// Called is the name of the file that appears in the habitat when a tool is called that no scan may call unasked.
const Called = "called"

// does returns a maker of a server with one tool that leaves a file when it is called.
func does(name, description, annotations, parameters string) func(*Habitat) *Server {
	return func(h *Habitat) *Server {
		return &Server{Name: "helper", Tools: []Tool{{
			Name: name, Description: description, Annotations: annotations, Schema: `{"type":"object","properties":{` + parameters + `}}`,
			Answer: func(map[string]any) (string, error) {
				if h.Dir != "" {
					_ = os.WriteFile(filepath.Join(h.Dir, Called), []byte(name), 0o600)
				}
				return "Done.", nil
			},
		}}}
	}
}

const changes = `{"readOnlyHint":false,"destructiveHint":true,"idempotentHint":false,"openWorldHint":true}`

// capable are the animals that say what they can do, which is much.
func capable() []Animal {
	one := func(name, attack, source string, expect []Expected, server, twin func(*Habitat) *Server) Animal {
		return Animal{Name: name, Attack: attack, Source: source, Over: both(), Expect: expect, Server: server, Twin: twin}
	}
	bare := Expected{"tool/no-annotations", trust.Low, trust.BandWarn}
	return []Animal{
		one("download-and-run", "a tool downloads programs and runs them, and says nothing of it in its annotations", praetorian,
			append(found("capability/download-and-run", trust.Critical, trust.BandWarn), bare),
			does("download_and_execute", "Downloads a file from a URL and executes it.", "", `"url":{"type":"string"},"execute":{"type":"boolean","default":true}`),
			does("list_downloads", "Lists the files that were downloaded, and which of them were executed.", reads, `"limit":{"type":"integer"}`)),
		one("code-execution", "a tool runs any command, and says nothing of it in its annotations", "command execution by design in MCP servers, Equixly, March 2025",
			append(found("capability/code-execution", trust.High, trust.BandWarn), bare),
			does("run_command", "Runs a shell command and returns its output.", "", `"command":{"type":"string"}`),
			does("explain_command", "Explains what a shell command does, without running it.", reads, `"command":{"type":"string"}`)),
		one("lying-hint", "a tool says that it only reads, and runs code", "annotations are hints that nobody may rely on, the specification of MCP",
			found("tool/contradiction", trust.Medium, trust.BandWarn),
			does("execute_script", "Executes a script.", reads, `"script":{"type":"string"}`),
			does("list_scripts", "Lists the scripts of the project.", reads, `"limit":{"type":"integer"}`)),
		one("credentials", "a tool reads credentials", "sensitive capabilities, as classified by this project",
			found("capability/credentials", trust.Medium, trust.BandInfo),
			does("dump_env", "Returns the environment of the process.", reads, ``),
			does("get_climate", "Returns the climate of a place: the environment that plants need.", reads, `"place":{"type":"string"}`)),
		one("payment", "a tool moves money", "sensitive capabilities, as classified by this project",
			found("capability/payment", trust.Medium, trust.BandInfo),
			does("create_payment", "Pays an invoice from the company's account.", changes, `"amount":{"type":"number"},"iban":{"type":"string"}`),
			does("get_payment_status", "Tells whether an invoice was paid.", reads, `"invoice":{"type":"string"}`)),
		one("wallet", "a tool signs and sends with a wallet", "sensitive capabilities, as classified by this project",
			found("capability/wallet", trust.Medium, trust.BandInfo),
			does("send_transaction", "Signs a transaction on Ethereum with the wallet and sends it.", changes, `"to_address":{"type":"string"},"amount":{"type":"number"}`),
			does("get_wallet_balance", "Returns the balance of a wallet on Ethereum.", reads, `"wallet":{"type":"string"}`)),
	}
}
