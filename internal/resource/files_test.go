package resource

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/files"
)

const secret = "the secret outside of the root"

// escapeRoot makes a root next to a secret, with every kind of link out of it.
func escapeRoot(t *testing.T) (dir string) {
	t.Helper()
	outer := write(t, map[string]string{
		"secret.txt":       secret,
		"other/secret.txt": secret,
		"root/a.md":        "inside",
		"root/sub/b.md":    "inside",
		"root/.env":        secret,
		"root/.git/config": secret,
		"root-2/c.md":      secret,
	})
	dir = filepath.Join(outer, "root")
	for link, target := range map[string]string{
		"out.txt":        "../secret.txt",
		"out-absolute":   filepath.Join(outer, "secret.txt"),
		"out-dir":        "../other",
		"out-dir-abs":    filepath.Join(outer, "other"),
		"out-and-in":     "../root/a.md",
		"in-absolute":    filepath.Join(dir, "a.md"),
		"dangling":       "nowhere",
		"dangling-out":   "../nowhere",
		"loop":           "loop",
		"loop-a":         "loop-b",
		"loop-b":         "loop-a",
		"up":             "..",
		"chain":          "out.txt",
		"sub/up-twice":   "../../secret.txt",
		"slash":          "/",
		"proc":           "/proc/self/cwd",
		"environ":        "/proc/self/environ",
		"zero":           "/dev/zero",
		"in.md":          "sub/b.md",
		"in-dir":         "sub",
		"sub/back-in.md": "../a.md",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Skipf("no symbolic links: %v", err)
		}
	}
	makeFIFO(t, filepath.Join(dir, "pipe"))
	socket, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Logf("no socket in the corpus: %v", err)
	} else {
		t.Cleanup(func() { socket.Close() })
	}
	return dir
}

// escapes are paths that must not be read, as relative to escapeRoot.
func escapes(dir string) []string {
	return []string{
		"..", "../", "../secret.txt", "../../etc/passwd", "sub/../../secret.txt", "sub/../a.md", "./../secret.txt",
		"a.md/../../secret.txt", "../root/a.md", "../root-2/c.md", "....//secret.txt", "..../secret.txt",
		"/", "/etc/passwd", "//etc/passwd", "/proc/self/environ", filepath.Join(dir, "a.md"), filepath.Join(dir, "../secret.txt"),
		"%2e%2e/secret.txt", "%2e%2e%2fsecret.txt", "..%2fsecret.txt", "%252e%252e%252fsecret.txt", "..%c0%afsecret.txt", "..%00/secret.txt",
		`..\secret.txt`, `..\..\secret.txt`, `sub\b.md`, `C:\secret.txt`, "C:/secret.txt", `\\host\share\secret.txt`, "//host/share/secret.txt",
		"file:///etc/passwd", "file://localhost/etc/passwd", "sumun://file/docs/../secret.txt", "~/secret.txt", "$HOME/secret.txt",
		"a.md\x00", "a.md\x00.txt", "../secret.txt\x00a.md", "a.md\n", "\x7f", "sub/\x1b[2J",
		"\u2025/secret.txt", "\uff0e\uff0e/secret.txt", "\u2024\u2024/secret.txt", "..\u2215secret.txt", "..\u2044secret.txt", "..\uff0fsecret.txt", "\u202e../secret.txt", "\u200b../secret.txt",
		".. /secret.txt", " ../secret.txt", "../secret.txt ", ". ./secret.txt", ".../secret.txt",
		"out.txt", "out-absolute", "out-dir/secret.txt", "out-dir-abs/secret.txt", "out-and-in", "in-absolute", "dangling", "dangling-out",
		"loop", "loop-a", "up/secret.txt", "up/root/a.md", "chain", "sub/up-twice", "slash/etc/passwd", "proc/a.md", "environ", "zero",
		"in-dir/../../secret.txt", "in-dir/up-twice", "pipe", "s", "sub", "sub/", ".", "./", "",
		".env", ".git/config", "./.env", "sub/../.env", ".git/../a.md",
		"CON", "NUL", "aux.txt", "COM1", "LPT1.md", "a.md.", "a.md::$DATA", "a.md:stream",
		strings.Repeat("a/", 2000) + "b", strings.Repeat("a", 5000), strings.Repeat("../", 1000) + "etc/passwd", strings.Repeat("sub/../", 500) + "../secret.txt",
		"a.md/", "a.md/b", "no.md", "A.MD",
	}
}

func TestFileReadStaysInRoot(t *testing.T) {
	dir := escapeRoot(t)
	harmless := map[string]bool{"a.md/": true} // means a.md, within the root
	eachEra(t, docs(dir), func(t *testing.T, session *mcp.ClientSession) {
		t.Helper()
		for _, path := range escapes(dir) {
			arguments, err := json.Marshal(map[string]string{"path": path})
			if err != nil {
				t.Fatal(err)
			}
			text, structured, isError := call(t, session, "file.read", string(arguments))
			if !isError && !harmless[path] {
				t.Errorf("%.80q was read: %.80q", path, text)
			}
			for _, leak := range []string{secret, filepath.Dir(dir), "openat", "root:"} {
				if strings.Contains(text+structured, leak) {
					t.Errorf("%.80q: the answer %.200q contains %q", path, text, leak)
				}
			}
		}
	})
}

// TestFileReadFollowsLinksWithin shows that the corpus above is refused for
// where it leads, not because links are never followed.
func TestFileReadFollowsLinksWithin(t *testing.T) {
	session := connect(t, newFiles(t, files.Root{Name: "docs", Dir: escapeRoot(t)}), eras[0], nil)
	for _, path := range []string{"a.md", "sub/b.md", "in.md", "in-dir/b.md", "sub/back-in.md", "in-dir/back-in.md"} {
		if text, _, isError := call(t, session, "file.read", `{"path":"`+path+`"}`); isError || text != "inside" {
			t.Errorf("%s: %q, %v; want inside", path, text, isError)
		}
	}
}

// TestFileReadRace swaps a file for a link out of the root and for a pipe
// while it is read.
func TestFileReadRace(t *testing.T) {
	dir := escapeRoot(t)
	opened, err := files.Open(docs(dir))
	if err != nil {
		t.Fatal(err)
	}
	all := &fileSource{Files: opened}
	defer all.close()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		swaps := []string{"out.txt", "pipe", "a.md", "sub", "zero"}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			next := filepath.Join(dir, "next")
			os.Remove(next)
			if swaps[i%len(swaps)] == "pipe" {
				makeFIFO(t, next)
			} else if err := os.Symlink(swaps[i%len(swaps)], next); err != nil {
				t.Error(err)
				return
			}
			if err := os.Rename(next, filepath.Join(dir, "target")); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	read := 0
	for i := 0; i < 2_000 || read == 0 && i < 1_000_000; i++ {
		out, err := all.readText("target", nil)
		if err == nil && out.Content != "inside" {
			t.Fatalf("read %q", out.Content)
		}
		if err == nil {
			read++
		}
	}
	if read == 0 {
		t.Error("the file was never read between the swaps")
	}
}

func TestResourcesStayInRoot(t *testing.T) {
	dir := escapeRoot(t)
	eachEra(t, docs(dir), func(t *testing.T, session *mcp.ClientSession) {
		t.Helper()
		var uris []string
		for _, path := range escapes(dir) {
			uris = append(uris, files.URIPrefix+"docs/"+path, files.URIPrefix+"docs/"+files.EscapePath(path), "file://"+path)
		}
		uris = append(uris, "", "docs", "sumun:", "sumun://file", "sumun://file/", "sumun://file/docs", "sumun://file/docs/",
			"sumun://file//a.md", "sumun://file/Docs/a.md", "SUMUN://file/docs/a.md", "sumun://FILE/docs/a.md", "sumun://file/docs//a.md",
			"sumun://file/docs/a.md?x", "sumun://file/docs/a.md#x", "sumun://file/docs/%61.md", "sumun://file/docs/sub%2Fb.md", "sumun://file/docs/sub%2fb.md",
			"sumun://file/docs/./a.md", "sumun://file/docs/sub/./b.md", "sumun://file/docs/%2e/a.md", "sumun://file/docs/a%2Emd", "sumun://user@file/docs/a.md",
			"sumun://file:80/docs/a.md", "sumun://file/docs/%", "sumun://file/docs/%zz", "sumun://file/docs/a.md%00", "sumun://file/../docs/a.md", "sumun://file/%64ocs/a.md")
		for _, uri := range uris {
			result, err := session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
			if err == nil {
				t.Errorf("%.80q was read: %+v", uri, result.Contents[0])
				continue
			}
			if strings.Contains(strings.ReplaceAll(err.Error(), fmt.Sprintf("%q", uri), ""), filepath.Dir(dir)) && !strings.Contains(uri, filepath.Dir(dir)) {
				t.Errorf("%.80q: the error reveals the root: %v", uri, err)
			}
		}
	})
}

func TestFileRead(t *testing.T) {
	dir := write(t, map[string]string{
		"a.md":           "A\r\nnew <b> line\n",
		"sub/한글 파일.txt":  "수문",
		"empty":          "",
		"binary":         "\xff\xfe\x00\x01",
		"nul":            "a\x00b",
		"longer":         strings.Repeat("x", files.MaxBytes+1),
		"a:b?#100%;.txt": "odd",
	})
	if err := os.Symlink("a.md", filepath.Join(dir, "link.md")); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ arguments, text, structured, err string }{
		{`{"path":"a.md"}`, "A\r\nnew <b> line\n", `{"content":"A\r\nnew \u003cb\u003e line\n"}`, ""},
		{`{"path":"./a.md"}`, "A\r\nnew <b> line\n", `{"content":"A\r\nnew \u003cb\u003e line\n"}`, ""},
		{`{"path":"link.md","maxBytes":1}`, "A", `{"content":"A","truncated":true}`, ""},
		{`{"path":"sub/한글 파일.txt"}`, "수문", `{"content":"수문"}`, ""},
		{`{"path":"sub/한글 파일.txt","maxBytes":6}`, "수문", `{"content":"수문"}`, ""},
		{`{"path":"sub/한글 파일.txt","maxBytes":5}`, "수", `{"content":"수","truncated":true}`, ""},
		{`{"path":"sub/한글 파일.txt","maxBytes":2}`, "", `{"content":"","truncated":true}`, ""},
		{`{"path":"empty"}`, "", `{"content":""}`, ""},
		{`{"path":"a:b?#100%;.txt"}`, "odd", `{"content":"odd"}`, ""},
		{`{"path":"binary"}`, "", "", "read it as the resource sumun://file/docs/binary"},
		{`{"path":"nul"}`, "", "", "binary"},
		{`{"path":"longer"}`, "", "", "larger than 4 MiB"},
		{`{"path":"longer","maxBytes":3}`, "xxx", `{"content":"xxx","truncated":true}`, ""},
		{`{"path":"a.md","maxBytes":0}`, "", "", "use 1 to 4194304"},
		{`{"path":"a.md","maxBytes":-1}`, "", "", "use 1 to 4194304"},
		{`{"path":"a.md","maxBytes":4194305}`, "", "", "use 1 to 4194304"},
		{`{"path":"a.md","maxBytes":1.5}`, "", "", "wrong type"},
		{`{"path":5}`, "", "", "wrong type"},
		{`{}`, "", "", "missing"},
		{`{"path":"a.md","offset":1}`, "", "", `unknown argument "offset"`},
	}
	eachEra(t, docs(dir), func(t *testing.T, session *mcp.ClientSession) {
		t.Helper()
		for _, tt := range tests {
			text, structured, isError := call(t, session, "file.read", tt.arguments)
			if tt.err != "" {
				if !isError || !strings.Contains(text, tt.err) {
					t.Errorf("%s: %.80q, %v; want an error with %q", tt.arguments, text, isError, tt.err)
				}
				continue
			}
			if isError || text != tt.text || structured != tt.structured {
				t.Errorf("%s: %.80q, %.80s, %v; want %q, %s", tt.arguments, text, structured, isError, tt.text, tt.structured)
			}
		}
	})
}

func TestFileReadLimit(t *testing.T) {
	dir := write(t, map[string]string{"long": strings.Repeat("x", files.MaxBytes)})
	opened, err := files.Open(docs(dir))
	if err != nil {
		t.Fatal(err)
	}
	all := &fileSource{Files: opened}
	defer all.close()
	if out, err := all.readText("long", nil); err != nil || len(out.Content) != files.MaxBytes || out.Truncated {
		t.Errorf("a file of the limit: %d bytes, %v", len(out.Content), err)
	}
}

func TestFileReadOfSeveralRoots(t *testing.T) {
	one, two := write(t, map[string]string{"a.md": "one"}), write(t, map[string]string{"a.md": "two", "one/a.md": "three"})
	eachEra(t, []files.Root{{Name: "one", Dir: one}, {Name: "two", Dir: two}}, func(t *testing.T, session *mcp.ClientSession) {
		t.Helper()
		for path, want := range map[string]string{"one/a.md": "one", "two/a.md": "two", "two/one/a.md": "three"} {
			if text, _, isError := call(t, session, "file.read", `{"path":"`+path+`"}`); isError || text != want {
				t.Errorf("%s: %q, %v; want %q", path, text, isError, want)
			}
		}
		for _, path := range []string{"a.md", "three/a.md", "one", "one/", "one/../two/a.md"} {
			if text, _, isError := call(t, session, "file.read", `{"path":"`+path+`"}`); !isError {
				t.Errorf("%s was read: %q", path, text)
			}
		}
		if text, _, _ := call(t, session, "file.read", `{"path":"a.md"}`); !strings.Contains(text, "one/, two/") {
			t.Errorf("the error does not name the roots: %q", text)
		}
	})
}
