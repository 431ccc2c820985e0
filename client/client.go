package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sumun-mcp/sumun/client/internal/value"
	"github.com/sumun-mcp/sumun/internal/changes"
	"github.com/sumun-mcp/sumun/internal/http1"
	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Client speaks with one MCP server. It is safe for concurrent use and must be closed.
type Client struct {
	*core

	context []byte // what goes with calls to a Sumun; nil for nothing
	fault   error  // of the context
}

// A core is what all forms of a Client have in common (Client.In).
type core struct {
	opts    *options
	hello   transport.Hello
	carrier *http1.Transport // nil for a program
	poster  line.Post        // of the dialect over HTTP

	root  context.Context //nolint:containedctx // ends when the client is closed
	end   context.CancelCauseFunc
	work  sync.WaitGroup // what the client has started
	calls sync.WaitGroup // those that have begun
	once  sync.Once      // of Close

	gate    chan struct{} // is full while somebody opens a session
	target  transport.Target
	watches bool         // the session is attended by set; both belong to who has the gate
	set     *changes.Set // the resources that are subscribed to

	mu      sync.Mutex
	session *transport.Session // open, or lost and to be closed
	closed  bool
	subs    map[string]map[*Subscription]struct{} // by URI
	streams map[*eventStream]struct{}
	schemas map[string]json.RawMessage // of tools whose arguments are repeated in headers
	keeping bool                       // a goroutine opens the session again when it is lost
}

// Dial opens a session with the server at a URL: http or https for Streamable HTTP and for HTTP+SSE, which is found out, and ws or
// wss for a WebSocket. The session outlives ctx. Errors that have a kind are an [*Error].
func Dial(ctx context.Context, target string, with ...Option) (*Client, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is no URL of a server; write it as https://host/mcp, or start a program with DialCommand", target)
	}
	switch u.Scheme {
	case "http", "https", "ws", "wss":
	default:
		return nil, fmt.Errorf("the scheme %q of the server's URL is not one of http, https, ws and wss", u.Scheme)
	}
	o := newOptions(with)
	carrier := http1.For(target, o.roots)
	return dial(ctx, o, transport.Target{Name: u.Host, URL: target, Header: o.header, RoundTripper: carrier},
		line.Post{Options: line.Options{URL: u, Header: o.header, RoundTripper: carrier, MaxMessage: mostAnswer}})
}

// DialCommand starts a program that speaks MCP on its standard input and output, such as []string{"npx", "-y", "some-server"}, and
// opens a session with it. No shell reads the command. The program ends with the Client.
func DialCommand(ctx context.Context, command []string, with ...Option) (*Client, error) {
	if len(command) == 0 || command[0] == "" {
		return nil, errors.New("the command is empty; name a program and its arguments")
	}
	o := newOptions(with)
	return dial(ctx, o, transport.Target{
		Name:    filepath.Base(command[0]),
		Command: &sandbox.Command{Path: command[0], Args: command[1:], Env: o.env, Dir: o.dir},
	}, line.Post{})
}

func dial(ctx context.Context, o *options, target transport.Target, poster line.Post) (*Client, error) {
	target.StartTimeout, target.Log = o.start, o.logger
	c := &Client{core: &core{
		opts: o, target: target, poster: poster, carrier: target.RoundTripper, gate: make(chan struct{}, 1),
		subs: map[string]map[*Subscription]struct{}{}, streams: map[*eventStream]struct{}{}, schemas: map[string]json.RawMessage{},
	}}
	c.root, c.end = context.WithCancelCause(context.WithoutCancel(ctx))
	c.hello = transport.Hello{Info: o.info(), Capabilities: o.capabilities(), LogLevel: o.level, Unsolicited: sink{client: c}}
	if o.context != nil {
		if c = c.In(*o.context); c.fault != nil {
			return nil, c.fault
		}
	}
	logger := o.logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	c.set = changes.NewSet(changes.Server{
		Name: target.Name, Single: !isHTTP(target.URL), Sink: c.hello.Unsolicited, Missed: c.missed, Log: logger, Root: c.root, Work: &c.work,
	})
	if _, err := c.current(ctx); err != nil {
		c.Close()
		return nil, failure(ctx, "dialing "+target.Name, nil, err)
	}
	if err := c.untrusted(c.opts.verifier.Open(ctx, c.carrier, c.target.Header, c.target.URL, c.Subject)); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// In returns the client as it calls in another root, path and sampling of a Sumun, instead of those of [WithContext]. It is the same
// session: to close one is to close both.
func (c *Client) In(where Context) *Client {
	raw, err := value.Encode(where)
	if err != nil {
		err = fmt.Errorf("writing the context: %w", err)
	}
	return &Client{core: c.core, context: raw, fault: err}
}

// isHTTP reports whether a server is asked over HTTP, not on a line.
func isHTTP(target string) bool { return strings.HasPrefix(target, "http") }

// Close ends the session, and the server if it is a program that the Client has started. Calls in flight end with
// [ErrClosed]. It waits for all that the Client has started, and for the functions that it was given. It may be called more than once.
func (c *Client) Close() {
	c.once.Do(func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		c.end(ErrClosed)
		c.calls.Wait()       // so that the server has been told that nobody waits for them
		c.gate <- struct{}{} // for good: nobody opens a session any more
		c.mu.Lock()
		session := c.session
		c.session = nil
		c.mu.Unlock()
		if session != nil {
			session.Close()
		}
		c.work.Wait()
		if c.carrier != nil {
			c.carrier.CloseIdleConnections()
		}
	})
}

// An Info is what a server says of itself.
type Info struct {
	// Name and Version are the server's, and Title is its name for people, if it has one.
	Name, Title, Version string
	// Revision is the revision of MCP that is spoken with it.
	Revision string
	// Instructions is the server's advice on its use.
	Instructions string
	// Capabilities is a JSON object, or nil.
	Capabilities json.RawMessage
}

// Info returns what the server said of itself when the session was opened, which is opened again if it was lost.
func (c *Client) Info(ctx context.Context) (Info, error) {
	s, err := c.current(ctx)
	if err != nil {
		return Info{}, failure(ctx, "dialing "+c.target.Name, nil, err)
	}
	return Info{
		Name: value.Text(s.Info(), "name"), Title: value.Text(s.Info(), "title"), Version: value.Text(s.Info(), "version"), Revision: s.Revision().Name,
		Instructions: value.Text(wire.Object{}.Member("text", s.Instructions()).End(), "text"), Capabilities: s.Capabilities(),
	}, nil
}

// Ping asks the server for a sign of life: by ping, or in the modern era, which has none, by server/discover.
func (c *Client) Ping(ctx context.Context) error {
	s, err := c.current(ctx)
	if err != nil {
		return failure(ctx, "dialing "+c.target.Name, nil, err)
	}
	method := mcp.MethodPing
	if s.Revision().Stateless {
		method = mcp.MethodDiscover
	}
	_, err = c.do(ctx, request{method: method, params: []byte("{}"), repeat: true})
	return err
}

// Request makes any request by its method, of the standard, of the dialect (such as mcp.tools.list) or of an extension, and returns
// the result as the server sent it. Params become a JSON object; nil is the empty one. It is not repeated when the line breaks.
func (c *Client) Request(ctx context.Context, method string, params any) (json.RawMessage, error) {
	raw, err := value.Object("the parameters of "+method, params)
	if err != nil {
		return nil, err
	}
	q := request{method: method, params: raw}
	if known, ok := mcp.MethodByName(method); ok && known.NameMember != "" {
		q.name = value.Text(raw, known.NameMember)
	}
	return c.do(ctx, q)
}
