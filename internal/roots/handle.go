package roots

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sampling"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Handle answers the methods of the dialect that are about roots and sampling. It ends as an mcp.Handler does.
func (x *Roots) Handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	var result any
	var err error
	switch call.Method {
	case mcp.MethodRootCreate:
		result, err = x.handleCreate(ctx, call)
	case mcp.MethodRootList:
		result, err = x.handleList(call)
	case mcp.MethodRootGet:
		result, err = x.handleGet(ctx, call)
	case mcp.MethodRootClose:
		result, err = x.handleClose(ctx, call)
	case mcp.MethodSamplingUpdate:
		result, err = x.handleUpdate(ctx, call, reply)
	case mcp.MethodSamplingGet:
		result, err = x.handleSampling(ctx, call, reply)
	default:
		err = mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known", call.Method)
	}
	if err != nil {
		return err
	}
	return reply.Done(ctx, mcp.Own(encode(result)))
}

// encode writes a value of ours as JSON.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // the types of this package can all be written
		return []byte("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func ignore([]byte) error { return nil }

// A view is a root as a client is told of it.
type view struct {
	RootID    string `json:"rootId"`
	Name      string `json:"name,omitempty"`
	URI       string `json:"uri,omitempty"`
	CreatedAt string `json:"createdAt"`
	UsedAt    string `json:"usedAt"`
	ExpiresAt string `json:"expiresAt"`
	// TTL is in seconds.
	TTL       int64                      `json:"ttl"`
	Sampling  *sampling.Parameters       `json:"sampling,omitzero"`
	Variables map[string]json.RawMessage `json:"variables,omitempty"`
	Memory    *memoryView                `json:"memory,omitempty"`
	Nodes     []nodeView                 `json:"nodes,omitempty"`
}

type memoryView struct {
	Entries int      `json:"entries"`
	Bytes   int      `json:"bytes"`
	Used    fillView `json:"used"`
}

type fillView struct {
	Entries int `json:"entries"`
	Bytes   int `json:"bytes"`
}

type nodeView struct {
	Path      string                     `json:"path"`
	Sampling  *sampling.Parameters       `json:"sampling,omitzero"`
	Variables map[string]json.RawMessage `json:"variables,omitempty"`
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// view describes a root, with the nodes of its tree if they are wanted.
func (r *root) view(nodes bool) view {
	t := r.tree.Load()
	top := nodeOf(t, "")
	v := view{
		RootID: r.id, Name: r.record.Name, URI: r.record.URI, CreatedAt: stamp(r.record.Created),
		UsedAt: stamp(time.UnixMilli(r.used.Load())), ExpiresAt: stamp(r.expires()), TTL: int64(r.record.TTL / time.Second),
		Sampling: top.Sampling, Variables: top.Variables,
	}
	if r.memory != nil {
		v.Memory = &memoryView{}
		v.Memory.Entries, v.Memory.Bytes = r.memory.Bounds()
		v.Memory.Used.Entries, v.Memory.Used.Bytes = r.memory.Fill()
	}
	if nodes {
		for _, path := range r.paths() {
			v.Nodes = append(v.Nodes, nodeOf(t, path))
		}
	}
	return v
}

func nodeOf(t *tree, path string) nodeView {
	n := t.at(path)
	v := nodeView{Path: path, Variables: n.variables}
	if !n.sampling.IsZero() {
		v.Sampling = &n.sampling
	}
	return v
}

// handleCreate answers mcp.root.create.
func (x *Roots) handleCreate(ctx context.Context, call *mcp.Call) (any, error) {
	settings := x.settings.Load()
	now := time.Now()
	id, record, first := "", Record{Created: now, Used: now, TTL: settings.TTL}, node{}
	err := members{each: map[string]func([]byte) error{
		"_meta": ignore, "context": ignore, "rootId": text(&id, mostIDBytes), "name": text(&record.Name, mostNameBytes), "uri": address(&record.URI),
		"ttl": lifetime(&record.TTL), "variables": variables(&first.variables),
		"memory": func(raw []byte) error { return readMemory(raw, settings, &record) },
		"sampling": func(raw []byte) error {
			e, err := readSampling(raw, "/sampling")
			first.sampling = e.Set
			return err
		},
	}}.read(call.Params(), "")
	if err != nil {
		return nil, err
	}
	if id == "" {
		id = strings.ToLower(rand.Text())
	}
	var nodes []*Node
	if n := (&node{}).changed(&sampling.Edit{Set: first.sampling}, first.variables); !n.isZero() {
		nodes = append(nodes, n.stored(""))
	}
	t := x.tenant(call.Caller.ID, true)
	if _, err := x.find(ctx, t, id); err != nil && mcp.AsError(err) == nil {
		return nil, err
	}
	r, isNew, err := x.create(t, id, record, nodes...)
	if err != nil {
		return nil, err
	}
	if !isNew {
		e := mcp.Errorf(mcp.CodeInvalidParams, mcp.Conflict, "there is a root %q already; use it, or close it first with mcp.root.close", id)
		return nil, e
	}
	return r.view(true), nil
}

// readMemory reads how much a root remembers: true for as much as the configuration allows, or less than that.
func readMemory(raw []byte, most *Settings, record *Record) error {
	record.Entries, record.Bytes = 0, 0
	switch string(raw) {
	case "true":
		record.Entries, record.Bytes = int64(most.Entries), int64(most.Bytes)
		return nil
	case "false", "null":
		return nil
	}
	if len(raw) == 0 || raw[0] != '{' {
		return errors.New("must be true, false or an object {entries, bytes}")
	}
	record.Entries, record.Bytes = int64(most.Entries), int64(most.Bytes)
	bound := func(dst *int64) func([]byte) error {
		most := *dst
		return func(raw []byte) error {
			n, ok := wire.ParseInt(raw)
			if !ok || n < 1 || n > most {
				return fmt.Errorf("must be a whole number from 1 to %d", most)
			}
			*dst = n
			return nil
		}
	}
	return members{each: map[string]func([]byte) error{
		"entries": bound(&record.Entries), "bytes": bound(&record.Bytes),
	}}.read(raw, "/memory")
}

// handleList answers mcp.root.list with the roots of the caller, without their trees.
func (x *Roots) handleList(call *mcp.Call) (any, error) {
	if err := (members{each: map[string]func([]byte) error{"_meta": ignore, "context": ignore}}).read(call.Params(), ""); err != nil {
		return nil, err
	}
	list := struct {
		Roots []view `json:"roots"`
	}{[]view{}}
	if t := x.tenant(call.Caller.ID, false); t != nil {
		now := time.Now()
		for _, r := range t.all() {
			if now.Before(r.expires()) {
				list.Roots = append(list.Roots, r.view(false))
			}
		}
	}
	return list, nil
}

// named returns the root that a call names, which must be there. A root that is made by use and has nothing yet is not.
func (x *Roots) named(ctx context.Context, call *mcp.Call) (*root, error) {
	id := ""
	err := members{each: map[string]func([]byte) error{"_meta": ignore, "context": ignore, "rootId": text(&id, mostIDBytes)}}.read(call.Params(), "")
	if err != nil {
		return nil, err
	}
	if id == "" {
		return nil, wrong("/rootId", "is missing")
	}
	r, err := x.find(ctx, x.tenant(call.Caller.ID, true), id)
	if err == nil && r == nil {
		err = errUnknown(id)
	}
	return r, err
}

// handleGet answers mcp.root.get with a root and its tree.
func (x *Roots) handleGet(ctx context.Context, call *mcp.Call) (any, error) {
	r, err := x.named(ctx, call)
	if err != nil {
		return nil, err
	}
	return r.view(true), nil
}

// handleClose answers mcp.root.close.
func (x *Roots) handleClose(ctx context.Context, call *mcp.Call) (any, error) {
	r, err := x.named(ctx, call)
	if err != nil {
		return nil, err
	}
	if err := x.close(ctx, r, false); err != nil {
		return nil, err
	}
	return struct {
		RootID string `json:"rootId"`
		Closed bool   `json:"closed"`
	}{r.id, true}, nil
}
