package advisory

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A Book is a set of advisories, by the packages that they are about. It is not changed once it is made.
type Book struct {
	byPackage  map[string][]*Advisory
	bySoftware map[string][]*Advisory
	size       int
}

// NewBook returns a book of records. Of those with the same id the one counts that was changed last; withdrawn ones do not count.
func NewBook(lists ...[]Advisory) *Book {
	newest := map[string]*Advisory{}
	for _, list := range lists {
		for i := range list {
			a := &list[i]
			if was := newest[a.ID]; was == nil || a.Modified.After(was.Modified) {
				newest[a.ID] = a
			}
		}
	}
	b := &Book{byPackage: map[string][]*Advisory{}, bySoftware: map[string][]*Advisory{}}
	for _, a := range newest {
		if a.Withdrawn.IsZero() {
			b.add(a)
		}
	}
	return b
}

func (b *Book) add(a *Advisory) {
	b.size++
	keys := map[string]bool{}
	for i := range a.Affected {
		for _, p := range a.Affected[i].names() {
			keys[p.key()] = true
		}
	}
	for k := range keys {
		b.byPackage[k] = append(b.byPackage[k], a)
	}
	for _, name := range a.Specific.Software {
		b.bySoftware[strings.ToLower(name)] = append(b.bySoftware[strings.ToLower(name)], a)
	}
}

// Len returns how many advisories count.
func (b *Book) Len() int { return b.size }

// A Match is an advisory that is about a server.
type Match struct {
	*Advisory

	// Package is the package, and Fixed the version from which on it is not affected, empty where there is none.
	Package Package
	Fixed   string
	// Unsure says that the version is not known: the server is affected unless it is newer.
	Unsure bool
	// Named says that only the name tells of it that the server gives itself.
	Named bool
}

// Known returns the advisories about a package, by their ids.
func (b *Book) Known(p Package) []Match {
	var found []Match
	for _, a := range b.byPackage[p.key()] {
		for i := range a.Affected {
			m, ok := a.Affected[i].concerns(p)
			if !ok {
				continue
			}
			m.Advisory = a
			found = append(found, m)
			break
		}
	}
	return sorted(found)
}

// Software returns the advisories about servers that call themselves so, in that version.
func (b *Book) Software(name, version string) []Match {
	var found []Match
	for _, a := range b.bySoftware[strings.ToLower(name)] {
		for i := range a.Affected {
			p := Package{Ecosystem: a.Affected[i].Package.Ecosystem, Name: name, Version: version, Pinned: true}
			m, ok := a.Affected[i].affects(p)
			if !ok && a.Affected[i].unordered() {
				m, ok = Match{Package: p, Fixed: a.Affected[i].fixed(), Unsure: true}, true
			}
			if ok {
				m.Advisory, m.Named = a, true
				found = append(found, m)
				break
			}
		}
	}
	return sorted(found)
}

func sorted(found []Match) []Match {
	slices.SortFunc(found, func(a, b Match) int { return cmp.Compare(a.ID, b.ID) })
	return found
}

// dashes are what Python takes for one in the name of a package (PEP 503).
var dashes = regexp.MustCompile(`[-_.]+`)

// key is equal for the same package.
func (p Package) key() string {
	kind, name := base(p.Ecosystem), strings.ToLower(p.Name)
	switch kind {
	case "pypi":
		name = dashes.ReplaceAllString(name, "-")
	case "docker":
		kind = "oci"
	}
	return kind + "\n" + name
}

// ecosystems are those of package URLs (purl), by their types.
var ecosystems = map[string]string{"npm": "npm", "pypi": "PyPI", "golang": "Go", "docker": "OCI", "oci": "OCI", "nuget": "NuGet", "cargo": "crates.io"}

// names are the packages that it is about, in all the ways in which it says so.
func (a *Affected) names() (all []Package) {
	if a.Package.Name != "" {
		all = append(all, Package{Ecosystem: a.Package.Ecosystem, Name: a.Package.Name})
	}
	if p, ok := fromPURL(a.Package.PURL); ok {
		all = append(all, p)
	}
	for _, r := range a.Ranges {
		if r.Repo == "" {
			continue
		}
		if p, ok := source(r.Repo, false); ok {
			all = append(all, Package{Ecosystem: gitEcosystem, Name: p.Name})
		}
	}
	return all
}

// fromPURL reads a package URL: pkg:npm/%40scope/name@1.0.0.
func fromPURL(purl string) (Package, bool) {
	rest, ok := strings.CutPrefix(purl, "pkg:")
	if !ok {
		return Package{}, false
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, _ = strings.Cut(rest, "?")
	kind, name, _ := strings.Cut(rest, "/")
	name, version, _ := strings.Cut(name, "@")
	name, err := url.PathUnescape(name)
	eco := ecosystems[strings.ToLower(kind)]
	return Package{Ecosystem: eco, Name: name, Version: version, Pinned: version != ""}, err == nil && eco != "" && name != ""
}

// concerns reports whether p is the package, in an affected version.
func (a *Affected) concerns(p Package) (Match, bool) {
	if !slices.ContainsFunc(a.names(), func(n Package) bool { return n.key() == p.key() }) {
		return Match{}, false
	}
	return a.affects(p)
}

// affects reports whether the version of p is affected (OSV schema, "Evaluation"). One that is not known is the newest where p is fetched, and
// may be any where it is installed already.
func (a *Affected) affects(p Package) (Match, bool) {
	m := Match{Package: p}
	if p.Version == "" || p.Ecosystem == gitEcosystem && !isVersion("npm", p.Version) {
		fixed := a.fixed()
		m.Fixed, m.Unsure = fixed, true
		return m, fixed == "" && !a.ended() || !p.Fetched && p.Ecosystem != gitEcosystem
	}
	if slices.Contains(a.Versions, p.Version) || slices.Contains(a.Versions, strings.TrimPrefix(p.Version, "v")) {
		m.Fixed = a.fixed()
		return m, true
	}
	eco := cmp.Or(a.Package.Ecosystem, p.Ecosystem)
	for _, r := range a.Ranges {
		if r.Type == gitEcosystem {
			continue // commits cannot be put in order here
		}
		if fixed, ok := r.holds(eco, p.Version); ok {
			m.Fixed = fixed
			return m, true
		}
	}
	return m, false
}

// fixed returns the highest version that fixes it, else a commit that does, empty where there is none.
func (a *Affected) fixed() string {
	highest, commit := "", ""
	for _, r := range a.Ranges {
		for _, e := range r.Events {
			switch {
			case e.Fixed == "":
			case r.Type == gitEcosystem:
				commit = "commit " + e.Fixed
			default:
				if c, ok := order(a.Package.Ecosystem, highest, e.Fixed); highest == "" || !ok || c < 0 {
					highest = e.Fixed
				}
			}
		}
	}
	return cmp.Or(highest, commit)
}

// ended reports whether a version is named that is the last affected one, so that the newest may be another.
func (a *Affected) ended() bool {
	if len(a.Ranges) == 0 {
		return true // single versions are named
	}
	return slices.ContainsFunc(a.Ranges, func(r Range) bool {
		return slices.ContainsFunc(r.Events, func(e Event) bool { return e.LastAffected != "" || e.Limit != "" })
	})
}

// unordered reports whether nothing is told of it by versions: it has no releases.
func (a *Affected) unordered() bool {
	return len(a.Versions) == 0 && !slices.ContainsFunc(a.Ranges, func(r Range) bool { return r.Type != gitEcosystem })
}

// holds reports whether a version lies in the range, and which one ends it.
func (r *Range) holds(ecosystem, version string) (fixed string, in bool) {
	events := slices.Clone(r.Events)
	valid := true
	at := func(e Event) string { return cmp.Or(e.Introduced, e.Fixed, e.LastAffected, e.Limit) }
	slices.SortStableFunc(events, func(a, b Event) int {
		c, ok := order(ecosystem, at(a), at(b))
		valid = valid && ok
		return c
	})
	for _, e := range events {
		c, ok := order(ecosystem, version, at(e))
		switch {
		case !ok || !valid:
			return "", false
		case e.Introduced != "" && c >= 0:
			in = true
		case e.Fixed != "" && c >= 0, e.Limit != "" && c >= 0, e.LastAffected != "" && c > 0:
			in = false
		case e.Fixed != "" && in && fixed == "":
			fixed = e.Fixed
		}
	}
	return fixed, in
}

// order compares versions, of which 0 comes before all others.
func order(ecosystem, a, b string) (int, bool) {
	switch {
	case a == b:
		return 0, true
	case a == "0":
		return -1, true
	case b == "0":
		return 1, true
	}
	return compare(ecosystem, a, b)
}
