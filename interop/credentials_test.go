package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// What the provider knows the gateway as: a client for logins, and zitadel's own example of one that gets tokens for itself.
const (
	gateClient    = "a-gateway"
	gateSecret    = "the-secret-of-a-gateway"
	serviceClient = "sid1"
	serviceSecret = "verysecret"
)

// A lender is a provider whose access tokens live for a short time, and which remembers what it has given.
type lender struct {
	*storage.Storage
	life     time.Duration
	callback []string

	mu     sync.Mutex
	given  []string // refresh tokens
	renews int
}

// GetClientByClientID implements op.Storage.
func (l *lender) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != gateClient {
		return nil, errors.New("there is no such client")
	}
	return &jwtClient{storage.WebClient(gateClient, gateSecret, l.callback...)}, nil
}

// AuthorizeClientIDSecret implements op.Storage.
func (l *lender) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != gateClient || secret != gateSecret {
		return errors.New("there is no such client")
	}
	return nil
}

// ClientCredentials implements op.ClientCredentialsStorage.
func (l *lender) ClientCredentials(ctx context.Context, id, secret string) (op.Client, error) {
	c, err := l.Storage.ClientCredentials(ctx, id, secret)
	if err != nil {
		return nil, err
	}
	own, ok := c.(*storage.Client)
	if !ok {
		return nil, fmt.Errorf("a client of type %T", c)
	}
	return &jwtClient{own}, nil
}

// CreateAccessToken implements op.Storage.
func (l *lender) CreateAccessToken(ctx context.Context, r op.TokenRequest) (string, time.Time, error) {
	id, _, err := l.Storage.CreateAccessToken(ctx, r)
	return id, time.Now().Add(l.life), err
}

// CreateAccessAndRefreshTokens implements op.Storage. Refresh tokens are good once.
func (l *lender) CreateAccessAndRefreshTokens(ctx context.Context, r op.TokenRequest, current string) (string, string, time.Time, error) { //nolint:revive // as op.Storage has it
	id, refresh, _, err := l.Storage.CreateAccessAndRefreshTokens(ctx, r, current)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.given = append(l.given, refresh)
	if current != "" {
		l.renews++
	}
	return id, refresh, time.Now().Add(l.life), err
}

// startLender runs a provider until the test ends, for a gateway at an address.
func startLender(t *testing.T, gateway string, life time.Duration) (*lender, string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String()
	l := &lender{Storage: storage.NewStorageWithClients(storage.NewUserStore(issuer), nil), life: life}
	for _, server := range []string{"mine", "team"} {
		l.callback = append(l.callback, "http://"+gateway+"/oauth/callback/"+server)
	}
	s := &httptest.Server{Listener: listener, Config: &http.Server{
		Handler: exampleop.SetupServer(issuer, l, slog.New(slog.DiscardHandler), false), ReadHeaderTimeout: time.Minute,
	}}
	s.Start()
	t.Cleanup(s.Close)
	return l, issuer
}

// A strict server is an official SDK server behind the official middleware. It tells callers who they are by their token.
type strict struct {
	mu   sync.Mutex
	seen map[string]bool // tokens
}

func startStrict(t *testing.T, issuer string) (*strict, string) {
	t.Helper()
	s := &strict{seen: map[string]bool{}}
	verifier := op.NewAccessTokenVerifier(issuer, rp.NewRemoteKeySet(http.DefaultClient, issuer+"/keys"))
	verify := func(ctx context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
		claims, err := op.VerifyAccessToken[*oidc.AccessTokenClaims](ctx, token, verifier)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", auth.ErrInvalidToken, err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen[token] = true
		return &auth.TokenInfo{UserID: claims.Subject, Expiration: claims.GetExpiration()}, nil
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "strict", Version: "1"}, nil)
	type none struct{}
	mcp.AddTool(server, &mcp.Tool{Name: "whoami"}, func(_ context.Context, r *mcp.CallToolRequest, _ none) (*mcp.CallToolResult, none, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: r.Extra.TokenInfo.UserID}}}, none{}, nil
	})
	mux := http.NewServeMux()
	http1 := httptest.NewServer(mux)
	t.Cleanup(http1.Close)
	const wellKnown = "/.well-known/oauth-protected-resource"
	mux.Handle("/mcp", auth.RequireBearerToken(verify, &auth.RequireBearerTokenOptions{ResourceMetadataURL: http1.URL + wellKnown})(
		mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)))
	mux.Handle(wellKnown, auth.ProtectedResourceMetadataHandler(&oauthex.ProtectedResourceMetadata{
		Resource: http1.URL + "/mcp", AuthorizationServers: []string{issuer}, ScopesSupported: []string{"openid"},
	}))
	return s, http1.URL + "/mcp"
}

// A gateProcess is a gateway that can be killed.
type gateProcess struct {
	t       *testing.T
	dir     string
	address string
	cmd     *exec.Cmd
	out     *record
}

func (g *gateProcess) run() {
	g.t.Helper()
	c := sumun(g.t, "serve", "--config", filepath.Join(g.dir, "mcp.yaml"))
	g.cmd = exec.CommandContext(context.WithoutCancel(g.t.Context()), c.Command, c.Args...)
	g.cmd.Dir, g.cmd.Stdout, g.cmd.Stderr = g.dir, g.out, g.out
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	await(g.t, "http://"+g.address+"/readyz", func(status int) bool { return status == http.StatusOK })
}

func (g *gateProcess) kill() {
	_ = g.cmd.Process.Signal(syscall.SIGKILL)
	_ = g.cmd.Wait() // that it was killed is no fault
}

// client connects the official client with a key. Where it is asked to visit a URL, visits does so; nil declares nothing.
func (g *gateProcess) client(key string, visits func(string) error) *mcp.ClientSession {
	g.t.Helper()
	o := &mcp.ClientOptions{}
	if visits != nil {
		o.Capabilities = &mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: &mcp.URLElicitationCapabilities{}}}
		o.ElicitationHandler = func(_ context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			go func() { // a person takes a while
				if err := visits(r.Params.URL); err != nil {
					g.t.Error(err)
				}
			}()
			return &mcp.ElicitResult{Action: "accept"}, nil
		}
	}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, o).Connect(g.t.Context(), &mcp.StreamableClientTransport{
		Endpoint: "http://" + g.address + "/mcp", HTTPClient: &http.Client{Transport: withKey(key)},
	}, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = session.Close() })
	return session
}

// withKey shows a key with each request.
type withKey string

func (k withKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(k))
	return http.DefaultTransport.RoundTrip(r)
}

// who calls whoami at a server and returns the text of the answer.
func who(t *testing.T, s *mcp.ClientSession, server string) string {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: server + ".whoami"})
	if err != nil {
		return err.Error()
	}
	text, ok := result.Content[0].(*mcp.TextContent)
	if !ok {
		t.Fatalf("%v", result.Content[0])
	}
	return text.Text
}

// awaitTool waits until a server's tool is listed: its lists come with the first login.
func awaitTool(t *testing.T, s *mcp.ClientSession, server string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		list, err := s.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range list.Tools {
			if tool.Name == server+".whoami" {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s.whoami is not listed", server)
		}
	}
}

var pageForm = regexp.MustCompile(`<form method="post" action="([^"]+)">`)

// logIn goes to the gateway's page as a person with a browser, on to the provider, and back.
func logIn(ctx context.Context, page, user string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar}
	text, at, err := visit(ctx, browser, http.MethodGet, page, nil)
	if err != nil {
		return err
	}
	form := pageForm.FindStringSubmatch(text)
	if form == nil {
		return fmt.Errorf("%s asks nothing: %s", at, text)
	}
	next, err := at.Parse(form[1])
	if err != nil {
		return err
	}
	if text, at, err = visit(ctx, browser, http.MethodPost, next.String(), url.Values{}); err != nil {
		return err
	}
	id := formID.FindStringSubmatch(text)
	if id == nil {
		return fmt.Errorf("%s is no form: %s", at, text)
	}
	answers := url.Values{"id": {id[1]}, "username": {user}, "password": {"verysecure"}}
	text, at, err = visit(ctx, browser, http.MethodPost, at.String(), answers)
	if err == nil && !strings.Contains(text, "You are logged in") {
		err = fmt.Errorf("the login ends at %s: %s", at, text)
	}
	return err
}

// loginVerb runs sumun server login, and goes where it says.
func (g *gateProcess) loginVerb(key, server, user string) {
	g.t.Helper()
	c := sumun(g.t, "server", "login", server, "--url", "http://"+g.address+"/mcp", "--key", key)
	cmd := exec.CommandContext(g.t.Context(), c.Command, c.Args...)
	cmd.Dir, cmd.Stderr = g.dir, g.out
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		g.t.Fatalf("the verb prints no address: %v", cmd.Wait())
	}
	if err := logIn(g.t.Context(), lines.Text(), user); err != nil {
		g.t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		g.t.Errorf("the verb: %v", err)
	}
}

// TestCredentials has a gateway get tokens of a real provider for a real server: for itself, by one login for all, and by a login of each
// caller, in mid-call and by hand. They are renewed when they end, kept over kill -9, and nowhere to be read.
func TestCredentials(t *testing.T) {
	const team, life = "a-key-of-the-team-that-is-long", 3 * time.Second
	g := &gateProcess{t: t, dir: t.TempDir(), address: freeAddress(t), out: new(record)}
	provider, issuer := startLender(t, g.address, life)
	server, endpoint := startStrict(t, issuer)
	login := fmt.Sprintf("issuer: %q, clientId: %s, clientSecret: %s, scopes: [openid, offline_access]", issuer, gateClient, gateSecret)
	configuration := fmt.Sprintf(`listen: %s
builtin: false
apiKey: %s
servers:
  robot: {url: %[3]q, oauth: {issuer: %[4]q, clientId: %[5]s, clientSecret: %[6]s}}
  team: {url: %[3]q, oauth: {grant: authorization_code, %[7]s}}
  mine: {url: %[3]q, credentials: caller, oauth: {%[7]s}}
`, g.address, team, endpoint, issuer, serviceClient, serviceSecret, login)
	if err := os.WriteFile(filepath.Join(g.dir, "mcp.yaml"), []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	g.run()
	t.Cleanup(func() {
		g.kill()
		if t.Failed() {
			t.Logf("the gateway printed:\n%s", tail(g.out.String()))
		}
	})
	local, err := os.ReadFile(filepath.Join(g.dir, ".sumun", "local.key"))
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(string(local))
	ann, bob := g.client(key, nil), g.client(team, nil)
	want := func(s *mcp.ClientSession, server, user string) {
		t.Helper()
		if got := who(t, s, server); got != user {
			t.Errorf("%s takes the caller for %q, want %q", server, got, user)
		}
	}
	awaitTool(t, ann, "robot")
	want(ann, "robot", serviceClient)

	g.loginVerb(key, "mine", "test-user@127.0.0.1")
	awaitTool(t, bob, "mine")
	want(ann, "mine", "id1")
	if got := who(t, bob, "mine"); !strings.Contains(got, "sumun server login mine") {
		t.Errorf("who has not logged in is told %q", got)
	}
	asked := g.client(team, func(page string) error { return logIn(t.Context(), page, "test-user2") })
	want(asked, "mine", "id2")
	want(bob, "mine", "id2")
	want(ann, "mine", "id1")

	g.loginVerb(key, "team", "test-user2")
	awaitTool(t, bob, "team")
	want(bob, "team", "id2")
	want(ann, "team", "id2")

	time.Sleep(life + time.Second) // all tokens have ended
	want(ann, "mine", "id1")
	want(bob, "mine", "id2")
	want(ann, "team", "id2")
	want(ann, "robot", serviceClient)
	provider.mu.Lock()
	if provider.renews < 3 {
		t.Errorf("%d tokens were renewed", provider.renews)
	}
	provider.mu.Unlock()

	g.kill()
	g.run()
	ann, bob = g.client(key, nil), g.client(team, nil)
	awaitTool(t, ann, "mine")
	want(ann, "mine", "id1")
	want(bob, "mine", "id2")
	want(bob, "team", "id2")
	g.nothingInClear(provider, server)

	if out, err := run(t.Context(), g.dir, nil, sumun(t, "server", "logout", "mine", "--url", "http://"+g.address+"/mcp", "--key", key)); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if got := who(t, ann, "mine"); !strings.Contains(got, "sumun server login mine") {
		t.Errorf("who has logged out is told %q", got)
	}
	want(bob, "mine", "id2")
}

// nothingInClear looks for tokens and secrets in what the gateway has written.
func (g *gateProcess) nothingInClear(provider *lender, server *strict) {
	g.t.Helper()
	secrets := []string{gateSecret, serviceSecret}
	provider.mu.Lock()
	secrets = append(secrets, provider.given...)
	provider.mu.Unlock()
	server.mu.Lock()
	for token := range server.seen {
		secrets = append(secrets, token)
	}
	server.mu.Unlock()
	texts := map[string]string{"the log": g.out.String()}
	err := filepath.WalkDir(filepath.Join(g.dir, ".sumun"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		texts[path] = string(text)
		return err
	})
	if err != nil || len(texts) < 3 || len(secrets) < 8 {
		g.t.Errorf("%d files, %d secrets, %v", len(texts), len(secrets), err)
	}
	for where, text := range texts {
		for _, secret := range secrets {
			if quoted, _ := json.Marshal(secret); strings.Contains(text, secret) || strings.Contains(text, string(quoted)) {
				g.t.Errorf("%s holds a secret: %.12s…", where, secret)
			}
		}
	}
}
