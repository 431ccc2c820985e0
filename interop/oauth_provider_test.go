package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// oauthClient is the client that the provider knows, and callback where it sends the browser back to, where nobody listens.
const (
	oauthClient = "an-mcp-client"
	callback    = "http://127.0.0.1:1/callback"
)

// startProvider runs an OpenID provider until the test ends and returns its URL: zitadel's, with the storage, the login page and the user
// of its own example. Its access tokens are JWTs, made for the client, and say their scopes in scope.
func startProvider(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String()
	log := slog.New(slog.DiscardHandler)
	users := storage.NewUserStore(issuer)
	s := &http.Server{
		Handler:           exampleop.SetupServer(issuer, &tokenStorage{storage.NewStorageWithClients(users, nil)}, log, false),
		ReadHeaderTimeout: time.Minute,
	}
	ended := make(chan error)
	go func() { ended <- s.Serve(listener) }()
	t.Cleanup(func() {
		_ = s.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return issuer
}

// tokenStorage is the storage of the provider's example, with one client.
type tokenStorage struct{ *storage.Storage }

// GetClientByClientID implements op.Storage.
func (*tokenStorage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != oauthClient {
		return nil, errors.New("there is no such client")
	}
	return &jwtClient{storage.NativeClient(oauthClient, callback)}, nil
}

// GetPrivateClaimsFromScopes implements op.Storage: the token says what it may do (RFC 9068 section 2.2.3).
func (*tokenStorage) GetPrivateClaimsFromScopes(_ context.Context, _, _ string, scopes []string) (map[string]any, error) {
	return map[string]any{"scope": strings.Join(scopes, " ")}, nil
}

// jwtClient is a client that has no secret, gets JWTs, and may ask for any scope.
type jwtClient struct{ *storage.Client }

// AccessTokenType implements op.Client.
func (*jwtClient) AccessTokenType() op.AccessTokenType { return op.AccessTokenTypeJWT }

// IsScopeAllowed implements op.Client.
func (*jwtClient) IsScopeAllowed(string) bool { return true }

// formID is the login form's own field.
var formID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// browse does what a person with a browser does: opens the page that asks who they are, fills the form in, and is sent back to the client.
// It returns what the client is told then.
func browse(ctx context.Context, page string) (url.Values, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	var back url.Values
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			back = r.URL.Query()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	text, form, err := visit(ctx, browser, http.MethodGet, page, nil)
	if err != nil {
		return nil, err
	}
	id := formID.FindStringSubmatch(text)
	if id == nil {
		return nil, fmt.Errorf("%s is no form: %s", form, text)
	}
	answers := url.Values{"id": {id[1]}, "username": {"test-user@127.0.0.1"}, "password": {"verysecure"}}
	if text, form, err = visit(ctx, browser, http.MethodPost, form.String(), answers); err != nil {
		return nil, err
	}
	if back == nil {
		return nil, fmt.Errorf("the login ends at %s: %s", form, text)
	}
	return back, nil
}

// visit opens a page and returns its text, and where it is in the end.
func visit(ctx context.Context, browser *http.Client, method, page string, form url.Values) (string, *url.URL, error) {
	r, err := http.NewRequestWithContext(ctx, method, page, strings.NewReader(form.Encode()))
	if err != nil {
		return "", nil, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := browser.Do(r)
	if err != nil {
		return "", nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return string(text), res.Request.URL, err
}
