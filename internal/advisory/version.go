package advisory

import (
	"cmp"
	"math/big"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

// compare compares two versions of an ecosystem; ok is false where one of them is none there. Ecosystems other than PyPI are compared
// as semantic versions, which those of npm, Go, Rust, NuGet and most tags of images are.
func compare(ecosystem, a, b string) (order int, ok bool) {
	if a == b {
		return 0, true
	}
	if base(ecosystem) == "pypi" {
		x, okA := parsePEP440(a)
		y, okB := parsePEP440(b)
		if !okA || !okB {
			return 0, false
		}
		return x.compare(y), true
	}
	x, y := semantic(a), semantic(b)
	if x == "" || y == "" {
		return 0, false
	}
	return semver.Compare(x, y), true
}

// semantic returns a version as package semver wants it, empty if it is none. Numbers with leading zeros are read as they are meant, since
// projects that count by dates write them.
func semantic(v string) string {
	v = "v" + strings.TrimLeft(strings.TrimPrefix(strings.TrimPrefix(v, "v"), "="), " ")
	if semver.IsValid(v) {
		return v
	}
	numbers, rest := v[1:], ""
	if i := strings.IndexAny(numbers, "-+"); i >= 0 {
		numbers, rest = numbers[:i], numbers[i:]
	}
	parts := strings.Split(numbers, ".")
	for i, p := range parts {
		if t := strings.TrimLeft(p, "0"); t != "" {
			parts[i] = t
		} else if p != "" {
			parts[i] = "0"
		}
	}
	v = "v" + strings.Join(parts, ".") + rest
	if !semver.IsValid(v) {
		return ""
	}
	return v
}

// isVersion reports whether v names one version and no range, tag or branch.
func isVersion(ecosystem, v string) bool {
	if base(ecosystem) == "pypi" {
		_, ok := parsePEP440(v)
		return ok
	}
	v = strings.TrimPrefix(v, "v")
	return semantic(v) != "" && strings.Count(strings.SplitN(strings.SplitN(v, "-", 2)[0], "+", 2)[0], ".") >= 2
}

// base returns the ecosystem in lower case without what stands behind a colon, such as a release.
func base(ecosystem string) string {
	name, _, _ := strings.Cut(ecosystem, ":")
	return strings.ToLower(name)
}

// pep440 matches a version of Python packages (PEP 440, appendix B), in all spellings that are read as one.
var pep440 = regexp.MustCompile(`(?i)^\s*v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?(\d*))?(?:-(\d+)|[-_.]?(post|rev|r)[-_.]?(\d*))?(?:[-_.]?(dev)[-_.]?(\d*))?(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\s*$`)

// A pythonVersion is one, ready to be compared.
type pythonVersion struct {
	epoch   *big.Int
	release []*big.Int
	// phase is -2 before a pre-release of that number (a dev release without one), -1, 0 and 1 are alpha, beta and candidate, 2 a release.
	phase     int
	pre, post *big.Int // post is nil without one
	dev       *big.Int // nil without one
	local     []string
}

func parsePEP440(text string) (*pythonVersion, bool) {
	m := pep440.FindStringSubmatch(text)
	if m == nil || len(text) > 256 {
		return nil, false
	}
	v := &pythonVersion{epoch: number(m[1]), phase: 2, pre: new(big.Int)}
	for part := range strings.SplitSeq(m[2], ".") {
		v.release = append(v.release, number(part))
	}
	for len(v.release) > 1 && v.release[len(v.release)-1].Sign() == 0 {
		v.release = v.release[:len(v.release)-1]
	}
	if m[3] != "" {
		v.phase = map[byte]int{'a': -1, 'b': 0, 'c': 1, 'r': 1, 'p': 1}[strings.ToLower(m[3])[0]]
		v.pre = number(m[4])
	}
	if m[5] != "" || m[6] != "" {
		v.post = number(cmp.Or(m[5], m[7]))
	}
	if m[8] != "" {
		v.dev = number(m[9])
		if m[3] == "" && v.post == nil {
			v.phase = -2
		}
	}
	if m[10] != "" {
		v.local = strings.FieldsFunc(strings.ToLower(m[10]), func(r rune) bool { return r == '.' || r == '-' || r == '_' })
	}
	return v, true
}

// number reads digits, of which there may be none for 0.
func number(digits string) *big.Int {
	n := new(big.Int)
	n.SetString(cmp.Or(digits, "0"), 10)
	return n
}

// compare orders versions as PEP 440 does.
func (v *pythonVersion) compare(o *pythonVersion) int {
	return cmp.Or(
		v.epoch.Cmp(o.epoch), releases(v.release, o.release), cmp.Compare(v.phase, o.phase), v.pre.Cmp(o.pre),
		optional(v.post, o.post, -1), optional(v.dev, o.dev, 1), locals(v.local, o.local),
	)
}

func releases(a, b []*big.Int) int {
	for i := range max(len(a), len(b)) {
		x, y := new(big.Int), new(big.Int)
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if c := x.Cmp(y); c != 0 {
			return c
		}
	}
	return 0
}

// optional compares numbers of which an absent one stands on the side of absent.
func optional(a, b *big.Int, absent int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return absent
	case b == nil:
		return -absent
	}
	return a.Cmp(b)
}

// locals compares local versions: numbers as such, and above words; more parts above fewer.
func locals(a, b []string) int {
	for i := range min(len(a), len(b)) {
		x, isX := new(big.Int).SetString(a[i], 10)
		y, isY := new(big.Int).SetString(b[i], 10)
		c := cmp.Compare(a[i], b[i])
		switch {
		case isX && isY:
			c = x.Cmp(y)
		case isX:
			c = 1
		case isY:
			c = -1
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
