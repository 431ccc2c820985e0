package roots

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/sampling"
)

// A plainTree is what a tree should be, told in the simplest way: an ordered list of what was set where.
type plainTree map[string]*plainNode

type plainNode struct {
	sampling  map[string]any
	variables map[string]any
}

// inForce goes through the steps of a path one by one.
func (p plainTree) inForce(path string) (parameters, variables map[string]any) {
	parameters, variables = map[string]any{}, map[string]any{}
	steps := strings.Split(path, "/")
	for i := range len(steps) + 1 {
		at := strings.Join(steps[:i], "/")
		if i > 0 && at == "" {
			break
		}
		if n := p[at]; n != nil {
			maps.Copy(parameters, n.sampling)
			maps.Copy(variables, n.variables)
		}
	}
	return parameters, variables
}

// TestInherit changes random trees, and compares what is in force everywhere with the simplest telling of it.
func TestInherit(t *testing.T) {
	paths := []string{"", "a", "a/b", "a/b/c", "a/bc", "ab", "b", "b/a", "b/a/a", "가/나"}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		is, should := noTree, plainTree{}
		for range 30 {
			path := paths[r.IntN(len(paths))]
			said := map[string]any{}
			for _, name := range sampling.Names() {
				switch r.IntN(6) {
				case 0:
					said[name] = nil
				case 1:
					said[name] = map[string]any{
						"temperature": r.Float64() * 2, "topP": r.Float64(), "topK": float64(1 + r.IntN(9)),
						"maxTokens": float64(1 + r.IntN(99)), "stopSequences": []any{strconv.Itoa(r.IntN(9))},
					}[name]
				}
			}
			vars := map[string]any{}
			for _, name := range []string{"x", "y", "z"} {
				switch r.IntN(5) {
				case 0:
					vars[name] = nil
				case 1:
					vars[name] = float64(r.IntN(100))
				}
			}
			is = changedTree(t, is, path, said, vars)
			should.change(path, said, vars)
		}
		for _, path := range append(paths, "a/b/c/d/e", "q") {
			parameters, variables := should.inForce(path)
			if diff := cmp.Diff(parameters, values(t, is.sampling(path))); diff != "" {
				t.Fatalf("seed %d, sampling at %q: %s", seed, path, diff)
			}
			got := values(t, is.variables(path))
			if diff := cmp.Diff(variables, got); diff != "" {
				t.Fatalf("seed %d, variables at %q: %s", seed, path, diff)
			}
		}
		size := 0
		for path, n := range is.nodes {
			size += n.size() + len(path)
		}
		if size != is.bytes {
			t.Fatalf("seed %d: the tree takes %d bytes and says %d", seed, size, is.bytes)
		}
	}
}

func (p plainTree) change(path string, said, vars map[string]any) {
	n := p[path]
	if n == nil {
		n = &plainNode{map[string]any{}, map[string]any{}}
		p[path] = n
	}
	for _, set := range []struct{ of, to map[string]any }{{said, n.sampling}, {vars, n.variables}} {
		for name, value := range set.of {
			if value == nil {
				delete(set.to, name)
			} else {
				set.to[name] = value
			}
		}
	}
}

func changedTree(t *testing.T, is *tree, path string, said, vars map[string]any) *tree {
	t.Helper()
	var e sampling.Edit
	if err := (members{other: e.Take}).read(encode(said), ""); err != nil {
		t.Fatal(err)
	}
	var v map[string]json.RawMessage
	if err := variables(&v)(encode(vars)); err != nil {
		t.Fatal(err)
	}
	before := encode(values(t, is.sampling(path)))
	next, err := is.with(path, is.at(path).changed(&e, v))
	if err != nil {
		t.Fatal(err)
	}
	if after := encode(values(t, is.sampling(path))); string(after) != string(before) {
		t.Fatalf("a tree that others read has changed: %s, %s", before, after)
	}
	return next
}

// values reads something as its JSON says it.
func values(t *testing.T, v any) map[string]any {
	t.Helper()
	all := map[string]any{}
	if err := json.Unmarshal(encode(v), &all); err != nil {
		t.Fatal(err)
	}
	if all == nil {
		return map[string]any{}
	}
	return all
}
