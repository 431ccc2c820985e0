// Package workspace offers what programmers need of a directory of source code: the tool git.clone brings a repository in,
// repo.search (a tool and a named resource) finds text in it, and the prompts prompt.codeContext, code.complete and code.refactor put
// the right piece of it before a model (seed section 5.2). Together they are one server of the official Go SDK, which the gateway
// attaches in process like any other server behind it.
//
// Callers, and the repositories that they fetch, are strangers. Every path that they name goes through os.Root; git is run without a
// shell, without anybody's configuration and for allow-listed hosts only (see git.go); patterns are run by engines that take linear time.
package workspace

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/outline"
	"github.com/sumun-mcp/sumun/internal/search"
)

// Options says what a Workspace works in and what it may fetch.
type Options struct {
	// Root is the directory; it must exist.
	Root string
	// Git says what may be cloned.
	Git Git
	// Reaper is the beginning of a command line that runs sandbox.Reap (see sandbox.Command); empty for none.
	Reaper []string
	// Version is Sumun's, told to clients.
	Version string
	// Log is for people; nil is silence.
	Log *slog.Logger
}

// A Git says what git.clone may fetch. Without Hosts the tool is not offered.
type Git struct {
	// Hosts are the hosts that a URL may name, in lower case, with a port if it is not the scheme's own.
	Hosts []string
	// Schemes are those that a URL may have, of https and http; none stands for https.
	Schemes []string
	// Depth is the most commits of history that a call may ask for; 0 is all of them.
	Depth int
	// MaxBytes is the room that a clone may take; 0 stands for 512 MiB.
	MaxBytes int64
	// Timeout is how long a clone may take; 0 stands for five minutes.
	Timeout time.Duration
}

// A Workspace is the server of the tools and prompts. It may be connected to any number of transports, concurrently. It must be
// closed.
type Workspace struct {
	server *mcp.Server
	tree   *search.Tree
	engine *search.Engine
	git    *git // nil where nothing may be cloned
	close  func() error

	languages []outline.Language
}

// New opens the root and returns its server. The error names what is wrong with the options and what to do.
func New(o Options) (*Workspace, error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t, err := search.Open(o.Root)
	if err != nil {
		return nil, fmt.Errorf("opening the workspace: %w", err)
	}
	w := &Workspace{tree: t, engine: search.NewEngine(t), languages: outline.Languages()}
	w.close = sync.OnceValue(w.release)
	w.server = mcp.NewServer(&mcp.Implementation{Name: "workspace", Title: "Workspace", Version: o.Version}, w.options(log))
	if len(o.Git.Hosts) > 0 {
		if w.git, err = newGit(o, t, log); err != nil {
			return nil, errors.Join(err, w.close())
		}
		w.server.AddTool(w.git.tool(), w.callClone)
	}
	w.server.AddTool(searchTool(), w.callSearch)
	w.server.AddResourceTemplate(searchTemplate(), w.readSearch)
	for _, p := range prompts() {
		w.server.AddPrompt(p.prompt, w.getPrompt(p))
	}
	return w, nil
}

// options declares that nothing of what is offered ever changes.
func (w *Workspace) options(log *slog.Logger) *mcp.ServerOptions {
	return &mcp.ServerOptions{
		Logger: slog.New(warnings{log.Handler()}),
		Capabilities: &mcp.ServerCapabilities{
			Tools: &mcp.ToolCapabilities{}, Prompts: &mcp.PromptCapabilities{}, Resources: &mcp.ResourceCapabilities{},
		},
		CompletionHandler: w.complete,
		// Who may see source code is not for a shared cache to decide.
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.CacheScope = "private" },
	}
}

// Server returns the server to attach.
func (w *Workspace) Server() *mcp.Server { return w.server }

// Close ends clones that run, waits for that, and releases the root; searches that run then find nothing more. The transports are the
// caller's to close, before. A second Close does nothing.
func (w *Workspace) Close() error { return w.close() }

func (w *Workspace) release() error {
	if w.git != nil {
		w.git.end()
	}
	return w.tree.Close()
}

// warnings passes on what the SDK warns of. It also logs every session, which the gateway does itself.
type warnings struct{ slog.Handler }

// Enabled reports whether level is a warning, or worse, and wanted.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs returns the same with attributes.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup returns the same with a group.
func (w warnings) WithGroup(name string) slog.Handler {
	return warnings{w.Handler.WithGroup(name)}
}
