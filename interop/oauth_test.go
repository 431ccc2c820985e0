package interop

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// A bank is a server with two tools, which notes what was done.
type bank struct {
	mu   sync.Mutex
	done []string
}

func startBank(t *testing.T) (*bank, string) {
	t.Helper()
	b := new(bank)
	server := mcp.NewServer(&mcp.Implementation{Name: "bank", Version: "1"}, nil)
	type none struct{}
	for _, name := range []string{"balance", "pay"} {
		mcp.AddTool(server, &mcp.Tool{Name: name}, func(context.Context, *mcp.CallToolRequest, none) (*mcp.CallToolResult, none, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.done = append(b.done, name)
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: name + " done"}}}, none{}, nil
		})
	}
	s := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil))
	t.Cleanup(s.Close)
	return b, s.URL
}

func (b *bank) calls() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.done)
}

// openBank runs a gateway in front of a bank that takes tokens of a provider: each may look at the balance that has the scope, and pay
// after asking for more.
func openBank(t *testing.T) (*bank, string) {
	t.Helper()
	b, server := startBank(t)
	address := freeAddress(t)
	return b, startGatewayAt(t, address, fmt.Sprintf(`
publicURL: http://%s
builtin: false
servers: {bank: {url: %q}}
scopes:
  read:balance: [bank.balance]
  invoke:pay: {names: [bank.pay], stepUp: true}
oauth:
  issuers:
    zitadel: {issuer: %q, audience: %s}
`, address, server, startProvider(t), oauthClient))
}

// TestOAuth lets official SDK clients go the whole way: refused, told where tokens are had, discovery, login, a code for a token with
// PKCE, a call, and a call that needs more scope than was asked for at first.
func TestOAuth(t *testing.T) {
	t.Run("Go SDK", func(t *testing.T) {
		bank, endpoint := openBank(t)
		var asked [][]string // the scopes of each login
		handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
			PreregisteredClient: &oauthex.ClientCredentials{ClientID: oauthClient},
			RedirectURL:         callback,
			AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
				asked = append(asked, slices.Sorted(strings.FieldsSeq(query(args.URL, "scope"))))
				if got := query(args.URL, "resource"); got != endpoint {
					t.Errorf("a token is asked for for %q", got)
				}
				back, err := browse(ctx, args.URL)
				if err != nil {
					return nil, err
				}
				return &auth.AuthorizationResult{Code: back.Get("code"), State: back.Get("state"), Iss: back.Get("iss")}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
		session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: endpoint, OAuthHandler: handler}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close()
		list, err := session.ListTools(t.Context(), nil)
		if err != nil || len(list.Tools) != 2 {
			t.Fatalf("the list: %v, %v", list, err)
		}
		for _, tool := range []string{"balance", "pay", "pay"} {
			result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "bank." + tool})
			if err != nil || result.IsError || len(result.Content) == 0 {
				t.Fatalf("%s: %v, %v", tool, result, err)
			}
			if text, ok := result.Content[0].(*mcp.TextContent); !ok || text.Text != tool+" done" {
				t.Errorf("%s: %v", tool, result.Content[0])
			}
		}
		if want := [][]string{{"read:balance"}, {"invoke:pay", "read:balance"}}; !slices.EqualFunc(asked, want, slices.Equal[[]string]) {
			t.Errorf("the scopes that were asked for: %q, want %q", asked, want)
		}
		if want := []string{"balance", "pay", "pay"}; !slices.Equal(bank.calls(), want) {
			t.Errorf("the server saw %q, want %q", bank.calls(), want)
		}
	})
}

// query returns a parameter of a URL.
func query(page, name string) string {
	u, err := url.Parse(page)
	if err != nil {
		return err.Error()
	}
	return u.Query().Get(name)
}
