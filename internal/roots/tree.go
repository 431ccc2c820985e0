package roots

import (
	"encoding/json"
	"iter"
	"maps"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sampling"
)

// Bounds of one root.
const (
	mostNodes = 1000
	mostBytes = 256 << 10
	nodeBytes = 64 // what a node takes besides what it holds
)

// A node is what one place of a tree has of its own. It is never changed.
type node struct {
	sampling  sampling.Parameters
	variables map[string]json.RawMessage
}

func (n *node) isZero() bool { return n.sampling.IsZero() && len(n.variables) == 0 }

func (n *node) size() int {
	size := nodeBytes + n.sampling.Size()
	for name, value := range n.variables {
		size += len(name) + len(value)
	}
	return size
}

// A tree is the context tree of a root: its nodes by their paths, the root itself under the empty one. A node that has
// nothing of its own is not in it. A tree is never changed: who changes a node makes a new tree.
type tree struct {
	nodes map[string]*node
	bytes int
}

// noTree is the tree of a root that has nothing.
var noTree = &tree{}

// levels yields the nodes that a path inherits from, the root first and the path's own last.
func (t *tree) levels(path string) iter.Seq2[string, *node] {
	return func(yield func(string, *node) bool) {
		for end := 0; end <= len(path); end++ {
			if end > 0 && end < len(path) && path[end] != '/' {
				continue
			}
			if n := t.nodes[path[:end]]; n != nil && !yield(path[:end], n) {
				return
			}
		}
	}
}

// sampling returns the parameters in force at a path.
func (t *tree) sampling(path string) sampling.Parameters {
	var s sampling.Parameters
	for _, n := range t.levels(path) {
		s = n.sampling.Over(s)
	}
	return s
}

// variables returns the variables in force at a path; nil if there are none. The map may be a node's own.
func (t *tree) variables(path string) map[string]json.RawMessage {
	var all map[string]json.RawMessage
	shared := false
	for _, n := range t.levels(path) {
		switch {
		case len(n.variables) == 0:
		case all == nil:
			all, shared = n.variables, true
		default:
			if shared {
				all, shared = maps.Clone(all), false
			}
			maps.Copy(all, n.variables)
		}
	}
	return all
}

// with returns the tree in which the node at a path is n, unless that is too much.
func (t *tree) with(path string, n *node) (*tree, error) {
	next := &tree{nodes: maps.Clone(t.nodes), bytes: t.bytes}
	if next.nodes == nil {
		next.nodes = map[string]*node{}
	}
	if old := next.nodes[path]; old != nil {
		next.bytes -= old.size() + len(path)
		delete(next.nodes, path)
	}
	if n.isZero() {
		return next, nil
	}
	next.nodes[path] = n
	next.bytes += n.size() + len(path)
	switch {
	case len(next.nodes) > mostNodes && len(next.nodes) > len(t.nodes):
		return nil, full("the root has %d nodes with values of their own already; close it, or unset what is not needed", mostNodes)
	case next.bytes > mostBytes && next.bytes > t.bytes:
		return nil, full("the variables and parameters of a root may take %d bytes; store large things as resources", mostBytes)
	}
	return next, nil
}

// full refuses what would be too much.
func full(format string, args ...any) *mcp.Error {
	return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, format, args...)
}

// changed returns the node after an update: variables that are null are taken away.
func (n *node) changed(e *sampling.Edit, variables map[string]json.RawMessage) *node {
	next := &node{sampling: e.Apply(n.sampling), variables: n.variables}
	if len(variables) > 0 {
		next.variables = maps.Clone(n.variables)
		if next.variables == nil {
			next.variables = map[string]json.RawMessage{}
		}
		for name, value := range variables {
			if string(value) == "null" {
				delete(next.variables, name)
			} else {
				next.variables[name] = value
			}
		}
	}
	return next
}

// at returns the node at a path: an empty one where the tree has none.
func (t *tree) at(path string) *node {
	if n := t.nodes[path]; n != nil {
		return n
	}
	return &node{}
}
