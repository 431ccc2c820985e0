package gateway_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/gateway"
)

// TestNamedElsewhere has a caller that may read a named resource of one server fill in its parameters so that they make the
// URI of another server's resource: the name grants nothing there.
func TestNamedElsewhere(t *testing.T) {
	t.Parallel()
	serve := func(name string) (*sdk.Server, sdk.ResourceHandler) {
		return sdk.NewServer(&sdk.Implementation{Name: name, Version: "1"}, nil),
			func(_ context.Context, req *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
				return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: req.Params.URI, Text: "of " + name}}}, nil
			}
	}
	pages, read := serve("pages")
	pages.AddResourceTemplate(&sdk.ResourceTemplate{Name: "page", URITemplate: "note:///{+path}"}, read)
	vault, read := serve("vault")
	vault.AddResource(&sdk.Resource{Name: "secret", URI: "note:///secret"}, read)
	cfg := configured(t)
	cfg.Anonymous, cfg.APIKey = false, "a-key-for-pages-alone-0123456789abcdef"
	cfg.Scopes = map[string]config.Scope{"read:pages": {Names: []string{"page"}}}
	g := openParts(t, cfg, gateway.Parts{Own: map[string]*sdk.Server{"pages": pages, "vault": vault}})
	post := func(body string) string {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+cfg.APIKey)
		res, err := g.web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer bytes.Buffer
		if _, err := answer.ReadFrom(res.Body); err != nil {
			t.Fatal(err)
		}
		return answer.String()
	}
	ask := func(path string) string {
		return post(`{"jsonrpc":"2.0","id":1,"method":"mcp.resource.read","params":{"resourceId":"page","params":{"path":"` + path + `"}}}`)
	}
	if got := post(`{"jsonrpc":"2.0","id":1,"method":"mcp.resource.list"}`); !strings.Contains(got, `"resources":[],"named":[{"resourceId":"page","uriTemplate":"note:///{+path}"}]`) {
		t.Errorf("listed is: %s", got)
	}
	if got := ask("hello"); !strings.Contains(got, "of pages") {
		t.Errorf("its own: %s", got)
	}
	if got := ask("secret"); strings.Contains(got, "of vault") || !strings.Contains(got, `"not-found"`) {
		t.Errorf("another server's: %s", got)
	}
}
