package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// writeMethod is the only method of the dialect that is answered here.
const writeMethod = "mcp.resource.write"

// A request is what mcp.resource.write asks for.
type request struct {
	uri        string
	content    []byte
	mimeType   string
	ifMatch    string // an etag, * for any, or empty
	ifRevision int64  // 0 for none
}

// A written change is how a write ended.
type written struct {
	name     string // of the resource
	size     int64
	mimeType string // as the writer said
	etag     string
	revision int64
}

// A conflict says that a resource is not in the state from which the writer started; nothing was changed. It names the current state, with
// an empty etag where there is nothing.
type conflict struct {
	etag     string
	revision int64
	words    string
}

// Error says what to do.
func (c *conflict) Error() string { return c.words }

// Handle answers mcp.resource.write of the dialect. That the caller may write was decided before.
func (r *Resources) Handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if call.Method != writeMethod {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "%s is not answered here; %s is", call.Method, writeMethod)
	}
	req, err := parseRequest(call.Params())
	if err != nil {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "%s", err)
	}
	done, err := r.write(ctx, req)
	if err != nil {
		return r.dialectError(ctx, req.uri, err)
	}
	return reply.Done(ctx, mcp.Own(stateJSON(done.etag, done.revision)))
}

// write makes a change on its condition, and tells whoever wants to know.
func (r *Resources) write(ctx context.Context, req *request) (*written, error) {
	s, name, ok := r.find(req.uri)
	if !ok {
		return nil, errNotFound
	}
	w, ok := s.(writer)
	if !ok || name != req.uri {
		return nil, errReadOnly
	}
	var seen, done *written
	allow := func(etag string) error {
		revision, changed := r.ledger.See(name, etag)
		if changed {
			seen = &written{name: name, etag: etag, revision: revision}
		}
		return req.allows(etag, revision)
	}
	release := r.ledger.Acquire(name, true)
	etag, err := w.write(ctx, name, &change{content: req.content, mimeType: req.mimeType, allow: allow})
	if err == nil {
		done = &written{name: name, size: int64(len(req.content)), mimeType: req.mimeType, etag: etag}
		before := r.ledger.Revision(name)
		if done.revision, _ = r.ledger.See(name, etag); done.revision != before {
			seen = done
		}
	}
	release()
	if seen != nil {
		r.announce(name, seen.etag, seen.revision)
	}
	if l, ok := s.(lister); ok && done != nil {
		l.wrote(done)
	}
	return done, err
}

// allows decides on a write of a resource that is in a state; the etag is empty where there is nothing.
func (q *request) allows(etag string, revision int64) error {
	var words string
	switch {
	case q.ifMatch == "" && q.ifRevision == 0 && etag == "":
		return nil
	case q.ifMatch == "" && q.ifRevision == 0:
		words = "the resource exists already; read it, and write with ifMatch: " + etag
	case etag == "":
		return &conflict{words: "there is no such resource any more; write without ifMatch and ifRevision to create it"}
	case q.ifMatch != "" && q.ifMatch != "*" && q.ifMatch != etag:
		words = "the resource has changed; read it again, and write with ifMatch: " + etag
	case q.ifRevision != 0 && q.ifRevision != revision:
		words = fmt.Sprintf("the resource has changed; read it again, and write with ifRevision: %d", revision)
	default:
		return nil
	}
	return &conflict{etag: etag, revision: revision, words: words}
}

// dialectError is what a client of the dialect is told of an error.
func (r *Resources) dialectError(ctx context.Context, uri string, err error) error {
	if c, ok := errors.AsType[*conflict](err); ok {
		out := mcp.Errorf(mcp.CodeInternal, mcp.Conflict, "%s", c.words)
		out.Data = []byte(`{"etag":null,"revision":null}`)
		if c.etag != "" {
			out.Data = stateJSON(c.etag, c.revision)
		}
		return out
	}
	words, isRefusal := told(err)
	switch {
	case errors.Is(err, errNotFound):
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.NotFound, "there is no resource %s that can be written", uri)
	case errors.Is(err, errReadOnly):
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Forbidden, "%s", words)
	case isRefusal:
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "%s", words)
	}
	return mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "%s", r.hidden(ctx, uri, err))
}

// stateJSON tells a state in JSON.
func stateJSON(etag string, revision int64) []byte {
	return fmt.Appendf(nil, `{"etag":%s,"revision":%d}`, wire.AppendQuote(nil, etag), revision)
}

// parseRequest reads the parameters of a write strictly. Its error names the member.
func parseRequest(params []byte) (*request, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(params, &members); err != nil || members == nil {
		return nil, errors.New("the parameters are not an object; give uri and content")
	}
	known := []string{"uri", "content", "blob", "ifMatch", "ifRevision", "mimeType", "context", "_meta"}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("/%s is not known; a write takes %s", name, strings.Join(known[:6], ", "))
		}
	}
	var in struct {
		URI        string  `json:"uri"`
		Content    *string `json:"content"`
		Blob       []byte  `json:"blob"`
		IfMatch    *string `json:"ifMatch"`
		IfRevision *int64  `json:"ifRevision"`
		MIMEType   string  `json:"mimeType"`
	}
	for name, into := range map[string]any{
		"uri": &in.URI, "content": &in.Content, "blob": &in.Blob, "ifMatch": &in.IfMatch, "ifRevision": &in.IfRevision, "mimeType": &in.MIMEType,
	} {
		raw, ok := members[name]
		if !ok {
			continue
		}
		if string(raw) == "null" || json.Unmarshal(raw, into) != nil {
			return nil, fmt.Errorf("/%s is not %s", name, wanted[name])
		}
	}
	q := &request{uri: in.URI, content: in.Blob, mimeType: in.MIMEType}
	switch {
	case in.URI == "":
		return nil, errors.New("/uri is missing; name the resource")
	case (in.Content == nil) == (members["blob"] == nil):
		return nil, errors.New("give either /content, a text, or /blob, bytes in base64")
	case in.MIMEType != "" && !isMediaType(in.MIMEType):
		return nil, errors.New("/mimeType is not a media type; write it like text/plain")
	case in.IfMatch != nil && bare(*in.IfMatch) == "":
		return nil, errors.New("/ifMatch is empty; give the etag of the last read, * for any state, or leave it out to create a resource")
	case in.IfRevision != nil && *in.IfRevision < 1:
		return nil, errors.New("/ifRevision is not a revision; give that of the last read, or leave it out to create a resource")
	}
	if in.Content != nil {
		q.content = []byte(*in.Content)
	}
	if in.IfMatch != nil {
		q.ifMatch = bare(*in.IfMatch)
	}
	if in.IfRevision != nil {
		q.ifRevision = *in.IfRevision
	}
	return q, nil
}

// isMediaType reports whether a text is a media type that a header and a list can carry.
func isMediaType(text string) bool {
	_, _, err := mime.ParseMediaType(text)
	return err == nil && len(text) <= 255 && strings.Contains(text, "/") && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// wanted is what the members of a write are.
var wanted = map[string]string{
	"uri": "a text", "content": "a text; give bytes as blob", "blob": "a text of bytes in base64", "ifMatch": "a text", "ifRevision": "a whole number",
	"mimeType": "a text",
}

// bare is an etag without the quotes that HTTP puts around it.
func bare(etag string) string {
	if len(etag) >= 2 && strings.HasPrefix(etag, `"`) && strings.HasSuffix(etag, `"`) {
		return etag[1 : len(etag)-1]
	}
	return etag
}
