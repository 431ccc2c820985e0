// Package confine is the part of mcp.yaml that says what a server's program may reach on this machine.
package confine

import (
	_ "embed"
	"regexp"

	"github.com/sumun-mcp/sumun/internal/document"
)

//go:embed confine.go
var source string

// Source returns the source of the types, whose comments describe the keys in the JSON Schema.
func Source() string { return source }

// The tiers: what stands between a server's program and the machine.
const (
	// Box is namespaces, Landlock and seccomp.
	Box = "box"
	// BoxLite is Landlock and seccomp alone, without a network, for where namespaces are refused.
	BoxLite = "box-lite"
	// Container is a container of Docker or Podman.
	Container = "container"
	// GVisor is a kernel of its own: runsc.
	GVisor = "gvisor"
	// None is nothing but an environment of its own.
	None = "none"
)

// Any is the value of [Grant.Exec] that sets no bound.
const Any = -1

// A Confinement says what one server's program may reach. Its zero value is the strictest.
type Confinement struct {
	// Sandbox is what stands between the program and the machine: box, box-lite, container, gvisor or none. When absent it is box, or box-lite
	// where the machine refuses namespaces.
	Sandbox string `yaml:"sandbox" enum:"box box-lite container gvisor none"`
	// Image is the container image that the program runs in, pinned by its digest. For sandbox: container.
	Image string `yaml:"image" form:"word"`

	Grant
}

// A Grant is what a program may reach and use. Its zero value is the strictest.
type Grant struct {
	// Read lists files and directories that the program may read beside its own, and those that its arguments name.
	Read []string `yaml:"read" form:"some"`
	// Write lists files and directories that the program may read and change.
	Write []string `yaml:"write" form:"some"`
	// Hosts lists what the program may connect to: HOST for port 443, HOST:PORT, or *.example.com for all below example.com. Without it there
	// is no network.
	Hosts []string `yaml:"hosts" form:"reached"`
	// Exec is how many other programs the program may start, one after the other or at once: none when absent, -1 without a bound.
	Exec int `yaml:"exec" min:"-1" max:"1000000"`
	// Memory is how much memory the program and those that it starts may have, as a number of bytes or with a unit: 512MiB.
	Memory document.Size `yaml:"memory" min:"16777216" max:"1099511627776"`
	// Pids is how many processes and threads there may be at once.
	Pids int `yaml:"pids" min:"1" max:"100000"`
	// CPU is how much processor time the program may have, in processors: 0.5 is half of one.
	CPU float64 `yaml:"cpu" min:"0.01" max:"1024"`
}

// Finish makes paths absolute that stand in a file of that directory.
func (g *Grant) Finish(dir string) {
	document.Within(dir, g.Read)
	document.Within(dir, g.Write)
}

// Forms are the forms that the tags name.
var Forms = map[string]document.Form{
	"reached": {
		Pattern: regexp.MustCompile(`^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$`),
		Message: "is not a host", Hint: "write example.com, example.com:8443, or *.example.com for all below example.com",
	},
}
