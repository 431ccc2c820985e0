package oauth

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of a token, in bytes.
const (
	// MaxToken is the longest token that is looked at.
	MaxToken = 16 << 10
	// maxHeader is the longest header, in base64.
	maxHeader = 2 << 10
	// maxKeyID is the longest name of a signing key.
	maxKeyID = 256
	// maxSubject is the longest subject (OpenID Connect Core section 2).
	maxSubject = 255
)

// LooksLike reports whether what a caller shows as a bearer token is a token of an authorization server, for as much as that can be told
// without reading it: three parts with dots between, or five of one that is encrypted.
func LooksLike(bearer string) bool {
	dots := strings.Count(bearer, ".")
	return dots == 2 || dots == 4
}

// A token is a JWT that was taken apart (RFC 7519, RFC 9068). Nothing in it is to be believed until its signature was checked.
type token struct {
	text   string
	header header
	claims claims
	// payload is what claims were read from.
	payload []byte
}

// A header is what the header of a token says (RFC 7515 section 4.1). Keys and places of keys that it names (jwk, jku, x5c, x5u) are not
// even read: keys come from the issuer, whose address the operator wrote.
type header struct {
	Algorithm string         `json:"alg"`
	Type      string         `json:"typ"`
	Content   string         `json:"cty"`
	KeyID     string         `json:"kid"`
	Critical  jsontext.Value `json:"crit"`
	Encrypted jsontext.Value `json:"enc"`
}

// claims are the claims of a token that decide whether it is good (RFC 7519 section 4.1), and all of them.
type claims struct {
	Issuer    string         `json:"iss"`
	Subject   string         `json:"sub"`
	Audience  audience       `json:"aud"`
	Expires   *float64       `json:"exp"`
	NotBefore *float64       `json:"nbf"`
	IssuedAt  *float64       `json:"iat"`
	Bound     jsontext.Value `json:"cnf"`

	all map[string]jsontext.Value
}

// An audience is whom a token is made for: a text, or a list of texts.
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var one string
		err := json.Unmarshal(data, &one)
		*a = audience{one}
		return err
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// Errors of texts that are no tokens that could be checked here. They say nothing that stands in the text.
var (
	errLong      = errors.New("the access token is longer than any is taken")
	errEncrypted = errors.New("the access token is encrypted (a JWE); only signed ones are taken")
	errForm      = errors.New("the access token is not a signed JWT; have the authorization server issue JWTs, opaque ones are not looked up")
	errCritical  = errors.New("the access token's header demands an extension that is not known here")
	errNested    = errors.New("the access token has another one within; only plain ones are taken")
)

// parse takes a token apart. It is strict: JSON with a member twice is refused, since others might read the other one.
func parse(text string) (*token, error) {
	if len(text) > MaxToken {
		return nil, errLong
	}
	parts := strings.Split(text, ".")
	switch {
	case len(parts) == 5:
		return nil, errEncrypted
	case len(parts) != 3 || len(parts[0]) > maxHeader || slices.Contains(parts, ""):
		return nil, errForm
	}
	t := &token{text: text}
	if _, err := decode(parts[0], &t.header); err != nil {
		return nil, errForm
	}
	if err := t.header.check(); err != nil {
		return nil, err
	}
	var err error
	if t.payload, err = decode(parts[1], &t.claims); err != nil || json.Unmarshal(t.payload, &t.claims.all) != nil {
		return nil, errForm
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil {
		return nil, errForm
	}
	return t, nil
}

// decode reads a part of a token, an object in base64, and returns its text.
func decode(part string, into any) ([]byte, error) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 || data[0] != '{' {
		return nil, errForm
	}
	return data, json.Unmarshal(data, into)
}

// check wants a header of a signed token that means what it seems to mean.
func (h *header) check() error {
	switch {
	case h.Encrypted != nil:
		return errEncrypted
	case h.Critical != nil:
		return errCritical
	case h.Content != "":
		return errNested
	case h.Algorithm == "" || len(h.KeyID) > maxKeyID:
		return errForm
	}
	return nil
}

// kind returns the token's type as configurations write it (RFC 9068 section 2.1, RFC 7515 section 4.1.9).
func (h *header) kind() string {
	kind := strings.ToLower(strings.TrimPrefix(strings.ToLower(h.Type), "application/"))
	switch kind {
	case "":
		return "absent"
	case "jwt":
		return "JWT"
	}
	return kind
}
