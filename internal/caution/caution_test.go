package caution

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

func warner(t *testing.T, in string, locale map[string]string) (*Warner, *bytes.Buffer) {
	t.Helper()
	var said bytes.Buffer
	w := &Warner{
		Voice: &terminal.Voice{Data: t.Output(), People: &said}, In: strings.NewReader(in), Typing: in != "",
		Getenv: func(name string) string { return locale[name] }, Dir: filepath.Join(t.TempDir(), "sumun"),
	}
	return w, &said
}

var files = Server{Name: "files", Command: "npx", Args: []string{"-y", "pkg@1.0.0"}}

// TestAdd asks on a terminal, and elsewhere wants --yes; what is agreed to is remembered for that command line only.
func TestAdd(t *testing.T) {
	for name, tt := range map[string]struct {
		in    string
		yes   bool
		quiet bool
		ok    bool
		says  string
	}{
		"yes on a terminal":  {in: "y\n", ok: true, says: "Go on?"},
		"korean yes":         {in: "네\n", ok: true, says: "Go on?"},
		"no on a terminal":   {in: "n\n", says: "Go on?"},
		"nothing typed":      {in: "\n", says: "Go on?"},
		"no terminal":        {says: "treat it like root access"},
		"no terminal, --yes": {yes: true, ok: true, says: "treat it like root access"},
		"quiet":              {quiet: true},
		"quiet, on terminal": {in: "y\n", quiet: true},
		"quiet, --yes":       {quiet: true, yes: true, ok: true},
	} {
		t.Run(name, func(t *testing.T) {
			w, said := warner(t, tt.in, nil)
			w.Quiet = tt.quiet
			err := w.Add(files, tt.yes)
			if (err == nil) != tt.ok || !strings.Contains(said.String(), tt.says) {
				t.Fatalf("error = %v, said %q", err, said)
			}
			if e, ok := errors.AsType[*exit.Error](err); err != nil && (!ok || e.Code != exit.Usage) {
				t.Errorf("error = %v, want one of usage", err)
			}
			said.Reset()
			w.Typing, w.Quiet = false, false
			if err := w.Add(files, false); (err == nil) != tt.ok {
				t.Errorf("the second time: %v", err)
			}
			other := files
			other.Args = []string{"-y", "pkg@1.0.1"}
			if err := w.Add(other, false); err == nil {
				t.Error("another version was not asked about")
			}
		})
	}
}

// TestLanguage speaks the language of the locale.
func TestLanguage(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		want string
	}{
		{nil, "like root"},
		{map[string]string{"LANG": "ko_KR.UTF-8"}, "루트 접근처럼 다루세요"},
		{map[string]string{"LANG": "ko"}, "루트"},
		{map[string]string{"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "like root"},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8"}, "루트"},
		{map[string]string{"LANG": "kok_IN"}, "like root"},
	} {
		w, said := warner(t, "", tt.env)
		_ = w.Add(files, true)
		if !strings.Contains(said.String(), tt.want) {
			t.Errorf("%v: %q", tt.env, said)
		}
	}
}

// TestStart never stands in the way without a terminal, and tells of a server once.
func TestStart(t *testing.T) {
	w, said := warner(t, "", nil)
	if err := w.Start(files); err != nil || !strings.Contains(said.String(), "npx -y pkg@1.0.0") {
		t.Errorf("%v, %q", err, said)
	}
	if text, news := w.Told(files); news {
		t.Errorf("told again: %q", text)
	}
	secret := Server{Name: "s\x1b[2J", Command: "x", Args: []string{"--token=ghp_" + strings.Repeat("aB3", 12)}}
	text, news := w.Told(secret)
	if !news || strings.Contains(text, "ghp_aB3") || strings.Contains(text, "\x1b") {
		t.Errorf("told %v, %q", news, text)
	}
	w, _ = warner(t, "n\n", nil)
	if err := w.Start(files); err == nil {
		t.Error("started although the person said no")
	}
}

// TestMemory takes a broken memory for none, keeps it to its owner, and works without one.
func TestMemory(t *testing.T) {
	w, _ := warner(t, "", nil)
	if err := w.Add(files, true); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.Dir, fileName)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if w.Add(files, false) == nil {
		t.Error("a broken memory says that everybody was warned")
	}
	w.Dir = ""
	if err := w.Add(files, true); err != nil || w.Add(files, false) == nil {
		t.Error("without a directory something is remembered")
	}
}
