package search

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func open(tb testing.TB, dir string) *Tree {
	tb.Helper()
	tree, err := Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := tree.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return tree
}

func put(tb testing.TB, name, content string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// write makes files below a new directory.
func write(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, content := range files {
		put(tb, filepath.Join(dir, name), content)
	}
	return dir
}

// TestIgnore has the cases of gitignore(5).
func TestIgnore(t *testing.T) {
	tree := open(t, write(t, map[string]string{
		".gitignore": "# a comment\n*.log\n!keep.log\n/only-here\nbuild/\ndoc/**/*.tmp\n**/cache\nlogs/**\nsp\\ ace  \n\\#hash\n\\!bang\r\ncrlf\r\n[a-c].x\n[!a].y\na?c\n",
		"a.log":      "", "keep.log": "", "only-here": "", "sub/only-here": "", "build/x": "", "sub/build/y": "", "sub2/build": "",
		"doc/a.tmp": "", "doc/x/y/b.tmp": "", "other/c.tmp": "", "x/cache": "", "cache2": "", "logs/a": "", "logs/b/c": "", "sp ace": "",
		"#hash": "", "!bang": "", "crlf": "", "a.x": "", "d.x": "", "a.y": "", "b.y": "", "abc": "", "abbc": "",
		"sub/.gitignore": "!special.log\nlocal\n", "sub/special.log": "", "sub/local": "", "local": "",
		"repo/.git/info/exclude": "secret\n", "repo/secret": "", "repo/a.log": "", "secret": "",
		"repo/.gitignore": "!secret2\n",
	}))
	got, err := tree.Files(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a.y", "abbc", "cache2", "d.x", "keep.log", "local", "other/c.tmp", "repo/a.log", "secret", "sub/only-here",
		"sub/special.log", "sub2/build",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestIgnoreLikeGit compares random trees and rules with what git says.
func TestIgnoreLikeGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	rounds := 30
	if testing.Short() {
		rounds = 5
	}
	for seed := range rounds {
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		dir := t.TempDir()
		git(t, dir, nil, "init", "-q")
		all := randomTree(t, r, dir)
		want := git(t, dir, all, "check-ignore", "--stdin", "-z", "--no-index")
		got := open(t, dir)
		for _, name := range all {
			_, err := got.descend(".", name, newBudget())
			if ignored := errors.Is(err, errIgnored); ignored != slices.Contains(want, name) {
				t.Errorf("seed %d: %q ignored = %v, git says %v; rules:\n%s", seed, name, ignored, !ignored, rulesIn(t, dir))
			}
		}
		if t.Failed() {
			return
		}
	}
}

// git runs git with names on its input and returns those on its output.
func git(t *testing.T, dir string, names []string, args ...string) []string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull}
	cmd.Stdin = strings.NewReader(strings.Join(names, "\x00") + "\x00")
	var out, fault bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil && fault.Len() > 0 {
		t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, fault.String())
	}
	return strings.Split(out.String(), "\x00")
}

// randomTree makes a tree with rules in it, and returns the paths of its files and directories.
func randomTree(t *testing.T, r *rand.Rand, dir string) []string {
	t.Helper()
	words := []string{"a", "b", "ab", "foo", "bar", "foo.txt", "bar.log", "x y", "한글", "ä", "[a]", "a*b"}
	pieces := []string{
		"*", "**", "?", "a", "b", "foo", "bar", "*.txt", "*.log", "[ab]", "[!a]", "[a-f]*", "[[:alpha:]]", "[[:digit:]x]", "f*o", "한*", "?b", "\\a",
		"\\*", "[\\]a]", "[a", "x\\ y", "***", "a**b", "foo**", "[]a]", "[^b]o*", "[z-a]", "[a-]", "[[:bad:]]", "[/a]", "\\",
	}
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	var folders, all []string
	folders = append(folders, "")
	for range 25 {
		name := filepath.Join(pick(folders), pick(words))
		if slices.Contains(all, name) {
			continue
		}
		all = append(all, name)
		if r.IntN(2) == 0 && strings.Count(name, "/") < 4 {
			folders = append(folders, name)
			if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		} else {
			put(t, filepath.Join(dir, name), "")
		}
	}
	for i, folder := range folders {
		if i > 0 && r.IntN(3) > 0 {
			continue
		}
		var lines strings.Builder
		for range r.IntN(6) + 1 {
			lines.WriteString(pick([]string{"", "", "", "!", "/", "!/"}) + pick(pieces))
			for range r.IntN(3) {
				lines.WriteString(pick([]string{"/", "", "/"}) + pick(pieces))
			}
			lines.WriteString(pick([]string{"", "", "", "/", " ", "\\ ", "\r"}) + "\n")
		}
		put(t, filepath.Join(dir, folder, ".gitignore"), lines.String())
	}
	put(t, filepath.Join(dir, ".git/info/exclude"), pick(pieces)+"\n!"+pick(pieces)+"\n")
	return all
}

func rulesIn(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	_ = filepath.WalkDir(dir, func(p string, _ os.DirEntry, _ error) error {
		if strings.HasSuffix(p, ".gitignore") || strings.HasSuffix(p, "info/exclude") {
			data, _ := os.ReadFile(p)
			fmt.Fprintf(&out, "%s: %q\n", strings.TrimPrefix(p, dir), data)
		}
		return nil
	})
	return out.String()
}

// TestIgnoreLimits reads rules that are no rules.
func TestIgnoreLimits(t *testing.T) {
	dir := write(t, map[string]string{"a": "", "b/c": ""})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, ".gitignore")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "b/.gitignore"), 0o700); err != nil {
		t.Fatal(err)
	}
	tree := open(t, dir)
	if got, err := tree.Files(t.Context(), "."); err != nil || !slices.Equal(got, []string{"a", "b/c"}) {
		t.Errorf("files %q, %v", got, err)
	}
}

// FuzzIgnore reads any rules, matches them, and does not mind.
func FuzzIgnore(f *testing.F) {
	for _, seed := range []string{"*.log\n", "!/a/**/b/\n", "[[:alpha:]-\\]x]\n", "\\ \n  \n#\n", "a{b,c}\n", "\xff\xfe*\n", "[", "**/", "[!"} {
		f.Add(seed, "a/b/c.log")
	}
	f.Fuzz(func(_ *testing.T, rulesText, name string) {
		r := &rules{dir: ".", list: parseIgnore(rulesText)}
		r.ignored(name, true)
		for _, pathname := range []bool{true, false} {
			if g, err := newGlob(rulesText, pathname, true); err == nil {
				g.match(name)
			}
		}
	})
}
