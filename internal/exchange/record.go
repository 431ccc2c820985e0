// Package exchange speaks the API of the official MCP registry, revision v0.1 (github.com/modelcontextprotocol/registry, "Generic Registry
// API"): it reads registries page by page, keeps copies of them, turns what they list into servers of mcp.yaml, and serves the same API with
// our verdicts beside.
package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Schema is the URI of the format in which server.json files are written here.
const Schema = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

// Keys of _meta.
const (
	// MetaOfficial is what a registry says of a record: its status and times.
	MetaOfficial = "io.modelcontextprotocol.registry/official"
	// MetaVerdict is what we think of a server.
	MetaVerdict = "io.github.sumun-mcp/verdict"
)

// A Record is one version of one server, as a registry lists it.
type Record struct {
	// Server is its server.json as it came, and Meta what the registry says of it.
	Server json.RawMessage            `json:"server"`
	Meta   map[string]json.RawMessage `json:"_meta,omitempty"`
}

// A Server is a server.json, as far as it is needed here. Unknown members stay in the record.
type Server struct {
	Schema      string      `json:"$schema,omitempty"`
	Name        string      `json:"name"`
	Title       string      `json:"title,omitempty"`
	Description string      `json:"description"`
	Version     string      `json:"version"`
	WebsiteURL  string      `json:"websiteUrl,omitempty"`
	Repository  *Repository `json:"repository,omitempty"`
	Packages    []Package   `json:"packages,omitempty"`
	Remotes     []Transport `json:"remotes,omitempty"`
}

// A Repository is where its source lies.
type Repository struct {
	URL    string `json:"url,omitempty"`
	Source string `json:"source,omitempty"`
}

// A Package is how it is installed and started.
type Package struct {
	RegistryType     string     `json:"registryType"`
	Identifier       string     `json:"identifier"`
	Version          string     `json:"version,omitempty"`
	RuntimeHint      string     `json:"runtimeHint,omitempty"`
	Transport        Transport  `json:"transport"`
	RuntimeArguments []Argument `json:"runtimeArguments,omitempty"`
	PackageArguments []Argument `json:"packageArguments,omitempty"`
	Environment      []Variable `json:"environmentVariables,omitempty"`
}

// A Transport is how it is spoken to.
type Transport struct {
	Type      string           `json:"type"`
	URL       string           `json:"url,omitempty"`
	Headers   []Variable       `json:"headers,omitempty"`
	Variables map[string]Input `json:"variables,omitempty"`
}

// An Input is a value that is given, or asked of whoever installs the server.
type Input struct {
	Description string           `json:"description,omitempty"`
	IsRequired  bool             `json:"isRequired,omitempty"`
	IsSecret    bool             `json:"isSecret,omitempty"`
	Value       string           `json:"value,omitempty"`
	Default     string           `json:"default,omitempty"`
	Variables   map[string]Input `json:"variables,omitempty"`
}

// A Variable is an environment variable or a header.
type Variable struct {
	Input

	Name string `json:"name"`
}

// An Argument of a command line.
type Argument struct {
	Input

	Type      string `json:"type"`
	Name      string `json:"name,omitempty"`
	ValueHint string `json:"valueHint,omitempty"`
}

// A Status is what a registry says of a record.
type Status struct {
	Status          string    `json:"status"`
	StatusChangedAt time.Time `json:"statusChangedAt,omitzero"`
	PublishedAt     time.Time `json:"publishedAt,omitzero"`
	UpdatedAt       time.Time `json:"updatedAt,omitzero"`
	IsLatest        bool      `json:"isLatest"`
}

// The forms of names and versions (openapi.yaml, ServerDetail).
var (
	nameForm  = regexp.MustCompile(`^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$`)
	rangeForm = regexp.MustCompile(`^[~^<>=]|[*]|\bx\b|\|\||,| - `)
)

// Decode reads the server.json of a record.
func (r *Record) Decode() (*Server, error) {
	s := &Server{}
	if err := json.Unmarshal(r.Server, s); err != nil {
		return nil, fmt.Errorf("reading a server.json: %w", err)
	}
	return s, nil
}

// Status returns what the registry says of a record; one of which nothing is said is active.
func (r *Record) Status() Status {
	s := Status{Status: "active"}
	if raw, ok := r.Meta[MetaOfficial]; ok {
		_ = json.Unmarshal(raw, &s) // what cannot be read says nothing
	}
	return s
}

// Check returns what is wrong with a server.json by the rules of the format.
func (s *Server) Check() error {
	var faults []error
	say := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(s.Name) < 3 || len(s.Name) > 200 || !nameForm.MatchString(s.Name) {
		say("name %q is not of the form NAMESPACE/NAME, such as com.example/weather", s.Name)
	}
	if n := len([]rune(s.Description)); n < 1 || n > 100 {
		say("description has %d characters; 1 to 100 are allowed", n)
	}
	if s.Version == "" || len(s.Version) > 255 || rangeForm.MatchString(s.Version) || s.Version == "latest" {
		say("version %q is not one version", s.Version)
	}
	for i, p := range s.Packages {
		if p.RegistryType == "" || p.Identifier == "" || p.Transport.Type == "" {
			say("packages[%d] lacks registryType, identifier or transport", i)
		}
		if strings.HasPrefix(p.Identifier, "-") || strings.ContainsAny(p.Identifier, " \t\r\n\x00") {
			say("packages[%d].identifier %q would be read as something else", i, p.Identifier)
		}
		if rangeForm.MatchString(p.Version) || p.Version == "latest" {
			say("packages[%d].version %q is not one version", i, p.Version)
		}
	}
	for i, r := range s.Remotes {
		if r.Type != "streamable-http" && r.Type != "sse" {
			say("remotes[%d].type %q is not streamable-http or sse", i, r.Type)
		}
		if !strings.HasPrefix(r.URL, "https://") && !strings.HasPrefix(r.URL, "http://") && !strings.HasPrefix(r.URL, "{") {
			say("remotes[%d].url %q is no URL", i, r.URL)
		}
	}
	return errors.Join(faults...)
}

// Read reads server.json files: one, a list of them, or the answer of a registry. Each is checked.
func Read(data []byte) ([]Record, error) {
	var page struct {
		Servers []Record `json:"servers"`
	}
	var list []json.RawMessage
	var all []Record
	switch {
	case json.Unmarshal(data, &list) == nil:
		for _, raw := range list {
			all = append(all, Record{Server: raw})
		}
	case json.Unmarshal(data, &page) == nil && page.Servers != nil:
		all = page.Servers
	default:
		var one Record
		if err := json.Unmarshal(data, &one); err != nil {
			return nil, fmt.Errorf("reading a server.json: %w", err)
		}
		if one.Server == nil {
			one = Record{Server: data}
		}
		all = []Record{one}
	}
	for i := range all {
		s, err := all[i].Decode()
		if err == nil {
			err = s.Check()
		}
		if err != nil {
			return nil, fmt.Errorf("server %d: %w", i+1, err)
		}
	}
	return all, nil
}
