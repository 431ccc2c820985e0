// Package config is mcp.yaml: the struct, its defaults, the expansion of environment variables, and validation.
//
// Package document reads the file into the struct and notes what is wrong with each value; what follows from the values is filled in
// (load.go), and the result is checked as a whole (check.go, checkserver.go). A fault names the line, and all faults are told at once.
package config

import (
	"cmp"
	"os"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/config/suppress"
)

// A Config is one mcp.yaml with defaults filled in and variables expanded. Nobody changes it after Load: a new file is a new Config.
//
// The comment on each field is its description in the JSON Schema (see Schema). Package document explains the tags; the forms that they
// name stand in form.go.
type Config struct {
	// Listen is the address to listen on, as host:port. Port 0 takes a free one.
	Listen string `yaml:"listen"`
	// Port is the port to listen on, together with host, in place of listen.
	Port int `yaml:"port" min:"1" max:"65535"`
	// Host is the address that port belongs to: 127.0.0.1 unless the environment variable SUMUN_HOST names another.
	Host string `yaml:"host"`
	// APIKey is a key that clients may present as a bearer token. It has exactly the scopes listed under scopes, or all without them.
	APIKey string `yaml:"apiKey" secret:"all" form:"key"`
	// TLS encrypts what clients send. Listening beyond loopback needs it.
	TLS TLS `yaml:"tls"`
	// Store is where state is kept, as sqlite:PATH, or for several gateways as postgres://USER:PASSWORD@HOST/NAME.
	Store string `yaml:"store" secret:"expanded"`
	// CredentialsKey seals the tokens for servers in the store: at least 32 characters, the same at all gateways that share the store. Without
	// it the gateway makes one for itself, in a file beside the store.
	CredentialsKey string `yaml:"credentialsKey" secret:"all" form:"some"`
	// Scopes names what a key may use: each scope lists names and patterns (with *) of tools, resources and prompts, by themselves or with
	// what else holds of it. Without scopes a key may use everything; when they are there and empty, nothing.
	Scopes map[string]Scope `yaml:"scopes" key:"scope"`
	// Roles bundle scopes under a name, for keys and tokens to be given together.
	Roles map[string][]string `yaml:"roles" form:"word" key:"name"`
	// OAuth lets callers in with access tokens of authorization servers, beside keys.
	OAuth *OAuth `yaml:"oauth"`
	// KeyGrace is how long those who show a key from the store that is known are let in while the store cannot be asked whether it still
	// holds. 0s refuses them once it was silent for a second.
	KeyGrace time.Duration `yaml:"keyGrace" min:"0" max:"900000000000"`
	// Servers are the MCP servers behind this gateway, in the order of the file: on a collision of resource URIs the first keeps its own.
	Servers []Server `yaml:"servers,mcpServers" key:"name"`
	// Resources are what the gateway itself offers to read.
	Resources []offer.Resource `yaml:"resources" key:"name"`
	// Workspace is the source code that the gateway's own tools for programmers search, and clone into.
	Workspace offer.Workspace `yaml:"workspace"`
	// Tools are tools that need no code: requests over HTTP, and commands.
	Tools []offer.Tool `yaml:"tools" key:"tool"`
	// APIs are services that an OpenAPI document describes. Their operations are tools.
	APIs []offer.API `yaml:"apis" key:"name"`
	// Weather is the service behind the tool weather.getCurrent, which is offered when this is there.
	Weather *offer.Weather `yaml:"weather"`
	// Prompts are directories of prompt files, one or a list. Where several have a prompt of one name, the first directory's is offered.
	Prompts []string `yaml:"prompts" lone:"true" form:"some"`
	// Plugins are directories of plugins, one or a list: each file or directory in them becomes tools and resources, and is followed.
	Plugins []string `yaml:"plugins" lone:"true" form:"some"`
	// Roots are the contexts in which calls are made: their number, their life and their memory.
	Roots Roots `yaml:"roots"`
	// Routing says where calls go, by the names that they address. It can be changed while the gateway runs (mcp.routing).
	Routing []Route `yaml:"routing" key:"some"`
	// AutoRun lets tools run without asking anybody. When it is false every call of a tool, and every write of a resource, waits for a person.
	AutoRun bool `yaml:"autoRun"`
	// Approvals says which calls wait for a person where autoRun does not make all of them wait, and who decides on them.
	Approvals Approvals `yaml:"approvals"`
	// Audit says what is kept of each call.
	Audit Audit `yaml:"audit"`
	// Alerts says who is told of what is wrong.
	Alerts Alerts `yaml:"alerts"`
	// Review says how often scopes and keys are looked through for what nobody uses.
	Review Review `yaml:"review"`
	// Log is for people who run the gateway. It goes to standard error.
	Log Log `yaml:"log"`
	// Limits bound what clients may send, and how often.
	Limits Limits `yaml:"limits"`
	// Guard says what may stand in the arguments of calls and in what comes back.
	Guard Guard `yaml:"guard"`
	// Origins are the browser origins that may call the gateway, as scheme://host:port. Callers that are not browsers send none.
	Origins []string `yaml:"origins" form:"origin"`
	// PublicURL is the address under which clients reach the gateway, when it is not the one it listens on.
	PublicURL string `yaml:"publicURL" form:"public"`
	// Anonymous lets everyone in without a key. It is refused unless the gateway listens on loopback only.
	Anonymous bool `yaml:"anonymous"`
	// Naming is the form in which clients are shown the names of tools and prompts: full is SERVER.TOOL, short has no dots and at most 64
	// characters together with what a host puts before it. When absent it is full but for hosts that are known to lose such names.
	Naming string `yaml:"naming" enum:"full short"`
	// Keys says what holds for single keys, by their name: apiKey, and local, which the gateway makes itself.
	Keys []Key `yaml:"keys" key:"own"`
	// Resume is where the rest of an answer waits whose client was cut off in mid-call, until it comes back: memory, or store, from where
	// it can be had after a restart and at other instances that share the store. What waits there lies in clear, for an hour at most.
	Resume string `yaml:"resume" enum:"memory store"`
	// Trust says how clients and people can tell that a tool has changed.
	Trust Vouching `yaml:"trust"`
	// Builtin offers the gateway's own tools and prompts beside those of the servers.
	Builtin bool `yaml:"builtin"`

	// Dir is the directory against which relative paths in the file were resolved: the file's own, or the working directory without one.
	Dir string `yaml:"-"`
	// Path is the file as it was named to Load, or found; empty for the built-in defaults.
	Path string `yaml:"-"`
	// Warnings are remarks on a configuration that is nevertheless in force, a sentence each.
	Warnings []string `yaml:"-"`
}

// Vouching is how clients and people can tell that a tool has changed.
type Vouching struct {
	// ListChecksums gives each listed tool its checksum and its digest in _meta, for clients whose revision has that.
	ListChecksums bool `yaml:"listChecksums"`

	// Pins says what becomes of a thing of a server that is not any more what somebody has approved: enforce holds it back until somebody
	// approves it, flag tells of it and offers it as it is, off does not look. The gateway's own tools are flagged. When absent it is enforce,
	// but for plugins, whose changes count as approved by whoever makes them.
	Pins string `yaml:"pins" enum:"enforce flag off"`
	// Answers says what becomes of answers in which the gateway finds orders to the model: flag tells of it, strip takes the part out,
	// block refuses the answer, off does not look.
	Answers string `yaml:"answers" enum:"flag strip block off"`
	// Signature says whether servers have to be signed: required blocks those whose manifest or signature does not hold.
	Signature string `yaml:"signature" enum:"off required"`
	// Annotations believes what servers say of their own tools.
	Annotations bool `yaml:"annotations"`
	// Registry lists servers that may be connected to, beside those that sumun trust add has added: names and patterns (with *), URLs, command
	// lines word by word, and key:ID for what a key has signed.
	Registry []string `yaml:"registry" form:"words"`
	// Outside says what becomes of a server that is not on that list: warn tells of it, block does not connect to it, off does not look.
	Outside string `yaml:"outside" enum:"warn block off"`
	// Canaries is how often tools that change nothing are called with random texts, to see whether their answers say more than was
	// asked. 0s leaves it to sumun scan.
	Canaries time.Duration `yaml:"canaries" min:"0" max:"8760000000000000"`
	// Feeds are lists of verdicts of others that are heeded.
	Feeds []belief.Feed `yaml:"feeds" list:"true"`
	// Advisories are files, directories and URLs of known vulnerabilities in OSV format, beside those that are part of the program.
	Advisories []string `yaml:"advisories"`
	// PublicRegistry lets everybody ask for the servers that the gateway knows, below /v0.1, without a key.
	PublicRegistry bool `yaml:"publicRegistry"`

	// Suppress lists findings of scans that do not count, each with a reason and a last day.
	Suppress []suppress.Suppression `yaml:"suppress" list:"true"`
}

// For returns what holds for a server that says this of itself.
func (v *Vouching) For(s belief.Trust) belief.Trust {
	return s.For(belief.Trust{Annotations: v.Annotations, Pins: cmp.Or(v.Pins, belief.Enforce), Answers: v.Answers, Signature: v.Signature})
}

// A Key is what holds for one key alone.
type Key struct {
	// Name is the key's name, as the audit record has it: local or apiKey.
	Name string `yaml:"-"`
	// Naming is the form in which the key's holder is shown the names of tools and prompts, in place of the endpoint's.
	Naming string `yaml:"naming" enum:"full short"`
}

// Log is how the gateway tells people what it does.
type Log struct {
	// Level is the least important level that is written.
	Level string `yaml:"level" enum:"debug info warn error"`
	// Format is the form of a line.
	Format string `yaml:"format" enum:"text json"`
}

// ResumeStore is the value of Resume that keeps the rest of answers beyond the life of the gateway.
const ResumeStore = "store"

// The defaults of a Config.
const (
	defaultHost = "127.0.0.1"
	defaultPort = "8080"
)

// Default returns the configuration of a gateway without a file: loopback only, state in .sumun under the working directory, the
// gateway's own tools and no servers.
func Default() *Config {
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	c := defaults(dir)
	c.Store = stateFile(c)
	return c
}

// defaults returns a Config in which only what has a default of its own is set; Listen and Store depend on the file and come later.
func defaults(dir string) *Config {
	return &Config{
		Listen:    defaultHost + ":" + defaultPort,
		Roots:     defaultRoots(),
		Audit:     defaultAudit(),
		AutoRun:   true,
		Approvals: defaultApprovals(),
		Workspace: offer.DefaultWorkspace(),
		Alerts:    Alerts{MinSeverity: "medium"},
		Review:    Review{Days: 30},
		Log:       Log{Level: "info", Format: "text"},
		Limits:    Limits{BodyBytes: 4 << 20},
		Guard:     defaultGuard(),
		Resume:    "memory",
		Trust:     Vouching{ListChecksums: true, Answers: belief.Flag, Signature: belief.Off, Outside: belief.Off},
		Builtin:   true,
		Dir:       dir,
	}
}

// NamingOf returns the form of names that the holder of the key of that name is shown, full or short: the key's own, or the endpoint's.
// It is empty where the file leaves that to what the client says of itself. No name stands for a caller without a key.
func (c *Config) NamingOf(key string) string {
	for _, k := range c.Keys {
		if k.Name == key && k.Naming != "" {
			return k.Naming
		}
	}
	return c.Naming
}

// offer returns what c says that the gateway offers itself.
func (c *Config) offer() *offer.Offer {
	return &offer.Offer{Tools: c.Tools, APIs: c.APIs, Weather: c.Weather, Resources: c.Resources, Workspace: &c.Workspace}
}

// SameTools reports whether a and b declare the same tools, APIs and weather, so that what runs for one can go on for the other.
func SameTools(a, b *Config) bool { return a.Dir == b.Dir && a.offer().SameTools(b.offer()) }
