// Package registry keeps who is trusted: the servers that somebody has added to the list of trusted ones, and what is thought of each, by
// scans, by what the gateway itself sees of the servers behind it, and by what others say of them in signed feeds.
//
// A server is identified by what it cannot choose itself: by the URL that it is reached at, or by the command line that starts it, and by
// the keys that have signed its manifest. What it calls itself counts for nothing.
package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/redact"
)

// An Identity is who a server is.
type Identity struct {
	// Name is what the operator calls it: its key in mcp.yaml. It is never what the server says of itself. Empty if it has none.
	Name string
	// Target is where it is reached, as [URLTarget] or [CommandTarget] write it.
	Target string
	// Transport is http, sse, websocket or stdio.
	Transport string
	// Signers are the ids of the keys that have signed its manifest, as far as that is known and holds.
	Signers []string
}

// IdentityOf returns the identity of a server of mcp.yaml: one at a URL, or a program. Its replicas have identities of their own.
func IdentityOf(s *config.Server) Identity {
	id := Identity{Name: s.Name, Transport: s.Type}
	if s.URL != "" {
		id.Target = URLTarget(s.URL)
	} else {
		id.Target = CommandTarget(Command{Path: s.Command, Args: s.Args, Env: s.Env, Dir: s.Cwd})
	}
	return id
}

// IDOf returns the short name of a target in the store: 32 hexadecimal digits of its SHA-256.
func IDOf(target string) string {
	sum := sha256.Sum256([]byte(target))
	return hex.EncodeToString(sum[:16])
}

// URLTarget returns a URL as identities write it, so that two spellings of one address are equal (RFC 3986, section 6.2): scheme and host in
// lower case, no port that goes without saying, no dot segments, no final slash, no user and no fragment. A WebSocket is the server of its
// HTTP twin. Of a query only a digest stands there, since keys are put into queries. What is no URL is returned as it is.
func URLTarget(text string) string {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Host == "" {
		return text
	}
	scheme := strings.ToLower(u.Scheme)
	if plain, ok := map[string]string{"ws": "http", "wss": "https"}[scheme]; ok {
		scheme = plain
	}
	host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if port == "443" && scheme == "https" || port == "80" && scheme == "http" {
		port = ""
	}
	switch {
	case port != "":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	target := scheme + "://" + host + plainPath(u)
	switch {
	case isDigest(u.RawQuery): // it was written so already
		target += "?" + u.RawQuery
	case u.RawQuery != "":
		target += "?" + digestOf + IDOf(u.RawQuery)[:16]
	}
	return target
}

// digestOf begins the digest that stands in the place of a query.
const digestOf = "sha256="

func isDigest(query string) bool {
	digits, ok := strings.CutPrefix(query, digestOf)
	return ok && len(digits) == 16 && strings.Trim(digits, "0123456789abcdef") == ""
}

// plainPath returns the path of a URL without dot segments, and without a final slash. What is escaped of slashes stays so.
func plainPath(u *url.URL) string {
	escaped := u.EscapedPath()
	if lower := strings.ToLower(escaped); !strings.Contains(lower, "%2f") && !strings.Contains(lower, "%5c") {
		escaped = (&url.URL{Path: path.Clean("/" + u.Path)}).EscapedPath()
	} else {
		escaped = path.Clean("/" + escaped)
	}
	return strings.TrimRight(escaped, "/")
}

// A Command is what starts a program.
type Command struct {
	Path string
	Args []string
	// Env is what is added to its environment, and Dir where it runs.
	Env map[string]string
	Dir string
}

// CommandTarget returns a command line as identities write it: its words with a blank between, a word in quotes where it has blanks or
// quotes of its own. Relative files are made absolute, since the same words start another program elsewhere; variables that decide which
// program runs (LD_PRELOAD, NODE_OPTIONS, npm_config_registry …) stand before the command. Known forms of secrets are taken out.
func CommandTarget(c Command) string {
	var words []string
	for name, value := range c.Env {
		if steers(name) {
			words = append(words, name+"="+value)
		}
	}
	slices.Sort(words)
	command := c.Path
	if strings.ContainsAny(command, `/\`) {
		command = absolute(c.Dir, command)
	}
	words = append(words, command)
	for _, arg := range c.Args {
		if isFile(arg) {
			arg = absolute(c.Dir, arg)
		}
		words = append(words, arg)
	}
	for i, word := range words {
		words[i] = quoted((*redact.Rules)(nil).Clean(word))
	}
	return strings.Join(words, " ")
}

// steering are variables of the environment, or the beginnings of their names, that decide which program runs or what it loads.
var steering = []string{
	"ld_", "dyld_", "path=", "pathext=", "bash_env=", "env=", "shell=", "comspec=", "node_options=", "node_path=", "npm_config_", "pythonpath=", "pythonstartup=",
	"pythonhome=", "pip_", "uv_", "rubyopt=", "rubylib=", "perl5opt=", "perl5lib=", "java_tool_options=", "jdk_java_options=", "_java_options=", "classpath=",
	"deno_", "bun_", "goflags=", "goproxy=", "docker_host=", "docker_context=", "gconv_path=",
}

func steers(name string) bool {
	name = strings.ToLower(name) + "="
	return slices.ContainsFunc(steering, func(s string) bool { return strings.HasPrefix(name, s) })
}

// endings are those of files that are programs.
var endings = []string{
	".js", ".mjs", ".cjs", ".ts", ".mts", ".py", ".pyz", ".rb", ".sh", ".pl", ".php", ".jar", ".exe", ".dll", ".wasm", ".bat", ".cmd", ".ps1", ".lua",
}

// isFile reports whether an argument looks like a relative file that is a program.
func isFile(arg string) bool {
	if arg == "" || strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "@") || strings.Contains(arg, "://") || filepath.IsAbs(arg) {
		return false
	}
	return strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "../") || arg == "." || arg == ".." ||
		slices.Contains(endings, strings.ToLower(filepath.Ext(arg)))
}

func absolute(dir, name string) string {
	if filepath.IsAbs(name) || dir == "" {
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name)
}

// quoted returns a word of a command line, in quotes where it would not be one word without.
func quoted(word string) string {
	odd := func(r rune) bool { return r == '"' || r == '\\' || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if word == "" || strings.ContainsFunc(word, odd) {
		return strconv.Quote(word)
	}
	return word
}

// words takes apart what CommandTarget has put together.
func words(target string) []string {
	var all []string
	for rest := strings.TrimSpace(target); rest != ""; rest = strings.TrimSpace(rest) {
		if q, err := strconv.QuotedPrefix(rest); err == nil {
			if word, err := strconv.Unquote(q); err == nil {
				all, rest = append(all, word), rest[len(q):]
				continue
			}
		}
		end := strings.IndexFunc(rest, unicode.IsSpace)
		if end < 0 {
			end = len(rest)
		}
		all, rest = append(all, rest[:end]), rest[end:]
	}
	return all
}

// isURL reports whether a target, or an element of a list, is a URL.
func isURL(target string) bool {
	scheme, _, ok := strings.Cut(target, "://")
	return ok && !strings.ContainsAny(scheme, " \t/\"=")
}
