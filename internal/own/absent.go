package own

import (
	"context"
	"errors"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// TellAbsent is a middleware for servers of the SDK: that a resource is not there is said in the words of the house, with the code of the
// session's revision. The SDK has one code for all revisions, and quotes the URI so that some characters (a DEL, what does not print) make
// no JSON: an answer that cannot be written, at which the line breaks with the calls of everybody on it.
func TellAbsent(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, req sdk.Request) (sdk.Result, error) {
		result, err := next(ctx, method, req)
		if !isAbsent(err) {
			return result, err
		}
		var uri string
		switch params := req.GetParams().(type) {
		case *sdk.ReadResourceParams:
			uri = params.URI
		case *sdk.SubscribeParams:
			uri = params.URI
		default:
			return result, err
		}
		e := mcp.Absent(mcp.Resource, uri, revisionOf(req))
		return nil, &jsonrpc.Error{Code: int64(e.Code), Message: e.Message, Data: e.Data}
	}
}

// isAbsent reports whether an error is the SDK's for a resource that is not there.
func isAbsent(err error) bool {
	e, ok := errors.AsType[*jsonrpc.Error](err)
	model, _ := errors.AsType[*jsonrpc.Error](sdk.ResourceNotFoundError(""))
	return ok && model != nil && e.Code == model.Code && e.Message == model.Message
}

// revisionOf is the revision of the session of a request, nil where it is not known.
func revisionOf(req sdk.Request) *mcp.Revision {
	session, ok := req.GetSession().(*sdk.ServerSession)
	if !ok || session.InitializeParams() == nil {
		return nil
	}
	return mcp.ParseRevision(session.InitializeParams().ProtocolVersion)
}
