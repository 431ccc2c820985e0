package plugin_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/plugin"
	"github.com/sumun-mcp/sumun/internal/plugin/recipe"
)

// A house takes plugins in, as long as their program has no "broken" in it.
type house struct {
	t       *testing.T
	plugins *plugin.Plugins
	dir     string

	mu      sync.Mutex
	adopted []config.Server
	leave   []chan struct{} // of the versions before
	removed []string
	failed  []plugin.Failure
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, dir: t.TempDir()}
	h.plugins = plugin.New(t.Context(), plugin.Options{
		Dir: filepath.Join(t.TempDir(), "state"), Adopt: h.adopt, Log: slog.New(slog.DiscardHandler),
		Remove: func(name string) { h.note(func() { h.removed = append(h.removed, name) }) },
		Failed: func(_ context.Context, f plugin.Failure) { h.note(func() { h.failed = append(h.failed, f) }) },
	})
	t.Cleanup(h.plugins.Close)
	h.plugins.Set(&config.Config{Plugins: []string{h.dir}})
	return h
}

func (h *house) note(what func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	what()
}

func (h *house) adopt(_ context.Context, s config.Server) (<-chan struct{}, error) {
	text, err := os.ReadFile(s.Command)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(text), "broken") {
		return nil, errors.New(`server "p" has ended: exit status 3; it said: loading / sumun: plugins/p.py:7: no such thing`)
	}
	h.plugins.Adopted(s)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.adopted, h.leave = append(h.adopted, s), append(h.leave, make(chan struct{}))
	return h.leave[len(h.leave)-1], nil
}

// put writes the program of the plugin p.
func (h *house) put(text string) {
	h.t.Helper()
	path := filepath.Join(h.dir, "p")
	if err := os.WriteFile(path+"~", []byte(text), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		h.t.Fatal(err)
	}
}

// eventually waits until something is so.
func (h *house) eventually(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		h.mu.Lock()
		is := ok()
		h.mu.Unlock()
		if is {
			return
		}
	}
	h.t.Fatalf("not so after all: %s; %+v", what, h.plugins.States())
}

func (h *house) state() plugin.State {
	if all := h.plugins.States(); len(all) == 1 {
		return all[0]
	}
	return plugin.State{}
}

// TestFollow takes a plugin through its life: it comes, changes, is broken, is as it was, and goes.
func TestFollow(t *testing.T) {
	h := newHouse(t)
	h.put("one")
	h.eventually("the first version is in force", func() bool { return len(h.adopted) == 1 && h.state().State == plugin.Running })
	first := h.adopted[0]
	if first.Name != "p" || !slices.Contains(first.Read, h.dir) || len(first.Write) != 1 || first.Env[plugin.DataVariable] != first.Write[0] || len(first.Hosts) != 0 {
		t.Errorf("the plugin is described as %+v", first)
	}
	h.put("two")
	h.eventually("the second version is in force", func() bool { return len(h.adopted) == 2 && h.state().Loads == 2 })
	if _, err := os.Stat(first.Command); err != nil {
		t.Errorf("the first version is gone while it may run: %v", err)
	}
	close(h.leave[1])
	h.eventually("the first version is removed", func() bool {
		_, err := os.Stat(first.Command)
		return errors.Is(err, os.ErrNotExist)
	})

	h.put("broken")
	h.eventually("the broken version is told of", func() bool { return len(h.failed) == 1 })
	s, f := h.state(), h.failed[0]
	if at, ok := errors.AsType[*recipe.Error](f.Err); !ok || at.Line != 7 || at.File != "plugins/p.py" || at.Message != "no such thing" || !f.Stays {
		t.Errorf("the failure is %+v", f)
	}
	if s.State != plugin.Stale || s.Error != "plugins/p.py:7: no such thing" || s.Failures != 1 {
		t.Errorf("the state is %+v", s)
	}

	h.put("two")
	h.eventually("what runs already is in force again", func() bool { return h.state().State == plugin.Running })
	if err := os.Remove(filepath.Join(h.dir, "p")); err != nil {
		t.Fatal(err)
	}
	h.eventually("it is removed", func() bool { return slices.Equal(h.removed, []string{"p"}) })
	if c := h.plugins.Beside(&config.Config{}, true); len(c.Servers) != 0 {
		t.Errorf("a plugin that is gone is a server: %+v", c.Servers)
	}
}

// TestNeverWorked has nobody wait for a plugin of which no version works.
func TestNeverWorked(t *testing.T) {
	h := newHouse(t)
	h.put("broken")
	h.eventually("it is known", func() bool { return h.plugins.Has("p") })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := h.plugins.Await(ctx, "p"); !errors.Is(err, plugin.ErrNone) {
		t.Errorf("who waits is told %v", err)
	}
	h.eventually("it is no server", func() bool { return slices.Equal(h.removed, []string{"p"}) })
	if s := h.state(); s.State != plugin.Broken {
		t.Errorf("the state is %+v", s)
	}
}

// TestConfiguredName refuses a plugin that is called like a server of mcp.yaml.
func TestConfiguredName(t *testing.T) {
	h := newHouse(t)
	h.plugins.Set(&config.Config{Plugins: []string{h.dir}, Servers: []config.Server{config.NewServer("p")}})
	h.put("one")
	h.eventually("it is refused", func() bool { return len(h.failed) == 1 })
	if !strings.Contains(h.failed[0].Err.Error(), "mcp.yaml has a server called p") {
		t.Errorf("the error is %v", h.failed[0].Err)
	}
}
