package config

import (
	"reflect"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/config/confine"
)

// A Server is one MCP server behind the gateway: a command that speaks on its standard input and output, or a URL.
// Use NewServer for one that does not come from a file, so that it has the defaults.
type Server struct {
	// Name is the server's key in the file: letters, digits, _ and -.
	Name string `yaml:"-"`
	// Type is how the server is reached, as hosts write it: stdio, http (also streamable-http), sse (HTTP+SSE, which 2024-11-05 had) or
	// websocket (also ws). It follows from command or url when absent.
	Type string `yaml:"type" enum:"stdio http streamable-http sse websocket ws"`
	// Command is the program to start. A relative path with a slash is looked up from cwd.
	Command string `yaml:"command" secret:"expanded" form:"some"`
	// Args are the program's arguments. No shell sees them.
	Args []string `yaml:"args" secret:"expanded"`
	// Env is added to the little of the gateway's environment that a program inherits.
	Env map[string]string `yaml:"env" secret:"all" key:"env"`
	// Cwd is the program's working directory: the directory of the configuration file when absent.
	Cwd string `yaml:"cwd"`
	// URL is the endpoint of a server that speaks Streamable HTTP, HTTP+SSE, or with ws or wss over a WebSocket.
	URL string `yaml:"url" secret:"expanded" form:"url keyless whole"`
	// Replicas are the endpoints of further copies of the server, which share its calls with url.
	Replicas []string `yaml:"replicas" secret:"expanded" form:"url keyless whole"`
	// Health says when a replica gets no calls, and how it is looked after.
	Health Health `yaml:"health"`
	// Headers are sent with each request to url.
	Headers map[string]string `yaml:"headers" secret:"all" form:"line" key:"header"`
	// Prefix stands before the server's names, with a dot between: the server's name when absent. Empty leaves the names as they are.
	Prefix string `yaml:"prefix" form:"prefix"`
	// Tools says which of the server's tools are offered, and how.
	Tools ToolRules `yaml:"tools"`
	// Credentials says whose credentials the server sees: none; service, which all callers share: the configured headers and environment, or
	// tokens that oauth gets; caller, where each caller logs in at the server's authorization server.
	Credentials string `yaml:"credentials" enum:"none service caller"`
	// OAuth is how the gateway gets access tokens for the server. With credentials: caller it may be absent.
	OAuth *Authorization `yaml:"oauth"`
	// Isolation says who shares a session with the server, or a process of it: auto gives clients that answer questions their own.
	Isolation string `yaml:"isolation" enum:"auto shared session caller"`
	// MaxSessions is how many sessions, or processes, the server gets at most.
	MaxSessions int `yaml:"maxSessions" min:"1" max:"100000"`
	// Disabled keeps the server in the file but out of the gateway.
	Disabled bool `yaml:"disabled"`
	// StartTimeout is how long the server may take until its handshake is done.
	StartTimeout time.Duration `yaml:"startTimeout" min:"1"`
	// IdleStop ends a process that one client had to itself when it was not used for this long; 0s never does.
	IdleStop time.Duration `yaml:"idleStop"`
	// MaxRuntime is the longest that one call may take, whatever progress it reports.
	MaxRuntime time.Duration `yaml:"maxRuntime" min:"1"`
	// Trust says what of the server is believed.
	Trust belief.Trust `yaml:"trust"`

	confine.Confinement
}

// ToolRules says which tools of a server are offered, and how.
type ToolRules struct {
	// Allow lists names and patterns (with *) of the tools to offer, as the server names them; all when absent.
	Allow []string `yaml:"allow" form:"word stars"`
	// Rename gives tools another name: the server's name on the left, ours (without the prefix) on the right.
	Rename map[string]string `yaml:"rename" form:"tool" key:"some"`
	// Timeout is how long a call may stay silent; each progress notification starts it anew. 0s leaves only maxRuntime.
	Timeout time.Duration `yaml:"timeout"`
	// Remember lists names and patterns of tools, as the server names them, whose answer holds until something is written: a root with a
	// memory answers an identical call from it.
	Remember []string `yaml:"remember" form:"word stars"`
	// Check has the arguments of calls checked against the tool's inputSchema before the server sees them, and results against its
	// outputSchema. Our own tools are always checked.
	Check bool `yaml:"check"`
}

// NewServer returns a server of that name with every default set, but neither a command nor a URL.
func NewServer(name string) Server {
	return Server{
		Name:         name,
		Prefix:       name,
		Tools:        ToolRules{Timeout: 2 * time.Minute},
		Credentials:  "service",
		Isolation:    "auto",
		MaxSessions:  64,
		StartTimeout: 30 * time.Second,
		IdleStop:     10 * time.Minute,
		MaxRuntime:   10 * time.Minute,
		Health:       defaultHealth(),
	}
}

// Equal reports whether s and o are configured alike, so that what runs for one can go on for the other.
func (s Server) Equal(o Server) bool {
	s.Trust, o.Trust = s.Trust.Runs(), o.Trust.Runs()
	return reflect.DeepEqual(s, o)
}

// Begin makes s the server of that name, with defaults. It is called for each entry of a file before what is written there is read.
func (s *Server) Begin(name string) { *s = NewServer(name) }

// Begin makes k the key of that name.
func (k *Key) Begin(name string) { *k = Key{Name: name} }
