package advisory

import (
	"archive/zip"
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func recordOf(id, name string) string {
	return `{"id":"` + id + `","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"` + name + `"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`
}

func knows(s *Shelf, name string) bool {
	return len(s.Book().Known(Package{Ecosystem: "npm", Name: name, Version: "1.0.0"})) > 0
}

// TestShelf reads files, directories, archives and URLs, keeps the last good copy of a URL, also for the next start, and notices changes.
func TestShelf(t *testing.T) {
	var body atomic.Pointer[string]
	say := func(text string) { body.Store(&text) }
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if *body.Load() == "" {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(*body.Load()))
	}))
	defer site.Close()
	dir := t.TempDir()
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	f, _ := z.Create("A-3.json")
	_, _ = f.Write([]byte(recordOf("A-3", "in-archive")))
	_ = z.Close()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one.json", recordOf("A-1", "in-file"))
	write("many/a.json", recordOf("A-2", "in-directory"))
	write("many/all.zip", packed.String())
	write("many/readme.txt", "no record")
	sources := []string{filepath.Join(dir, "one.json"), filepath.Join(dir, "many"), site.URL + "/osv"}
	changes := 0
	s := &Shelf{Dir: filepath.Join(dir, "copies"), Sources: func() []string { return sources }, Changed: func() { changes++ }, Log: slog.New(slog.DiscardHandler)}

	say(recordOf("A-4", "at-url"))
	s.refresh(t.Context())
	for _, name := range []string{"in-file", "in-directory", "in-archive", "at-url", "mcp-watch"} {
		if name == "mcp-watch" {
			if len(s.Book().Known(Package{Ecosystem: "npm", Name: name, Version: "0.1.0"})) == 0 {
				t.Error("the program's own records are gone")
			}
		} else if !knows(s, name) {
			t.Errorf("%s is not known", name)
		}
	}
	for _, bad := range []string{"", "<html>", `{"vulns":[{"id":1}]}`} {
		say(bad)
		got := s.Update(t.Context())
		if got[2].Error == "" || got[2].Records != 1 || !knows(s, "at-url") {
			t.Errorf("%q: %+v: the last good copy is gone, or nothing is said", bad, got)
		}
	}
	again := &Shelf{Dir: s.Dir, Sources: s.Sources, Log: s.Log}
	again.refresh(t.Context())
	if !knows(again, "at-url") {
		t.Error("the copy is not there after a start")
	}
	before := changes
	s.refresh(t.Context())
	if changes != before {
		t.Error("loaded again although nothing has changed")
	}
	write("one.json", recordOf("A-1", "in-changed-file"))
	s.refresh(t.Context())
	if changes != before+1 || !knows(s, "in-changed-file") || knows(s, "in-file") {
		t.Error("a changed file was not taken over")
	}
	write("one.json", "{")
	s.refresh(t.Context())
	if !knows(s, "at-url") {
		t.Error("a broken file takes the others with it")
	}
	if got := s.Look(); got[0].Error == "" || got[1].Records != 2 {
		t.Errorf("%+v", got)
	}
	say(recordOf("A-5", "newer"))
	if got := s.Update(t.Context()); got[2].Error != "" || !knows(s, "newer") || knows(s, "at-url") {
		t.Errorf("%+v", got)
	}
}

// TestNotGuarded fetches nothing where somebody on the way could take records out.
func TestNotGuarded(t *testing.T) {
	s := &Shelf{Sources: func() []string { return []string{"http://example.com/osv.json"} }, Log: slog.New(slog.DiscardHandler)}
	if got := s.Update(t.Context()); !strings.Contains(got[0].Error, "https only") {
		t.Errorf("%+v", got)
	}
	var none *Shelf
	if none.Book() != Own() {
		t.Error("a nil shelf has no records")
	}
	none.Close()
}

// TestBegin keeps the shelf up to date until it is closed.
func TestBegin(t *testing.T) {
	done := make(chan struct{})
	s := &Shelf{Sources: func() []string { return nil }, Changed: func() { close(done) }, Log: slog.New(slog.DiscardHandler)}
	s.Begin(t.Context())
	<-done
	s.Close()
	if s.Book().Len() != Own().Len() {
		t.Error("records came from nowhere")
	}
}
