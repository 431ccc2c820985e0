package offer

import (
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
)

// A Workspace is the directory of source code that the gateway's own tools for programmers work in. Without a root there are none.
type Workspace struct {
	// Root is the directory that is searched and cloned into. Nothing outside it can be reached.
	Root string `yaml:"root"`
	// Git says what may be cloned into the root.
	Git Git `yaml:"git"`
}

// Git says what git.clone may fetch, and how much.
type Git struct {
	// Hosts are the hosts that may be cloned from, exactly as they stand in a URL: a name or an IPv4 address, with a port if it is not
	// that of the scheme. Without any, git.clone is not offered.
	Hosts []string `yaml:"hosts" form:"gitHost"`
	// Schemes are the schemes that a URL may have: https unless this names others.
	Schemes []string `yaml:"schemes" enum:"https http"`
	// Depth is the most history that a call may ask for, in commits; 0 is all of it. A call that asks for nothing gets the last commit.
	Depth int `yaml:"depth" min:"0" max:"1000000000"`
	// MaxBytes is how much room a clone may take, with its history, as a number of bytes or with a unit: 512MiB.
	MaxBytes document.Size `yaml:"maxBytes" min:"65536" max:"1099511627776"`
	// Timeout is how long a clone may take.
	Timeout time.Duration `yaml:"timeout" min:"1"`
}

// Equal reports whether w and o are configured alike.
func (w Workspace) Equal(o Workspace) bool { return reflect.DeepEqual(w, o) }

// gitHost is what a host looks like. Its capital letters, the dot at its end and the like would be other spellings of the same.
var gitHost = document.Form{
	Pattern: regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[1-9][0-9]{0,4})?$`),
	Message: "is not a host", Hint: "write it in lower case and without a scheme, such as github.com or git.example.com:8443",
}

// clones is the schema of a workspace that something may be cloned into.
var clones = document.Schema{
	"required": []string{"git"},
	"properties": document.Schema{"git": document.Schema{
		"type": "object", "required": []string{"hosts"}, "properties": document.Schema{"hosts": document.Schema{"type": "array", "minItems": 1}},
	}},
}

// DefaultWorkspace is what holds for a workspace unless the file says otherwise.
func DefaultWorkspace() Workspace {
	return Workspace{Git: Git{Schemes: []string{"https"}, Depth: 1, MaxBytes: 512 << 20, Timeout: 5 * time.Minute}}
}

// checkWorkspace wants a root that is there, and addresses in the one spelling that is compared.
func (d checker) checkWorkspace(w *Workspace) {
	switch {
	case !d.OK("workspace", "workspace.root"):
	case w.Root != "":
		if err := document.Directory(w.Root); err != nil {
			d.Wrong("workspace.root", w.Root+": "+err.Error(), "name a directory that is there")
		}
	case len(w.Git.Hosts) > 0:
		d.Missing("workspace", "root", "write root: DIRECTORY, into which git.clone clones")
	}
	for i, host := range w.Git.Hosts {
		at := fmt.Sprintf("workspace.git.hosts[%d]", i)
		if !d.OK(at) {
			continue
		}
		name, _, _ := strings.Cut(host, ":")
		last := name[strings.LastIndexByte(name, '.')+1:]
		if _, err := netip.ParseAddr(name); err != nil && strings.Trim(last, "0123456789") == "" {
			d.Wrong(at, host+" is an unusual spelling of an address", "write four numbers, such as 192.0.2.7")
		}
	}
}
