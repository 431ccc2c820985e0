package catalog

import (
	"slices"
	"sync"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Bounds of the rendered lists that a Catalog keeps. Above them, others make room.
const (
	maxPages     = 1024
	maxPageBytes = 64 << 20
)

// pages keeps rendered lists, so that the second list is one look-up. Each is
// rendered once, however many ask for it at the same time.
type pages struct {
	mu   sync.RWMutex // guards what follows
	kept map[pageKey]*page
	size int // bytes of all that are ready
}

// A pageKey tells rendered lists apart.
type pageKey struct {
	kind  mcp.Kind
	form  form
	short bool // with short names
	whole bool
	view  string
}

// A page is one rendered list; its result may be read once ready is closed.
type page struct {
	ready  chan struct{}
	result *mcp.Result
}

// A form is what the revisions differ in where lists are concerned.
type form struct {
	stateless, resultType, cacheHints, anyStructured, toolMeta bool
}

func formOf(r *mcp.Revision) form {
	return form{stateless: r.Stateless, resultType: r.ResultType, cacheHints: r.CacheHints, anyStructured: r.AnyStructured, toolMeta: r.ToolMeta}
}

func (p *pages) init() { p.kept = map[pageKey]*page{} }

// List returns the complete result of a list method: everything of that kind that
// the view lists, in the form of the revision and with names of that form. The view
// judges by full names. The result is shared and must not be changed.
func (c *Catalog) List(kind mcp.Kind, view *mcp.View, rev *mcp.Revision, naming mcp.Naming) *mcp.Result {
	if kind >= kinds {
		return mcp.Own(nil)
	}
	key := pageKey{kind: kind, form: formOf(rev)}
	key.short = naming == mcp.ShortNames && (kind == mcp.Tool || kind == mcp.Prompt)
	switch {
	case view == nil || view.ID == "" && !view.Whole:
		return c.render(key, view) // nothing to keep it under
	case view.Whole:
		key.whole = true
	default:
		key.view = view.ID
	}
	c.pages.mu.RLock()
	p := c.pages.kept[key]
	c.pages.mu.RUnlock()
	if p == nil {
		return c.renderOnce(key, view)
	}
	<-p.ready
	return p.result
}

// renderOnce renders a list that is not kept yet, or waits for the one who does.
func (c *Catalog) renderOnce(key pageKey, view *mcp.View) *mcp.Result {
	c.pages.mu.Lock()
	if p := c.pages.kept[key]; p != nil {
		c.pages.mu.Unlock()
		<-p.ready
		return p.result
	}
	p := &page{ready: make(chan struct{})}
	c.pages.kept[key] = p
	c.pages.mu.Unlock()
	defer close(p.ready)
	p.result = c.render(key, view)
	c.pages.keep(key, p)
	return p.result
}

// keep counts a page that was rendered and lets others go if there are too many.
func (p *pages) keep(key pageKey, rendered *page) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size += len(rendered.result.Value)
	for other, page := range p.kept {
		if p.size <= maxPageBytes && len(p.kept) <= maxPages {
			return
		}
		if other != key && page.isReady() {
			p.size -= len(page.result.Value)
			delete(p.kept, other)
		}
	}
}

func (p *page) isReady() bool {
	select {
	case <-p.ready:
		return true
	default:
		return false
	}
}

// render makes the result, with its digest, so that what is on record of it need not be worked out for each call.
func (c *Catalog) render(key pageKey, view *mcp.View) *mcp.Result {
	result := mcp.Own(c.write(key, view))
	sum := result.Digest()
	result.Sum = &sum
	return result
}

// write writes the list.
func (c *Catalog) write(key pageKey, view *mcp.View) []byte {
	f := key.form
	shown, size := c.shown(key, view)
	dst := make([]byte, 0, size+256+len(c.options.ServerInfo))
	dst = append(dst, '{')
	if f.resultType {
		dst = append(dst, `"resultType":"complete",`...)
	}
	dst = append(append(append(dst, '"'), shelves[key.kind].member...), `":[`...)
	for i, e := range shown {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendIn(dst, e.raw(key.short), f)
	}
	dst = append(dst, ']')
	if f.cacheHints {
		dst = append(append(append(dst, `,"ttlMs":0,"cacheScope":"`...), cacheScope(view)...), '"')
	}
	if f.stateless && c.options.ServerInfo != nil {
		dst = append(append(dst, `,"_meta":{"`+mcp.MetaServerInfo+`":`...), c.options.ServerInfo...)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// shown returns the entries that the view lists, and about how many bytes they need.
func (c *Catalog) shown(key pageKey, view *mcp.View) (shown []*Entry, size int) {
	for _, e := range c.entries[key.kind] {
		if view.Lists(e.Kind, e.Name) && (!key.short || e.Short != "") {
			shown = append(shown, e)
			size += len(e.Raw) + len(e.meta) + len(`,"_meta":{}`)
		}
	}
	return shown, size
}

// cacheScope returns who may share what the view shows: what is filtered is its caller's own.
func cacheScope(view *mcp.View) string {
	if view != nil && view.Whole {
		return "public"
	}
	return "private"
}

// raw returns the element with its full or its short name.
func (e *Entry) raw(short bool) []byte {
	if !short || e.Short == e.Name {
		return e.Raw
	}
	return renamed(e.Raw, shelves[e.Kind].name, e.Short)
}

// appendIn appends the element, given as raw, without what clients of that form must not get.
func (e *Entry) appendIn(dst, raw []byte, f form) []byte {
	output := e.hidden.output && !f.anyStructured
	if f.toolMeta && e.meta != nil {
		raw = identified(raw, e.meta)
	}
	execution := e.hidden.execution && (e.hidden.task || f.stateless != e.hidden.modern)
	if !output && !execution {
		return append(dst, raw...)
	}
	dst = append(dst, '{')
	start := len(dst)
	for m := range wire.MemberSpans(raw) {
		key := raw[m.Key.Start:m.Key.End]
		if output && wire.KeyEqual(key, "outputSchema") || execution && wire.KeyEqual(key, "execution") {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(dst, raw[m.Key.Start-1:m.Value.End]...)
	}
	return append(dst, '}')
}

// identified returns the element with those members in its _meta, instead of any that it
// has under the same keys.
func identified(raw, members []byte) []byte {
	object := slices.Concat([]byte("{"), members, []byte("}"))
	for m := range wire.MemberSpans(raw) {
		if !wire.KeyEqual(raw[m.Key.Start:m.Key.End], "_meta") {
			continue
		}
		meta := append([]byte("{"), members...)
		for key, value := range wire.Members(raw[m.Value.Start:m.Value.End]) {
			if name := string(key); wire.Get(object, name) == nil {
				meta = append(append(append(meta, `,"`...), name...), `":`...)
				meta = append(meta, value...)
			}
		}
		return wire.AppendPatched(nil, raw, wire.Patch{Span: m.Value, With: append(meta, '}')})
	}
	return slices.Concat(raw[:len(raw)-1], []byte(`,"_meta":`), object, []byte("}"))
}
