package install

import (
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// settled are the variables that say where tools, registries and their certificates are. Nothing else of an environment reaches an installation,
// and of a server's own variables nothing else counts.
var settled = []string{
	"PATH", "HOME", "XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "SYSTEMROOT",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "NODE_USE_SYSTEM_CA",
	"NPM_CONFIG_REGISTRY", "NPM_CONFIG_CAFILE", "NPM_CONFIG_CA", "NPM_CONFIG_STRICT_SSL", "NPM_CONFIG_PROXY", "NPM_CONFIG_HTTPS_PROXY", "NPM_CONFIG_NOPROXY",
	"NPM_CONFIG_USERCONFIG", "NPM_CONFIG_GLOBALCONFIG", "NPM_CONFIG_BEFORE", "NPM_CONFIG_MIN_RELEASE_AGE",
	"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CERT", "PIP_CLIENT_CERT", "PIP_PROXY", "PIP_TRUSTED_HOST", "PIP_CONFIG_FILE",
	"PIP_DEFAULT_TIMEOUT", "PIP_TIMEOUT",
	"UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_INDEX_STRATEGY", "UV_PRERELEASE", "UV_EXCLUDE_NEWER",
	"UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_INSECURE_HOST", "UV_CONFIG_FILE", "UV_PYTHON_INSTALL_DIR", "UV_HTTP_TIMEOUT",
	"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOENV", "GOROOT",
}

// isSetting reports whether a variable is one of settled, or names a registry or its credentials for npm or an index of uv.
func isSetting(name string) bool {
	upper := strings.ToUpper(name)
	return slices.Contains(settled, upper) ||
		strings.HasPrefix(upper, "NPM_CONFIG_//") || strings.HasPrefix(upper, "NPM_CONFIG_@") || // as npm has them for one registry and one scope
		strings.HasPrefix(upper, "UV_INDEX_") && (strings.HasSuffix(upper, "_USERNAME") || strings.HasSuffix(upper, "_PASSWORD"))
}

// settings are the settled variables of an environment, and those of a server's own over them.
func settings(environ []string, own map[string]string) map[string]string {
	env := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && isSetting(name) {
			env[name] = value
		}
	}
	for name, value := range own {
		if isSetting(name) && name != "HOME" {
			env[name] = value
		}
	}
	return env
}

// pick returns those variables of an environment that have one of the beginnings, letters alike.
func pick(env map[string]string, beginnings ...string) map[string]string {
	picked := map[string]string{}
	for name, value := range env {
		if slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(strings.ToUpper(name), b) }) {
			picked[name] = value
		}
	}
	return picked
}

// shared are the beginnings of variables that concern every tool.
var shared = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_"}

// A reach is what a step needs beside its own directory.
type reach struct {
	env   map[string]string
	read  []string
	hosts []string
}

// newReach returns what variables of an environment say: those that all tools know and those with the beginnings.
func newReach(env map[string]string, beginnings ...string) *reach {
	r := &reach{env: pick(env, append(beginnings, shared...)...)}
	for name, value := range r.env {
		switch upper := strings.ToUpper(name); {
		case strings.HasSuffix(upper, "_PROXY") && upper != "NO_PROXY":
			r.host(value)
		case strings.HasPrefix(upper, "SSL_CERT_"), upper == "NODE_EXTRA_CA_CERTS":
			r.file(value)
		}
	}
	return r
}

// host adds the host of a URL, with its port; what is no URL of one adds nothing.
func (r *reach) host(text string) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme == "file" {
		return
	}
	port := u.Port()
	if port == "" {
		if port = "443"; u.Scheme == "http" {
			port = "80"
		}
	}
	if at := net.JoinHostPort(u.Hostname(), port); !slices.Contains(r.hosts, at) {
		r.hosts = append(r.hosts, at)
	}
}

// file adds a file or directory, if it is there.
func (r *reach) file(path string) {
	path = strings.TrimPrefix(path, "file://")
	if path == "" || !filepath.IsAbs(path) || slices.Contains(r.read, path) {
		return
	}
	if _, err := os.Stat(path); err == nil {
		r.read = append(r.read, path)
	}
}

// step returns a step that works in dir.
func (r *reach) step(dir, path string, args ...string) Step {
	s := Step{Path: path, Args: args, Dir: dir, Env: maps.Clone(r.env), Read: slices.Clone(r.read), Write: []string{dir}, Hosts: slices.Sorted(slices.Values(r.hosts))}
	s.Env["HOME"], s.Env["TMPDIR"] = homeIn(dir), homeIn(dir)
	return s
}
