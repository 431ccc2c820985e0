package host

import (
	"cmp"
	"os"
	"path/filepath"
	"runtime"
)

// Env is what the place of a configuration file depends on.
type Env struct {
	GOOS   string                   // "linux", "darwin" or "windows", as runtime.GOOS; others are like linux
	Getenv func(name string) string // the environment: HOME, USERPROFILE, APPDATA, XDG_CONFIG_HOME, …
	Dir    string                   // the absolute directory of the project
}

// Here returns the Env of this program, which runs in the directory of the project.
func Here(getenv func(name string) string) (Env, error) {
	dir, err := os.Getwd()
	return Env{GOOS: runtime.GOOS, Getenv: getenv, Dir: dir}, err
}

// home is the user's home directory, or "".
func (e Env) home() string {
	if e.GOOS == "windows" {
		return cmp.Or(e.Getenv("USERPROFILE"), e.Getenv("HOME"))
	}
	return e.Getenv("HOME")
}

// xdg is where programs that follow the XDG base directories keep their configuration.
func (e Env) xdg() string {
	return cmp.Or(e.Getenv("XDG_CONFIG_HOME"), filepath.Join(e.home(), ".config"))
}

// config is where the operating system wants programs to keep their configuration.
func (e Env) config() string {
	switch e.GOOS {
	case "windows":
		return cmp.Or(e.Getenv("APPDATA"), filepath.Join(e.home(), "AppData", "Roaming"))
	case "darwin":
		return filepath.Join(e.home(), "Library", "Application Support")
	}
	return e.xdg()
}

// inHome is a file below the home directory.
func inHome(path ...string) func(Env) string {
	return func(e Env) string { return filepath.Join(append([]string{e.home()}, path...)...) }
}

// inConfig is a file below the operating system's directory for configurations.
func inConfig(path ...string) func(Env) string {
	return func(e Env) string { return filepath.Join(append([]string{e.config()}, path...)...) }
}

// claudeDesktop is Claude Desktop's file. Builds for Linux do not agree on the case of its directory.
func (e Env) claudeDesktop() string {
	const name = "claude_desktop_config.json"
	usual := filepath.Join(e.config(), "Claude", name)
	other := filepath.Join(e.config(), "claude", name)
	if e.GOOS != "windows" && e.GOOS != "darwin" && !exists(usual) && exists(other) {
		return other
	}
	return usual
}

// claudeCode is Claude Code's file for the user.
func (e Env) claudeCode() string {
	return filepath.Join(cmp.Or(e.Getenv("CLAUDE_CONFIG_DIR"), e.home()), ".claude.json")
}

// zed is Zed's file; on macOS too it follows XDG.
func (e Env) zed() string {
	if e.GOOS == "windows" {
		return filepath.Join(e.config(), "Zed", "settings.json")
	}
	return filepath.Join(e.xdg(), "zed", "settings.json")
}

// codex is Codex CLI's file for the user.
func (e Env) codex() string {
	return filepath.Join(cmp.Or(e.Getenv("CODEX_HOME"), filepath.Join(e.home(), ".codex")), "config.toml")
}

// exists reports whether there is something at path.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
