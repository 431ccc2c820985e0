package access

import (
	"net/url"
	"strings"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/files"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// byPath begins the URI of a file by the path that the tools about files take.
const byPath = "sumun://file?"

// byPaths are the gateway's own tools and prompts that take the path of a file, and what they do with it. What is denied of a file is
// denied to them: they are other names for it.
var byPaths = map[string]map[string]mcp.Verb{
	mcp.MethodToolsCall:  {"file.read": mcp.ToRead, "file.write": mcp.ToWrite},
	mcp.MethodPromptsGet: {"file.summarize": mcp.ToRead},
}

// rootsOf returns the names of the directories whose files a configuration offers.
func rootsOf(cfg *config.Config) []string {
	var roots []string
	for _, r := range cfg.Resources {
		if cfg.Builtin && r.Type == "file" {
			roots = append(roots, r.Name)
		}
	}
	return roots
}

// fileDenied reports whether a call names a file by its path that its caller is denied.
func (a *Access) fileDenied(call *mcp.Call) bool {
	view := call.Caller.View
	if len(a.roots) == 0 || view.Deny == nil {
		return false
	}
	verb, ok := byPaths[call.Method][call.Name]
	if !ok {
		return false
	}
	path, _ := wire.Unquote(wire.Get(call.Member("arguments"), "path"))
	return view.Denies(mcp.Resource, fileByPath(path), verb)
}

// fileByPath returns the URI of a file by its path.
func fileByPath(path string) string { return byPath + url.Values{"path": {path}}.Encode() }

// spellings returns the URI, and if it names a file by its path, those that the file has in lists: the path begins with the name of its
// directory, where there are several. It reports false if where it leads cannot be told.
func spellings(uri string, roots []string) ([]string, bool) {
	query, ok := strings.CutPrefix(uri, byPath)
	if !ok {
		return []string{uri}, true
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, false
	}
	all := []string{uri}
	for _, path := range values["path"] {
		all = append(all, files.URIPrefix+path)
		for _, root := range roots {
			all = append(all, files.URIPrefix+root+"/"+path)
		}
	}
	return all, true
}
