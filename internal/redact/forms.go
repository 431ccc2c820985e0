package redact

import (
	"bytes"
	"encoding/base64"
)

// Kinds that are more than a form in a table.
const (
	kindKey    = "private-key"
	kindJWT    = "jwt"
	kindBearer = "bearer-token"
	kindAWS    = "aws-secret-key"
	kindCard   = "card"
)

// A form is what tokens of one kind look like: a prefix that nobody else uses, and so many bytes of a class.
type form struct {
	prefix   string
	kind     string
	class    uint8
	min, max int
	// sure tells tokens from words that look like them; nil where the form is enough.
	sure func(body []byte) bool
}

const long = 1 << 10 // for tokens whose length nobody has promised

// forms are those of tokens that are one word, by their first byte.
var forms = byFirst(
	form{"ghp_", "github-token", alnum, 36, 255, nil},
	form{"gho_", "github-token", alnum, 36, 255, nil},
	form{"ghu_", "github-token", alnum, 36, 255, nil},
	form{"ghs_", "github-token", alnum, 36, 255, nil},
	form{"ghr_", "github-token", alnum, 36, 255, nil},
	form{"github_pat_", "github-token", word, 60, 255, varied},
	form{"glpat-", "gitlab-token", word, 20, 300, varied},
	form{"gldt-", "gitlab-token", word, 20, 300, varied},
	form{"glrt-", "gitlab-token", word, 20, 300, varied},
	form{"glptt-", "gitlab-token", word, 20, 300, varied},
	form{"glcbt-", "gitlab-token", word, 20, 300, varied},
	form{"glsoat-", "gitlab-token", word, 20, 300, varied},
	form{"gloas-", "gitlab-token", word, 20, 300, varied},
	form{"AKIA", "aws-access-key", upper, 16, 16, nil},
	form{"ASIA", "aws-access-key", upper, 16, 16, nil},
	form{"ABIA", "aws-access-key", upper, 16, 16, nil},
	form{"xoxb-", "slack-token", word, 20, 255, numbered},
	form{"xoxp-", "slack-token", word, 20, 255, numbered},
	form{"xoxa-", "slack-token", word, 20, 255, numbered},
	form{"xoxr-", "slack-token", word, 20, 255, numbered},
	form{"xoxs-", "slack-token", word, 20, 255, numbered},
	form{"xoxe-", "slack-token", word, 20, 255, numbered},
	form{"xapp-", "slack-token", word, 20, 255, numbered},
	form{"sk_live_", "stripe-key", alnum, 16, 255, numbered},
	form{"sk_test_", "stripe-key", alnum, 16, 255, numbered},
	form{"rk_live_", "stripe-key", alnum, 16, 255, numbered},
	form{"rk_test_", "stripe-key", alnum, 16, 255, numbered},
	form{"whsec_", "stripe-key", alnum, 24, 255, numbered},
	form{"AIza", "google-api-key", word, 35, 35, nil},
	form{"GOCSPX-", "google-client-secret", word, 28, 28, nil},
	form{"sk-ant-", "anthropic-key", word, 20, long, mixed},
	form{"sk-", "openai-key", word, 20, long, mixed},
	form{"npm_", "npm-token", alnum, 36, 36, numbered},
	form{"pypi-AgE", "pypi-token", word, 50, long, nil},
	form{"hf_", "huggingface-token", alnum, 30, 64, varied},
	form{"dckr_pat_", "docker-token", word, 20, 64, varied},
	form{"dop_v1_", "digitalocean-token", hexSmall, 64, 64, nil},
	form{"shpat_", "shopify-token", hexSmall, 32, 32, nil},
	form{"sumun_", "sumun-key", word, 49, 60, varied},
)

// dotted are the forms of tokens that have a dot behind their prefix: the word is what follows it.
var dotted = []form{
	{"ya29.", "google-token", word, 20, long, mixed},
	{"hvs.", "vault-token", word, 24, long, mixed},
	{"SG.", "sendgrid-key", word, 20, 24, varied},
}

func byFirst(all ...form) (table [256][]form) {
	for _, f := range all {
		table[f.prefix[0]] = append(table[f.prefix[0]], f)
	}
	return table
}

// numbered reports whether the body of a token has a digit, as random ones of that length do.
func numbered(body []byte) bool { return bytes.ContainsAny(body, "0123456789") }

// varied reports whether the body of a token has two sorts of characters among digits, capital and small letters. Placeholders do not.
func varied(body []byte) bool {
	var digits, capital, small int
	for _, c := range body {
		switch class := classes[c]; {
		case class&digit != 0:
			digits = 1
		case class&upper != 0:
			capital = 1
		case class&alnum != 0:
			small = 1
		}
	}
	return digits+capital+small > 1
}

// mixed reports whether the body of a token looks random: digits, and capital letters beside small ones, or small letters that are many.
// Words joined by dashes do not.
func mixed(body []byte) bool {
	const many = 32
	var digits, capital, small int
	for _, c := range body {
		switch class := classes[c]; {
		case class&digit != 0:
			digits++
		case class&upper != 0:
			capital++
		case class&alnum != 0:
			small++
		}
	}
	return digits > 1 && (capital > 1 && small > 1 || digits+small >= many && digits > 3)
}

// word looks at a long word.
func (s *scan) word(text []byte, start, end int) {
	if start > 0 && text[start-1] == '\\' { // of a text in a text: \n or \u0022 stands before the word
		for _, n := range [...]int{1, 5} {
			if start+n < end && s.token(text, start+n, end) {
				return
			}
		}
	}
	if s.token(text, start, end) || s.afterDot(text, start, end) || s.bearer(text, start) {
		return
	}
	if named(text[start:end]) {
		s.suspect = true
		s.secretAfter(text, end)
	}
}

// token reports whether a word is a token, and takes note of it.
func (s *scan) token(text []byte, start, end int) bool {
	if s.jwt(text, start, end) {
		return true
	}
	for i := range forms[text[start]] {
		f := &forms[text[start]][i]
		if !bytes.HasPrefix(text[start:end], []byte(f.prefix)) {
			continue
		}
		if body := f.body(text[start+len(f.prefix) : end]); body > 0 {
			s.add(start, start+len(f.prefix)+body, f.kind)
			return true
		}
	}
	return false
}

// body returns how long the body of a token is that begins with rest, which ends with the word; 0 if it is none.
func (f *form) body(rest []byte) int {
	n := run(rest, 0, f.class)
	if n < f.min || n > f.max || n < len(rest) && classes[rest[n]]&alnum != 0 || f.sure != nil && !f.sure(rest[:n]) {
		return 0
	}
	return n
}

// afterDot takes note of a token with a dot in it.
func (s *scan) afterDot(text []byte, start, end int) bool {
	if start == 0 || text[start-1] != '.' {
		return false
	}
	for i := range dotted {
		f := &dotted[i]
		if from := start - len(f.prefix); bytes.HasSuffix(text[:start], []byte(f.prefix)) && (from == 0 || classes[text[from-1]]&word == 0) && f.body(text[start:end]) > 0 {
			for end+1 < len(text) && text[end] == '.' && classes[text[end+1]]&word != 0 {
				end = run(text, end+1, word)
			}
			s.add(from, end, f.kind)
			return true
		}
	}
	return false
}

// jwt takes note of a JSON Web Token (RFC 7519) in its compact form, which begins with a header that names an algorithm.
func (s *scan) jwt(text []byte, start, end int) bool {
	const maxHeader = 4096
	header := text[start:end]
	if !bytes.HasPrefix(header, []byte("eyJ")) || len(header) > maxHeader || end+minWord >= len(text) || text[end] != '.' {
		return false
	}
	var buf [maxHeader]byte
	n, err := base64.RawURLEncoding.Decode(buf[:], header)
	if err != nil || !bytes.Contains(buf[:n], []byte(`"alg"`)) {
		return false
	}
	last := end
	for parts := 0; parts < 4 && last < len(text) && text[last] == '.'; parts++ {
		last = run(text, last+1, word)
	}
	if last-end < minWord {
		return false
	}
	s.add(start, last, kindJWT)
	return true
}

// bearer takes note of a token behind the word Bearer (RFC 6750), of which a long word begins at start.
func (s *scan) bearer(text []byte, start int) bool {
	const scheme, far = "bearer ", 64
	from := start
	for from > 0 && start-from < far && classes[text[from-1]]&token68 != 0 {
		from--
	}
	if from < len(scheme) || !bytes.EqualFold(text[from-len(scheme):from], []byte(scheme)) {
		return false
	}
	end := run(text, start, token68)
	if !numbered(text[from:end]) {
		return false
	}
	s.add(from, end, kindBearer)
	return true
}

// named reports whether a word is what AWS secrets are called: aws_secret_access_key, SecretAccessKey.
func named(w []byte) bool {
	const name = "secretaccesskey"
	n := len(name)
	for i := len(w) - 1; i >= 0 && n > 0; i-- {
		if c := w[i]; c != '_' && c != '-' {
			if n--; c|0x20 != name[n] {
				return false
			}
		}
	}
	return n == 0
}

// secretAfter takes note of the AWS secret that may follow its name.
func (s *scan) secretAfter(text []byte, i int) {
	const far = 12
	for end := min(i+far, len(text)); i < end && bytes.IndexByte([]byte(" \t\"':=>,\\"), text[i]) >= 0; i++ {
	}
	if i == len(text) {
		s.named = true
		return
	}
	s.aws(text, i)
}

// continued looks for the AWS secret at the beginning of a text whose name stands before it.
func (s *scan) continued(text []byte) {
	if s.named {
		s.named = false
		s.aws(text, 0)
	}
}

func (s *scan) aws(text []byte, start int) {
	const length = 40
	if end := run(text, start, base64Class); end-start == length && numbered(text[start:end]) {
		s.add(start, end, kindAWS)
	}
}
