package offer

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
)

// A Tool is a tool that needs no code: a request over HTTP, or a command. In its texts {name} stands for an argument of the call.
type Tool struct {
	// Name is the tool's name, as clients see it.
	Name string `yaml:"-"`
	// Title is the tool's name for people.
	Title string `yaml:"title"`
	// Description tells the model what the tool does and when to use it.
	Description string `yaml:"description"`
	// InputSchema is the JSON Schema of the arguments. When absent each placeholder is a text that must be given, and nothing else is taken.
	InputSchema json.RawMessage `yaml:"inputSchema"`
	// OutputSchema is the JSON Schema of the structured answer.
	OutputSchema json.RawMessage `yaml:"outputSchema"`
	// Annotations are hints for hosts. What is absent follows from the method of http.
	Annotations Annotations `yaml:"annotations"`
	// HTTP is the request that the tool makes.
	HTTP *HTTP `yaml:"http"`
	// Command is the program that the tool runs, and its arguments. No shell sees them. An argument that begins with a placeholder stands
	// after "--", or its schema does not allow a dash at the beginning.
	Command []string `yaml:"command" secret:"expanded"`
	// Env is added to the little of the gateway's environment that the program inherits. For command.
	Env map[string]string `yaml:"env" secret:"all" key:"env"`
	// Cwd is the program's working directory: the directory of the configuration file when absent. For command.
	Cwd string `yaml:"cwd"`
	// Output is what the program writes: text, or json, which becomes the structured answer. For command.
	Output string `yaml:"output" enum:"text json"`
	// Timeout is how long one call may take.
	Timeout time.Duration `yaml:"timeout" min:"1000000"`
	// MaxBytes is how large an answer may be, as a number of bytes or with a unit: 1MiB.
	MaxBytes document.Size `yaml:"maxBytes" min:"1" max:"67108864"`
	// Remember lets a root with a memory answer an identical call from it, until something is written in that root.
	Remember bool `yaml:"remember"`
}

// Annotations are hints about a tool, as MCP has them. Clients need not believe them.
type Annotations struct {
	// ReadOnly says that the tool changes nothing.
	ReadOnly *bool `yaml:"readOnlyHint"`
	// Destructive says that the tool may overwrite or delete something.
	Destructive *bool `yaml:"destructiveHint"`
	// Idempotent says that a repeated call with the same arguments changes nothing more.
	Idempotent *bool `yaml:"idempotentHint"`
	// OpenWorld says that the tool reaches beyond a closed set of things, such as the web.
	OpenWorld *bool `yaml:"openWorldHint"`
}

// HTTP is the request that a tool makes. Each placeholder is encoded for its place.
type HTTP struct {
	// Method is the method: GET when absent, or POST where there is a body.
	Method string `yaml:"method" enum:"GET HEAD POST PUT PATCH DELETE"`
	// URL is what is asked. Placeholders stand in its path, where {+name} keeps slashes, and in the values of its query.
	URL string `yaml:"url" secret:"expanded" form:"endpoint whole"`
	// Query is added to the query of url. A parameter whose argument was not given is left out; a list becomes several parameters.
	Query map[string]string `yaml:"query" secret:"expanded"`
	// Headers are sent with the request. One whose argument was not given is left out.
	Headers map[string]string `yaml:"headers" secret:"all" form:"line" key:"header"`
	// Body is sent as JSON. A text that is one placeholder becomes the argument's value, whatever its type; a member whose argument was not
	// given is left out.
	Body json.RawMessage `yaml:"body" secret:"all"`
	// Result makes the structured answer: for each member a JSON Pointer into the service's answer. When absent the answer is taken as it is.
	Result map[string]string `yaml:"result" form:"pointer" key:"some"`
	// Private allows a host whose name has an address that is not public. An address in url itself, or localhost, needs no permission.
	Private bool `yaml:"private"`
}

// An API is a service that an OpenAPI document describes. Its operations are tools.
type API struct {
	// Name is the API's key in the file: letters, digits, _ and -.
	Name string `yaml:"-"`
	// OpenAPI is the document, of OpenAPI 3.0 or 3.1, in YAML or JSON: a file, or an https URL.
	OpenAPI string `yaml:"openapi" form:"some"`
	// URL is the address of the service: the first of the document's servers when absent.
	URL string `yaml:"url" secret:"expanded" form:"endpoint whole braceless"`
	// Headers are sent with each request, such as credentials.
	Headers map[string]string `yaml:"headers" secret:"all" form:"line" key:"header"`
	// Prefix stands before the names of the operations, with a dot between: the API's name when absent. Empty leaves the names as they are.
	Prefix string `yaml:"prefix" form:"prefix"`
	// Operations says which operations are offered, and how.
	Operations Operations `yaml:"operations"`
	// Timeout is how long one call may take.
	Timeout time.Duration `yaml:"timeout" min:"1000000"`
	// MaxBytes is how large an answer may be, as a number of bytes or with a unit: 1MiB.
	MaxBytes document.Size `yaml:"maxBytes" min:"1" max:"67108864"`
	// Private allows hosts, of the service and the document, whose names have addresses that are not public. An address in a URL of this
	// file, or localhost, needs no permission.
	Private bool `yaml:"private"`
}

// Operations says which operations of an API are offered, and how. A pattern (with *) is of an operation's name in the document, or of its
// method and path: GET /customers/*.
type Operations struct {
	// Allow lists the operations to offer; all when absent.
	Allow []string `yaml:"allow" form:"operation"`
	// Deny lists operations that are not offered, also if allowed.
	Deny []string `yaml:"deny" form:"operation"`
	// Rename gives operations another name: the document's name on the left, ours (without the prefix) on the right.
	Rename map[string]string `yaml:"rename" form:"tool" key:"some"`
}

// Weather is the service behind the tool weather.getCurrent. It is asked for url/LOCATION.
type Weather struct {
	// URL is the address of the service. The location is added to its path, unless {location} stands somewhere in it.
	URL string `yaml:"url" secret:"expanded" form:"endpoint whole"`
	// Query is added to the URL, such as a key; {location} stands for the location.
	Query map[string]string `yaml:"query" secret:"expanded"`
	// Headers are sent with the request, such as a key.
	Headers map[string]string `yaml:"headers" secret:"all" form:"line" key:"header"`
	// Result says where temperature and condition stand in the answer, as JSON Pointers: /temp and /text when absent.
	Result map[string]string `yaml:"result" form:"pointer" key:"weather"`
	// Private allows a host whose name has an address that is not public.
	Private bool `yaml:"private"`
}

// The forms of what stands here.
var (
	endpointForm = document.Form{
		Pattern: regexp.MustCompile(`^https?://[^/?#\s@{}\\]+([/?][^\s\\]*)?$`), Message: "is not an http or https URL with a fixed host",
		Hint: "write it like https://api.example.com/customers/{id}; placeholders stand behind the host, and credentials under headers",
	}
	bracelessForm = document.Form{Pattern: regexp.MustCompile(`^[^{}]*$`), Message: "has a placeholder, which the document's paths bring", Hint: "remove it"}
	pointerForm   = document.Form{
		Pattern: regexp.MustCompile(`^(/([^~]|~[01])*)?$`), Message: "is not a JSON Pointer", // RFC 6901
		Hint: "write /member, /list/0/member, or an empty text for the whole answer",
	}
	operationForm = document.Form{
		Pattern: regexp.MustCompile(`^[^\s\x00-\x1f\x7f]+( /[^\s\x00-\x1f\x7f]*| \*)?$`), Message: "is neither the name of an operation nor a method and a path",
		Hint: "write fetchCustomer, fetch* or GET /customers/*",
	}
	weatherForm = document.Form{Pattern: regexp.MustCompile(`^(temperature|condition)$`), Message: "is not a member of the answer", Hint: "write temperature or condition"}
)

// The defaults of tools that are declared.
const (
	toolTimeout = 30 * time.Second
	toolBytes   = 1 << 20
)

// Begin makes t the tool of that name.
func (t *Tool) Begin(name string) { *t = Tool{Name: name, Timeout: toolTimeout, MaxBytes: toolBytes} }

// Begin makes a the API of that name.
func (a *API) Begin(name string) {
	*a = API{Name: name, Prefix: name, Timeout: toolTimeout, MaxBytes: toolBytes}
}

// The schemas of what has to be together.
var (
	toolRule = document.Schema{"type": "object", "allOf": []document.Schema{
		{"properties": document.Schema{"inputSchema": ofObject, "outputSchema": ofObject}},
	}, "oneOf": []document.Schema{
		{"required": []string{"http"}, "properties": document.Schema{"http": document.Schema{"type": "object"}}, "not": document.HasAny("command", "env", "cwd", "output")},
		{"required": []string{"command"}, "properties": document.Schema{"command": document.Schema{"type": "array", "minItems": 1}}},
	}}
	ofObject = document.Schema{"type": "object", "required": []string{"type"}, "properties": document.Schema{"type": document.Schema{"const": "object"}}}
	needsURL = document.Schema{"type": "object", "required": []string{"url"}}
)

// checkDeclared looks at the tools, APIs and the weather.
func (d checker) checkDeclared(o *Offer) {
	for i := range o.Tools {
		if p := d.Element("tools", i); d.OK(p) {
			d.checkTool(p, &o.Tools[i])
		}
	}
	for i := range o.APIs {
		if p := d.Element("apis", i); d.OK(p) {
			d.checkAPI(p, &o.APIs[i])
		}
	}
	if w := o.Weather; w != nil && d.OK("weather") {
		d.checkEndpoint("weather", w.URL, w.Headers)
	}
}

// checkTool wants one thing that the tool does, and schemas that are objects.
func (d checker) checkTool(p string, t *Tool) {
	isHTTP, isCommand := d.Written(p+".http"), d.Written(p+".command")
	switch {
	case !d.OK(p+".http", p+".command"):
	case isHTTP && isCommand:
		d.Wrong(p+".command", "stands beside http", "a tool has either http or command")
	case t.HTTP != nil:
		d.checkEndpoint(p+".http", t.HTTP.URL, t.HTTP.Headers)
	case len(t.Command) == 0:
		d.Missing(p, "http or command", "write http: {url: https://…}, or command: [PROGRAM, ARGUMENT]")
	case t.Command[0] == "":
		d.Wrong(p+".command[0]", "is empty", "name a program")
	}
	for _, key := range []string{"env", "cwd", "output"} {
		if isHTTP && !isCommand && d.Written(p+"."+key) {
			d.WrongKey(p+"."+key, "belongs to a tool with a command", "remove it")
		}
	}
	if err := document.Directory(t.Cwd); err != nil && d.Written(p+".cwd") && isCommand {
		d.Wrong(p+".cwd", t.Cwd+": "+err.Error(), "name a directory that is there")
	}
	for key, schema := range map[string]json.RawMessage{"inputSchema": t.InputSchema, "outputSchema": t.OutputSchema} {
		var object map[string]json.RawMessage
		if at := p + "." + key; d.Written(at) && d.OK(at) && (json.Unmarshal(schema, &object) != nil || string(object["type"]) != `"object"`) {
			d.Wrong(at, "is not the JSON Schema of an object", "write {type: object, properties: {…}}")
		}
	}
}

// checkAPI wants a document, and an address that can be told apart into its parts.
func (d checker) checkAPI(p string, a *API) {
	scheme, _, isURL := strings.Cut(a.OpenAPI, "://")
	switch at := p + ".openapi"; {
	case !d.OK(at):
	case a.OpenAPI == "":
		d.Missing(p, "openapi", "write openapi: FILE, or openapi: https://…")
	case isURL && scheme != "https" && scheme != "http":
		d.Wrong(at, "is neither a file nor an https URL", "write openapi: ./openapi.yaml, or openapi: https://…")
	case isURL:
		if u, err := url.Parse(a.OpenAPI); err != nil || u.Host == "" || u.User != nil {
			d.Wrong(at, pageForm.Message, pageForm.Hint)
		}
	default:
		if err := document.Readable(a.OpenAPI); err != nil {
			d.Wrong(at, "reading "+a.OpenAPI+": "+err.Error(), "name a file that is there")
		}
	}
	if d.Written(p + ".url") {
		d.checkEndpoint(p, a.URL, a.Headers)
	}
}

// checkEndpoint wants a URL that can be told apart into its parts, and each header once and none that HTTP itself sets.
func (d checker) checkEndpoint(p, endpoint string, headers map[string]string) {
	if at := p + ".url"; d.OK(at) {
		if u, err := url.Parse(strings.NewReplacer("{", "", "}", "").Replace(endpoint)); endpoint == "" {
			d.Missing(p, "url", "write url: https://…")
		} else if err != nil || u.Hostname() == "" {
			d.Wrong(at, endpointForm.Message, endpointForm.Hint)
		}
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lower := strings.ToLower(name)
		switch at := document.Join(p+".headers", name); {
		case slices.Contains(framing, lower):
			d.WrongKey(at, "is set by the gateway itself", "remove it")
		case seen[lower]:
			d.WrongKey(at, "stands here twice, in different letters", "header names are equal whatever their case; remove one")
		}
		seen[lower] = true
	}
}

// framing are the headers that say where a request ends and for whom it is.
var framing = []string{"connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
