package config

import (
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
)

// Roots says how many contexts a caller may have, how long they live, and what they remember.
type Roots struct {
	// TTL is how long a root lives without being used, unless mcp.root.create says otherwise.
	TTL time.Duration `yaml:"ttl" min:"1000000000" max:"31536000000000000"`
	// Max is how many roots one caller may have.
	Max int `yaml:"max" min:"1" max:"100000"`
	// Memory bounds the memory of a root that has one.
	Memory RootMemory `yaml:"memory"`
}

// RootMemory bounds the memory of one root. What does not fit lets the oldest go.
type RootMemory struct {
	// Entries is how many calls it keeps.
	Entries int `yaml:"entries" min:"1" max:"10000"`
	// Bytes is how large it may be, as a number of bytes or with a unit: 256KiB.
	Bytes document.Size `yaml:"bytes" min:"1024" max:"67108864"`
	// Workspaces gives a memory to the roots of workspaces, which clients of the standard cannot ask for. The others have one if
	// mcp.root.create says so.
	Workspaces bool `yaml:"workspaces"`
}

// defaultRoots is what holds for roots unless the file says otherwise.
func defaultRoots() Roots {
	return Roots{TTL: 24 * time.Hour, Max: 1000, Memory: RootMemory{Entries: 32, Bytes: 256 << 10}}
}
