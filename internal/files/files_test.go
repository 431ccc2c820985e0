package files

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// open opens a directory under the name docs.
func open(t *testing.T, dir string, writable bool) *Files {
	t.Helper()
	all, err := Open([]Root{{Name: "docs", Dir: dir, Write: writable}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { all.Close() })
	return all
}

// put makes a file below dir.
func put(t *testing.T, dir, name, content string) {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestScanIsBounded(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1", "2", "3", "sub/4", "sub/5"} {
		put(t, dir, name, "")
	}
	all := open(t, dir, false)
	for budget, cut := range map[int]bool{0: true, 3: true, 4: true, 5: true, 6: false, 7: false} {
		s := &scan{budget: budget}
		s.walk(all.folders[0])
		if len(s.files) > budget || s.budget < 0 || s.cut != cut {
			t.Errorf("budget %d: %d files, %d left, cut %v", budget, len(s.files), s.budget, s.cut)
		}
	}
}

// TestIndexWithoutNotify holds that a list is right even if the system tells nothing.
func TestIndexWithoutNotify(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "a.md", "A")
	var told []Change
	ix := NewIndex(open(t, dir, false), slog.New(slog.DiscardHandler), func(c Change) { told = append(told, c) })
	refresh := func() {
		t.Helper()
		for wait := ix.Refresh(); wait > 0; wait = ix.Refresh() {
			<-time.After(wait)
		}
	}
	put(t, dir, "b.md", "B")
	put(t, dir, "a.md", "longer")
	refresh()
	if got := len(ix.Entries()); got != 2 {
		t.Errorf("%d files, want 2", got)
	}
	os.Remove(filepath.Join(dir, "a.md"))
	refresh()
	refresh()
	if len(told) != 3 {
		t.Fatalf("told %d changes, want 3: %v", len(told), told)
	}
	for i, want := range [][3]int{{1, 0, 0}, {1, 1, 0}, {0, 0, 1}} {
		if got := [3]int{len(told[i].Added), len(told[i].Changed), len(told[i].Gone)}; got != want {
			t.Errorf("change %d: added, changed, gone = %v, want %v", i, got, want)
		}
	}
}

// TestMIMETypes compares our table with what the content of such files is
// taken for elsewhere.
func TestMIMETypes(t *testing.T) {
	for name, head := range map[string]string{
		"a.png": "\x89PNG\r\n\x1a\n", "a.jpg": "\xff\xd8\xff", "a.gif": "GIF89a", "a.PDF": "%PDF-", "a.zip": "PK\x03\x04",
		"a.webp": "RIFF\x00\x00\x00\x00WEBPVP", "a.mp3": "ID3", "a.gz": "\x1f\x8b\x08",
	} {
		got := strings.Replace(MIMEOf(name, false), "application/gzip", "application/x-gzip", 1)
		if want := http.DetectContentType([]byte(head)); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func FuzzLocateURI(f *testing.F) {
	for _, seed := range []string{"docs/a.md", "docs/%ED%95%9C", "docs/../x", "docs/%2e%2e/x", "docs//x", "docs/.x", "x/y"} {
		f.Add(URIPrefix + seed)
	}
	all := &Files{folders: []*folder{{name: "docs"}, {name: "x"}}}
	f.Fuzz(func(t *testing.T, uri string) {
		at, ok := all.LocateURI(uri)
		if !ok {
			return
		}
		if at.URI() != uri {
			t.Errorf("%q is another name of %q", uri, at.URI())
		}
		again, err := all.Locate(all.Label(at))
		if err != nil || again != at {
			t.Errorf("%q: the label %q leads to %v, %v", uri, all.Label(at), again, err)
		}
		if !filepath.IsLocal(at.path) || filepath.Clean(at.path) != at.path {
			t.Errorf("%q leads to %q", uri, at.path)
		}
	})
}
