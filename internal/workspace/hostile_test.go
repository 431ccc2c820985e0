package workspace

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// hostileClones are arguments of git.clone that must be refused before git is started, and a word of the error. CANARY stands for a
// file that must not come to be, HOST for the allowed host.
var hostileClones = []struct {
	arguments map[string]any
	want      string
}{
	// What would be an option of git.
	{map[string]any{"url": "--upload-pack=touch${IFS}CANARY"}, "a quote"},
	{map[string]any{"url": "--upload-pack=touch CANARY"}, "a space"},
	{map[string]any{"url": "-c core.sshCommand=touch"}, "a space"},
	{map[string]any{"url": "-ccore.hooksPath=CANARY"}, "no scheme"},
	{map[string]any{"url": "--config=core.fsmonitor=touch"}, "no scheme"},
	{map[string]any{"url": "--template=CANARY"}, "no scheme"},
	{map[string]any{"url": "http://HOST/--upload-pack=x"}, "dash"},
	{map[string]any{"url": "http://HOST/a/-oProxyCommand"}, "dash"},
	{map[string]any{"url": "http://HOST/tools.git", "branch": "--upload-pack=touch CANARY"}, "dash"},
	{map[string]any{"url": "http://HOST/tools.git", "branch": "-b"}, "dash"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "--bare"}, "dash"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "a/-c"}, "dash"},
	{map[string]any{"url": "http://HOST/tools.git", "depth": -1}, "use 1 to"},
	{map[string]any{"url": "http://HOST/tools.git", "depth": "1 --upload-pack=touch"}, "wrong type"},
	// Other transports.
	{map[string]any{"url": "ext::sh -c touch% CANARY"}, "a space"},
	{map[string]any{"url": "ext::sh${IFS}-c${IFS}touch%CANARY"}, "a quote"},
	{map[string]any{"url": "ext::touch://x"}, "scheme of the url is not allowed"},
	{map[string]any{"url": "fd::17/foo"}, "no scheme"},
	{map[string]any{"url": "file:///etc"}, "scheme of the url is not allowed"},
	{map[string]any{"url": "file://HOST/etc"}, "scheme of the url is not allowed"},
	{map[string]any{"url": "/etc/passwd"}, "no scheme"},
	{map[string]any{"url": "../../other"}, "no scheme"},
	{map[string]any{"url": "ssh://HOST/tools.git"}, "scheme of the url is not allowed"},
	{map[string]any{"url": "ssh://-oProxyCommand=touch CANARY/x"}, "a space"},
	{map[string]any{"url": "ssh://-oProxyCommand=touch/x"}, "scheme of the url is not allowed"},
	{map[string]any{"url": "git@HOST:tools.git"}, "no scheme"},
	{map[string]any{"url": "git://HOST/tools.git"}, "scheme of the url is not allowed"},
	{map[string]any{"url": "https://HOST/tools.git"}, "scheme of the url is not allowed"},
	{map[string]any{"url": "http::http://HOST/tools.git"}, "scheme of the url is not allowed"},
	{map[string]any{"url": "http:///tools.git"}, "host"},
	// What a shell would run.
	{map[string]any{"url": "http://HOST/$(touch CANARY)"}, "a space"},
	{map[string]any{"url": "http://HOST/$(touch)"}, "not allowed"},
	{map[string]any{"url": "http://HOST/`touch`"}, "quote"},
	{map[string]any{"url": "http://HOST/a;touch"}, "not allowed"},
	{map[string]any{"url": "http://HOST/a|touch"}, "quote"},
	{map[string]any{"url": "http://HOST/a&touch"}, "not allowed"},
	{map[string]any{"url": "http://HOST/tools.git\ntouch CANARY"}, "a space"},
	{map[string]any{"url": "http://HOST/tools.git\x00--upload-pack"}, "a space"},
	{map[string]any{"url": "http://HOST/tools.git", "branch": "$(touch CANARY)"}, "names of branches"},
	{map[string]any{"url": "http://HOST/tools.git", "branch": "main\n--upload-pack=x"}, "names of branches"},
	{map[string]any{"url": "http://HOST/tools.git", "branch": "a..b"}, "names of branches"},
	{map[string]any{"url": "http://HOST/tools.git", "branch": "main:refs/heads/x"}, "names of branches"},
	{map[string]any{"url": "http://HOST/tools.git", "branch": "refs/../x.lock"}, "names of branches"},
	{map[string]any{"url": "http://HOST/tools.git", "branch": "main@{upstream}"}, "names of branches"},
	{map[string]any{"url": "http://HOST/tools.git", "branch": ".hidden"}, "dot"},
	{map[string]any{"url": "http://HOST/tools.git", "branch": ""}, "a part of the branch"},
	// Other hosts, and other spellings of this one.
	{map[string]any{"url": "http://example.com/tools.git"}, "is not allowed here"},
	{map[string]any{"url": "http://HOST.example.com/tools.git"}, "port of the url"},
	{map[string]any{"url": "http://HOST@example.com/tools.git"}, "a user or a password"},
	{map[string]any{"url": "http://user:secret@HOST/tools.git"}, "a user or a password"},
	{map[string]any{"url": "http://example.com#@HOST/tools.git"}, "a user or a password"},
	{map[string]any{"url": "http://example.com\\@HOST/tools.git"}, "a quote"},
	{map[string]any{"url": "http://127.0.0.1/tools.git"}, "is not allowed here"},
	{map[string]any{"url": "http://127.0.0.1:1/tools.git"}, "is not allowed here"},
	{map[string]any{"url": "http://127.0.0.1.:PORT/tools.git"}, "not one that can be allowed"},
	{map[string]any{"url": "http://127.1:PORT/tools.git"}, "is not allowed here"},
	{map[string]any{"url": "http://2130706433:PORT/tools.git"}, "is not allowed here"},
	{map[string]any{"url": "http://0x7f.0.0.1:PORT/tools.git"}, "is not allowed here"},
	{map[string]any{"url": "http://0177.0.0.1:PORT/tools.git"}, "is not allowed here"},
	{map[string]any{"url": "http://[::1]:PORT/tools.git"}, "not one that can be allowed"},
	{map[string]any{"url": "http://[::ffff:127.0.0.1]:PORT/tools.git"}, "not one that can be allowed"},
	{map[string]any{"url": "http://localhost:PORT/tools.git"}, "is not allowed here"},
	{map[string]any{"url": "http://１２７.0.0.1:PORT/tools.git"}, "another character"},
	{map[string]any{"url": "http://xn--gthub-cta.com/tools.git"}, "is not allowed here"},
	{map[string]any{"url": "http://gіthub.com/tools.git"}, "another character"},
	{map[string]any{"url": "http://127%2e0.0.1:PORT/tools.git"}, "not one that can be allowed"},
	{map[string]any{"url": "http://169.254.169.254/latest"}, "is not allowed here"},
	{map[string]any{"url": "http://HOST/../etc"}, "dots only"},
	{map[string]any{"url": "http://HOST//etc"}, "empty part"},
	{map[string]any{"url": "http://HOST/%2e%2e/etc"}, "not allowed"},
	{map[string]any{"url": "http://HOST/a%2f..%2fb"}, "not allowed"},
	{map[string]any{"url": "http://HOST/a%00b"}, "not allowed"},
	{map[string]any{"url": "http://HOST/a%0ab"}, "not allowed"},
	{map[string]any{"url": "http://HOST/tools.git?service=x"}, "not allowed"},
	{map[string]any{"url": "http://HOST/tools.git#x"}, "not allowed"},
	{map[string]any{"url": "http://HOST/"}, "names no repository"},
	{map[string]any{"url": ""}, "empty"},
	{map[string]any{"url": "http://HOST/" + strings.Repeat("a", 3000)}, "at most"},
	// Other places.
	{map[string]any{"url": "http://HOST/tools.git", "directory": "../out"}, "leaves"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "a/../../out"}, "leaves"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "/tmp/out"}, "absolute"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "link/out"}, "leads out"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "link"}, "exists already"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "dangling"}, "exists already"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": ".git/hooks"}, "hidden"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "a\\b"}, "backslash"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "a\nb"}, "control"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "a\x00b"}, "control"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": "."}, "exists already"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": ""}, "empty"},
	{map[string]any{"url": "http://HOST/tools.git", "directory": strings.Repeat("a", 300)}, "at most"},
	{map[string]any{"url": "http://HOST/.git"}, "empty"},
	// Other arguments.
	{map[string]any{"url": "http://HOST/tools.git", "config": "core.hooksPath=x"}, "unknown argument"},
	{map[string]any{"URL": "http://HOST/tools.git"}, "unknown argument"},
	{map[string]any{"url": []string{"http://HOST/tools.git"}}, "wrong type"},
	{map[string]any{"url": nil}, "null"},
	{map[string]any{}, "missing"},
}

// TestHostileClones wants each refused with its reason; nothing is run, asked of the host, or left.
func TestHostileClones(t *testing.T) {
	h := newHost(t)
	h.repository(t, "tools.git", nil)
	var asked atomic.Int32
	h.behind(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			next.ServeHTTP(w, r)
		})
	})
	o, out := h.options(t), t.TempDir()
	canary := filepath.Join(out, "canary")
	for link, to := range map[string]string{"link": out, "dangling": filepath.Join(out, "absent")} {
		if err := os.Symlink(to, filepath.Join(o.Root, link)); err != nil {
			t.Fatal(err)
		}
	}
	session := connect(t, newWorkspace(t, o), eras[1], nil)
	before := namesIn(t, o.Root)
	fill := strings.NewReplacer("CANARY", canary, "HOST", h.name, "PORT", h.name[strings.LastIndexByte(h.name, ':')+1:])
	for _, tt := range hostileClones {
		arguments := maps.Clone(tt.arguments)
		for name, value := range arguments {
			if text, ok := value.(string); ok {
				arguments[name] = fill.Replace(text)
			}
		}
		if got, fault := call(t, session, "git.clone", arguments); !strings.Contains(fault, tt.want) {
			t.Errorf("%q: answer %v, error %q, want %q", arguments, got, fault, tt.want)
		}
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the host was asked %d times", n)
	}
	if left := namesIn(t, out); len(left) > 0 {
		t.Errorf("outside of the root there is %q", left)
	}
	if after := namesIn(t, o.Root); !slices.Equal(before, after) {
		t.Errorf("left in the root: %q", after)
	}
}

// hostileSearches are arguments of repo.search. Those with an error are refused; the others find what is literally there, or nothing.
var hostileSearches = []struct {
	arguments map[string]any
	want      string
}{
	{map[string]any{"query": "-e"}, ""},
	{map[string]any{"query": "--pre=touch CANARY"}, ""},
	{map[string]any{"query": "--pre-glob=*"}, ""},
	{map[string]any{"query": "$(touch CANARY)"}, ""},
	{map[string]any{"query": "`touch CANARY`"}, ""},
	{map[string]any{"query": "; touch CANARY"}, ""},
	{map[string]any{"query": "a\ntouch CANARY"}, "line end"},
	{map[string]any{"query": "a\x00b"}, "control"},
	{map[string]any{"query": "(a+)+!", "regexp": true}, ""},
	{map[string]any{"query": "(a|a)*!", "regexp": true}, ""},
	{map[string]any{"query": "a{1000000000}", "regexp": true}, "RE2"},
	{map[string]any{"query": "((a{100}){100}){100}", "regexp": true}, "RE2"},
	{map[string]any{"query": strings.Repeat("(", 2000), "regexp": true}, "at most"},
	{map[string]any{"query": strings.Repeat("(", 900), "regexp": true}, "RE2"},
	{map[string]any{"query": `(?{touch CANARY})`, "regexp": true}, "RE2"},
	{map[string]any{"query": "SECRET", "path": "../outside"}, "leaves"},
	{map[string]any{"query": "SECRET", "path": "a/../../outside"}, "leaves"},
	{map[string]any{"query": "SECRET", "path": "/"}, "absolute"},
	{map[string]any{"query": "SECRET", "path": "link"}, "is a link"},
	{map[string]any{"query": "SECRET", "path": "link/"}, "is a link"},
	{map[string]any{"query": "SECRET", "path": "link/secret"}, "no such file"},
	{map[string]any{"query": "SECRET", "path": "filelink"}, "is a link"},
	{map[string]any{"query": "SECRET", "path": ".git/config"}, "hidden"},
	{map[string]any{"query": "SECRET", "path": ".env"}, "hidden"},
	{map[string]any{"query": "SECRET", "path": "a\x00/../.."}, "control"},
	{map[string]any{"query": "SECRET", "path": `..\outside`}, "backslash"},
	{map[string]any{"query": "SECRET", "path": "--files-from=/etc/passwd"}, "no such file"},
	{map[string]any{"query": "SECRET", "path": "ignored/file"}, "ignored"},
	{map[string]any{"query": "SECRET", "glob": "../**"}, "leaves"},
	{map[string]any{"query": "SECRET", "glob": "/etc/*"}, "leaves"},
	{map[string]any{"query": "SECRET", "glob": "!**"}, ""},
	{map[string]any{"query": "SECRET", "glob": "{.env,.git/config}"}, ""},
	{map[string]any{"query": "SECRET", "glob": "**/.env"}, ""},
	{map[string]any{"query": "SECRET", "glob": strings.Repeat("*a", 99)}, ""},
	{map[string]any{"query": "SECRET", "glob": strings.Repeat("**/", 66) + "x"}, ""},
	{map[string]any{"query": "SECRET", "glob": strings.Repeat("{a,", 60) + "b"}, "no }"},
	{map[string]any{"query": "SECRET", "glob": "[" + strings.Repeat("a-z", 60)}, ""},
	{map[string]any{"query": "SECRET", "glob": strings.Repeat("?", 300)}, "longer than"},
	{map[string]any{"query": "SECRET", "glob": "a\x00b"}, "control"},
	{map[string]any{"query": "SECRET", "limit": 1 << 40}, "use 1 to"},
	{map[string]any{"query": "SECRET", "limit": 0}, "use 1 to"},
	{map[string]any{"query": "SECRET", "context": 1 << 40}, "use 0 to"},
	{map[string]any{"query": "SECRET", "pre": "touch CANARY"}, "unknown argument"},
	{map[string]any{"query": ""}, "empty"},
	{map[string]any{}, "missing"},
}

// TestHostileSearches wants nothing found outside of the root, nothing run, and each refusal with its reason; as a tool and as a resource.
func TestHostileSearches(t *testing.T) {
	out := write(t, map[string]string{"secret": "SECRET\n"})
	canary := filepath.Join(out, "canary")
	root := write(t, map[string]string{
		"a/file": "public aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", ".env": "SECRET\n", ".git/config": "SECRET\n", ".gitignore": "ignored/\n", "ignored/file": "SECRET\n",
	})
	for link, to := range map[string]string{"link": out, "filelink": filepath.Join(out, "secret"), "a/self": "."} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	session := connect(t, newWorkspace(t, Options{Root: root}), eras[0], nil)
	for _, tt := range hostileSearches {
		arguments := maps.Clone(tt.arguments)
		for name, value := range arguments {
			if text, ok := value.(string); ok {
				arguments[name] = strings.ReplaceAll(text, "CANARY", canary)
			}
		}
		got, fault := call(t, session, "repo.search", arguments)
		if tt.want == "" && fault != "" || !strings.Contains(fault, tt.want) || strings.Contains(fault, root) {
			t.Errorf("%q: answer %v, error %q, want %q", arguments, got, fault, tt.want)
		}
		if found, _ := got["matches"].([]any); len(found) > 0 {
			t.Errorf("%q: found %v", arguments, found)
		}
		text, err := readSearch(t, session, arguments)
		if (err != nil) != (fault != "") || strings.Contains(text, `"path"`) {
			t.Errorf("%q as a resource: %s, %v", arguments, text, err)
		}
	}
	if left := namesIn(t, out); !slices.Equal(left, []string{"secret"}) {
		t.Errorf("outside of the root there is %q", left)
	}
}

// TestAddress understands URLs in their only spelling.
func TestAddress(t *testing.T) {
	g := Git{Hosts: []string{"github.com", "git.example.com:8443", "10.0.0.1:80", "plain.example.com:443"}, Schemes: []string{"https", "http"}}
	for url, want := range map[string]string{
		"https://github.com/a/b":                    "https://github.com/a/b",
		"HTTPS://GitHub.com:443/a/b.git/":           "https://github.com/a/b.git",
		"http://github.com:80/a":                    "http://github.com/a",
		"https://git.example.com:8443/x/~y/z.git":   "https://git.example.com:8443/x/~y/z.git",
		"http://10.0.0.1/a":                         "http://10.0.0.1/a",
		"https://plain.example.com/a%20b/%ED%95%9C": "https://plain.example.com/a%20b/%ED%95%9C",
		"https://github.com:8443/a":                 "",
		"https://git.example.com/a":                 "",
		"https://10.0.0.1/a":                        "",
		"http://plain.example.com/a":                "",
		"https://github.com.:443/a":                 "",
		"https://github.com:0443/a":                 "",
		"https://github.com:/a":                     "",
		"https://sub.github.com/a":                  "",
		"https://github.com":                        "",
	} {
		a, err := g.address(url)
		if err == nil && a.String() != want || err != nil && want != "" {
			t.Errorf("%s: %q, %v, want %q", url, a.String(), err, want)
		}
	}
}

// FuzzAddress wants whatever is understood to be understood the same again, on an allowed host, and never an option.
func FuzzAddress(f *testing.F) {
	g := Git{Hosts: []string{"github.com", "10.0.0.1:8080"}, Schemes: []string{"https", "http"}}
	for _, tt := range hostileClones {
		if url, ok := tt.arguments["url"].(string); ok {
			f.Add(strings.ReplaceAll(url, "HOST", "github.com"))
		}
	}
	f.Add("https://github.com/a/b%20c.git")
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := g.address(raw)
		if err != nil {
			return
		}
		once := a.String()
		again, err := g.address(once)
		if err != nil || again.String() != once {
			t.Errorf("%q is %q, and that is %q, %v", raw, once, again.String(), err)
		}
		allowed := []string{"https://github.com/", "http://github.com/", "https://10.0.0.1:8080/", "http://10.0.0.1:8080/"}
		if !slices.ContainsFunc(allowed, func(p string) bool { return strings.HasPrefix(once, p) }) {
			t.Errorf("%q is %q", raw, once)
		}
	})
}

// TestBranch compares with what git says of names.
func TestBranch(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"main", "feature/x", "한글", "v1.0", "a@b", "a@{b", "@", "a..b", "a b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", `a\b`, "/a", "a/", "a//b", ".a", "a/.b",
		"a.lock", "a.lock/b", "a.", "a\x7f", "a-", "x{y}",
	} {
		want := gitSays(t, dir, "check-ref-format", "refs/heads/"+name) && name != "@" // which git has as a name of HEAD
		if err := checkBranch(name); (err == nil) != want {
			t.Errorf("%q: %v, git says %v", name, err, want)
		}
	}
}
