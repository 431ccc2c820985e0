// Package clientfile reads the file of a client: which server it speaks to, with which key, whether tools run without being asked for,
// whether the server is held to what it was, and which servers there may be at all (seed 5.9).
//
// Hosts do not read this file themselves. It is Sumun's own, and `sumun connect` goes by it for whichever host starts it.
package clientfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sumun-mcp/sumun/internal/document"
)

// A File is one client file. What is absent is false, empty, or no limit.
type File struct {
	// APIKey is shown to the server as a bearer token.
	APIKey string `yaml:"apiKey" secret:"all" form:"key"`
	// Server is the URL of the server, or gateway, that the host is connected to.
	Server string `yaml:"server" secret:"expanded" form:"url keyless whole"`
	// AutoRun lets tools run without asking anybody. When it is absent, each call is asked for.
	AutoRun bool `yaml:"autoRun"`
	// IntegrityCheck holds the server to what it was: its tools to what they were when they were first seen, and to its signed manifest if
	// it has one.
	IntegrityCheck bool `yaml:"integrityCheck"`
	// Whitelist lists the servers that may be connected to: URLs, and names of programs in mcp.yaml. When it is absent, all.
	Whitelist []string `yaml:"whitelist" form:"entry keyless whole"`

	// Path is where the file lies, an absolute path.
	Path string `yaml:"-"`
	// Listed says that there is a whitelist. One that is empty lets nothing through.
	Listed bool `yaml:"-"`
	// Warnings are remarks on a file that holds nevertheless, a sentence each.
	Warnings []string `yaml:"-"`
}

// grammar is what the file holds beyond its struct.
var grammar = &document.Grammar{
	Forms: map[string]document.Form{
		"key":     {Pattern: regexp.MustCompile(`^[!-~]*$`), Message: "has a character that an Authorization header cannot carry", Hint: "use letters, digits and punctuation, without spaces"},
		"url":     {Pattern: regexp.MustCompile(`^(https?|wss?)://[^/?#\s]+[^\s]*$`), Message: "is not an http, https, ws or wss URL", Hint: "write it like https://mcp.example.com"},
		"keyless": {Pattern: regexp.MustCompile(`^[^@]*$|^[a-z]+://[^/?#@]*[/?#]|^[^:]*$`), Message: "has credentials in it", Hint: "write the key under apiKey"},
		"whole":   {Pattern: regexp.MustCompile(`^[^#?]*$|^(https?|wss?)://[^#]*$`), Message: "has a part that names no server", Hint: "write it like https://mcp.example.com"},
		"entry":   {Pattern: regexp.MustCompile(`^((https?|wss?)://(\*\.)?[^/?#@*\s]+(/[^?#*\s]*)?|[A-Za-z0-9_*-]{1,64})$`), Message: "names no server", Hint: "write a URL, such as https://mcp.example.com or https://*.example.com, or the name of a program in mcp.yaml"},
	},
	Elsewhere: map[string]string{
		"url": "write server", "endpoint": "write server", "servers": "write them in mcp.yaml, and server here", "mcpServers": "write them in mcp.yaml, and server here",
		"key": "write apiKey", "api_key": "write apiKey", "auto_run": "write autoRun", "integrity": "write integrityCheck",
		"allowlist": "write whitelist", "allowList": "write whitelist", "tls": "name the authorities with --ca",
	},
}

// Read reads the file at path, with env to look up variables in. An error about its content is a document.Faults and names all that is
// wrong with it.
func Read(path string, env func(string) (string, bool)) (*File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding the directory of %s: %w", path, err)
	}
	data, err := document.ReadFile(path)
	if err != nil {
		return nil, document.Faults{{File: path, Message: "reading the client file: " + err.Error()}}
	}
	f, err := Parse(path, data, env)
	if err != nil {
		return nil, err
	}
	f.Path = path
	f.warn()
	return f, nil
}

// Parse reads a file that is called name in faults.
func Parse(name string, data []byte, env func(string) (string, bool)) (*File, error) {
	f := &File{}
	d := grammar.Read(document.Source{Name: name, Dir: filepath.Dir(name), Env: env}, data, f)
	if d.Parsed() {
		f.Listed = d.Written("whitelist")
		if f.Server != "" && f.Listed && d.OK("server", "whitelist") && !f.Allows(f.Server) {
			d.Wrong("server", "is not on the whitelist of the same file", "add it there")
		}
		if f.APIKey != "" && f.Server == "" && d.OK("server") && !d.Odd("") {
			d.WrongKey("apiKey", "is for no server", "write server, or leave the key to --key and SUMUN_KEY")
		}
	}
	return f, d.Err()
}

// warn notes a key that others on this machine can read, or that travels in clear.
func (f *File) warn() {
	if f.APIKey == "" {
		return
	}
	info, err := os.Stat(f.Path)
	data, _ := os.ReadFile(f.Path)
	if err == nil && info.Mode().Perm()&0o077 != 0 && strings.Contains(string(data), f.APIKey) {
		f.Warnings = append(f.Warnings, fmt.Sprintf("others on this machine can read the key in %s: chmod 600 it, or write ${MCP_API_KEY}", f.Path))
	}
	if u := address(f.Server); u != nil && u.scheme == "http" && !u.loopback() {
		f.Warnings = append(f.Warnings, "the key goes to "+f.Server+" without TLS, for everybody on the way to read")
	}
}

// Names are the names of client files, in a project's directory and in the home directory alike: the seed's first.
var names = [...]string{filepath.Join(".cursor", "mcp.yaml"), filepath.Join(".cursor", "cursor.yaml")}

// Find returns the client files that hold in a directory: the project's, and the user's, whose home directory is home. Where there are
// several, all of them hold; see [Together]. A project may also have it as cursor.yaml.
func Find(dir, home string) (project, user []string, err error) {
	if user, err = existing(home, names[:]); err != nil {
		return nil, nil, err
	}
	if same(dir, home) {
		return nil, user, nil
	}
	project, err = existing(dir, append(names[:], "cursor.yaml"))
	return project, user, err
}

// existing returns those of the files that exist. One that cannot be looked at is an error: it may say what must not be.
func existing(dir string, names []string) (found []string, err error) {
	if dir == "" {
		return nil, nil
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		_, err := os.Stat(path)
		switch {
		case err == nil:
			found = append(found, path)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("looking for client files: %w", err)
		}
	}
	return found, nil
}

// same reports whether both are one directory.
func same(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}
