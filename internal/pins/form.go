package pins

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// maxForms is how many forms of a thing are known without working them out again: one for each audience, and a few that were.
const maxForms = 8

// A sum is the hash of a thing as it was listed, by which it is known again.
type sum [sha256.Size]byte

func sumOf(raw []byte) sum { return sha256.Sum256(raw) }

// A form is what a thing looks like: two are equal exactly if the things are.
type form struct {
	sum              sum
	digest, checksum string
}

// formOf works out the form of a thing. Every thing has one: what is too deep to be read is known by its bytes.
func formOf(kind string, raw []byte) form {
	f := form{sum: sumOf(raw)}
	digest := trust.ItemDigest
	if kind == trust.KindTool {
		digest = trust.Digest
		f.checksum, _ = trust.Checksum(wire.Get(raw, "inputSchema")) // what is no schema has none
	}
	var err error
	if f.digest, err = digest(raw); err != nil {
		f.digest = "bytes:" + hex.EncodeToString(f.sum[:])
	}
	return f
}

// form returns the form of a thing, worked out if it was not seen lately.
func (p *Pins) form(server, kind, name string, raw []byte) form {
	of := sumOf(raw)
	p.mu.RLock()
	if s := p.servers[server]; s != nil {
		if k := s.things[thing{kind, name}]; k != nil {
			for i := range k.memo {
				if k.memo[i].sum == of {
					defer p.mu.RUnlock()
					return k.memo[i]
				}
			}
		}
	}
	p.mu.RUnlock()
	return formOf(kind, raw)
}

// remember keeps a form, so that it need not be worked out again.
func (k *known) remember(f form) {
	if slices.ContainsFunc(k.memo, func(other form) bool { return other.sum == f.sum }) {
		return
	}
	if len(k.memo) == maxForms {
		k.memo = slices.Delete(k.memo, 0, 1)
	}
	k.memo = append(k.memo, f)
}

// A sighting is a thing as it was listed.
type sighting struct {
	thing
	form
	raw []byte
}

// kinds are the lists whose elements are pinned one by one.
var kinds = []struct {
	kind, member string
	elements     func(*mcp.Listing) [][]byte
}{
	{trust.KindTool, "name", func(l *mcp.Listing) [][]byte { return l.Tools }},
	{trust.KindPrompt, "name", func(l *mcp.Listing) [][]byte { return l.Prompts }},
	{trust.KindTemplate, "uriTemplate", func(l *mcp.Listing) [][]byte { return l.Templates }},
}

// sight returns what a server offers, each thing in the first form in which it is listed, since that one counts (see catalog).
func (p *Pins) sight(server string, l *mcp.Listing) []sighting {
	var all []sighting
	seen := map[thing]bool{}
	add := func(kind, name string, raw []byte) {
		of := thing{kind, name}
		if name == "" && kind != trust.KindInstructions || seen[of] {
			return
		}
		seen[of] = true
		all = append(all, sighting{of, p.form(server, kind, name, raw), raw})
	}
	place := func(uri string) {
		at := PlaceOf(uri)
		if of := (thing{KindPlace, at}); uri != "" && !seen[of] {
			seen[of] = true
			all = append(all, sighting{of, form{digest: at}, wire.AppendQuote(nil, at)})
		}
	}
	for _, list := range kinds {
		for _, raw := range list.elements(l) {
			name, _ := wire.Unquote(wire.Get(raw, list.member))
			if add(list.kind, name, raw); list.kind == trust.KindTemplate {
				place(name)
			}
		}
	}
	for _, raw := range l.Resources {
		uri, _ := wire.Unquote(wire.Get(raw, "uri"))
		if place(uri); p.suspect(server, raw) {
			add(trust.KindResource, uri, raw)
		}
	}
	if l.Instructions != "" {
		add(trust.KindInstructions, "", Instructions(l.Instructions))
	}
	return all
}

// suspect reports whether the words of a resource give orders, and remembers that.
func (p *Pins) suspect(server string, raw []byte) bool {
	of := sumOf(raw)
	p.mu.RLock()
	s := p.servers[server]
	suspect, looked := false, false
	if s != nil {
		suspect, looked = s.looked[of]
	}
	p.mu.RUnlock()
	if looked {
		return suspect
	}
	suspect = p.Suspect(raw)
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.of(server); len(s.looked) < 2*maxThings {
		s.looked[of] = suspect
	}
	return suspect
}

// Instructions returns the instructions of a server as a thing.
func Instructions(text string) []byte {
	return wire.Object(nil).Text(trust.KindInstructions, text).End()
}

// PlaceOf returns the place where a resource lies, given by its URI or the template of such: the scheme, and of what lies on the web its
// host. Within an approved place resources come and go without anybody being asked.
func PlaceOf(uri string) string {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || strings.ContainsAny(scheme, "{/?#") {
		return "any"
	}
	scheme = strings.ToLower(scheme) + ":"
	switch scheme {
	case "http:", "https:", "ws:", "wss:", "ftp:", "sftp:":
		host, _, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		host, _, _ = strings.Cut(host, "?")
		if u, err := url.Parse(scheme + "//" + host); err == nil && u.Host != "" {
			return scheme + "//" + strings.ToLower(u.Host)
		}
		return scheme + "//" + host
	}
	return scheme
}

// id returns the id of the alert about a form of a thing. Of a server with too many drifts it is one for all that are not told of by
// themselves. The server may be nil. The lock is held.
func (s *server) id(server, kind, name, digest string) string {
	id := ID(server, kind, name, digest)
	if s != nil && len(s.drifts) >= maxDrifts && !s.drifts[id] {
		return ID(server, "", "", "")
	}
	return id
}

// ID returns the id of the alert about a form of a thing: the same at every instance, and whenever it comes again.
func ID(server, kind, name, digest string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{server, kind, name, digest}, "\x00")))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:10])
}
