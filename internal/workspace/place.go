package workspace

import (
	"net/url"
	"path"
	"path/filepath"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/search"
)

// base returns the directory, from the root, at which the paths of a call start: that of the context root in which it is called, where
// that names one that is here (by uri, or by its rootId and path), else the root itself.
func (w *Workspace) base(meta sdk.Meta) string {
	context, _ := meta[mcp.MetaContext].(map[string]any)
	base := "."
	uri, _ := context["uri"].(string)
	id, _ := context["rootId"].(string)
	if dir, ok := w.inside(uri); ok {
		base = dir
	} else if search.CheckPath(id) == nil && w.tree.IsDir(id) {
		base = path.Clean(id)
	}
	if sub, _ := context["path"].(string); base != "." && search.CheckPath(sub) == nil && w.tree.IsDir(path.Join(base, sub)) {
		return path.Join(base, sub)
	}
	return base
}

// inside returns the path, from the root, of the directory that a file URI names.
func (w *Workspace) inside(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" {
		return "", false
	}
	dir, err := filepath.EvalSymlinks(filepath.FromSlash(u.Path))
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(w.tree.Dir, dir)
	if rel = filepath.ToSlash(rel); err != nil || search.CheckPath(rel) != nil || !w.tree.IsDir(rel) {
		return "", false
	}
	return rel, true
}
