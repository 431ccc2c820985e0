package workspace

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/search"
)

const maxURL = 2048 // bytes

// An address is where a repository is fetched from. It is what we have understood of a URL, and git is given what String makes of it:
// never the caller's text.
type address struct {
	scheme, host, port string // in lower case; port is empty for the scheme's own
	path               string // escaped, without slashes at its ends
}

// String returns the URL in its only spelling.
func (a address) String() string {
	if a.port != "" {
		return a.scheme + "://" + a.host + ":" + a.port + "/" + a.path
	}
	return a.scheme + "://" + a.host + "/" + a.path
}

// name returns what the repository is called.
func (a address) name() string {
	return strings.TrimSuffix(a.path[strings.LastIndexByte(a.path, '/')+1:], ".git")
}

// address understands a URL and refuses what is not allowed. Everything that is no URL of the plainest form is refused with it: remote
// helpers (ext::), paths, the form user@host:path, and what would be an option.
func (g Git) address(raw string) (address, error) {
	odd := func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\\\"'`<>{}|^", r) }
	switch {
	case raw == "":
		return address{}, errors.New("the url is empty; give one such as https://github.com/owner/repository")
	case len(raw) > maxURL:
		return address{}, fmt.Errorf("the url has %d bytes; at most %d are possible", len(raw), maxURL)
	case strings.ContainsFunc(raw, odd):
		return address{}, errors.New("the url has a space, a quote or another character that URLs have not; escape or remove it")
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return address{}, errors.New("the url has no scheme; write it like https://github.com/owner/repository")
	}
	a := address{scheme: strings.ToLower(scheme)}
	if !slices.Contains(g.Schemes, a.scheme) {
		return address{}, fmt.Errorf("the scheme of the url is not allowed here; use %s", strings.Join(g.Schemes, " or "))
	}
	authority, rest, _ := strings.Cut(rest, "/")
	if err := a.setHost(authority); err != nil {
		return address{}, err
	}
	if !slices.ContainsFunc(g.Hosts, a.isOf) {
		return address{}, fmt.Errorf("the host %q is not allowed here; use one of %s", a.host, strings.Join(g.Hosts, ", "))
	}
	a.path = strings.TrimSuffix(rest, "/")
	return a, checkURLPath(a.path)
}

var (
	hostPattern    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	segmentPattern = regexp.MustCompile(`^([A-Za-z0-9_~+@.-]|%20|%[89A-Fa-f][0-9A-Fa-f])+$`)
)

// setHost takes host and port. That the host is an allowed one is for isOf to find out: other spellings of a host (a dot at its end, an
// address in octal or in one number, letters that look alike) are other texts, and so not allowed.
func (a *address) setHost(authority string) error {
	if strings.Contains(authority, "@") {
		return errors.New("the url has a user or a password in it; only public repositories can be cloned, without either")
	}
	host, port, hasPort := strings.Cut(authority, ":")
	a.host, a.port = strings.ToLower(host), port
	if !hostPattern.MatchString(a.host) || len(a.host) > search.MaxName {
		return errors.New("the host of the url is not one that can be allowed; write a plain name such as github.com")
	}
	if n, err := strconv.ParseUint(port, 10, 16); hasPort && (err != nil || n == 0 || strconv.FormatUint(n, 10) != port) {
		return errors.New("the port of the url is not a number from 1 to 65535; correct or remove it")
	}
	if a.port == a.ownPort() {
		a.port = ""
	}
	return nil
}

// ownPort is the port of the scheme.
func (a *address) ownPort() string {
	if a.scheme == "http" {
		return "80"
	}
	return "443"
}

// isOf reports whether an entry of Git.Hosts allows the address: host and port are exactly those.
func (a *address) isOf(entry string) bool {
	host, port, _ := strings.Cut(entry, ":")
	if port == a.ownPort() {
		port = ""
	}
	return host == a.host && port == a.port
}

// checkURLPath wants plain segments. A query, a fragment, and escapes of what is not escaped in plain URLs are refused.
func checkURLPath(p string) error {
	if p == "" {
		return errors.New("the url names no repository; write it like https://github.com/owner/repository")
	}
	for segment := range strings.SplitSeq(p, "/") {
		switch {
		case strings.Trim(segment, ".") == "":
			return errors.New("the path of the url has an empty part or one of dots only; remove it")
		case strings.HasPrefix(segment, "-"):
			return errors.New("a part of the path of the url begins with a dash, as options do; this is refused")
		case !segmentPattern.MatchString(segment):
			return errors.New("the path of the url has a character that is not allowed (use letters, digits, . _ ~ + @ - and /); a query is not either")
		}
	}
	return nil
}

// checkBranch wants the name of a branch or a tag by the rules of git-check-ref-format(1), and none that looks like an option.
func checkBranch(name string) error {
	const most = 244
	odd := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }
	switch {
	case len(name) > most || !utf8.ValidString(name):
		return fmt.Errorf("the branch is longer than %d bytes or no UTF-8 text; give its name", most)
	case strings.HasPrefix(name, "-"):
		return errors.New("the branch begins with a dash, as options do; give the name of a branch or a tag")
	case name == "@" || strings.ContainsFunc(name, odd) || strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, "."):
		return errors.New("the branch has a character that names of branches cannot have (a space, ~ ^ : ? * [ \\ .. or @{); give the name of a branch or a tag")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return errors.New("a part of the branch is empty, begins with a dot or ends in .lock; give the name of a branch or a tag")
		}
	}
	return nil
}
