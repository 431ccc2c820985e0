package access

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/files"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A sieve takes the paths of files that are denied out of what completes an argument.
type sieve struct {
	mcp.Reply
	view *mcp.View
	// before is what makes the URI of a file of its path.
	before string
}

// sift returns the Reply for what completes the argument of a call: one that knows what is denied, if it is about files.
func (a *Access) sift(call *mcp.Call, reply mcp.Reply) mcp.Reply {
	if call.Method != mcp.MethodComplete || len(a.roots) == 0 || call.Caller.View.Deny == nil {
		return reply
	}
	_, name, _ := mcp.ParseRef(call.Member("ref"))
	root, of := strings.CutSuffix(name, "{+path}")
	switch {
	case of && strings.HasPrefix(root, files.URIPrefix):
		return &sieve{reply, call.Caller.View, root}
	case name == "sumun://file{?path}", byPaths[mcp.MethodPromptsGet][call.Name] != "", byPaths[mcp.MethodPromptsGet][name] != "":
		return &sieve{reply, call.Caller.View, byPath}
	}
	return reply
}

// Done passes the result on without what is denied. Of how much there is, it says nothing then.
func (s *sieve) Done(ctx context.Context, result *mcp.Result) error {
	var whole map[string]json.RawMessage
	var values []string
	completion := wire.Get(result.Value, "completion")
	if json.Unmarshal(result.Value, &whole) != nil || json.Unmarshal(wire.Get(completion, "values"), &values) != nil {
		whole, values = map[string]json.RawMessage{}, nil
	}
	left := slices.DeleteFunc(append([]string{}, values...), s.denied)
	if len(left) == len(values) && len(whole) > 0 && string(wire.Get(completion, "hasMore")) != "true" {
		return s.Reply.Done(ctx, result)
	}
	// Neither can fail: texts always encode, and the other members were read.
	whole["completion"], _ = json.Marshal(map[string]any{"values": left})
	value, _ := json.Marshal(whole)
	return s.Reply.Done(ctx, &mcp.Result{Value: value, Revision: result.Revision, Shared: result.Shared})
}

func (s *sieve) denied(path string) bool {
	uri := s.before + path
	if s.before == byPath {
		uri = fileByPath(path)
	}
	return s.view.Denies(mcp.Resource, uri, mcp.ToRead)
}
