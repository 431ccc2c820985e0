package rule

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree makes a directory with links in and out of it, and returns the root below it.
func tree(tb testing.TB) string {
	tb.Helper()
	base, err := filepath.EvalSymlinks(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	root := filepath.Join(base, "root")
	for _, dir := range []string{"root/docs/deep", "root/a b", "outside", "root-twin", "root/가"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			tb.Fatal(err)
		}
	}
	for _, file := range []string{"root/docs/read.md", "root/a b/c.txt", "outside/secret", "root-twin/secret", "root/100%.txt"} {
		if err := os.WriteFile(filepath.Join(base, file), nil, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	for link, target := range map[string]string{
		"root/out": "../outside", "root/docs/up": "..", "root/in": "docs/deep", "root/abs": filepath.Join(base, "outside", "secret"),
		"root/dangling": "../outside/new", "root/loop": "loop", "root/docs/deep/far": "../../../outside/../root/docs", "root/same": root,
		"alias": root, "root/a b/away": "/etc",
	} {
		if err := os.Symlink(target, filepath.Join(base, link)); err != nil {
			tb.Skip(err) // where links cannot be made
		}
	}
	return root
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	root := tree(t)
	alias := filepath.Join(filepath.Dir(root), "alias")
	for _, tt := range []struct{ text, want string }{
		{"docs/read.md", "docs/read.md"},
		{"./docs//read.md/", "docs/read.md"},
		{"docs/../docs/read.md", "docs/read.md"},
		{root + "/docs/read.md", "docs/read.md"},
		{`docs\read.md`, "docs/read.md"},
		{"a%20b/c.txt", "a b/c.txt"},
		{"a b/c.txt", "a b/c.txt"},
		{"docs%2fread.md", "docs/read.md"},
		{"docs%252Fread.md", "docs/read.md"},
		{"100%.txt", "100%.txt"},
		{"100%25.txt", "100%.txt"},
		{"", "."},
		{".", "."},
		{root, "."},
		{"/" + root, "."},
		{"in/x/new.txt", "docs/deep/x/new.txt"},
		{"docs/up/docs/read.md", "docs/read.md"},
		{"same/docs", "docs"},
		{"docs/deep/far/read.md", "docs/read.md"},
		{"new/dir/file", "new/dir/file"},
		{"../root/docs", "docs"},
		{"가/나.txt", "가/나.txt"},
		{"video： a／b.mp4", "video： a／b.mp4"},
		{alias + "/docs/read.md", ""}, // another name of the root, which nobody has told
	} {
		got, err := (&Root{Under: root, Relative: true}).Normalize(tt.text)
		if tt.want == "" {
			if err == nil {
				t.Errorf("%q becomes %q", tt.text, got)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q becomes %q, %v; want %q", tt.text, got, err, tt.want)
		}
		whole, err := (&Root{Under: alias}).Normalize(strings.ReplaceAll(tt.text, "../root", "../alias"))
		if want := filepath.Join(alias, tt.want); err != nil || whole != want {
			t.Errorf("through a link %q becomes %q, %v; want %q", tt.text, whole, err, want)
		}
	}
}

func TestNormalizeRefuses(t *testing.T) {
	t.Parallel()
	root := tree(t)
	for text, want := range map[string]error{
		"..": errLeaves, "../outside/secret": errLeaves, "docs/../../outside": errLeaves, "/etc/passwd": errLeaves, "//etc/passwd": errLeaves,
		root + "-twin/secret": errLeaves, "../root-twin/secret": errLeaves,
		`..\outside`: errLeaves, `docs\..\..\outside`: errLeaves, `\\host\share`: errLeaves,
		"%2e%2e/outside": errLeaves, "..%2foutside": errLeaves, "%252e%252e%252foutside": errLeaves, "%2e%2e%5coutside": errLeaves,
		"%25252525252e": errEncoded, "%u002e%u002e/": errEncoded, "%c0%ae%c0%ae/": errText,
		"~": errHome, "~/x": errHome, "~root/x": errHome, "%7e/x": errHome,
		"C:": errDrive, `C:\Windows`: errDrive, "c:/x": errDrive, "/c:/x": errDrive, "file:///etc/passwd": errURL, "http://x/y": errURL,
		"a\x00b": errControl, "a%00b": errControl, "a\nb": errControl,
		".. /x": errDots, "docs/.../x": errDots, "docs/. ./x": errDots,
		"out": errLeaves, "out/secret": errLeaves, "abs": errLeaves, "dangling": errLeaves, "a b/away/passwd": errLeaves,
		"loop": errLinks, "docs/read.md/x": errUnknown, strings.Repeat("a/", 3000): errTooLong,
		"‥/outside": errElsewise, "．．/outside": errElsewise, "．．／outside": errElsewise, "docs／..／..／outside": errElsewise, "․․∕outside": errElsewise, "～/x": errElsewise,
		"docs/…/x": errElsewise, "docs/︰/︰/outside": errElsewise,
	} {
		if got, err := (&Root{Under: root}).Normalize(text); !errors.Is(err, want) {
			t.Errorf("%q becomes %q, %v; want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]error{ // what stands there alone begins somewhere else
		"./~/.ssh/id_rsa": errHome, "docs/../~root/x": errHome, root + "/~/x": errHome, "./%7e": errHome,
		"./C:/Windows": errDrive, "./file:///etc/passwd": errURL, "./～/x": errElsewise, "./C：/x": errElsewise,
	} {
		if got, err := (&Root{Under: root, Relative: true}).Normalize(text); !errors.Is(err, want) {
			t.Errorf("%q becomes %q, %v; want %v", text, got, err, want)
		}
	}
	if _, err := (&Root{Under: "/"}).Normalize("/anything"); err != nil {
		t.Error(err)
	}
}

// really returns where a path leads, by what the operating system says of its longest part that is there.
func really(tb testing.TB, path string) string {
	tb.Helper()
	rest := ""
	for {
		if target, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Join(target, rest)
		}
		if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
			return "dangling"
		}
		if path == filepath.Dir(path) {
			return rest
		}
		path, rest = filepath.Dir(path), filepath.Join(filepath.Base(path), rest)
	}
}

// stays wants a path that was let through to lead below the root.
func stays(tb testing.TB, root, text string) bool {
	tb.Helper()
	got, err := (&Root{Under: root}).Normalize(text)
	if err != nil {
		return false
	}
	if target := really(tb, got); target != root && !strings.HasPrefix(target, root+"/") {
		tb.Fatalf("%q becomes %q, which is %q", text, got, target)
	}
	again, err := (&Root{Under: root}).Normalize(got)
	if err != nil || again != got {
		tb.Fatalf("%q becomes %q, and that %q, %v", text, got, again, err)
	}
	relative, err := (&Root{Under: root, Relative: true}).Normalize(text)
	if away := errors.Is(err, errHome) || errors.Is(err, errDrive) || errors.Is(err, errURL); !away && (err != nil || filepath.Join(root, relative) != got) {
		tb.Fatalf("%q becomes %q, and relative %q, %v", text, got, relative, err)
	}
	return true
}

// TestNeverLeaves makes random paths of what is there, of links, and of what is used to get out.
func TestNeverLeaves(t *testing.T) {
	t.Parallel()
	root := tree(t)
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{"docs", "deep", "up", "out", "in", "far", "same", "..", "..", ".", "secret", "read.md", "a b", "away", "%2e%2e", "．．", "dangling", "new", "root", "outside", "root-twin", "..%2f..", "%5c..", "", "~", "loop"}
	passed := 0
	for range 800 {
		var text strings.Builder
		if r.IntN(4) == 0 {
			text.WriteString(root)
		}
		for n := range 1 + r.IntN(6) {
			if n > 0 || text.Len() > 0 {
				text.WriteString([]string{"/", "/", "/", "//", `\`, "%2F", "／"}[r.IntN(7)])
			}
			text.WriteString(parts[r.IntN(len(parts))])
		}
		if stays(t, root, text.String()) {
			passed++
		}
	}
	if passed < 40 {
		t.Errorf("only %d paths were let through: little is tested", passed)
	}
}

func FuzzNormalize(f *testing.F) {
	root := tree(f)
	for _, text := range []string{"docs/up/../read.md", "out/../x", "%2e%2e/x", "..\\x", "far/../..", "～", "a%", "%%32%65", ".\u2024/"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { stays(t, root, text) })
}
