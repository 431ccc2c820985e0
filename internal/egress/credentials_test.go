package egress

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// logins are the callers that have something to show at a server. It implements http1.Authority for one of them.
type logins struct {
	mu   sync.Mutex
	have map[string]bool
}

func (l *logins) set(caller string, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.have[caller] = on
}

func (l *logins) of(_, caller string) http1.Authority { return login{l, caller} }

type login struct {
	all *logins
	who string
}

var errNoLogin = mcp.Errorf(mcp.CodeInternal, mcp.Unavailable, "log in first")

func (l login) Authorization(context.Context) (string, error) {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if !l.all.have[l.who] {
		return "", errNoLogin
	}
	return "Bearer " + l.who, nil
}

func (l login) Refused(context.Context, string, bool, *http.Response) (bool, error) {
	return false, nil
}

// knowing returns a server of the official SDK that says who asks, and which session it is.
func knowing(t *testing.T, isModern bool) (url string) {
	t.Helper()
	s := sdk.NewServer(&sdk.Implementation{Name: "sdk", Version: "1"}, nil)
	sdk.AddTool(s, &sdk.Tool{Name: "whoami"}, func(_ context.Context, r *sdk.CallToolRequest, _ map[string]any) (*sdk.CallToolResult, any, error) {
		who := strings.TrimPrefix(r.Extra.Header.Get("Authorization"), "Bearer ")
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: who + "@" + r.Session.ID()}}}, nil, nil
	})
	s.AddResource(&sdk.Resource{URI: "x:1", Name: "one"}, func(context.Context, *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
		return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: "x:1", Text: "1"}}}, nil
	})
	inner := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s }, &sdk.StreamableHTTPOptions{Stateless: isModern})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			t.Error("a request without a login")
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	return web.URL
}

// TestSocketLogin shows a login with the handshake of a WebSocket.
func TestSocketLogin(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer ann" {
			t.Errorf("shown: %q", r.Header.Get("Authorization"))
		}
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"mcp"}})
		if err == nil {
			conversation(r.Context(), ws)
			_ = ws.CloseNow()
		}
	}))
	t.Cleanup(func() {
		web.CloseClientConnections()
		web.Close()
	})
	l := &logins{have: map[string]bool{}}
	c := atURL("srv", "ws"+web.URL[len("http"):])
	c.Type, c.Credentials, c.Isolation = "websocket", config.PerCaller, "caller"
	p := New(t.Context(), Options{Credentials: l.of})
	t.Cleanup(func() { _ = p.Close(context.WithoutCancel(t.Context())) })
	p.Update([]config.Server{c}, nil)
	one := toolCall(t, legacy, "echo")
	one.Caller = &mcp.Caller{ID: "ann"}
	if err := p.Do(t.Context(), to(one), one, &reply{}); !errors.Is(err, errNoLogin) {
		t.Errorf("without a login: %v", err)
	}
	l.set("ann", true)
	if got := do(t, p, one); got != "heard" {
		t.Errorf("echo = %q", got)
	}
}

// TestPerCaller has each caller use its own login and session, in both eras, whoever else has logged in.
func TestPerCaller(t *testing.T) {
	for _, server := range []string{legacy, modern} {
		t.Run(server, func(t *testing.T) {
			l := &logins{have: map[string]bool{}}
			c := atURL("srv", knowing(t, server == modern))
			c.Credentials, c.Isolation = config.PerCaller, "caller"
			p := New(t.Context(), Options{
				Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Client: Implementation{Name: "gate", Version: "1"}, Credentials: l.of,
			})
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 100*time.Millisecond)
				defer cancel()
				_ = p.Close(ctx)
			})
			p.Update([]config.Server{c}, nil)
			call := func(caller, revision string) (string, error) {
				c, r := toolCall(t, revision, "whoami"), &reply{}
				c.Caller = &mcp.Caller{ID: caller}
				err := p.Do(t.Context(), to(c), c, r)
				return r.text(), err
			}
			seen := map[string]string{} // whose session it is
			for _, revision := range []string{legacy, modern} {
				for _, caller := range []string{"ann", "bob"} {
					l.set(caller, false)
					if got, err := call(caller, revision); !errors.Is(err, errNoLogin) {
						t.Errorf("%s, %s: %q, %v", revision, caller, got, err)
					}
					l.set(caller, true)
					for range 2 {
						got, err := call(caller, revision)
						who, session, _ := strings.Cut(got, "@")
						if err != nil || who != caller || session != "" && seen[session] != "" && seen[session] != caller {
							t.Errorf("%s: %s is %q, %v", revision, caller, got, err)
						}
						seen[session] = caller
					}
				}
			}
			if _, err := p.List(t.Context(), "srv", mcp.Anyone); err == nil || !strings.Contains(err.Error(), "log in first") {
				t.Errorf("lists without a login: %v", err)
			}
			l.set("", true) // somebody's
			if err := p.Restart("srv"); err != nil {
				t.Fatal(err)
			}
			list, err := p.List(t.Context(), "srv", mcp.Anyone)
			if err != nil || len(list.Tools) != 1 || len(list.Resources) != 0 {
				t.Errorf("lists: %+v, %v", list, err)
			}
			if err := p.Subscribe(t.Context(), "srv", "x:1"); mcp.AsError(err) == nil || mcp.AsError(err).Reason != mcp.Unsupported {
				t.Errorf("somebody's resource is watched for another: %v", err)
			}
		})
	}
}
