package catalog

import (
	"strings"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Bounds of what servers say about their use, in bytes: of one, and of all together.
const (
	maxAdvice       = 4 << 10
	maxInstructions = 16 << 10
)

// A summary is what the servers say of themselves, as one.
type summary struct {
	capabilities    []byte
	tasks           tasks
	instructions    string
	resourceServers []string // without our own
}

// summarize merges what the sources, in file order, say of themselves.
func summarize(sources []Source) summary {
	var sum summary
	subscribe, logging, completions := false, false, false
	for i := range sources {
		its := sources[i].Listing
		if its == nil {
			continue
		}
		resources := wire.Get(its.Capabilities, "resources")
		subscribe = subscribe || isTrue(wire.Get(resources, "subscribe"))
		logging = logging || isObject(wire.Get(its.Capabilities, "logging"))
		completions = completions || isObject(wire.Get(its.Capabilities, "completions"))
		if !sources[i].Own && (resources != nil || len(its.Resources)+len(its.Templates) > 0) {
			sum.resourceServers = append(sum.resourceServers, sources[i].Server)
		}
	}
	merged := []byte(`{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true`)
	if subscribe {
		merged = append(merged, `,"subscribe":true`...)
	}
	merged = append(merged, '}')
	if logging {
		merged = append(merged, `,"logging":{}`...)
	}
	if completions {
		merged = append(merged, `,"completions":{}`...)
	}
	sum.capabilities = append(merged, '}') //nolint:gocritic // merged ends here
	sum.tasks = tasksOf(sources, sum.capabilities)
	sum.instructions = instructions(sources)
	return sum
}

// OnlyResourceServer returns the one server besides our own that has resources,
// if there is just one: a URI that nobody lists can only be its.
func (c *Catalog) OnlyResourceServer() (string, bool) {
	if len(c.summary.resourceServers) != 1 {
		return "", false
	}
	return c.summary.resourceServers[0], true
}

// Capabilities returns what we can do, as a server's capabilities: a JSON object.
// Tools, prompts and resources are always there, since a server that has some may
// join while a client stays; the rest is there if a server has it. But for tasks, both
// eras write them alike. The bytes are shared and must not be changed.
func (c *Catalog) Capabilities(r *mcp.Revision) []byte {
	switch {
	case r.Stateless && c.summary.tasks.extension:
		return c.summary.tasks.modern
	case r.Tasks && c.summary.tasks.all.Call:
		return c.summary.tasks.legacy
	}
	return c.summary.capabilities
}

// Instructions returns the advice of all servers, each under its name; of a
// single server without a prefix as it is. Long advice is cut.
func (c *Catalog) Instructions() string { return c.summary.instructions }

func instructions(sources []Source) string {
	if len(sources) == 1 && sources[0].Prefix == "" && sources[0].Listing != nil {
		return cut(sources[0].Listing.Instructions, maxInstructions)
	}
	var all strings.Builder
	for i := range sources {
		s := &sources[i]
		if s.Listing == nil {
			continue
		}
		advice := strings.TrimSpace(s.Listing.Instructions)
		if advice == "" || all.Len() >= maxInstructions {
			continue
		}
		if all.Len() > 0 {
			all.WriteString("\n\n")
		}
		all.WriteString("# " + s.Server + "\n\n" + cut(advice, min(maxAdvice, maxInstructions-all.Len())))
	}
	return all.String()
}

// cut returns at most n bytes of s, whole characters, with a mark if there was more.
func cut(s string, n int) string {
	const mark = "…"
	if len(s) <= n {
		return s
	}
	n = max(0, n-len(mark))
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + mark
}
