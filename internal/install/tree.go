package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// pollTime is how often somebody else's installation is looked at while it is waited for.
const pollTime = 100 * time.Millisecond

// tree returns the tree of a lock, and keeps it until the Installer is closed. It is built unless it is there.
func (t *tools) tree(ctx context.Context, l lockfile, b builder) (Tree, error) {
	dir := filepath.Join(t.dir, "trees", l.name())
	for {
		there, err := t.lease(ctx, dir)
		if err != nil {
			return Tree{}, err
		}
		if there {
			return b.describe(dir, l), nil
		}
		busy, err := acquire(ctx, dir+".busy", true)
		if err != nil {
			return Tree{}, err
		}
		if _, err = os.Stat(dir); err != nil {
			err = t.plant(ctx, dir, l, b)
		}
		_ = busy.Close()
		if err != nil {
			return Tree{}, err
		}
	}
}

// plant builds a tree beside its place and puts it there when it is whole.
func (t *tools) plant(ctx context.Context, dir string, l lockfile, b builder) error {
	start := time.Now()
	t.sweep(ctx)
	err := t.grow(ctx, dir+".new", l, b)
	if err == nil {
		err = os.Rename(dir+".new", dir)
	}
	if err != nil {
		_ = removed(dir + ".new")
		return err
	}
	t.log.LogAttrs(ctx, slog.LevelInfo, "packages are installed", slog.String("into", dir), slog.Duration("took", time.Since(start).Round(time.Millisecond)))
	return nil
}

// grow builds a tree.
func (t *tools) grow(ctx context.Context, dir string, l lockfile, b builder) error {
	if err := emptied(dir); err != nil {
		return err
	}
	if err := b.build(ctx, dir, l); err != nil {
		return err
	}
	if err := removed(homeIn(dir)); err != nil {
		return err
	}
	if err := legibly(dir); err != nil {
		return err
	}
	return settle(dir)
}

// emptied makes a directory for an installation, in place of what is there: empty but for a home.
func emptied(dir string) error {
	if err := removed(dir); err != nil {
		return fmt.Errorf("making room for an installation: %w", err)
	}
	if err := os.MkdirAll(homeIn(dir), 0o700); err != nil {
		return fmt.Errorf("making room for an installation: %w", err)
	}
	return nil
}

// homeIn is where a tool keeps what it wants to keep while it installs: there is room, and it goes with the installation.
func homeIn(dir string) string { return filepath.Join(dir, ".home") }

// removed removes a directory, also one whose directories may not be written to.
func removed(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // it is about to go
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// legibly lets everybody read a tree: in a box programs are not run by the user who owns it. Nothing in it is secret.
func legibly(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	return fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := info.Mode().Perm() | 0o444
		if d.IsDir() || mode&0o100 != 0 {
			mode |= 0o111
		}
		if mode == info.Mode().Perm() {
			return nil
		}
		return root.Chmod(path, mode)
	})
}

// acquire locks a file, for us alone or with others, which it waits for, until it is closed.
func acquire(ctx context.Context, path string, alone bool) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making room for installations: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // a path of our own
	if err != nil {
		return nil, fmt.Errorf("locking installations: %w", err)
	}
	ticker := time.NewTicker(pollTime)
	defer ticker.Stop()
	for {
		got, err := tryLock(f, alone)
		if got {
			return f, nil
		}
		if err != nil {
			_ = f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("waiting for an installation that is under way: %w", context.Cause(ctx))
		}
	}
}

// lease keeps a tree from being removed while the Installer is open, and reports whether it is there. It waits while the tree is built.
func (c *cache) lease(ctx context.Context, dir string) (bool, error) {
	if c.holds(dir) {
		return true, nil
	}
	f, err := acquire(ctx, dir+".busy", false)
	if err != nil {
		return false, err
	}
	if _, err := os.Stat(dir); err != nil {
		_ = f.Close()
		return false, nil
	}
	now := time.Now()
	_ = os.Chtimes(dir+".busy", now, now) // whoever sweeps sees that it is used
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, held := c.leases[dir]; held {
		return true, f.Close()
	}
	c.leases[dir] = f
	return true, nil
}

// holds reports whether a tree is kept and there. One that somebody has removed by hand is not kept any longer.
func (c *cache) holds(dir string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, held := c.leases[dir]
	if !held {
		return false
	}
	if _, err := os.Stat(dir); err == nil {
		return true
	}
	_ = f.Close()
	delete(c.leases, dir)
	return false
}

// sweep removes trees that nobody has used for long, and what installations have left that were killed. Their locks stay: they are empty files, and
// removing one could split who waits for it.
func (t *tools) sweep(ctx context.Context) {
	for _, kept := range []string{"trees", "locks"} {
		busy, err := filepath.Glob(filepath.Join(t.dir, kept, "*.busy"))
		if err != nil {
			return
		}
		for _, path := range busy {
			info, err := os.Stat(path)
			if err != nil || time.Since(info.ModTime()) < unused {
				continue
			}
			if err := discard(path, kept == "trees"); err != nil {
				t.log.LogAttrs(ctx, slog.LevelWarn, "an installation that nobody uses cannot be removed", slog.String("lock", path), slog.Any("error", err))
			}
		}
	}
}

// discard removes what a lock is for, unless somebody holds it: what is unfinished, and the finished tree.
func discard(busy string, tree bool) error {
	f, err := os.OpenFile(busy, os.O_RDWR, 0) //nolint:gosec // a path of our own
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if got, err := tryLock(f, true); !got || err != nil {
		return err
	}
	of := strings.TrimSuffix(busy, ".busy")
	err = removed(of + ".new")
	if tree {
		err = errors.Join(err, removed(of))
	}
	return err
}
