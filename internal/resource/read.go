package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/files"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/web"
)

// A reading is the answer to a read.
type reading struct {
	*state

	name     string // of the resource, which may be another than the URI that was asked for
	kind     string
	revision int64
}

// find returns the source of a URI and the name of the resource that it means.
func (r *Resources) find(uri string) (s source, name string, ok bool) {
	for _, s := range r.sources {
		if name, ok := s.resolve(uri); ok {
			return s, name, true
		}
	}
	return nil, "", false
}

// absent is the error for a URI that means no resource.
func (r *Resources) absent(uri string) error {
	for _, s := range r.sources {
		if e, ok := s.(explainer); ok {
			if err := e.explain(uri); err != nil {
				return err
			}
		}
	}
	return errNotFound
}

// read returns the resource that a URI means; without its content where known is its etag.
func (r *Resources) read(ctx context.Context, uri, known string) (*reading, error) {
	s, name, ok := r.find(uri)
	if !ok {
		return nil, r.absent(uri)
	}
	release := r.ledger.Acquire(name, false)
	now, err := s.read(ctx, uri, known)
	if err != nil && !errors.Is(err, errNotFound) {
		release()
		return nil, err
	}
	etag := ""
	if err == nil {
		etag = now.etag
	}
	revision, changed := r.ledger.See(name, etag)
	release()
	if changed {
		r.announce(name, etag, revision)
	}
	if err != nil {
		return nil, err
	}
	if known != "" && now.etag == known {
		now.unchanged = true
	}
	return &reading{now, name, s.kind(), revision}, nil
}

// serve answers resources/read for every resource, listed or found by a template.
func (r *Resources) serve(ctx context.Context, req *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
	uri := req.Params.URI
	known, _ := req.Params.Meta[mcp.MetaIfNoneMatch].(string)
	got, err := r.read(ctx, uri, bare(known))
	if err != nil {
		return nil, r.wireError(ctx, uri, err)
	}
	if got.unchanged {
		meta := sdk.Meta{mcp.MetaNotModified: true, mcp.MetaETag: got.etag, mcp.MetaRevisionNumber: got.revision}
		return &sdk.ReadResourceResult{Meta: meta, Contents: []*sdk.ResourceContents{}}, nil
	}
	out := contentsOf(uri, got.mimeType, got.content)
	out.Meta = metaOf(got.kind, got.etag, got.revision)
	if got.object {
		out.Meta[mcp.MetaObject] = true
	}
	return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{out}}, nil
}

// metaOf is what _meta says of a resource.
func metaOf(kind, etag string, revision int64) sdk.Meta {
	meta := sdk.Meta{mcp.MetaType: kind}
	if etag != "" {
		meta[mcp.MetaETag], meta[mcp.MetaRevisionNumber] = etag, revision
	}
	return meta
}

// contentsOf is content for a client: text as text, the rest as a blob.
func contentsOf(uri, mimeType string, content []byte) *sdk.ResourceContents {
	out := &sdk.ResourceContents{URI: uri, MIMEType: mimeType}
	if len(content) > 0 && files.IsText(content) {
		out.Text = string(content)
	} else {
		out.Blob = append([]byte{}, content...) // also when it is empty: the SDK leaves an empty text out
	}
	return out
}

// wireError is what a standard client is told of an error. The dialect has more words for reasons than the standard has codes, so the
// reason stands beside.
func (r *Resources) wireError(ctx context.Context, uri string, err error) error {
	if errors.Is(err, errNotFound) {
		return sdk.ResourceNotFoundError(uri)
	}
	words, ok := told(err)
	_, failed := errors.AsType[web.Failure](err)
	switch {
	case failed:
		return wireFault(jsonrpc.CodeInternalError, mcp.Upstream, words)
	case ok:
		return wireFault(jsonrpc.CodeInvalidParams, mcp.InvalidArguments, words)
	case errors.Is(err, context.DeadlineExceeded):
		return wireFault(jsonrpc.CodeInternalError, mcp.Timeout, r.hidden(ctx, uri, err).Error())
	}
	return wireFault(jsonrpc.CodeInternalError, mcp.Upstream, r.hidden(ctx, uri, err).Error())
}

func wireFault(code int64, reason mcp.Reason, words string) error {
	return &jsonrpc.Error{Code: code, Message: words, Data: fmt.Appendf(nil, `{"reason":%q}`, string(reason))}
}

// hidden logs an error that the caller is not to see, because it may name hosts, users and paths, and returns what may be told.
func (r *Resources) hidden(ctx context.Context, uri string, err error) error {
	r.log.WarnContext(ctx, "a resource cannot be used", slog.String("uri", uri), slog.Any("error", err))
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("the resource did not answer in time; ask for less, or try again later")
	}
	return errors.New("the resource cannot be reached just now; the log of the gateway tells why")
}

func invalidParams(err error) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
}

// objectState is the state of an answer that is a JSON object.
func objectState(value any, etag string) (*state, error) {
	content, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	if etag == "" {
		etag = etagOf(content)
	}
	return &state{etag: etag, mimeType: "application/json", content: content, object: true}, nil
}

// gone notes that a resource is not there any more, unless it has come back by now.
func (r *Resources) gone(name string) {
	s, name, ok := r.find(name)
	if !ok {
		return
	}
	release := r.ledger.Acquire(name, true) // no writer lists it before it is dropped
	_, err := s.read(r.ctx, name, "")
	if !errors.Is(err, errNotFound) {
		release()
		return
	}
	revision, changed := r.ledger.See(name, "")
	r.shelf.Drop(name)
	release()
	if changed {
		r.announce(name, "", revision)
	}
}
