package client

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"time"

	"github.com/sumun-mcp/sumun/internal/vouch"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// An Option is a wish for a Client.
type Option func(*options)

type options struct {
	name, version string
	header        http.Header
	roots         *x509.CertPool
	env           map[string]string
	dir           string
	start, call   time.Duration
	logger        *slog.Logger
	context       *Context
	verifier      *vouch.Verifier

	level string
	log   func(LogMessage)

	elicit     func(context.Context, Elicitation) (ElicitationAnswer, error)
	visit      func(context.Context, Visit) error
	sample     func(context.Context, SamplingRequest) (SamplingAnswer, error)
	workspaces func(context.Context) ([]Root, error)
}

func newOptions(with []Option) *options {
	o := &options{name: "sumun-go-client", version: "1", header: http.Header{}, env: map[string]string{}}
	for _, option := range with {
		option(o)
	}
	return o
}

// WithKey shows a key, or an access token, to the server ("Authorization: Bearer"). It is for servers that have a URL.
func WithKey(key string) Option {
	return WithHeader("Authorization", "Bearer "+key)
}

// WithHeader sends a header with each request to a server that has a URL.
func WithHeader(name, value string) Option {
	return func(o *options) { o.header.Set(name, value) }
}

// WithName says what the client calls itself.
func WithName(name, version string) Option {
	return func(o *options) { o.name, o.version = name, version }
}

// WithTLSRoots names the authorities whose certificates are believed, in place of the system's.
func WithTLSRoots(roots *x509.CertPool) Option {
	return func(o *options) { o.roots = roots }
}

// WithEnv adds to the environment of a server that is a program, which otherwise inherits little: paths, the home directory, the
// language, and no secret.
func WithEnv(env map[string]string) Option {
	return func(o *options) { maps.Copy(o.env, env) }
}

// WithDir is the working directory of a server that is a program.
func WithDir(dir string) Option {
	return func(o *options) { o.dir = dir }
}

// WithStartTimeout bounds how long a server may take until it is ready; it is 30 seconds otherwise.
func WithStartTimeout(d time.Duration) Option {
	return func(o *options) { o.start = d }
}

// WithTimeout bounds each call, with the questions that the server asks meanwhile. The error is then ErrTimeout. Without it only
// the context of the call does.
func WithTimeout(d time.Duration) Option {
	return func(o *options) { o.call = d }
}

// WithLogger takes what a program writes to its standard error, and what is wrong with a server's messages.
func WithLogger(l *slog.Logger) Option {
	return func(o *options) { o.logger = l }
}

// A LogMessage is a log message of the server (notifications/message).
type LogMessage struct {
	// Level is one of debug, info, notice, warning, error, critical, alert and emergency.
	Level string
	// Logger is what wrote it, empty if the server does not say so.
	Logger string
	// Data is what it says: any JSON value, often a string.
	Data json.RawMessage
}

// Text returns what the message says, where that is a string; otherwise its JSON.
func (m LogMessage) Text() string {
	if s, ok := wire.Unquote(m.Data); ok {
		return s
	}
	return string(m.Data)
}

// WithLog asks the server for its log messages from a level on and hands them to f. It may be called concurrently, must return
// soon, and must not use the Client.
func WithLog(level string, f func(LogMessage)) Option {
	return func(o *options) { o.level, o.log = level, f }
}

// A Context says to a Sumun to which root its calls belong, and with which sampling parameters (seed sections 3.3 to 3.5).
type Context struct {
	// RootID is the root, empty for the caller's default one, and Path leads to a sub-prompt in its tree.
	RootID string `json:"rootId,omitempty"`
	Path   string `json:"path,omitempty"`
	// Sampling are parameters for this client's calls.
	Sampling *Sampling `json:"sampling,omitempty"`
}

// A Sampling is parameters for the sampling of tokens. Nil stands for a parameter that is not set.
type Sampling struct {
	Temperature   *float64 `json:"temperature,omitempty"`
	TopP          *float64 `json:"topP,omitempty"`
	TopK          *int     `json:"topK,omitempty"`
	MaxTokens     *int     `json:"maxTokens,omitempty"`
	StopSequences []string `json:"stopSequences,omitempty"`
}

// WithContext says with each call to a Sumun in which context it is made, unless [Client.In] says another. Other servers do not mind it.
func WithContext(c Context) Option {
	return func(o *options) { o.context = &c }
}

// info returns clientInfo.
func (o *options) info() []byte {
	return wire.Object{}.Text("name", o.name).Text("version", o.version).End()
}

// capabilities returns what the server may ask.
func (o *options) capabilities() []byte {
	var dst wire.Object
	var ask wire.Object
	if o.elicit != nil {
		ask = ask.Member("form", []byte("{}"))
	}
	if o.visit != nil {
		ask = ask.Member("url", []byte("{}"))
	}
	if len(ask) > 0 {
		dst = dst.Member("elicitation", ask.End())
	}
	if o.sample != nil {
		dst = dst.Member("sampling", []byte("{}"))
	}
	if o.workspaces != nil {
		dst = dst.Member("roots", []byte("{}"))
	}
	return dst.End()
}
