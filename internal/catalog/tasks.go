package catalog

import (
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Tasks is what a server of the legacy era can do with tasks (its capability "tasks").
type Tasks struct {
	// Call says that a tool call may ask to be run as a task; without it the rest counts for nothing.
	Call bool
	// List and Cancel say that the server lists its tasks and cancels them.
	List, Cancel bool
}

// tasks is what the servers can do with tasks, as one.
type tasks struct {
	servers   map[string]Tasks // those of the legacy era that have tasks
	all       Tasks
	extension bool // a server of the modern era has them
	// The capabilities with tasks as each era writes them.
	legacy, modern []byte
}

// tasksOf merges what the sources say of tasks. Plain are the capabilities without them.
func tasksOf(sources []Source, plain []byte) tasks {
	t := tasks{servers: map[string]Tasks{}}
	for i := range sources {
		its := sources[i].Listing
		switch {
		case its == nil || its.Revision == nil:
		case its.Revision.Stateless:
			extensions := wire.Get(its.Capabilities, "extensions")
			t.extension = t.extension || isObject(wire.Get(extensions, mcp.TasksExtension))
		case its.Revision.Tasks:
			if one := legacyTasks(wire.Get(its.Capabilities, "tasks")); one.Call {
				t.servers[sources[i].Server] = one
				t.all = Tasks{Call: true, List: t.all.List || one.List, Cancel: t.all.Cancel || one.Cancel}
			}
		}
	}
	open := plain[:len(plain)-1]
	t.legacy = append(t.all.appendTo(slices.Concat(open, []byte(`,"tasks":`))), '}')
	t.modern = slices.Concat(open, []byte(`,"extensions":{"`+mcp.TasksExtension+`":{}}}`))
	return t
}

func legacyTasks(capability []byte) Tasks {
	return Tasks{
		Call:   isObject(wire.Get(wire.Get(wire.Get(capability, "requests"), "tools"), "call")),
		List:   isObject(wire.Get(capability, "list")),
		Cancel: isObject(wire.Get(capability, "cancel")),
	}
}

// appendTo appends the capability of the legacy era.
func (t Tasks) appendTo(dst []byte) []byte {
	dst = append(dst, `{"requests":{"tools":{"call":{}}}`...)
	if t.List {
		dst = append(dst, `,"list":{}`...)
	}
	if t.Cancel {
		dst = append(dst, `,"cancel":{}`...)
	}
	return append(dst, '}')
}

// Tasks returns what a server can do with tasks of the legacy era.
func (c *Catalog) Tasks(server string) Tasks { return c.summary.tasks.servers[server] }

// RunsTasks reports whether clients of the revision are told that there are tasks.
func (c *Catalog) RunsTasks(r *mcp.Revision) bool {
	return r.Stateless && c.summary.tasks.extension || r.Tasks && c.summary.tasks.all.Call
}

// hideExecution hides that tools can be run as tasks where the server has none although
// clients are told that there are some: they would ask for what cannot be. That a tool
// must not be run as one stays as its server says it.
func (c *Catalog) hideExecution() {
	if !c.summary.tasks.all.Call {
		return
	}
	for _, e := range c.entries[mcp.Tool] {
		support := wire.Get(wire.Get(e.Raw, "execution"), "taskSupport")
		promised := support != nil && !wire.IsString(support, "forbidden")
		e.hidden.task = promised && !e.hidden.modern && !c.summary.tasks.servers[e.Dest.Server].Call
	}
}

// ListsTasks reports whether a server of the legacy era lists its tasks.
func (c *Catalog) ListsTasks() bool { return c.summary.tasks.all.List }

// SpeaksModern reports whether the tool's server was spoken to in the modern era.
func (e *Entry) SpeaksModern() bool { return e.hidden.modern }
