package own_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/own"
)

// TestTellAbsent asks for resources that are not there, by URIs of which the SDK alone makes answers that are no JSON: the session goes on.
func TestTellAbsent(t *testing.T) {
	server := sdk.NewServer(&sdk.Implementation{Name: "s", Version: "1"}, nil)
	server.AddReceivingMiddleware(own.TellAbsent)
	server.AddResourceTemplate(&sdk.ResourceTemplate{Name: "t", URITemplate: "test://t/{+path}"}, func(_ context.Context, req *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
		return nil, sdk.ResourceNotFoundError(req.Params.URI)
	})
	here, there := sdk.NewInMemoryTransports()
	if _, err := server.Connect(t.Context(), there, nil); err != nil {
		t.Fatal(err)
	}
	session, err := sdk.NewClient(&sdk.Implementation{Name: "c", Version: "1"}, nil).Connect(t.Context(), here, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	code := mcp.ParseRevision(session.InitializeResult().ProtocolVersion).NotFound
	for _, uri := range []string{"test://t/plain", "test://t/a\x7fb", "test://t/\a", "test://t/\U0010ffff", "test://other/\v"} {
		_, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri})
		e, ok := errors.AsType[*jsonrpc.Error](err)
		if !ok || e.Code != int64(code) {
			t.Fatalf("%q: %v, want code %d", uri, err, code)
		}
		var data struct{ URI string }
		if err := json.Unmarshal(e.Data, &data); err != nil || data.URI != uri {
			t.Errorf("%q: the data are %s", uri, e.Data)
		}
	}
}
