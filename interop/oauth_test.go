package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
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
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Header["Authorization"]; ok {
			t.Error("the client's token is handed on")
		}
		handler.ServeHTTP(w, r)
	}))
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

// A person logs in for a client, and notes what was asked for.
type person struct {
	resource string // that all tokens are to be asked for
	mu       sync.Mutex
	scopes   [][]string // of each login
}

// open opens a page that a client wants to be opened, and returns what the client is told in the end.
func (p *person) open(ctx context.Context, page string) (url.Values, error) {
	u, err := url.Parse(page)
	if err != nil {
		return nil, err
	}
	asked := u.Query()
	if asked.Get("resource") != p.resource || asked.Get("code_challenge_method") != "S256" {
		return nil, fmt.Errorf("the client opens %s, without the resource %s or PKCE", page, p.resource)
	}
	p.mu.Lock()
	p.scopes = append(p.scopes, slices.Sorted(strings.FieldsSeq(asked.Get("scope"))))
	p.mu.Unlock()
	return browse(ctx, page)
}

// check wants two logins, of which the second asked for more, and the calls.
func (p *person) check(t *testing.T, b *bank) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if want := [][]string{{"read:balance"}, {"invoke:pay", "read:balance"}}; !slices.EqualFunc(p.scopes, want, slices.Equal[[]string]) {
		t.Errorf("the scopes that were asked for: %q, want %q", p.scopes, want)
	}
	if want := wanted; !slices.Equal(b.calls(), want) {
		t.Errorf("the server saw %q, want %q", b.calls(), want)
	}
}

// wanted are the tools that each client calls.
var wanted = []string{"balance", "pay", "balance", "pay"}

// TestOAuth lets official SDK clients go the whole way: refused, told where tokens are had, discovery, login, a code for a token with
// PKCE, a call, and a call that needs more scope than was asked for at first.
func TestOAuth(t *testing.T) {
	t.Run("Go SDK", testOAuthGo)
	t.Run("TypeScript SDK", func(t *testing.T) { testOAuthNode(t, "legacy") })
	t.Run("TypeScript SDK, modern era", func(t *testing.T) { testOAuthNode(t, "modern") })
}

func testOAuthGo(t *testing.T) {
	bank, endpoint := openBank(t)
	person := &person{resource: endpoint}
	handler, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		PreregisteredClient: &oauthex.ClientCredentials{ClientID: oauthClient},
		RedirectURL:         callback,
		AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			back, err := person.open(ctx, args.URL)
			return &auth.AuthorizationResult{Code: back.Get("code"), State: back.Get("state"), Iss: back.Get("iss")}, err
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
	for _, tool := range wanted {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "bank." + tool})
		if err != nil || result.IsError || len(result.Content) == 0 {
			t.Fatalf("%s: %v, %v", tool, result, err)
		}
		if text, ok := result.Content[0].(*mcp.TextContent); !ok || text.Text != tool+" done" {
			t.Errorf("%s: %v", tool, result.Content[0])
		}
	}
	person.check(t, bank)
}

func testOAuthNode(t *testing.T, era string) {
	t.Helper()
	bank, endpoint := openBank(t)
	person := &person{resource: endpoint}
	browser := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, err := io.ReadAll(r.Body)
		if err == nil {
			var back url.Values
			if back, err = person.open(r.Context(), string(page)); err == nil {
				_, _ = io.WriteString(w, back.Encode())
				return
			}
		}
		http.Error(w, err.Error(), http.StatusBadGateway)
	}))
	t.Cleanup(browser.Close)
	tools := make([]string, len(wanted))
	for i, tool := range wanted {
		tools[i] = "bank." + tool
	}
	plan, err := json.Marshal(map[string]any{"era": era, "url": endpoint, "browser": browser.URL, "client": oauthClient, "callback": callback, "tools": tools})
	if err != nil {
		t.Fatal(err)
	}
	out, err := run(t.Context(), ".", nil, node(t, abs(t, "node", "oauth_client.ts"), string(plan)))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var answers []struct{ Content []struct{ Text string } }
	if err := json.Unmarshal([]byte(out), &answers); err != nil || len(answers) != len(wanted) {
		t.Fatalf("%v: %s", err, out)
	}
	for i, answer := range answers {
		if len(answer.Content) != 1 || answer.Content[0].Text != wanted[i]+" done" {
			t.Errorf("%s is answered with %v", wanted[i], answer)
		}
	}
	person.check(t, bank)
}
