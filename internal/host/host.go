// Package host knows the programs that people talk to a model in (Claude Desktop, Cursor, VS Code and so on):
// where each keeps its list of MCP servers and in which shape. It adds and removes one entry of such a file in
// place: all other bytes, comments included, stay as they were.
//
// The functions of a Host that take and return bytes do no I/O; File does it.
package host

import (
	"fmt"
	"path/filepath"
)

// Scope says for whom a configuration file holds.
type Scope string

// The scopes of a configuration file.
const (
	User    Scope = "user"    // every project of this user
	Project Scope = "project" // one directory, and whoever checks it out
)

// Host is a program with a configuration file for MCP servers. Hosts are made by All and Lookup.
type Host struct {
	ID    string // what people type: "claude-desktop"
	Title string // what it is called: "Claude Desktop"

	user    func(Env) string // the file of this user
	project string           // the file of a project, slashed, below its directory; "" if the host has none
	shape   shape
	toml    bool // the file is TOML; otherwise JSON, with or without comments
}

// shape is how a host writes down one MCP server.
type shape struct {
	servers   string // the member that holds all servers by name
	stdioType string // the "type" of a server that the host starts, "" if it writes none
	httpType  string // the "type" of a server that the host reaches over HTTP, "" if it writes none
	url       string // the member for the address; "" if the host only starts commands
	headers   string // the member for HTTP headers
	keyRef    string // how the file speaks of $SUMUN_KEY without holding it; "" if it cannot
	keyVar    string // a member that takes the name of the variable with the Bearer key, instead of keyRef
	inputs    bool   // the host asks the person for the key; keyRef is an input, declared in "inputs"
}

// KeyVariable is the environment variable that hosts are told to take the key from.
const KeyVariable = "SUMUN_KEY"

// Lookup finds a host by its ID.
func Lookup(id string) (Host, bool) {
	for _, h := range All() {
		if h.ID == id {
			return h, true
		}
	}
	return Host{}, false
}

// All lists the hosts, best known first.
func All() []Host {
	return []Host{
		{
			ID: "claude-desktop", Title: "Claude Desktop",
			user:  Env.claudeDesktop,
			shape: shape{servers: "mcpServers"},
		},
		{
			ID: "claude-code", Title: "Claude Code",
			user: Env.claudeCode, project: ".mcp.json",
			shape: shape{
				servers: "mcpServers", stdioType: "stdio", httpType: "http",
				url: "url", headers: "headers", keyRef: "${" + KeyVariable + "}",
			},
		},
		{
			ID: "cursor", Title: "Cursor",
			user: inHome(".cursor", "mcp.json"), project: ".cursor/mcp.json",
			shape: shape{servers: "mcpServers", url: "url", headers: "headers", keyRef: "${env:" + KeyVariable + "}"},
		},
		{
			ID: "vscode", Title: "VS Code",
			user: inConfig("Code", "User", "mcp.json"), project: ".vscode/mcp.json",
			shape: shape{
				servers: "servers", stdioType: "stdio", httpType: "http",
				url: "url", headers: "headers", keyRef: "${input:%s}", inputs: true,
			},
		},
		{
			ID: "zed", Title: "Zed",
			user:  Env.zed,
			shape: shape{servers: "context_servers", url: "url", headers: "headers"},
		},
		{
			ID: "windsurf", Title: "Windsurf",
			user:  inHome(".codeium", "windsurf", "mcp_config.json"),
			shape: shape{servers: "mcpServers", url: "serverUrl", headers: "headers", keyRef: "${env:" + KeyVariable + "}"},
		},
		{
			ID: "gemini", Title: "Gemini CLI",
			user: inHome(".gemini", "settings.json"), project: ".gemini/settings.json",
			shape: shape{servers: "mcpServers", url: "httpUrl", headers: "headers", keyRef: "${" + KeyVariable + "}"},
		},
		{
			ID: "codex", Title: "Codex CLI",
			user: Env.codex, project: ".codex/config.toml", toml: true,
			shape: shape{servers: "mcp_servers", url: "url", headers: "http_headers", keyVar: "bearer_token_env_var"},
		},
	}
}

// Scopes lists the scopes for which the host has a file.
func (h Host) Scopes() []Scope {
	if h.project == "" {
		return []Scope{User}
	}
	return []Scope{User, Project}
}

// File is the absolute path of the host's configuration file for scope. The file need not exist.
func (h Host) File(env Env, scope Scope) (string, error) {
	switch {
	case scope == User:
		path := h.user(env)
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("where %s keeps its configuration is unknown: no home directory is set", h.Title)
		}
		return path, nil
	case scope == Project && h.project != "":
		return filepath.Join(env.Dir, filepath.FromSlash(h.project)), nil
	}
	return "", fmt.Errorf("%s has no configuration file for scope %q", h.Title, scope)
}

// HTTP reports whether the host can reach a server over HTTP with a key.
func (h Host) HTTP() bool { return h.shape.url != "" }

// NamesKey reports whether the host's file can speak of a key without holding it.
func (h Host) NamesKey() bool { return h.shape.keyRef != "" || h.shape.keyVar != "" }

// AsksForKey reports whether the host asks the person for the key, so that no variable need be set.
func (h Host) AsksForKey() bool { return h.shape.inputs }

// Servers lists the names of the MCP servers in the configuration data, in its order.
func (h Host) Servers(data []byte) ([]string, error) { return h.editor().servers(data) }

// Add returns data with e under its name: put behind the other servers, or in the place of what has that name.
// It returns data itself when that says the same as e already. Nothing else in data changes.
// Nil or blank data is that of a new file.
func (h Host) Add(data []byte, e Entry) ([]byte, error) {
	w, err := h.written(e)
	if err != nil {
		return nil, err
	}
	return h.editor().set(data, w)
}

// Remove returns data without the server name, or data itself when it has none.
// When one of the earlier contents became data by nothing but adding that server, it is that one,
// byte for byte; otherwise the member that held the servers stays, even if it is empty now.
func (h Host) Remove(data []byte, name string, earlier ...[]byte) ([]byte, error) {
	return h.editor().remove(data, name, earlier)
}

// Snippet is what a person would paste into an empty configuration file to add e.
func (h Host) Snippet(e Entry) ([]byte, error) { return h.Add(nil, e) }

// editor changes one configuration language. It leaves all bytes alone that are not about the server.
type editor interface {
	servers(data []byte) ([]string, error)
	set(data []byte, w written) ([]byte, error)
	remove(data []byte, name string, earlier [][]byte) ([]byte, error)
}

// editor is the one for the language of the host's file.
func (h Host) editor() editor {
	if h.toml {
		return tomlEditor{table: h.shape.servers}
	}
	return jsonEditor{member: h.shape.servers, inputs: h.shape.inputs}
}
