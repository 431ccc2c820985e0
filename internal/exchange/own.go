package exchange

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/advisory"
	"github.com/sumun-mcp/sumun/trust"
)

// A Verdict is what we think of a server, as it stands in _meta.
type Verdict struct {
	Tier      trust.Tier     `json:"tier"`
	Label     string         `json:"label"`
	Malicious bool           `json:"malicious"`
	Score     int            `json:"score"`
	Reasons   []trust.Reason `json:"reasons"`
	// At is when it was judged, and Version which version.
	At      time.Time `json:"at,omitzero"`
	Version string    `json:"version,omitempty"`
	// Listed says that it stands on the list of trusted servers.
	Listed bool `json:"listed"`
	// Signers are the ids of the keys that have signed it.
	Signers []string `json:"signers,omitempty"`
}

// A Known is a server that a gateway knows.
type Known struct {
	// Name is what the operator calls it, and Target where it is reached: a URL, or a command line, which is not told as it stands.
	Name, Target string
	// Software and Version are what it says of itself.
	Software, Version string
	// Packages are what its command line starts.
	Packages []advisory.Package
	// First and Seen are when it was first and last seen.
	First, Seen time.Time
	Verdict     Verdict
}

// A Gate says how a gateway is called and reached.
type Gate struct {
	// URL is the endpoint under which clients reach it, and Version the program's version.
	URL, Version string
}

// Namespace is the gateway's part of names: its host, the other way round, as in com.example.mcp.
func (g Gate) Namespace() string {
	u, err := url.Parse(g.URL)
	if err != nil || u.Hostname() == "" || loopback(u.Hostname()) {
		return "localhost"
	}
	parts := strings.Split(strings.ToLower(u.Hostname()), ".")
	slices.Reverse(parts)
	return strings.Trim(unnamed.ReplaceAllString(strings.Join(parts, "."), "-"), "-.")
}

// unnamed matches what cannot stand in a name.
var unnamed = regexp.MustCompile(`[^a-zA-Z0-9.-]+`)

// Own returns the records of a gateway: of itself, and of the servers that it knows. Clients reach them through it; only what a server consists
// of is told besides: its packages, and its own address.
func (g Gate) Own(known []Known) []Record {
	self := Server{
		Schema: Schema, Name: g.Namespace() + "/gateway", Title: "Sumun", Version: version(g.Version),
		Description: "One endpoint for the MCP servers behind it, guarded", Remotes: g.remotes(),
	}
	all := []Record{record(&self, nil, time.Time{}, time.Time{})}
	for _, k := range known {
		all = append(all, g.of(&k))
	}
	return all
}

func (g Gate) remotes() []Transport {
	if !strings.HasPrefix(g.URL, "http") {
		return nil
	}
	return []Transport{{Type: "streamable-http", URL: g.URL, Headers: []Variable{{Name: "Authorization", Input: Input{
		Description: "A key of the gateway: Bearer KEY", IsRequired: true, IsSecret: true,
	}}}}}
}

// of is the record of one server.
func (g Gate) of(k *Known) Record {
	name := strings.Trim(unnamed.ReplaceAllString(cmp.Or(k.Name, k.Software, "server"), "-"), "-.")
	s := Server{
		Schema: Schema, Name: g.Namespace() + "/" + cmp.Or(name, "server"), Version: version(k.Version), Remotes: g.remotes(),
		Description: short(cmp.Or(strings.TrimSpace(k.Software), name)+", behind a gateway that guards it", 100),
	}
	for _, p := range k.Packages {
		if kind, ok := map[string]string{"npm": "npm", "PyPI": "pypi"}[p.Ecosystem]; ok && p.Version != "" {
			s.Packages = append(s.Packages, Package{RegistryType: kind, Identifier: p.Name, Version: p.Version, Transport: Transport{Type: "stdio"}})
		}
	}
	return record(&s, &k.Verdict, k.First, k.Seen)
}

// version is a version as the format wants it.
func version(v string) string {
	if v == "" || v == "latest" || len(v) > 255 || rangeForm.MatchString(v) {
		return "0.0.0"
	}
	return v
}

func short(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}

// record puts a record together.
func record(s *Server, v *Verdict, first, seen time.Time) Record {
	r := Record{Meta: map[string]json.RawMessage{}}
	r.Server, _ = json.Marshal(s) // its members can all be written
	status, _ := json.Marshal(Status{Status: "active", PublishedAt: first, UpdatedAt: seen, IsLatest: true})
	r.Meta[MetaOfficial] = status
	if v != nil {
		r = r.Judged(v)
	}
	return r
}

// Judged returns the record with a verdict of ours beside what its registry says.
func (r Record) Judged(v *Verdict) Record {
	meta := maps.Clone(r.Meta)
	if meta == nil {
		meta = map[string]json.RawMessage{}
	}
	meta[MetaVerdict], _ = json.Marshal(v) // its members can all be written
	return Record{Server: r.Server, Meta: meta}
}

// Match returns which of the known servers a record is about: one at an address of its remotes, or one that consists of its package in the same
// version; nil if it is none. Names do not count: anybody can choose them.
func (r *Record) Match(known []Known) *Known {
	s, err := r.Decode()
	if err != nil {
		return nil
	}
	for i := range known {
		k := &known[i]
		for _, remote := range s.Remotes {
			if remote.URL != "" && strings.TrimRight(remote.URL, "/") == strings.TrimRight(k.Target, "/") {
				return k
			}
		}
		for _, p := range s.Packages {
			kind := map[string]string{"npm": "npm", "pypi": "PyPI"}[p.RegistryType]
			if slices.ContainsFunc(k.Packages, func(o advisory.Package) bool {
				return o.Ecosystem == kind && o.Name == p.Identifier && o.Version == p.Version
			}) {
				return k
			}
		}
	}
	return nil
}
