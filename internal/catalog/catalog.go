// Package catalog is the merged list of the tools, prompts, resources and
// templates of all servers: under which name each is offered, where a call of
// that name goes, and the lists as clients get them, rendered in advance.
//
// A Catalog does no I/O and never changes. When a server's list changes, a new
// one is built from all of them and takes its place.
package catalog

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Source is one server and what it offers.
type Source struct {
	// Server is the server's name in the configuration.
	Server string
	// Prefix stands before the names of its tools and prompts, with a dot between.
	// Empty leaves the names as the server declares them.
	Prefix string
	// Dotted leaves names that have a dot as they are, whatever Prefix is: they say themselves whose they are.
	Dotted bool
	// Own marks our own server: its names win over any other's.
	Own bool
	// Gateway marks another gateway of ours, the only server, to which this one is a
	// bridge: the suffixes of its names are no guesses, so they get no further ones.
	Gateway bool
	// Order is the server's place in the configuration file.
	Order int
	// Listing is what the server offers. Its elements have been scanned; they are
	// kept, not copied.
	Listing *mcp.Listing
	// Allow holds the patterns of the tools to offer, as the server names them; nil offers all.
	Allow []string
	// Rename gives tools another name before the prefix is added: the server's name to ours.
	Rename map[string]string
	// HTTP says that the server is reached over HTTP, where a tool with an invalid
	// x-mcp-header must be left out.
	HTTP bool
	// Timeout goes into the destination of each of its entries.
	Timeout time.Duration
	// TrustAnnotations believes the server's hints about its own tools.
	TrustAnnotations bool
}

// An Entry is one thing that can be called, got or read. It must not be changed.
type Entry struct {
	// Kind is what it is. An entry of kind Resource that was found by a template is a resource.
	Kind mcp.Kind
	// Name is what it is called: a full name, a URI, or a template of URIs.
	Name string
	// Short is the short form of a tool's or prompt's name, often the same. It is
	// empty where there is none to be had, and for resources and templates.
	Short string
	// Dest is where a call of it goes.
	Dest mcp.Destination
	// Raw is the element as the server sent it but for the name; Said is it with the name too.
	Raw, Said []byte

	// ReadOnly says that the tool says of itself that it changes nothing.
	ReadOnly bool

	// Offered says that no server declares the name (Options.Offered).
	Offered bool

	// Held is the id of the alert for which it is held back; empty of all that can be used.
	Held string
	// known says of what is held back that it was approved in another form.
	known bool

	hidden hidden
	inputs *inputs
	// meta are members for _meta by which the element is identified in lists.
	meta []byte
}

// Options are what the lists of a Catalog carry beside its elements.
type Options struct {
	// ServerInfo is what we say of ourselves in results of the modern era: a JSON object, or nil.
	ServerInfo []byte
	// Identify returns members for the _meta of a listed tool, given as its server sends
	// it, or nil; they take the place of members that the server gives under the same keys.
	// Nil adds none.
	Identify func(server string, said []byte) []byte
	// Held says whether something that a server sends is held back: it returns the id of the alert about it, and whether it was approved in
	// another form. HeldInstructions says whether what a server tells models is. Nil holds back nothing. Our own servers are not asked about.
	Held             func(server string, kind mcp.Kind, name string, said []byte) (alert string, known bool)
	HeldInstructions func(server, instructions string) bool
	// Offered are names that no server declares, where nothing else has them.
	Offered []mcp.Offered
}

// A Warning says why something that a server offers is left out, or offered under another name.
type Warning struct {
	Server  string
	Kind    mcp.Kind
	Name    string // as the server calls it, as far as it can be told
	Problem string
}

// A Catalog answers what there is and what each client may see of it. It is
// immutable and safe for concurrent use.
type Catalog struct {
	entries   [kinds][]*Entry         // in the order in which they are listed
	names     [kinds]map[string]named // by every form of their names
	templates []*template             // the most specific first
	summary   summary
	warnings  []Warning
	options   Options
	pages     pages
	remotes   remotes
	held      holder
	sources   []Source
}

// Build merges the sources. The order of the slice does not matter: servers
// stand in the order of the file, and entries in the server's own order. What is
// malformed is left out with a Warning.
func Build(sources []Source, o Options) *Catalog {
	sources = slices.Clone(sources)
	slices.SortFunc(sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), strings.Compare(a.Server, b.Server))
	})
	c := &Catalog{options: o, sources: sources, summary: summarize(instructed(sources, &o))}
	c.pages.init()
	for kind := range kinds {
		var claims []*claim
		for i := range sources {
			claims = c.read(claims, &sources[i], kind)
		}
		if kind == mcp.Tool || kind == mcp.Prompt {
			claims = c.offer(kind, claims)
		}
		claims, others := unclaimed(claims)
		c.settle(kind, claims)
		if kind == mcp.Tool || kind == mcp.Prompt {
			c.shorten(kind, claims)
		}
		c.holdBack(kind, others)
	}
	c.compileTemplates()
	c.hideExecution()
	return c
}

// Lookup returns the entry with that full name or URI: it finds nothing by a short
// name, so that what was authorized is what is found. A URI that no server lists
// belongs to the most specific template that it fits.
func (c *Catalog) Lookup(kind mcp.Kind, name string) (*Entry, bool) {
	if kind >= kinds {
		return nil, false
	}
	if e := c.names[kind][name].entry; e != nil && e.Name == name {
		return e, true
	}
	if kind == mcp.Resource {
		return c.byTemplate(name)
	}
	return nil, false
}

// Seen are the entries of a kind that the view lists, in the order of lists.
func (c *Catalog) Seen(kind mcp.Kind, view *mcp.View) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for _, e := range c.entries[kind] {
			if view.Lists(e.Kind, e.Name) && !yield(e) {
				return
			}
		}
	}
}

// Parametric are the templates that the view lists as they are written or, since they can be
// read by their names, by these; in the order of lists.
func (c *Catalog) Parametric(view *mcp.View) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for _, e := range c.entries[mcp.Template] {
			named := view.Lists(mcp.Resource, text(e.Raw, "name")) && !view.Denies(mcp.Template, e.Name, mcp.ToList)
			if (view.Lists(mcp.Template, e.Name) || named) && !yield(e) {
				return
			}
		}
	}
}

// Named returns the template of that name that the view may read by its name or as it
// is written; the first of several.
func (c *Catalog) Named(name string, view *mcp.View) (*Entry, bool) {
	for _, e := range c.entries[mcp.Template] {
		named := view.Sees(mcp.Resource, name) && !view.Denies(mcp.Template, e.Name, mcp.ToRead)
		if text(e.Raw, "name") == name && (named || view.Sees(mcp.Template, e.Name)) {
			return e, true
		}
	}
	return nil, false
}

// Ref returns what a completion/complete refers to: a prompt by its name, or a
// template or a resource by its URI. Ref is the request's "ref" as it came; full is
// the prompt's full name if the ref may have another form of it, else empty.
func (c *Catalog) Ref(ref []byte, full string) (*Entry, *mcp.Error) {
	kind, name, ok := mcp.ParseRef(ref)
	if !ok {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments,
			"ref must be a prompt with a name or a resource with a uri")
	}
	e, ok := c.Lookup(kind, cmp.Or(full, name))
	if !ok && kind == mcp.Template {
		e, ok = c.Lookup(mcp.Resource, name)
	}
	if !ok {
		return nil, mcp.Absent(kind, name, nil)
	}
	return e, nil
}

// Matches reports whether a full name of that kind fits the pattern.
func (c *Catalog) Matches(kind mcp.Kind, pattern string) bool {
	if kind >= kinds {
		return false
	}
	return slices.ContainsFunc(c.entries[kind], func(e *Entry) bool { return mcp.Match(pattern, e.Name) })
}

// Same reports whether c and other, which may be nil, list the same things of
// that kind, so that a change is announced only when there is one. Templates count
// as resources too, since the two share a notice.
func (c *Catalog) Same(kind mcp.Kind, other *Catalog) bool {
	if other == nil || kind >= kinds {
		return false
	}
	if kind == mcp.Resource && !c.Same(mcp.Template, other) {
		return false
	}
	return slices.EqualFunc(c.entries[kind], other.entries[kind], func(a, b *Entry) bool {
		return a.Name == b.Name && a.Short == b.Short && a.Dest.Server == b.Dest.Server && a.hidden == b.hidden && bytes.Equal(a.Raw, b.Raw)
	})
}

// Len returns how many things of that kind there are.
func (c *Catalog) Len(kind mcp.Kind) int {
	if kind >= kinds {
		return 0
	}
	return len(c.entries[kind])
}

// Warnings returns what was left out or renamed, in a stable order.
func (c *Catalog) Warnings() []Warning { return slices.Clone(c.warnings) }

func (c *Catalog) warn(w Warning) { c.warnings = append(c.warnings, w) }

// text returns the string that a member holds, "" if it is not one.
func text(object []byte, member string) string {
	s, _ := wire.Unquote(wire.Get(object, member))
	return s
}
