package host

import (
	"path/filepath"
	"slices"
)

// A Known is a file in which a host keeps its list of servers.
type Known struct {
	Title string // of the host
	Scope Scope
	File  string // absolute
}

// Files returns where hosts keep their lists of servers on this machine, for this user and this project: those of [All], and of others
// that are only read. Whether a file is there is not looked at.
func Files(env Env) []Known {
	var all []Known
	add := func(k Known) {
		if filepath.IsAbs(k.File) && !slices.ContainsFunc(all, func(o Known) bool { return o.File == k.File }) {
			all = append(all, k)
		}
	}
	for _, h := range All() {
		for _, scope := range h.Scopes() {
			if file, err := h.File(env, scope); err == nil {
				add(Known{h.Title, scope, file})
			}
		}
	}
	for _, r := range readers() {
		for _, at := range r.user {
			add(Known{r.title, User, at(env)})
		}
		if r.project != "" {
			add(Known{r.title, Project, filepath.Join(env.Dir, filepath.FromSlash(r.project))})
		}
	}
	return all
}

// A reader is a host whose file is only read.
type reader struct {
	title   string
	user    []func(Env) string
	project string
}

func readers() []reader {
	var editors []func(Env) string // files of extensions of VS Code and what is made of it
	for _, product := range []string{"Code", "Code - Insiders", "Cursor", "VSCodium", "Windsurf"} {
		editors = append(editors,
			inConfig(product, "User", "globalStorage", "saoudrizwan.claude-dev", "settings", "cline_mcp_settings.json"),
			inConfig(product, "User", "globalStorage", "rooveterinaryinc.roo-cline", "settings", "mcp_settings.json"))
	}
	at := func(files ...func(Env) string) []func(Env) string { return files }
	return []reader{
		{"VS Code", at(inConfig("Code - Insiders", "User", "mcp.json"), inConfig("VSCodium", "User", "mcp.json"),
			inHome(".vscode-server", "data", "User", "mcp.json"), inConfig("Code", "User", "settings.json")), ""},
		{"Cline, Roo", editors, ".roo/mcp.json"},
		{"Windsurf for JetBrains", at(inHome(".codeium", "mcp_config.json")), ""},
		{"Continue", at(inHome(".continue", "config.yaml")), ""},
		{"Antigravity", at(inHome(".gemini", "antigravity", "mcp_config.json")), ""},
		{"Goose", at(Env.goose), ""},
		{"LM Studio", at(inHome(".lmstudio", "mcp.json"), inHome(".cache", "lm-studio", "mcp.json")), ""},
		{"OpenCode", at(inXDG("opencode", "opencode.json")), "opencode.json"},
		{"Crush", at(Env.crush), ".crush.json"},
		{"Kiro", at(inHome(".kiro", "settings", "mcp.json")), ".kiro/settings/mcp.json"},
		{"Junie", at(inHome(".junie", "mcp", "mcp.json")), ".junie/mcp/mcp.json"},
		{"Amp", at(Env.amp), ""},
		{"Copilot CLI", at(inHome(".copilot", "mcp-config.json")), ""},
		{"Amazon Q", at(inHome(".aws", "amazonq", "mcp.json"), inHome(".aws", "amazonq", "agents", "default.json"), inHome(".aws", "amazonq", "agents", "mcp.json")), ""},
		{"Trae", at(inConfig("Trae", "User", "mcp.json")), ""},
		{"Qoder", at(inHome(".qoder", "mcp.json")), ""},
		{"Kimi", at(inHome(".kimi", "mcp.json")), ""},
		{"Factory", at(inHome(".factory", "mcp.json")), ""},
		{"Mistral Vibe", at(inHome(".vibe", "config.toml")), ""},
	}
}

// inXDG is a file below the XDG directory for configurations.
func inXDG(path ...string) func(Env) string {
	return func(e Env) string { return filepath.Join(append([]string{e.xdg()}, path...)...) }
}

func (e Env) goose() string {
	if e.GOOS == "windows" {
		return filepath.Join(e.config(), "Block", "goose", "config", "config.yaml")
	}
	return filepath.Join(e.xdg(), "goose", "config.yaml")
}

func (e Env) crush() string {
	if e.GOOS == "windows" {
		return filepath.Join(e.Getenv("LOCALAPPDATA"), "crush", "crush.json")
	}
	return filepath.Join(e.xdg(), "crush", "crush.json")
}

func (e Env) amp() string {
	if e.GOOS == "windows" {
		return filepath.Join(e.config(), "amp", "settings.json")
	}
	return filepath.Join(e.xdg(), "amp", "settings.json")
}
