package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/client/internal/value"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A ReadOption is a wish for one reading of a resource.
type ReadOption func(*wire.Object)

// IfNoneMatch leaves the contents out when the resource is still in the state of that etag. Only a Sumun minds it.
func IfNoneMatch(etag string) ReadOption {
	return func(meta *wire.Object) { *meta = meta.Member(mcp.MetaIfNoneMatch, wire.AppendQuote(nil, etag)) }
}

// Read reads a resource.
func (c *Client) Read(ctx context.Context, uri string, with ...ReadOption) (*Reading, error) {
	meta := wire.Object{}.Member(mcp.MetaContext, c.context)
	for _, option := range with {
		option(&meta)
	}
	q := request{method: mcp.MethodRead, name: uri, params: wire.Object{}.Text("uri", uri).End(), meta: meta.Members(), repeat: true}
	raw, err := c.do(ctx, q)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok && e.Reason == "" && e.Code == mcp.CodeInvalidParams && wire.Get(e.Data, "uri") != nil {
			e.Reason = string(mcp.NotFound) // as the modern era says it (server/resources, "Error Handling")
		}
		return nil, err
	}
	r := &Reading{NotModified: value.Truth(wire.Get(raw, "_meta"), mcp.MetaNotModified), Raw: raw}
	for _, one := range value.Elements(raw, "contents") {
		r.Contents = append(r.Contents, contents(one))
	}
	return r, nil
}

// A Reading is what was read of a resource.
type Reading struct {
	// Contents is most often one element; a folder may have several.
	Contents []Contents
	// NotModified says that the resource is in the state that IfNoneMatch named, and has been left out.
	NotModified bool
	// Raw is the whole result as the server sent it.
	Raw json.RawMessage
}

// A Contents is a resource, or a part of one.
type Contents struct {
	// URI is its address, and MIMEType its type, which may be empty.
	URI, MIMEType string
	// Data is the text or the bytes.
	Data []byte
	// ETag and Revision say in which state a Sumun's resource is; others leave them empty and 0.
	ETag     string
	Revision int64
	// Raw is the contents as the server sent them.
	Raw json.RawMessage
}

func contents(raw json.RawMessage) Contents {
	meta := wire.Get(raw, "_meta")
	one := Contents{
		URI: value.Text(raw, "uri"), MIMEType: value.Text(raw, "mimeType"), ETag: etagOf(meta), Revision: number(meta, mcp.MetaRevisionNumber), Raw: raw,
	}
	if blob := wire.Get(raw, "blob"); blob != nil {
		one.Data = decodeBase64(value.Text(raw, "blob"))
	} else {
		one.Data = []byte(value.Text(raw, "text"))
	}
	return one
}

// Text returns the first contents as text, empty where there are none.
func (r *Reading) Text() string { return string(r.first().Data) }

// ETag returns the state of the first contents, for IfNoneMatch and IfMatch.
func (r *Reading) ETag() string { return r.first().ETag }

func (r *Reading) first() Contents {
	if len(r.Contents) == 0 {
		return Contents{}
	}
	return r.Contents[0]
}

// etagOf returns the state that _meta tells.
func etagOf(meta []byte) string { return value.Text(meta, mcp.MetaETag) }

// decodeBase64 reads base64, nil if it is none.
func decodeBase64(s string) []byte {
	if s == "" {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return data
}

// Query reads a named resource of a Sumun with parameters, such as file.read or db.query, by the dialect (mcp.resource.read). Params
// become a JSON object. The answer is what the resource's handler gives, with etag and revision beside it.
func (c *Client) Query(ctx context.Context, resourceID string, params any) (json.RawMessage, error) {
	raw, err := value.Object("the parameters of "+resourceID, params)
	if err != nil {
		return nil, err
	}
	return c.speak(ctx, request{
		method: "mcp.resource.read", name: resourceID, repeat: true,
		params: wire.Object{}.Text("resourceId", resourceID).Member("params", raw).End(),
	})
}

// Query reads a named resource of a Sumun and reads the answer into a value of the type Out.
func Query[Out any](ctx context.Context, c *Client, resourceID string, params any) (Out, error) {
	var out Out
	raw, err := c.Query(ctx, resourceID, params)
	if err == nil {
		err = value.Decode(raw, &out)
	}
	return out, err
}

// A Condition says in which state a resource must be for Write to change it. The zero Condition is Create.
type Condition struct{ member, value string }

// Create wants that there is no such resource yet.
func Create() Condition { return Condition{} }

// IfMatch wants that the resource is in the state of that etag, which Read gave.
func IfMatch(etag string) Condition { return Condition{"ifMatch", string(wire.AppendQuote(nil, etag))} }

// IfRevision wants that the resource is at that revision.
func IfRevision(revision int64) Condition {
	return Condition{"ifRevision", string(wire.AppendInt(nil, revision))}
}

// IfExists wants only that there is such a resource: whatever it holds is overwritten.
func IfExists() Condition { return IfMatch("*") }

// A Version says in which state a resource is.
type Version struct {
	ETag     string `json:"etag"`
	Revision int64  `json:"revision"`
}

// Write writes a resource of a Sumun, by the dialect (mcp.resource.write), and returns its new state. When the resource is not in
// the state that the condition wants, nothing is written: the error is [ErrConflict], and [Error.ETag] tells the state that it is in.
func (c *Client) Write(ctx context.Context, uri string, data []byte, condition Condition) (Version, error) {
	params := wire.Object{}.Text("uri", uri)
	if utf8.Valid(data) {
		params = params.Member("content", wire.AppendQuote(nil, string(data)))
	} else {
		params = params.Member("blob", wire.AppendQuote(nil, base64.StdEncoding.EncodeToString(data)))
	}
	if condition.member != "" {
		params = params.Member(condition.member, []byte(condition.value))
	}
	raw, err := c.speak(ctx, request{method: "mcp.resource.write", name: uri, params: params.End()})
	if err != nil {
		return Version{}, err
	}
	var v Version
	return v, value.Decode(raw, &v)
}
