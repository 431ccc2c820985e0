package search

import (
	"path"
	"strings"
	"sync/atomic"
)

// Bounds of the files that say what is ignored.
const (
	maxIgnoreFile  = 1 << 20 // bytes
	maxIgnoreLines = 10_000
	// maxRules bounds all of them that one walk reads, by what they cost: they are made by whoever has made the repository.
	maxRules = 8 << 20
)

// A budget is what a walk, or a look at one path, may still read.
type budget struct{ entries, rules atomic.Int64 }

func newBudget() *budget {
	b := &budget{}
	b.entries.Store(maxEntries)
	b.rules.Store(maxRules)
	return b
}

// cost is about what the rules of a file take, in bytes of memory, and of time in like measure: much more where they become regular
// expressions, and most for classes.
func cost(content string) int64 {
	const expression, class = 12, 256
	n := len(content)
	for line := range strings.Lines(content) {
		plainSuffix := strings.HasPrefix(line, "*") && !strings.ContainsAny(line[1:], `*?[\/`)
		if !plainSuffix && !strings.HasPrefix(line, "#") && strings.ContainsAny(line, `*?[\`) {
			n += expression*len(line) + class*strings.Count(line, "[")
		}
	}
	return int64(n)
}

// rules are what one .gitignore says (gitignore(5)); those of directories above follow as parents.
type rules struct {
	parent *rules
	dir    string // where it lies, from the root
	list   []rule
}

// A rule is a line of it.
type rule struct {
	glob     *glob
	negated  bool // it includes again
	dirOnly  bool
	pathname bool // it is for a path from dir, not for a name at any depth
}

// ignored reports whether a path, from the root, is ignored; the directories above it are not. The last line that fits counts, of the
// file that is nearest.
func (r *rules) ignored(p string, isDir bool) bool {
	for ; r != nil; r = r.parent {
		rel := p
		if r.dir != "." {
			rel = strings.TrimPrefix(p, r.dir+"/")
		}
		name := path.Base(p)
		for i := len(r.list) - 1; i >= 0; i-- {
			if l := &r.list[i]; l.fits(rel, name, isDir) {
				return !l.negated
			}
		}
	}
	return false
}

func (l *rule) fits(rel, name string, isDir bool) bool {
	if l.dirOnly && !isDir {
		return false
	}
	if l.pathname {
		return l.glob.match(rel)
	}
	return l.glob.match(name)
}

// below returns the rules that hold in a directory, given those of the directory above. A directory that is a repository begins anew.
// It is not ok if there are more than may be read: then it is not known what is ignored.
func (t *Tree) below(above *rules, dir string, b *budget) (_ *rules, ok bool) {
	if _, err := t.Root.Lstat(path.Join(dir, ".git")); err == nil {
		if above, ok = t.rulesOf(nil, dir, path.Join(dir, ".git", "info", "exclude"), b); !ok {
			return nil, false
		}
	}
	return t.rulesOf(above, dir, path.Join(dir, ".gitignore"), b)
}

// rulesOf adds the rules of a file to those above, as far as the budget goes. Git reads none through a link, and so do we.
func (t *Tree) rulesOf(above *rules, dir, file string, b *budget) (_ *rules, ok bool) {
	info, err := t.Root.Lstat(file)
	if err != nil || !info.Mode().IsRegular() {
		return above, true
	}
	content, _, err := t.read(file, maxIgnoreFile)
	if err != nil {
		return above, true
	}
	if b.rules.Add(-cost(string(content))) < 0 {
		return nil, false
	}
	list := parseIgnore(string(content))
	if len(list) == 0 {
		return above, true
	}
	return &rules{parent: above, dir: dir, list: list}, true
}

// parseIgnore reads the lines of a .gitignore.
func parseIgnore(content string) []rule {
	var list []rule
	lines := 0
	for line := range strings.Lines(strings.TrimPrefix(content, "\uFEFF")) {
		if lines++; lines > maxIgnoreLines {
			break
		}
		if whole, ok := strings.CutSuffix(line, "\n"); ok {
			line = strings.TrimSuffix(whole, "\r")
		}
		if l, ok := parseRule(line); ok {
			list = append(list, l)
		}
	}
	return list
}

func parseRule(line string) (l rule, ok bool) {
	if strings.HasPrefix(line, "#") {
		return l, false
	}
	line = trimSpaces(line)
	line, l.negated = strings.CutPrefix(line, "!")
	line, l.dirOnly = strings.CutSuffix(line, "/")
	if line == "" {
		return l, false
	}
	l.pathname = strings.Contains(line, "/")
	var err error
	l.glob, err = newGlob(strings.TrimPrefix(line, "/"), l.pathname, false)
	return l, err == nil
}

// trimSpaces removes the spaces at the end that no backslash keeps.
func trimSpaces(line string) string {
	end := -1
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case ' ':
			if end < 0 {
				end = i
			}
		case '\\':
			i++
			if end = -1; i == len(line) {
				return line
			}
		default:
			end = -1
		}
	}
	if end < 0 {
		return line
	}
	return line[:end]
}
