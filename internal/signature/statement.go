package signature

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sumun-mcp/sumun/trust"
)

// The types of statements: the typ of their headers, and their member type.
const (
	rotationType   = "sumun.rotation/v1"
	revocationType = "sumun.revocations/v1"
	statementType  = "mcp-key-statement+jws"
)

// Forked is why keys of an owner are not trusted any more: one key has named two successors.
const Forked Reason = "forked"

// Why a key was revoked.
const (
	// Retired: nothing is wrong with the key, but it signs no more. What was issued before holds.
	Retired = "retired"
	// Compromised: somebody else may have the key, and may write any time in what he signs. Nothing holds that it has signed.
	Compromised = "compromised"
)

// always is when a compromised key was revoked: before anything was issued.
var always = time.Unix(0, 0)

// A Revocation takes a key back.
type Revocation struct {
	// Key is its id.
	Key string `json:"key"`
	// Revoked is since when.
	Revoked time.Time `json:"revoked"`
	// Reason is Retired or Compromised.
	Reason string `json:"reason"`
}

// A statement is the payload of a JWS of ours about keys.
type statement struct {
	Type   string          `json:"type"`
	Issued time.Time       `json:"issued"`
	From   string          `json:"from,omitempty"`
	To     json.RawMessage `json:"to,omitempty"`
	Keys   []Revocation    `json:"keys,omitempty"`
}

// signed is a JWS in the General JSON form with its payload.
type signed struct {
	Payload    string `json:"payload"`
	Signatures []part `json:"signatures"`
}

// Rotate returns the statement that a key follows another from a time on, signed with both: the old one vouches for the new one, and who
// has the new one agrees. The old one is retired by it.
func Rotate(from, to *Signer, at time.Time) (json.RawMessage, error) {
	key, err := json.Marshal(jwk(to.Key))
	if err != nil {
		return nil, fmt.Errorf("writing the rotation: %w", err)
	}
	return state(statement{Type: rotationType, Issued: at.UTC().Truncate(time.Second), From: from.ID, To: key}, from, to)
}

// Revoke returns a list of keys that are taken back, signed with a key of the same owner, which may be one of them.
func Revoke(with *Signer, at time.Time, list ...Revocation) (json.RawMessage, error) {
	if len(list) == 0 || len(list) > maxKeys {
		return nil, fmt.Errorf("writing the revocations: 1 to %d keys can be revoked at once", maxKeys)
	}
	for _, r := range list {
		if r.Reason != Retired && r.Reason != Compromised {
			return nil, fmt.Errorf("writing the revocations: the reason is %s or %s, not %.40q", Retired, Compromised, r.Reason)
		}
	}
	return state(statement{Type: revocationType, Issued: at.UTC().Truncate(time.Second), Keys: list}, with)
}

func state(s statement, with ...*Signer) (json.RawMessage, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("writing the statement: %w", err)
	}
	if text, err = trust.Canonical(text); err != nil {
		return nil, fmt.Errorf("writing the statement: %w", err)
	}
	f := signed{Payload: base64.RawURLEncoding.EncodeToString(text)}
	for _, signer := range with {
		one, err := signer.signAs(statementType, text)
		if err != nil {
			return nil, fmt.Errorf("signing the statement: %w", err)
		}
		f.Signatures = append(f.Signatures, one)
	}
	return json.Marshal(f)
}

// A link is a rotation that both keys have signed.
type link struct {
	from   string
	to     Key
	issued time.Time
	text   json.RawMessage
}

// Follow returns the keys that are trusted because some are: their successors, and theirs, each with when it was revoked. Revocations
// count if a key that is trusted by then has signed them. A compromised key has no successors for those who do not know them already,
// since who has stolen it could have named them. Statements of strangers, and those that do not hold, say nothing; the error is an
// *Error, for a key that has named two successors.
func Follow(trusted map[string]Key, statements []json.RawMessage) (map[string]Key, error) {
	links, lists := sortOut(statements, trusted)
	all, err := reach(trusted, links, nil)
	if err != nil {
		return nil, err
	}
	gone := revocations(lists, all)
	keys, err := reach(trusted, links, gone)
	if err != nil {
		return nil, err
	}
	for id, when := range gone {
		if k, ok := keys[id]; ok && (k.Revoked.IsZero() || when.Before(k.Revoked)) {
			k.Revoked = when
			keys[id] = k
		}
	}
	return keys, nil
}

// Heard returns those of some statements that say something to whoever trusts the keys: rotations that lead on from them, and lists that
// one of all these keys has signed; each once, and no more than a file of keys has.
func Heard(trusted map[string]Key, statements []json.RawMessage) (all []json.RawMessage) {
	links, lists := sortOut(statements, trusted)
	keys := maps.Clone(trusted)
	if keys == nil {
		keys = map[string]Key{}
	}
	said := map[string]bool{}
	for _, l := range links {
		keys[l.to.ID] = l.to
		said[string(l.text)] = true
	}
	for _, l := range lists {
		if _, err := attested(l.text, keys); err == nil {
			said[string(l.text)] = true
		}
	}
	seen := map[string]bool{}
	for _, text := range statements {
		plain, err := trust.Canonical(text)
		if err != nil || !said[string(text)] || seen[string(plain)] || len(all) == maxKeys {
			continue
		}
		seen[string(plain)] = true
		all = append(all, text)
	}
	return all
}

// reach follows rotations until nothing new is found.
func reach(trusted map[string]Key, links []link, gone map[string]time.Time) (map[string]Key, error) {
	keys := maps.Clone(trusted)
	if keys == nil {
		keys = map[string]Key{}
	}
	next := map[string]string{}
	for again := true; again; {
		again = false
		for _, l := range links {
			old, known := keys[l.from]
			if !known || gone[l.from].Equal(always) || !old.Revoked.IsZero() && !l.issued.Before(old.Revoked) && next[l.from] == "" {
				continue
			}
			if to := next[l.from]; to != "" && to != l.to.ID {
				return nil, refuse(Forked, "the key %s has named two successors, %s and %s: somebody else may have it", l.from, to, l.to.ID)
			}
			if next[l.from] == l.to.ID {
				continue
			}
			next[l.from], again = l.to.ID, true
			if old.Revoked.IsZero() {
				old.Revoked = l.issued
				keys[l.from] = old
			}
			if _, there := keys[l.to.ID]; !there {
				keys[l.to.ID] = l.to
			}
		}
	}
	return keys, nil
}

// A list is a list of revocations, with the ids of keys that have signed it.
type list struct {
	revoked []Revocation
	text    json.RawMessage
}

// revocations returns when each key was taken back, by lists that one of the keys has signed.
func revocations(lists []list, keys map[string]Key) map[string]time.Time {
	gone := map[string]time.Time{}
	for _, l := range lists {
		if _, err := attested(l.text, keys); err != nil {
			continue
		}
		for _, r := range l.revoked {
			when := r.Revoked
			if r.Reason != Retired { // a reason that is not known is the worst
				when = always
			}
			if was, ok := gone[r.Key]; !ok || when.Before(was) {
				gone[r.Key] = when
			}
		}
	}
	return gone
}

// sortOut reads statements. Rotations are checked here, since they bring one of their keys along.
func sortOut(statements []json.RawMessage, trusted map[string]Key) ([]link, []list) {
	known := maps.Clone(trusted)
	if known == nil {
		known = map[string]Key{}
	}
	var links []link
	var lists []list
	for range statements { // a rotation may stand before the one that its old key comes from
		links, lists = links[:0], lists[:0]
		before := len(known)
		for _, text := range statements {
			s, err := payload(text)
			switch {
			case err != nil:
			case s.Type == revocationType:
				lists = append(lists, list{revoked: s.Keys, text: text})
			default:
				if l, err := s.link(text, known); err == nil {
					known[l.to.ID] = l.to
					links = append(links, l)
				}
			}
		}
		if len(known) == before {
			break
		}
	}
	return links, lists
}

// link checks a rotation from one of some keys.
func (s *statement) link(text json.RawMessage, known map[string]Key) (link, error) {
	from, ok := known[s.From]
	if !ok {
		return link{}, errors.New("nobody knows its old key")
	}
	to, err := ParseKey(s.To)
	if err != nil {
		return link{}, err
	}
	by, err := attested(text, map[string]Key{from.ID: from, to.ID: to})
	if err != nil || len(by) != 2 || from.ID == to.ID {
		return link{}, errors.Join(err, errors.New("a rotation is signed by the old key and by the new one"))
	}
	return link{from: from.ID, to: to, issued: s.Issued, text: text}, nil
}

// payload reads what a statement says. It checks nothing.
func payload(text json.RawMessage) (*statement, error) {
	f, raw, err := open(text)
	if err != nil || len(f.Signatures) == 0 {
		return nil, errors.Join(err, errors.New("nobody has signed it"))
	}
	if canonical, err := trust.Canonical(raw); err != nil || string(canonical) != string(raw) {
		return nil, errors.Join(err, errors.New("its payload is not in the canonical form"))
	}
	var s statement
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	if s.Type != rotationType && s.Type != revocationType || s.Issued.IsZero() {
		return nil, fmt.Errorf("its type %.40q is not known", s.Type)
	}
	return &s, nil
}

// open reads a JWS with its payload.
func open(text json.RawMessage) (*signed, []byte, error) {
	if len(text) > maxSignature {
		return nil, nil, fmt.Errorf("it has more than %d bytes", maxSignature)
	}
	var f signed
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, nil, err
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(f.Payload)
	return &f, raw, err
}

// attested returns which of some keys have signed a statement. A signature of one that does not fit is an error, and so is that there is none.
func attested(text json.RawMessage, keys map[string]Key) ([]string, error) {
	f, raw, err := open(text)
	if err != nil {
		return nil, err
	}
	if len(f.Signatures) > maxSignatures {
		return nil, refuse(Malformed, "it has more than %d signatures", maxSignatures)
	}
	var by []string
	for _, p := range f.Signatures {
		id, err := check(p, statementType, raw, keys)
		if err != nil {
			return nil, err
		}
		if _, known := keys[id]; known && !slices.Contains(by, id) {
			by = append(by, id)
		}
	}
	if len(by) == 0 {
		return nil, refuse(UnknownKey, "nobody who is trusted has signed it")
	}
	return by, nil
}

// signAs signs bytes, under a header of a type.
func (s *Signer) signAs(typ string, payload []byte) (part, error) {
	made, err := jose.NewSigner(
		jose.SigningKey{Algorithm: s.algorithm(), Key: jose.JSONWebKey{Key: s.private, KeyID: s.ID}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return part{}, err
	}
	signed, err := made.Sign(payload)
	if err != nil {
		return part{}, err
	}
	var flat struct{ Protected, Signature string }
	if err := json.Unmarshal([]byte(signed.FullSerialize()), &flat); err != nil {
		return part{}, err
	}
	return part{Protected: flat.Protected, Signature: flat.Signature}, nil
}
