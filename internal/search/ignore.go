package search

import (
	"path"
	"strings"
)

// Bounds of the files that say what is ignored.
const (
	maxIgnoreFile  = 1 << 20 // bytes
	maxIgnoreLines = 10_000
)

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
func (t *Tree) below(above *rules, dir string) *rules {
	if _, err := t.Root.Lstat(path.Join(dir, ".git")); err == nil {
		above = t.rulesOf(nil, dir, path.Join(dir, ".git", "info", "exclude"))
	}
	return t.rulesOf(above, dir, path.Join(dir, ".gitignore"))
}

// rulesOf adds the rules of a file to those above. Git reads none through a link, and so do we.
func (t *Tree) rulesOf(above *rules, dir, file string) *rules {
	info, err := t.Root.Lstat(file)
	if err != nil || !info.Mode().IsRegular() {
		return above
	}
	content, _, err := t.read(file, maxIgnoreFile)
	if err != nil {
		return above
	}
	list := parseIgnore(string(content))
	if len(list) == 0 {
		return above
	}
	return &rules{parent: above, dir: dir, list: list}
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
