package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A fake is an npm that knows one package, demo.
type fake struct {
	recorder

	version string
}

func (f *fake) npm(_ context.Context, s Step) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps = append(f.steps, s)
	if f.fail != nil {
		return nil, f.fail
	}
	if slices.Contains(s.Args, "--package-lock-only") {
		text := fmt.Sprintf(`{"lockfileVersion":3,"packages":{"":{},"node_modules/demo":{"version":%q,"integrity":"sha512-x"}}}`, f.version)
		return nil, os.WriteFile(filepath.Join(s.Dir, "package-lock.json"), []byte(text), 0o600)
	}
	plant(s.Dir, map[string]string{"node_modules/demo/package.json": fmt.Sprintf(`{"name":"demo","version":%q,"bin":"a.js"}`, f.version), "node_modules/demo/a.js": "console.log('" + f.version + "')"})
	return nil, nil
}

// TestRenewal has the newest version looked for after a while; and what is installed used while nothing newer can be found out.
func TestRenewal(t *testing.T) {
	needs(t, "node", "npm")
	f := &fake{version: "1.0.0"}
	dir := t.TempDir()
	i := open(t, Options{Dir: dir, Run: f.npm})
	first, exactly := resolve(t, i, line("npx demo")), resolve(t, i, line("npx demo@1.0.0"))
	f.version = "1.1.0"
	if got := version(t, resolve(t, i, line("npx demo"))); got != "1.0.0" {
		t.Errorf("at once: %s", got)
	}
	age(t, dir, fresh+time.Minute)
	if got := version(t, resolve(t, i, line("npx demo"))); got != "1.1.0" {
		t.Errorf("after a day: %s", got)
	}
	if got := resolve(t, i, line("npx demo@1.0.0")); !cmp.Equal(got, exactly) {
		t.Errorf("after a day one version is %+v", got)
	}
	if got := version(t, first); got != "1.0.0" {
		t.Errorf("what was handed out is %s", got)
	}

	age(t, dir, fresh+time.Minute)
	f.fail = errors.New("no network")
	before := f.count()
	for range 3 {
		if got := version(t, resolve(t, i, line("npx demo"))); got != "1.1.0" {
			t.Errorf("without a network: %s", got)
		}
	}
	if n := f.count() - before; n != 1 {
		t.Errorf("without a network it was tried %d times, want once an hour", n)
	}
	if _, err := i.Resolve(t.Context(), line("npx demo@2")); err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("what was never installed: %v", err)
	}
}

// TestTogether has many ask for the same at once, through two installers as of two processes.
func TestTogether(t *testing.T) {
	needs(t, "node", "npm")
	f := &fake{version: "1.0.0"}
	o := Options{Dir: t.TempDir(), Run: f.npm}
	both := []*Installer{open(t, o), open(t, o)}
	programs := make([]Program, 8)
	faults := make([]error, len(programs))
	var work sync.WaitGroup
	for n := range programs {
		work.Go(func() { programs[n], faults[n] = both[n%2].Resolve(t.Context(), line("npx -y demo")) })
	}
	work.Wait()
	for n, p := range programs {
		if faults[n] != nil || !cmp.Equal(p, programs[0]) {
			t.Errorf("%d: %+v, %v", n, p, faults[n])
		}
	}
	if n := f.count(); n != 2 {
		t.Errorf("%d steps were run, want one for the lock and one for the tree", n)
	}
}

// TestHalf finds what an installation has left that was killed: it is not used.
func TestHalf(t *testing.T) {
	needs(t, "node", "npm")
	f := &fake{version: "1.0.0"}
	dir := t.TempDir()
	i := open(t, Options{Dir: dir, Run: f.npm})
	p := resolve(t, i, line("npx demo"))
	i.Close()
	if err := os.Rename(p.Read[0], p.Read[0]+".new"); err != nil {
		t.Fatal(err)
	}
	plant(p.Read[0]+".new", map[string]string{"node_modules/demo/a.js": "half of it"})
	i = open(t, Options{Dir: dir, Run: f.npm})
	again := resolve(t, i, line("npx demo"))
	if got := version(t, again); got != "1.0.0" || !cmp.Equal(again, p) {
		t.Errorf("it is %s: %+v", got, again)
	}
	if err := os.RemoveAll(p.Read[0]); err != nil {
		t.Fatal(err)
	}
	if got := version(t, resolve(t, i, line("npx demo"))); got != "1.0.0" {
		t.Errorf("removed by hand, it is %s", got)
	}
	files, err := filepath.Glob(filepath.Join(dir, "locks", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%q, %v", files, err)
	}
	plant(dir, map[string]string{"locks/" + filepath.Base(files[0]): `{"lock":{"kind":"npm","te`})
	if again := resolve(t, i, line("npx demo")); !cmp.Equal(again, p) {
		t.Errorf("with half of what was remembered it is %+v", again)
	}
}

// TestWaiting has a caller give up while another installs.
func TestWaiting(t *testing.T) {
	i := open(t, Options{})
	busy, err := acquire(t.Context(), filepath.Join(i.dir, "trees", "x.busy"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	if _, err := i.lease(ctx, filepath.Join(i.dir, "trees", "x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ends with %v", err)
	}
}

// TestSweep removes trees that nobody has used for long, and none that somebody uses.
func TestSweep(t *testing.T) {
	i := open(t, Options{})
	old := time.Now().Add(-unused - time.Hour)
	for _, name := range []string{"used", "unused", "new"} {
		dir := filepath.Join(i.dir, "trees", name)
		if err := os.MkdirAll(filepath.Join(dir, "below"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+".busy", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if name == "used" {
			if ok, err := i.lease(t.Context(), dir); !ok || err != nil {
				t.Fatalf("%v, %v", ok, err)
			}
		}
		if err := os.Chmod(filepath.Join(dir, "below"), 0o500); err != nil {
			t.Fatal(err)
		}
		if name != "new" {
			if err := os.Chtimes(dir+".busy", old, old); err != nil {
				t.Fatal(err)
			}
		}
	}
	i.tools(Line{}).sweep(t.Context())
	for name, want := range map[string]bool{"used": true, "unused": false, "new": true} {
		if _, err := os.Stat(filepath.Join(i.dir, "trees", name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ok, err := i.lease(t.Context(), filepath.Join(i.dir, "trees", "unused")); ok || err != nil {
		t.Errorf("what was removed can be had: %v, %v", ok, err)
	}
	i.Close()
	i.tools(Line{}).sweep(t.Context())
	if _, err := os.Stat(filepath.Join(i.dir, "trees", "used")); err == nil {
		t.Error("what nobody uses any more is kept")
	}
}
