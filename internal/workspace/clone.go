package workspace

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/owntool"
	"github.com/sumun-mcp/sumun/internal/search"
)

// tool is the declaration of git.clone.
func (g *git) tool() *mcp.Tool {
	deepest := cmp.Or(g.Depth, math.MaxInt32)
	return &mcp.Tool{
		Name:  "git.clone",
		Title: "Clone a repository",
		Description: "Clones a public Git repository into the workspace, where repo.search and the prompts for code find its files. " +
			"Allowed hosts: " + strings.Join(g.Hosts, ", ") + ".",
		InputSchema: json.RawMessage(fmt.Sprintf(`{
			"type": "object",
			"properties": {
				"url": {"type": "string", "description": "For example %s://%s/owner/repository", "minLength": 1, "maxLength": %d},
				"directory": {"type": "string", "description": "Where to, relative to the workspace; it must not exist. The name of the repository if left out", "minLength": 1, "maxLength": %d},
				"branch": {"type": "string", "description": "A branch or a tag; the default branch if left out", "minLength": 1, "maxLength": 244},
				"depth": {"type": "integer", "description": "How many commits of history; only the last one if left out", "minimum": 1, "maximum": %d}
			},
			"required": ["url"],
			"additionalProperties": false
		}`, g.Schemes[0], g.Hosts[0], maxURL, search.MaxPath, deepest)),
		OutputSchema: json.RawMessage(`{
			"type": "object",
			"properties": {
				"path": {"type": "string", "description": "Where the clone is"},
				"commit": {"type": "string", "description": "The commit that is checked out; empty for a repository without any"},
				"branch": {"type": "string", "description": "The branch that is checked out; empty for a tag"},
				"files": {"type": "integer", "description": "How many files are checked out"},
				"bytes": {"type": "integer", "description": "How much room the clone takes, with its history"}
			},
			"required": ["path", "commit", "branch", "files", "bytes"],
			"additionalProperties": false
		}`),
		Annotations: &mcp.ToolAnnotations{
			Title: "Clone a repository", DestructiveHint: new(false), OpenWorldHint: new(true),
		},
	}
}

// A cloned is the answer of git.clone.
type cloned struct {
	Path   string `json:"path"`
	Commit string `json:"commit"`
	Branch string `json:"branch"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
}

// An order is a clone that was asked for and may be made.
type order struct {
	from   address
	target string // from the root
	branch string
	depth  int
	tell   func(bytes int64) // progress, if the caller wants it
}

func (w *Workspace) callClone(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var in struct {
		URL       *string `json:"url"`
		Directory *string `json:"directory"`
		Branch    *string `json:"branch"`
		Depth     *int    `json:"depth"`
	}
	if err := decodeArguments(req.Params.Arguments, &in); err != nil {
		return owntool.Failed(err), nil
	}
	if in.URL == nil {
		return owntool.Failed(owntool.Missing("url")), nil
	}
	o := order{depth: 1, tell: func(int64) {}}
	base := w.base(req.Params.Meta)
	err := w.git.fill(&o, *in.URL, base, in.Directory)
	if err == nil && in.Branch != nil {
		o.branch, err = *in.Branch, checkBranch(*in.Branch)
	}
	if err == nil && in.Depth != nil {
		o.depth, err = *in.Depth, w.git.checkDepth(*in.Depth)
	}
	if err != nil {
		return owntool.Failed(err), nil
	}
	if token := req.Params.GetProgressToken(); token != nil {
		o.tell = teller(ctx, req.Session, token)
	}
	out, err := w.git.clone(ctx, o)
	if err != nil {
		return owntool.Failed(err), nil
	}
	if out.Path = o.target; base != "." {
		out.Path = strings.TrimPrefix(o.target, base+"/")
	}
	return toolResult(out)
}

// fill says where from and where to.
func (g *git) fill(o *order, url, base string, directory *string) (err error) {
	if o.from, err = g.address(url); err != nil {
		return err
	}
	name := o.from.name()
	if directory != nil {
		name = *directory
	}
	name = strings.TrimSuffix(name, "/")
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, "-") {
			return errors.New("a part of the directory begins with a dash, as options do; give another name")
		}
	}
	if o.target, err = search.Within(base, name); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	return g.free(o.target)
}

func (g *git) checkDepth(depth int) error {
	if most := cmp.Or(g.Depth, math.MaxInt32); depth < 1 || depth > most {
		return fmt.Errorf("depth is %d; use 1 to %d", depth, most)
	}
	return nil
}

// free wants nothing to be at a path, and that the path stays below the root.
func (g *git) free(target string) error {
	_, err := g.tree.Root.Lstat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, fs.ErrClosed):
		return errEnded
	case err == nil:
		return fmt.Errorf("%s exists already; give another directory", path.Base(target))
	}
	return errors.New("the directory cannot be made there: a part of it is a file, or leads out of the workspace; give another")
}

// teller returns a function that sends progress notifications; each must say more than the one before.
func teller(ctx context.Context, session *mcp.ServerSession, token any) func(int64) {
	last := int64(-1)
	return func(bytes int64) {
		if bytes <= last {
			return
		}
		last = bytes
		_ = session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ // a client that is gone ends the call by other ways
			ProgressToken: token, Progress: float64(bytes), Message: fmt.Sprintf("%.1f MiB fetched", float64(bytes)/(1<<20)),
		})
	}
}

// clone makes a clone in a directory of its own and moves it to its place when it is whole. Nothing is left of one that fails.
func (g *git) clone(ctx context.Context, o order) (out cloned, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, g.Timeout, fmt.Errorf("the clone took longer than %v and was given up", g.Timeout))
	defer cancel()
	if !g.begin() {
		return out, errEnded
	}
	defer g.running.Done()
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-ctx.Done():
		return out, context.Cause(ctx)
	case <-g.ended:
		return out, errEnded
	}
	stage := stagePrefix + rand.Text()
	if err := g.tree.Root.Mkdir(stage, 0o700); err != nil {
		g.log.WarnContext(ctx, "a clone cannot be begun", slog.Any("error", err))
		return out, errors.New("the gateway cannot write to the workspace; ask its owner to change the permissions")
	}
	defer func() {
		if e := g.tree.Root.RemoveAll(stage); e != nil {
			g.log.WarnContext(ctx, "the remains of a clone cannot be removed", slog.String("directory", stage), slog.Any("error", e))
		}
	}()
	if err := g.fetch(ctx, stage, o); err != nil {
		return out, err
	}
	if out, err = g.describe(ctx, stage); err != nil {
		return out, err
	}
	return out, g.publish(stage, o.target)
}

// work is the name of a clone in its stage.
const work = "work"

// fetch has git clone into a stage, and breaks that off when it gets too large.
func (g *git) fetch(ctx context.Context, stage string, o order) error {
	ctx, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	dir := filepath.Join(g.tree.Dir, stage)
	var watch sync.WaitGroup
	done := make(chan struct{})
	watch.Go(func() {
		if g.watch(dir, o.tell, done) {
			enough(g.tooLarge())
		}
	})
	args := []string{
		"clone", "--quiet", "--template=", "--no-recurse-submodules", "--no-hardlinks", "--single-branch", "--no-tags",
		"--config", "core.symlinks=false", "--depth", strconv.Itoa(o.depth),
	}
	if o.branch != "" {
		args = append(args, "--branch="+o.branch)
	}
	_, err := g.run(ctx, dir, append(args, "--", o.from.String(), work)...)
	close(done)
	watch.Wait()
	if err != nil {
		return err
	}
	if measure(dir, g.MaxBytes).bytes > g.MaxBytes {
		return g.tooLarge()
	}
	return nil
}

func (g *git) tooLarge() error {
	return fmt.Errorf("the repository takes more than %d bytes, which is the limit here; nothing of it was kept", g.MaxBytes)
}

// watch measures a directory again and again, and reports whether it has become too large before done is closed. It works a tenth of
// the time at most.
func (g *git) watch(dir string, tell func(int64), done <-chan struct{}) bool {
	timer := time.NewTimer(watchEvery)
	defer timer.Stop()
	for {
		select {
		case <-done:
			return false
		case <-timer.C:
		}
		begin := time.Now()
		bytes := measure(dir, g.MaxBytes).bytes
		if bytes > g.MaxBytes {
			return true
		}
		tell(bytes)
		timer.Reset(max(watchEvery, 10*time.Since(begin)))
	}
}

// describe says what was cloned.
func (g *git) describe(ctx context.Context, stage string) (cloned, error) {
	dir := filepath.Join(g.tree.Dir, stage)
	all := measure(filepath.Join(dir, work), math.MaxInt64)
	out := cloned{Files: all.files, Bytes: all.bytes}
	ask := func(args ...string) (string, error) {
		said, err := g.run(ctx, dir, append([]string{"-C", work}, args...)...)
		if _, none := errors.AsType[*gitError](err); none {
			return "", nil // no commit, or no branch
		}
		return said, err
	}
	var err error
	if out.Commit, err = ask("rev-parse", "--quiet", "--verify", "HEAD^{commit}"); err != nil {
		return out, err
	}
	out.Branch, err = ask("symbolic-ref", "--quiet", "--short", "HEAD")
	return out, err
}

// publish moves a clone to its place, if that is still free.
func (g *git) publish(stage, target string) error {
	if err := g.free(target); err != nil {
		return err
	}
	err := g.tree.Root.MkdirAll(path.Dir(target), 0o755)
	if err == nil {
		err = g.tree.Root.Rename(path.Join(stage, work), target)
	}
	if err != nil {
		g.log.Warn("a clone cannot be moved to its place", slog.Any("error", err))
		return errors.New("the directory cannot be made there: a part of it is a file, leads out of the workspace, or cannot be written; give another")
	}
	return nil
}
