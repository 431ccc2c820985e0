package workspace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/search"
)

// A git runs the installed git, for clones only.
type git struct {
	Git

	tree   *search.Tree
	reaper []string
	log    *slog.Logger
	slots  chan struct{} // one for each clone that may run at once

	// ended is closed when no clone may run any more. mu guards the closing of it, and that no clone begins after that.
	mu      sync.Mutex
	ended   chan struct{}
	running sync.WaitGroup
}

var errEnded = errors.New("the workspace is being closed or configured anew; try again")

// begin reports whether a clone may run; then running is told when it is done.
func (g *git) begin() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hasEnded() {
		return false
	}
	g.running.Add(1)
	return true
}

func (g *git) hasEnded() bool {
	select {
	case <-g.ended:
		return true
	default:
		return false
	}
}

// end ends all clones, and waits for that.
func (g *git) end() {
	g.mu.Lock()
	close(g.ended)
	g.mu.Unlock()
	g.running.Wait()
}

// Bounds of clones.
const (
	clonesAtOnce    = 2
	defaultMaxBytes = 512 << 20
	defaultTimeout  = 5 * time.Minute
	maxOutput       = 64 << 10              // bytes of what git writes
	watchEvery      = 50 * time.Millisecond // how often a clone is measured, at most
)

func newGit(o Options, t *search.Tree, log *slog.Logger) (*git, error) {
	g := &git{Git: o.Git, tree: t, reaper: o.Reaper, log: log, slots: make(chan struct{}, clonesAtOnce), ended: make(chan struct{})}
	if len(g.Schemes) == 0 {
		g.Schemes = []string{"https"}
	}
	for _, s := range g.Schemes {
		if s != "https" && s != "http" {
			return nil, fmt.Errorf("workspace.git.schemes names %q; use https or http", s)
		}
	}
	if g.Depth < 0 || g.MaxBytes < 0 || g.Timeout < 0 {
		return nil, errors.New("workspace.git has a depth, maxBytes or timeout below zero; use a number above, or leave it out")
	}
	if g.MaxBytes == 0 {
		g.MaxBytes = defaultMaxBytes
	}
	if g.Timeout == 0 {
		g.Timeout = defaultTimeout
	}
	return g, g.sweep()
}

// settings hold for every run of git, whatever a repository says. Nobody's configuration is read beside them (see environment).
var settings = []string{
	"core.hooksPath=" + os.DevNull,
	"core.symlinks=false", // links of a repository become files that hold their target: none can lead out of the workspace
	"core.fsmonitor=false",
	"core.protectHFS=true",
	"core.protectNTFS=true",
	"core.bigFileThreshold=16m", // larger files are streamed, not held in memory
	"credential.helper=",
	"credential.interactive=false",
	"fetch.recurseSubmodules=false",
	"filter.lfs.process=",
	"filter.lfs.smudge=",
	"filter.lfs.required=false",
	"gc.auto=0",
	"http.followRedirects=false", // another host, or a private address; it also keeps alternates of other hosts out
	"http.lowSpeedLimit=500",
	"http.lowSpeedTime=30",
	"http.proxy=",
	"maintenance.auto=false",
	"protocol.allow=never",
	"submodule.recurse=false",
	"transfer.bundleURI=false",
	"transfer.fsckObjects=true",
	// What old programs wrote, and old histories of honest projects have.
	"fetch.fsck.badEmail=ignore",
	"fetch.fsck.badTimezone=ignore",
	"fetch.fsck.missingEmail=ignore",
	"fetch.fsck.missingNameBeforeEmail=ignore",
	"fetch.fsck.missingSpaceBeforeDate=ignore",
	"fetch.fsck.missingSpaceBeforeEmail=ignore",
	"fetch.fsck.zeroPaddedFilemode=ignore",
	"user.useConfigOnly=true",
}

// environment is what git sees beside PATH and the like: home has nothing in it.
func (g *git) environment(home string) map[string]string {
	return map[string]string{
		"GIT_ALLOW_PROTOCOL":      strings.Join(g.Schemes, ":"),
		"GIT_ASKPASS":             "",
		"GIT_ATTR_NOSYSTEM":       "1",
		"GIT_CONFIG_GLOBAL":       os.DevNull,
		"GIT_CONFIG_NOSYSTEM":     "1",
		"GIT_CONFIG_SYSTEM":       os.DevNull,
		"GIT_CEILING_DIRECTORIES": home,
		"GIT_LFS_SKIP_SMUDGE":     "1",
		"GIT_PROTOCOL_FROM_USER":  "0",
		"GIT_TEMPLATE_DIR":        "",
		"GIT_TERMINAL_PROMPT":     "0",
		"HOME":                    home, // also keeps .netrc away
		"LC_ALL":                  "C",
		"XDG_CONFIG_HOME":         home,
	}
}

// run runs git in a directory, to which its home is set, and returns what it wrote. When ctx ends, git and all that it has started are
// killed. A *gitError tells how git failed.
func (g *git) run(ctx context.Context, dir string, args ...string) (string, error) {
	var argv []string
	for _, s := range settings {
		argv = append(argv, "-c", s)
	}
	for _, s := range g.Schemes {
		argv = append(argv, "-c", "protocol."+s+".allow=always")
	}
	child, err := sandbox.Start(ctx, sandbox.Command{
		Path: "git", Args: append(argv, args...), Dir: dir, Env: g.environment(dir), Reaper: g.reaper,
	}, g.log)
	if err != nil {
		g.log.WarnContext(ctx, "git cannot be started", slog.Any("error", err))
		return "", errors.New("git cannot be started; it must be installed where the gateway runs")
	}
	var watch sync.WaitGroup
	done := make(chan struct{})
	watch.Go(func() {
		select {
		case <-ctx.Done():
			child.Kill()
		case <-g.ended:
			child.Kill()
		case <-done:
		}
	})
	output, _ := io.ReadAll(io.LimitReader(child, maxOutput)) // it ends when git does
	_, _ = io.Copy(io.Discard, child)
	err = child.Wait(ctx)
	close(done)
	watch.Wait()
	said := ""
	if _, failed := errors.AsType[*exec.ExitError](err); failed && ctx.Err() == nil {
		said = child.Epitaph()
	}
	child.Close()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if g.hasEnded() {
		return "", errEnded
	}
	if err != nil {
		return "", &gitError{said}
	}
	return strings.TrimSpace(string(output)), nil
}

// A gitError is what git says when it fails. A stranger may have a hand in it, so callers get words of ours instead.
type gitError struct{ said string }

// Error returns what the caller may know.
func (e *gitError) Error() string {
	for _, f := range gitFaults {
		if strings.Contains(e.said, f.said) {
			return f.means
		}
	}
	return "git could not clone it; the log of the gateway tells why"
}

// gitFaults translates what git says. The first that fits counts.
var gitFaults = []struct{ said, means string }{
	{"Remote branch", "the repository has no such branch or tag; give another, or leave it out"},
	{"could not read Username", "the repository does not exist, or is not public; only public repositories can be cloned"},
	{"Authentication failed", "the repository does not exist, or is not public; only public repositories can be cloned"},
	{"not found", "there is no such repository at that host; look at the url"},
	{"returned error: 404", "there is no such repository at that host; look at the url"},
	{"returned error: 30", "the repository has moved, and redirects are not followed; give its new url"},
	{"returned error: 40", "the host refuses access to the repository; only public repositories can be cloned"},
	{"unable to update url base from redirection", "the repository has moved, and redirects are not followed; give its new url"},
	{"Could not resolve host", "the host was not found; look at the url, or at the network of the gateway"},
	{"Failed to connect", "the host could not be reached; try again later, or look at the network of the gateway"},
	{"Couldn't connect", "the host could not be reached; try again later, or look at the network of the gateway"},
	{"SSL", "the certificate of the host is not one that the gateway trusts"},
	{"certificate", "the certificate of the host is not one that the gateway trusts"},
	{"No space left", "the disk of the gateway is full"},
	{"fsck error", "the repository has broken objects and is refused"},
	{"invalid path", "the repository has names that are not safe to write, and is refused"},
	{"does not appear to be a git repository", "there is no repository at that url"},
	{"not valid: is this a git repository", "there is no repository at that url"},
}

// stagePrefix begins the names of the directories, directly below the root, in which clones are made. They are hidden, so that nothing
// is found in them.
const stagePrefix = ".sumun-clone-"

// sweep removes what clones have left behind that a killed gateway has begun: what nobody can be working on any more.
func (g *git) sweep() error {
	dir, err := g.tree.Root.Open(".")
	if err != nil {
		return fmt.Errorf("reading the root of the workspace: %w", err)
	}
	defer func() { _ = dir.Close() }() // only read
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("reading the root of the workspace: %w", err)
	}
	for _, name := range names {
		info, err := g.tree.Root.Lstat(name)
		if err != nil || !strings.HasPrefix(name, stagePrefix) || time.Since(info.ModTime()) < 2*g.Timeout {
			continue
		}
		if err := g.tree.Root.RemoveAll(name); err != nil {
			g.log.Warn("a clone that was broken off cannot be removed", slog.String("directory", name), slog.Any("error", err))
		}
	}
	return nil
}

// A size is what a directory takes.
type size struct {
	bytes int64 // each entry rounded up to a block, which bounds their number too
	files int   // regular files outside of .git
}

// measure adds up what is below a directory, and follows no link. Files come and go while it looks; it stops above most bytes.
func measure(dir string, most int64) size {
	const block = 4096
	var s size
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // it has just gone
		}
		s.bytes += block
		if info, err := d.Info(); err == nil && d.Type().IsRegular() {
			s.bytes += max(0, info.Size()-1) / block * block
			if rel, err := filepath.Rel(dir, name); err == nil && rel != ".git" && !strings.HasPrefix(rel, ".git"+string(filepath.Separator)) {
				s.files++
			}
		}
		if s.bytes > most {
			return fs.SkipAll
		}
		return nil
	})
	return s
}
