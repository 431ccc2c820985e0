package files

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestFollow tells of a file that comes, changes, and is put in the place of another; not of one that is written as it was, and of that
// too when it is asked to.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.yaml")
	again, changes := make(chan os.Signal), make(chan struct{}, 10)
	f := &Follower{Dir: dir, Path: func() string { return path }, Again: again, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { f.Follow(ctx, func() { changes <- struct{}{} }) })
	defer following.Wait()
	defer cancel()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	told := func(what string) {
		t.Helper()
		select {
		case <-changes:
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing is told when %s", what)
		}
	}
	time.Sleep(50 * time.Millisecond) // the directory is watched
	write(path, "a: 1")
	told("it comes")
	write(path, "a: 2")
	told("it changes")
	write(path+".new", "a: 3")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	told("another takes its place")
	write(path, "a: 3")
	time.Sleep(3 * settleFile)
	if len(changes) > 0 {
		t.Error("what is as it was is told")
	}
	again <- os.Interrupt
	told("it is asked for")
}
