package probe

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/redact"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/trust"
)

// describe returns what is known of a server before it was asked.
func describe(t *Target) *trust.Subject {
	s := &trust.Subject{Name: t.Name}
	switch {
	case t.InProcess != nil:
		s.Target, s.Transport, s.Loopback, s.Authentication = t.Name, "stdio", true, trust.AuthNone
	case t.Command != nil:
		s.Target = registry.CommandTarget(registry.Command{Path: t.Command.Path, Args: t.Command.Args, Env: t.Command.Env, Dir: t.Command.Dir})
		s.Transport, s.Loopback, s.Authentication = "stdio", true, trust.AuthNone
	default:
		s.Target, s.Transport, s.Loopback = registry.URLTarget(t.URL), "http", isLoopback(t.URL)
		switch {
		case strings.HasPrefix(t.URL, "ws"):
			s.Transport = "websocket"
		case t.Events:
			s.Transport = "sse"
		}
	}
	if s.Name == "" {
		s.Name = s.Target
	}
	return s
}

// CommandLine returns a command as people write it, without secrets.
func CommandLine(argv []string) string {
	return redact.New(nil, nil).Clean(strings.Join(append([]string{filepath.Base(argv[0])}, argv[1:]...), " "))
}

// isLoopback reports whether only this machine reaches an address.
func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	host := u.Hostname()
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

const (
	// fewSecret is how many bytes a text has at least that is taken for a secret: "true" and "info" are none.
	fewSecret = 8
	// mostText is how many bytes an observation shows.
	mostText = 400
)

// secretsOf returns what no fact may show: the values of headers, the credentials in them, and what the target says besides.
func secretsOf(t *Target) []string {
	var all []string
	add := func(s string) {
		if s = strings.TrimSpace(s); len(s) >= fewSecret {
			all = append(all, s)
		}
	}
	for _, values := range t.Header {
		for _, v := range values {
			add(v)
			_, credential, _ := strings.Cut(v, " ")
			add(credential)
			if plain, err := base64.StdEncoding.DecodeString(credential); err == nil { // Basic
				_, password, _ := strings.Cut(string(plain), ":")
				add(password)
			}
		}
	}
	for _, s := range t.Secrets {
		add(s)
	}
	if u, err := url.Parse(t.URL); err == nil {
		if password, ok := u.User.Password(); ok {
			add(password)
		}
		for _, values := range u.Query() {
			for _, v := range values {
				add(v)
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

// marker stands where a secret was.
const marker = "[secret]"

// written returns a secret as it may stand in JSON: as it is, as a string, and within a string that is JSON itself.
func written(secret string) []string {
	all := []string{secret}
	for range 2 {
		quoted, err := json.Marshal(all[len(all)-1])
		if err != nil {
			break
		}
		if next := string(quoted[1 : len(quoted)-1]); next != all[len(all)-1] {
			all = append(all, next)
		}
	}
	slices.Reverse(all) // the longest first
	return all
}

// clean returns a text without secrets.
func clean(text string, secrets []string) string {
	for _, secret := range secrets {
		for _, form := range written(secret) {
			text = strings.ReplaceAll(text, form, marker)
		}
	}
	return text
}

// scrub returns the facts without secrets, wherever the server has put them.
func scrub(s *trust.Subject, secrets []string) *trust.Subject {
	if len(secrets) == 0 {
		return s
	}
	text, err := json.Marshal(s)
	if err != nil { // an element of a list is no JSON, which was scanned when it came
		return &trust.Subject{Name: s.Name, Target: s.Target}
	}
	without := new(trust.Subject)
	if json.Unmarshal([]byte(clean(string(text), secrets)), without) != nil {
		return &trust.Subject{Name: s.Name, Target: s.Target}
	}
	return without
}

// A scrubbedError is an error whose text shows no secret.
type scrubbedError struct {
	error
	text string
}

// Error returns the text.
func (e scrubbedError) Error() string { return e.text }

// Unwrap returns what it was.
func (e scrubbedError) Unwrap() error { return e.error }

func scrubError(err error, secrets []string) error {
	if err == nil {
		return nil
	}
	text := clean(strings.Join(strings.Split(err.Error(), "\n"), "; "), secrets)
	if text == err.Error() {
		return err
	}
	return scrubbedError{err, text}
}

// excerpt returns the begin of a text.
func excerpt(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= mostText {
		return s
	}
	cut := mostText
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
