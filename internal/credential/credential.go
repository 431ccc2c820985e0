// Package credential gets, keeps and renews the access tokens that servers behind the gateway want to see (MCP, basic/authorization;
// OAuth 2.1): one for all callers, or one for each caller, who logs in by itself. A caller's own key or token is never handed on.
//
// A Keeper gives each request to a server what it shows ([Keeper.Authority]), lets people log in with a browser ([Keeper.Begin] and the
// pages of [Keeper.ServeHTTP]), and asks for that in mid-call ([Keeper.Around]). Everything secret lies sealed in the store, so that it
// survives a restart and several instances can share it; of those, one at a time uses a refresh token, which may be good only once.
package credential

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// Options are what a Keeper needs.
type Options struct {
	// Store keeps what is sealed.
	Store Store
	// KeyFile is where the key lies that seals, unless the configuration has one. It is made when it is first needed.
	KeyFile string
	// Log takes what people should know. No secret is ever written to it.
	Log *slog.Logger
	// Event has something put on the audit record; it may be nil.
	Event func(context.Context, Event)
	// Changed says that the login which a server is watched with has come or gone; it may be nil. It must not call the Keeper.
	Changed func(server string)
}

// An Event is what the audit record should hold of logins.
type Event struct {
	// Kind is one of the Event constants.
	Kind string
	// Actor is the caller who has done it; empty for the gateway itself.
	Actor string
	// Server is the server, and Owner the caller whose login it is; empty for one that all callers share.
	Server, Owner string
	// Detail says more, such as why something failed. It holds nothing secret.
	Detail string
}

// The kinds of events.
const (
	EventLogin         = "credential.login"
	EventLogout        = "credential.logout"
	EventRefreshFailed = "credential.refresh-failed"
)

// The bounds of what a Keeper holds in memory.
const (
	mostHolders = 10_000
	// recheck is how long a token is believed to be in the store still.
	recheck = time.Second
)

// A Keeper keeps the credentials of one gateway. Its methods may be called concurrently.
type Keeper struct {
	o     Options
	pages http.Handler

	root context.Context //nolint:containedctx // of what the Keeper has under way; ends with Close
	end  context.CancelFunc
	work sync.WaitGroup

	mu       sync.Mutex
	servers  map[string]*server // that tokens are got for, by their names
	holders  map[Key]*holder
	stewards map[string]string      // whose logins servers are watched with
	wanted   map[Key][]string       // scopes that a server has asked for in vain
	begun    map[string][]time.Time // logins of each actor
	sealer   *sealer
	key      string // that the sealer was made with
	grace    time.Duration
	public   string // below which browsers reach us, as the configuration says; empty if it does not
	listens  string // the same of where we listen
}

// A server is one that tokens are got for.
type server struct {
	config   config.Server
	oauth    *config.Authorization
	resource *url.URL // its endpoint, as an identifier (RFC 8707)
	shared   bool     // all callers share what it is shown
	fetch    *fetcher
}

// New returns a Keeper without servers. It must be closed; what it has under way outlives ctx.
func New(ctx context.Context, o Options) *Keeper {
	k := &Keeper{
		o: o, servers: map[string]*server{}, holders: map[Key]*holder{}, stewards: map[string]string{}, wanted: map[Key][]string{},
		begun: map[string][]time.Time{},
	}
	if k.o.Log == nil {
		k.o.Log = slog.New(slog.DiscardHandler)
	}
	k.root, k.end = context.WithCancel(context.WithoutCancel(ctx))
	k.pages = k.newPages()
	return k
}

// Close ends what is under way and waits for it.
func (k *Keeper) Close() {
	k.end()
	k.work.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.servers {
		s.fetch.close()
	}
}

// Update takes over a configuration: all of it, or on an error nothing.
func (k *Keeper) Update(cfg *config.Config) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := map[string]*server{}
	for i := range cfg.Servers {
		c := cfg.Servers[i]
		if !c.Tokens() || c.Disabled {
			continue
		}
		if old := k.servers[c.Name]; old != nil && old.config.Equal(c) {
			next[c.Name] = old
			continue
		}
		s, err := newServer(c)
		if err != nil {
			return fmt.Errorf("server %q: %w", c.Name, err)
		}
		next[c.Name] = s
	}
	if len(next) > 0 && (k.sealer == nil || k.key != cfg.CredentialsKey) {
		s, err := openSealer(cfg.CredentialsKey, k.o.KeyFile)
		if err != nil {
			return err
		}
		k.sealer, k.key = s, cfg.CredentialsKey
	}
	for name, old := range k.servers {
		if next[name] != old {
			old.fetch.close()
		}
	}
	k.servers, k.grace = next, cfg.KeyGrace
	k.public = rootOf(cfg.PublicURL)
	clear(k.holders)
	return nil
}

// At says where the gateway listens, as the URL of its endpoint. It counts where the configuration has no address for clients.
func (k *Keeper) At(endpoint string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.listens = rootOf(endpoint)
}

// base returns the URL below which browsers reach our pages; empty if nothing listens.
func (k *Keeper) base() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return cmp.Or(k.public, k.listens)
}

// rootOf returns the URL below which our pages lie, of the URL of an endpoint or what stands before it.
func rootOf(endpoint string) string {
	return strings.TrimSuffix(strings.TrimSuffix(endpoint, "/"), "/mcp")
}

// newServer reads what a configuration says of a server.
func newServer(c config.Server) (*server, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("reading its url: %w", err)
	}
	s := &server{config: c, oauth: c.OAuth, shared: c.Credentials != config.PerCaller}
	s.resource = identifier(u)
	s.fetch, err = newFetcher(c.OAuth.Private, s.resource.String(), c.OAuth.Issuer, c.OAuth.TokenURL)
	return s, err
}

// identifier returns the URL of a server as the identifier of a resource: without query and fragment, and in http or https.
func identifier(u *url.URL) *url.URL {
	id := &url.URL{Scheme: strings.ToLower(u.Scheme), Host: strings.ToLower(u.Host), Path: u.Path, RawPath: u.RawPath}
	switch id.Scheme {
	case "ws":
		id.Scheme = "http"
	case "wss":
		id.Scheme = "https"
	}
	return id
}

// server returns the server of that name; the error says that no tokens are got for it.
func (k *Keeper) server(name string) (*server, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s := k.servers[name]; s != nil {
		return s, nil
	}
	return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "there is no server %q that one logs in to", name)
}

// owner returns whose token a caller uses at the server.
func (s *server) owner(caller string) string {
	if s.shared {
		return ""
	}
	return caller
}

// holder returns what holds the token of that owner for that server.
func (k *Keeper) holder(owner, server string) *holder {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := Key{Kind: tokenKind, Owner: owner, Of: server}
	h := k.holders[key]
	if h == nil {
		if len(k.holders) >= mostHolders { // all of it can be read again
			clear(k.holders)
		}
		h = &holder{k: k, key: key}
		k.holders[key] = h
	}
	return h
}

// event has something put on the audit record.
func (k *Keeper) event(ctx context.Context, e Event) {
	k.o.Log.InfoContext(ctx, "the credentials for a server have changed", slog.String("event", e.Kind), slog.String("server", e.Server), slog.String("caller", e.Owner), slog.String("actor", e.Actor), slog.String("detail", e.Detail))
	if k.o.Event != nil {
		k.o.Event(context.WithoutCancel(ctx), e)
	}
}

// changed tells of a login that has come or gone, if the server is watched with it.
func (k *Keeper) changed(server, owner string) {
	k.mu.Lock()
	steward, watched := k.stewards[server]
	s := k.servers[server]
	k.mu.Unlock()
	if k.o.Changed == nil || s == nil || !s.shared && watched && steward != owner {
		return
	}
	k.o.Changed(server)
}

// An authority is what requests on behalf of one caller show to one server. It implements http1.Authority.
type authority struct {
	k      *Keeper
	server *server
	caller string

	mu      sync.Mutex
	steward string // the caller whose login is used where there is none; the same for as long as a session lasts
}

// Authority returns what requests show to a server on behalf of a caller; nil if they show nothing but the configured headers. Where each
// caller logs in, requests on behalf of nobody show the login of some caller: they are for finding out what the server has.
func (k *Keeper) Authority(name, caller string) http1.Authority {
	s, err := k.server(name)
	if err != nil {
		return nil
	}
	return &authority{k: k, server: s, caller: caller}
}

// holder returns what holds the token to be shown.
func (a *authority) holder(ctx context.Context) (*holder, error) {
	name := a.server.config.Name
	if a.server.shared || a.caller != "" {
		return a.k.holder(a.server.owner(a.caller), name), nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.steward == "" {
		owner, err := a.k.o.Store.LatestCredential(ctx, tokenKind, name)
		if errors.Is(err, ErrNone) {
			a.k.watch(name, "")
			return nil, &LoginError{Server: name, Why: "nobody has logged in yet"}
		}
		if err != nil {
			return nil, unavailable(err)
		}
		a.steward = owner
		a.k.watch(name, owner)
	}
	return a.k.holder(a.steward, name), nil
}

// watch notes whose login a server is watched with; nobody's if owner is empty.
func (k *Keeper) watch(server, owner string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.stewards, server)
	if owner != "" {
		k.stewards[server] = owner
	}
}

// Authorization returns the value of the header.
func (a *authority) Authorization(ctx context.Context) (string, error) {
	h, err := a.holder(ctx)
	if err != nil {
		return "", err
	}
	t, err := h.get(ctx, "")
	if err != nil {
		return "", err
	}
	return scheme + t.Access, nil
}

// scheme stands before a token (RFC 6750 section 2.1).
const scheme = "Bearer "

// Refused renews a token that the server refuses, once, and tells what is to be done when it wants more than that.
func (a *authority) Refused(ctx context.Context, shown string, second bool, answer *http.Response) (bool, error) {
	h, err := a.holder(ctx)
	if err != nil {
		return false, err
	}
	said := challengeOf(answer.Header)
	if answer.StatusCode == http.StatusForbidden {
		if said.Error != "insufficient_scope" {
			return false, nil
		}
		return false, a.wants(h, said.Scopes)
	}
	if !second {
		_, err = h.get(ctx, strings.TrimPrefix(shown, scheme))
		return err == nil, err
	}
	if a.server.oauth.Grant == config.GrantClient {
		return false, mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q refuses the token that oauth gets for it; look at clientId and scopes", a.server.config.Name)
	}
	return false, a.k.needed(h.key, "the server refuses the login that there is")
}

// wants notes that the server asks for more scopes than the token has, and says so.
func (a *authority) wants(h *holder, more []string) error {
	name := a.server.config.Name
	if a.server.oauth.Grant == config.GrantClient {
		return mcp.Errorf(mcp.CodeInternal, mcp.Upstream, "server %q wants the scopes %s; add them to its oauth.scopes", name, strings.Join(more, " "))
	}
	have := h.scopes()
	for _, scope := range more {
		if !slices.Contains(have, scope) {
			have = append(have, scope)
		}
	}
	a.k.mu.Lock()
	if len(a.k.wanted) >= mostHolders {
		clear(a.k.wanted)
	}
	a.k.wanted[h.key] = have
	a.k.mu.Unlock()
	return a.k.needed(h.key, "the server wants the scopes "+strings.Join(more, " "))
}

// needed says that somebody has to log in.
func (k *Keeper) needed(key Key, why string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.servers[key.Of]
	return &LoginError{Server: key.Of, Owner: key.Owner, Shared: s == nil || s.shared, Why: why}
}

// A LoginError says that a server cannot be asked before somebody has logged in to it. The server did not begin with the request.
type LoginError struct {
	// Server is where to log in; Owner is who has to, if callers have logins of their own.
	Server, Owner string
	// Shared says that all callers share one login, which is for those who run the gateway.
	Shared bool
	// Why is the reason.
	Why string
}

// Error says what to do.
func (e *LoginError) Error() string {
	who := "log in"
	if e.Shared {
		who = "who runs the gateway has to log in"
	}
	return fmt.Sprintf("server %q needs a login: %s; %s with: sumun server login %s", e.Server, e.Why, who, e.Server)
}

// Unwrap returns the error as clients may be told it.
func (e *LoginError) Unwrap() error {
	return mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "%s", e.Error())
}

// unavailable returns the error of a store that cannot be asked.
func unavailable(err error) error {
	return errors.Join(mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "the store that keeps credentials cannot be asked now; try again"), err)
}
