package search

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// found returns the places, as path:line:column, that an engine finds.
func places(t *testing.T, e *Engine, q Question) []string {
	t.Helper()
	if q.Base == "" {
		q.Base = "."
	}
	a, err := e.Search(t.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	out := []string{}
	for _, m := range a.Matches {
		out = append(out, fmt.Sprintf("%s:%d:%d", m.Path, m.Line, m.Column))
	}
	if a.Truncated {
		out = append(out, "…")
	}
	return out
}

func TestSearch(t *testing.T) {
	dir := write(t, map[string]string{
		"src/main.go": "package main\n\nfunc main() {\n\tprintln(\"needle\")\n}\n", "src/util/a.ts": "// Needle 한글 needle\r\n" + "needle",
		"b.tsx": "needle\n", "README.md": "a needle in a haystack\n", ".env": "needle\n", ".github/x.yml": "needle\n", "binary": "needle\x00",
		"node_modules/x/i.js": "needle\n", ".gitignore": "node_modules/\n", "latin1.txt": "caf\xe9 needle\n", "-e": "needle\n",
		"project/.gitignore": "out\n", "project/out/o": "needle\n", "project/in/o": "needle\n",
		"huge": strings.Repeat("x", maxFile) + "needle",
	})
	if err := os.Symlink(filepath.Join(dir, "src"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "src", "passwd")); err != nil {
		t.Fatal(err)
	}
	e := NewEngine(open(t, dir))
	all := []string{"-e:1:1", "README.md:1:3", "b.tsx:1:1", "latin1.txt:1:6", "project/in/o:1:1", "src/main.go:4:11", "src/util/a.ts:1:14", "src/util/a.ts:2:1"}
	for name, tt := range map[string]struct {
		q    Question
		want []string
	}{
		"all":               {Question{Query: "needle"}, all},
		"twice":             {Question{Query: "needle"}, all},
		"ignoring case":     {Question{Query: "NEEDLE 한", IgnoreCase: true}, []string{"src/util/a.ts:1:4"}},
		"pattern":           {Question{Query: `^\W*Needle\b`, Regexp: true}, []string{"src/util/a.ts:1:1"}},
		"root":              {Question{Query: "root"}, []string{}},
		"path":              {Question{Query: "needle", Path: "src/util"}, all[6:]},
		"path with slash":   {Question{Query: "needle", Path: "src/util/"}, all[6:]},
		"file":              {Question{Query: "needle", Path: "README.md"}, all[1:2]},
		"dot":               {Question{Query: "needle", Path: "."}, all},
		"glob by name":      {Question{Query: "needle", Glob: "*.ts"}, all[6:]},
		"glob of several":   {Question{Query: "needle", Glob: "*.{ts,tsx}"}, []string{all[2], all[6], all[7]}},
		"glob by path":      {Question{Query: "needle", Glob: "src/**/*.go"}, all[5:6]},
		"all others":        {Question{Query: "needle", Glob: "!*.ts"}, all[:6]},
		"limit":             {Question{Query: "needle", Limit: 2}, []string{all[0], all[1], "…"}},
		"limit, no more":    {Question{Query: "needle", Limit: 8}, all},
		"base":              {Question{Query: "needle", Base: "project"}, []string{"in/o:1:1"}},
		"base and path":     {Question{Query: "needle", Base: "project", Path: "in"}, []string{"in/o:1:1"}},
		"base and glob":     {Question{Query: "needle", Base: "project", Glob: "in/*"}, []string{"in/o:1:1"}},
		"base without src":  {Question{Query: "needle", Base: "project", Glob: "src/**"}, []string{}},
		"what is not there": {Question{Query: "absent"}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, places(t, e, tt.q)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for name, tt := range map[string]struct {
		q    Question
		want string
	}{
		"ignored":     {Question{Query: "n", Path: "node_modules/x"}, "ignored by a .gitignore"},
		"hidden":      {Question{Query: "n", Path: ".env"}, "hidden"},
		"git":         {Question{Query: "n", Path: ".git/config"}, "hidden"},
		"outside":     {Question{Query: "n", Path: "../x"}, "leaves its directory"},
		"absolute":    {Question{Query: "n", Path: "/etc"}, "absolute"},
		"absent":      {Question{Query: "n", Path: "nowhere"}, "no such file"},
		"link":        {Question{Query: "n", Path: "link"}, "is a link"},
		"link out":    {Question{Query: "n", Path: "src/passwd"}, "is a link"},
		"below link":  {Question{Query: "n", Path: "link/util"}, "no such file"},
		"other base":  {Question{Query: "n", Base: "project", Path: "../src"}, "leaves its directory"},
		"no query":    {Question{}, "empty"},
		"large limit": {Question{Query: "n", Limit: MaxMatches + 1}, "use 1 to"},
		"context":     {Question{Query: "n", Context: -1}, "use 0 to"},
		"glob out":    {Question{Query: "n", Glob: "../*"}, "leaves the workspace"},
		"open brace":  {Question{Query: "n", Glob: "{a,b"}, "no }"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.q.Base == "" {
				tt.q.Base = "."
			}
			if a, err := e.Search(t.Context(), tt.q); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), dir) {
				t.Errorf("Search = %+v, %v, want %q", a, err, tt.want)
			}
		})
	}
}

// TestMatches looks at the lines that are given.
func TestMatches(t *testing.T) {
	long := strings.Repeat("가", 400) + "needle" + strings.Repeat("나", 400)
	e := NewEngine(open(t, write(t, map[string]string{"a": "1\n2\nneedle\r\n4\n5 needle\n", "b": long})))
	a, err := e.Search(t.Context(), Question{Query: "needle", Base: ".", Context: 2})
	if err != nil {
		t.Fatal(err)
	}
	last := a.Matches[len(a.Matches)-1]
	a.Matches = a.Matches[:len(a.Matches)-1]
	want := []Match{
		{Path: "a", Line: 3, Column: 1, Text: "needle", Before: []string{"1", "2"}, After: []string{"4", "5 needle"}},
		{Path: "a", Line: 5, Column: 3, Text: "5 needle", Before: []string{"needle", "4"}},
	}
	if diff := cmp.Diff(want, a.Matches, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(last.Text) > maxLine+2*len("…") || !strings.Contains(last.Text, "needle") || last.Column != 401 ||
		!strings.HasPrefix(last.Text, "…가") || !strings.HasSuffix(last.Text, "나…") {
		t.Errorf("of a long line: %+v", last)
	}
}

// TestIndex wants files that have changed searched anew, and files that have not left alone.
func TestIndex(t *testing.T) {
	dir := write(t, map[string]string{"a": "alpha beta\n", "b": "gamma delta\n", "c": "binary\x00alpha"})
	old := time.Now().Add(-time.Hour)
	age := func(name string) {
		t.Helper()
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		age(name)
	}
	e := NewEngine(open(t, dir))
	if got := places(t, e, Question{Query: "alpha"}); !slices.Equal(got, []string{"a:1:1"}) {
		t.Fatalf("found %q", got)
	}
	if len(e.index.entries) != 3 {
		t.Fatalf("%d files are remembered, want 3", len(e.index.entries))
	}
	// A file whose size and time stay as they were is believed to hold what it held: that shows that it is not read.
	put(t, filepath.Join(dir, "b"), "alpha delta\n")
	age("b")
	if got := places(t, e, Question{Query: "alpha"}); !slices.Equal(got, []string{"a:1:1"}) {
		t.Errorf("found %q: a file was read that the index excludes", got)
	}
	// Any other change is seen at once, also one of a moment ago, which keeps the size.
	for i := range 20 {
		put(t, filepath.Join(dir, "b"), fmt.Sprintf("alpha%d delta", i%10))
		if got := places(t, e, Question{Query: fmt.Sprintf("alpha%d", i%10)}); !slices.Equal(got, []string{"b:1:1"}) {
			t.Fatalf("change %d: found %q", i, got)
		}
	}
	if err := os.Remove(filepath.Join(dir, "a")); err != nil {
		t.Fatal(err)
	}
	if got := places(t, e, Question{Query: "beta"}); len(got) > 0 {
		t.Errorf("found %q in a file that is gone", got)
	}
}

// TestIndexBounds fills the index with files that come and go.
func TestIndexBounds(t *testing.T) {
	x := newIndex()
	x.limit = 1 << 20
	old := time.Now().Add(-time.Hour).UnixNano()
	content := make([]byte, 10_000)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range content {
		content[i] = byte(32 + r.IntN(64))
	}
	n := 0
	for ; x.bytes < x.limit-20_000; n++ {
		x.learn(file{strconv.Itoa(n), int64(len(content)), old}, content, nil)
	}
	for range 20 {
		n++
		x.learn(file{strconv.Itoa(n), int64(len(content)), old}, content, nil)
	}
	if x.bytes > x.limit || len(x.entries) >= n {
		t.Errorf("%d bytes of %d files of %d", x.bytes, len(x.entries), n)
	}
	x = newIndex()
	for i := range 2000 {
		x.learn(file{fmt.Sprint("small", i), 5, old}, []byte("small"), nil)
	}
	x.keep(nil)
	if x.bytes != 0 || len(x.entries) != 0 {
		t.Errorf("%d bytes of %d files are left", x.bytes, len(x.entries))
	}
}

// TestParallel searches while files change: each answer is one that the tree has had, and the race detector is content.
func TestParallel(t *testing.T) {
	dir := t.TempDir()
	for i := range 50 {
		put(t, filepath.Join(dir, fmt.Sprintf("d%d/f%d", i%7, i)), "stable needle\n")
	}
	e := NewEngine(open(t, dir))
	var work sync.WaitGroup
	stop := make(chan struct{})
	work.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = os.WriteFile(filepath.Join(dir, "changing"), fmt.Appendf(nil, "volatile %d\n", i), 0o600)
			}
		}
	})
	var searches sync.WaitGroup
	for range 4 {
		searches.Go(func() {
			for range 20 {
				a, err := e.Search(t.Context(), Question{Query: "needle", Base: "."})
				if err != nil || len(a.Matches) != 50 || !slices.IsSortedFunc(a.Matches, func(a, b Match) int { return strings.Compare(a.Path, b.Path) }) {
					t.Errorf("%d matches, %v", len(a.Matches), err)
				}
			}
		})
	}
	searches.Wait()
	close(stop)
	work.Wait()
}

// TestCancelled wants an end when the caller is gone, and what was found when time is up.
func TestCancelled(t *testing.T) {
	e := NewEngine(open(t, write(t, map[string]string{"a": "needle\n"})))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 * maxAtOnce { // whether there is a slot or not
		if a, err := e.Search(ctx, Question{Query: "needle", Base: "."}); !errors.Is(err, context.Canceled) {
			t.Errorf("Search = %+v, %v", a, err)
		}
	}
	ctx, cancel = context.WithTimeout(t.Context(), -1)
	defer cancel()
	if a, err := e.search(ctx, request{base: ".", start: ".", query: &query{literal: []byte("needle")}, limit: 1}); err != nil || !a.Truncated {
		t.Errorf("Search = %+v, %v", a, err)
	}
}

// TestAnswerBounds wants an answer no larger than it may be.
func TestAnswerBounds(t *testing.T) {
	e := NewEngine(open(t, write(t, map[string]string{"a": strings.Repeat("needle "+strings.Repeat("x", 380)+"\n", 3000)})))
	a, err := e.Search(t.Context(), Question{Query: "needle", Base: ".", Limit: MaxMatches, Context: MaxContext})
	if err != nil || !a.Truncated {
		t.Fatalf("truncated %v, %v", a.Truncated, err)
	}
	total := 0
	for _, m := range a.Matches {
		total += m.bytes()
	}
	if total > maxAnswer || total < maxAnswer/2 {
		t.Errorf("%d bytes in the answer", total)
	}
}

// TestWide walks a tree that is wider and deeper than a walk goes.
func TestWide(t *testing.T) {
	dir := t.TempDir()
	deep := strings.Repeat("d/", maxDepth+5)
	put(t, filepath.Join(dir, deep, "bottom"), "needle\n")
	put(t, filepath.Join(dir, "top"), "needle\n")
	e := NewEngine(open(t, dir))
	if got := places(t, e, Question{Query: "needle"}); !slices.Equal(got, []string{"top:1:1", "…"}) {
		t.Errorf("found %q", got)
	}
}
