package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/install/wish"
)

// maxLock bounds a lock file. The largest of big web projects have a few MiB.
const maxLock = 16 << 20

// A lockfile says which packages there are, exactly.
type lockfile struct {
	Kind wish.Kind `json:"kind"`
	// For is the machine and the interpreter that it is for.
	For string `json:"for"`
	// Text is the lock file itself, and Module the go.mod that a go.sum is for.
	Text   string `json:"text"`
	Module string `json:"module,omitempty"`
}

// name is that of its tree.
func (l lockfile) name() string {
	h := sha256.New()
	for _, part := range []string{string(l.Kind), l.For, l.Text, l.Module} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return string(l.Kind) + "-" + hex.EncodeToString(h.Sum(nil))[:32]
}

// readLock reads a lock file of somebody else.
func readLock(path string) (l lockfile, err error) {
	text, err := readBounded(path)
	if err != nil {
		return l, err
	}
	l.Text = text
	switch base := filepath.Base(path); {
	case base == "package-lock.json" || base == "npm-shrinkwrap.json":
		l.Kind = wish.Npm
		err = checkNpmLock(l.Text)
	case base == "go.sum":
		l.Kind = wish.Go
		l.Module, err = readBounded(filepath.Join(filepath.Dir(path), "go.mod"))
	case strings.HasSuffix(base, ".txt"):
		l.Kind = wish.Python
		err = checkRequirements(l.Text)
	default:
		err = errors.New("it is none of package-lock.json, requirements.txt and go.sum")
	}
	if err != nil {
		return l, fmt.Errorf("reading the lock file %s: %w", path, err)
	}
	return l, nil
}

func readBounded(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Size() > maxLock {
		return "", fmt.Errorf("%s is no file of at most %d MiB", path, maxLock>>20)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the caller's to name
	return string(text), err
}

// A memory is what a wish has led to.
type memory struct {
	Lock lockfile `json:"lock"`
	// Made is when it was found out, and Tried when that was last tried.
	Made  time.Time `json:"made"`
	Tried time.Time `json:"tried"`
}

// due reports whether it has to be found out anew.
func (m *memory) due(w *wish.Wish, now time.Time) bool {
	return !w.Exact() && now.Sub(m.Made) > fresh && now.Sub(m.Tried) > retry
}

// legible are characters that names of files have everywhere.
var legible = regexp.MustCompile(`[^A-Za-z0-9.=-]+`)

// keyOf is the name under which what a wish leads to is remembered.
func keyOf(w *wish.Wish, target string) string {
	h := sha256.New()
	parts := append([]string{string(w.Kind), target, w.Python}, w.Specs...)
	for _, name := range slices.Sorted(maps.Keys(w.Indexes)) {
		parts = append(parts, name, w.Indexes[name])
	}
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	label := strings.Trim(legible.ReplaceAllString(w.Specs[0], "-"), "-.")
	return string(w.Kind) + "-" + label[:min(len(label), 60)] + "-" + hex.EncodeToString(h.Sum(nil))[:16]
}

// lockOf returns the lock that a wish leads to: the remembered one while that counts, or when no newer one can be found out.
func (t *tools) lockOf(ctx context.Context, w *wish.Wish, r resolver) (lockfile, error) {
	path := filepath.Join(t.dir, "locks", keyOf(w, r.target())+".json")
	if m, ok := recall(path); ok && !m.due(w, time.Now()) {
		return m.Lock, nil
	}
	busy, err := acquire(ctx, path+".busy", true)
	if err != nil {
		return lockfile{}, err
	}
	defer func() { _ = busy.Close() }()
	old, ok := recall(path)
	if ok && !old.due(w, time.Now()) {
		return old.Lock, nil // somebody else was quicker
	}
	now := time.Now()
	made, err := t.newLock(ctx, path+".new", w, r, ok)
	switch {
	case err == nil:
		return made, remember(path, memory{Lock: made, Made: now, Tried: now})
	case !ok || ctx.Err() != nil:
		return lockfile{}, err
	}
	t.log.LogAttrs(ctx, slog.LevelWarn, "what is newest of a server's package could not be found out; what is installed is used",
		slog.Any("packages", w.Specs), slog.Any("error", err))
	old.Tried = now
	return old.Lock, remember(path, old)
}

// newLock finds out what a wish leads to, in a directory that is there only meanwhile.
func (t *tools) newLock(ctx context.Context, dir string, w *wish.Wish, r resolver, hurry bool) (l lockfile, err error) {
	if hurry {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, renewTime)
		defer cancel()
	}
	t.log.LogAttrs(ctx, slog.LevelInfo, "looking for a server's packages", slog.Any("packages", w.Specs))
	if err := emptied(dir); err != nil {
		return l, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	text, err := r.lock(ctx, dir, w)
	return lockfile{Kind: w.Kind, For: r.target(), Text: text}, err
}

// recall reads what is remembered; what cannot be read is not.
func recall(path string) (m memory, ok bool) {
	text, err := os.ReadFile(path) //nolint:gosec // a path of our own
	if err != nil {
		return m, false
	}
	err = json.Unmarshal(text, &m)
	return m, err == nil && m.Lock.Text != ""
}

// remember writes what was found out, whole or not at all.
func remember(path string, m memory) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".part", text, 0o600); err != nil {
		return fmt.Errorf("remembering what was found out: %w", err)
	}
	return os.Rename(path+".part", path)
}

// machine is what native code is built for.
func machine() string { return runtime.GOOS + "/" + runtime.GOARCH }
