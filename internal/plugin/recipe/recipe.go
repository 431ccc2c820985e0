// Package recipe holds what the rooms that know a language tell about a plugin: how it is started, and what it needs for that.
package recipe

// A Source is one version of a plugin, before anything of it ran. Its files are a copy of their own, which never changes.
type Source struct {
	// Name is what the plugin is called: the name of its file without the ending, or of its folder.
	Name string
	// Path is the file that is the plugin, or its folder, in the copy: absolute.
	Path string
	// Origin is where the author keeps it; errors and notices name that place.
	Origin string
	// Dir tells that Path is a folder.
	Dir bool
	// Work is a directory of this version, empty at first, for what is made from it: transformed code, schemas. The program sees it
	// read-only.
	Work string
	// Shims is a directory for files that all plugins of a language share. Whoever writes there writes the same bytes each time, to
	// a name of its own, and renames. The program sees it read-only.
	Shims string
}

// A Recipe is how a version of a plugin is started. Paths are absolute.
type Recipe struct {
	// Command and Args are the program, which speaks MCP over stdin and stdout.
	Command string
	Args    []string
	// Env is set beside the little that every child inherits.
	Env map[string]string
	// Dir is where it runs; "" is the folder of the plugin's own file, in the copy.
	Dir string
	// Read and Write are what it may reach beside its own files, Hosts what it may connect to, as in mcp.yaml.
	Read, Write, Hosts []string
	// Exec is how many other programs it may start: none when 0, -1 without a bound.
	Exec int
	// Lock is the lock file to install from before it starts, beside the plugin in the copy; "" when it needs nothing.
	Lock string
	// Notices are what the author should hear although the plugin works.
	Notices []string
}

// What a shim says on its standard error, each on a line of its own.
const (
	// Fault comes before FILE:LINE: MESSAGE, when the plugin could not be loaded; the shim then exits with [FaultCode].
	Fault = "sumun: "
	// Notice comes before what the author should hear although the plugin works.
	Notice = "sumun-notice: "
	// FaultCode is the exit code after a fault.
	FaultCode = 3
)

// An Error is a fault of a plugin that was found before it ran, at a place in its source.
type Error struct {
	File    string // as the author knows it
	Line    int    // from 1; 0 when unknown
	Column  int    // from 1; 0 when unknown
	Message string
}
