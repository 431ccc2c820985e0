// Package dialect speaks the seed's own methods, mcp.CATEGORY.ACTION (design/dialect.md,
// seed section 2.2). A message in it becomes the same mcp.Call as its twin in the
// standard and passes the same chain; only its words differ, on the way in (Take) and on
// the way out (AppendAnswer, AppendFailure). It knows no handshake and no session.
package dialect

import (
	"bytes"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// prefix begins the methods of the dialect. It may be left out.
const prefix = "mcp."

// maxDepth is how deep a message may nest, as at every door.
const maxDepth = 512

var scanner = wire.NewScanner(mcp.Vocabulary(), maxDepth)

// A method is what the dialect must know of one of its methods.
type method struct {
	// params are the members that the parameters may have; context is one everywhere.
	params []string
	// rewrite puts the call into the words of the standard; nil for what the gate
	// answers by itself.
	rewrite func(p *params) rewritten
	// answer appends the result; nil for one that is in the dialect's form already.
	answer func(dst []byte, a *answer) []byte
}

// methods is the dialect, by the canonical form of the names.
var methods = map[string]*method{
	mcp.MethodInvoke:            {params: []string{"toolId", "args"}, rewrite: invoke, answer: appendOutput},
	mcp.MethodReadResource:      {params: []string{"uri", "resourceId", "params", "ifNoneMatch"}, rewrite: read, answer: appendContent},
	mcp.MethodRender:            {params: []string{"promptId", "variables"}, rewrite: render, answer: appendMessages},
	mcp.MethodListTools:         {},
	mcp.MethodToolDescribe:      {params: []string{"toolId"}},
	mcp.MethodListPrompts:       {},
	mcp.MethodListResources:     {params: []string{"type", "prefix", "cursor"}},
	mcp.MethodWrite:             {params: []string{"uri", "content", "blob", "mimeType", "ifMatch", "ifRevision"}},
	mcp.MethodWatch:             {params: []string{"uri"}},
	mcp.MethodUnwatch:           {params: []string{"uri"}},
	mcp.MethodSubscribeEvents:   {params: []string{"types"}},
	mcp.MethodUnsubscribeEvents: {params: []string{"types"}},
	mcp.MethodRootCreate:        {params: []string{"rootId", "name", "uri", "sampling", "variables", "ttl", "memory"}},
	mcp.MethodRootList:          {},
	mcp.MethodRootGet:           {params: []string{"rootId"}},
	mcp.MethodRootClose:         {params: []string{"rootId"}},
	mcp.MethodSamplingGet:       {},
	mcp.MethodSamplingUpdate: {params: []string{
		"temperature", "topP", "top_p", "top-p", "topK", "top_k", "top-k", "maxTokens", "max_tokens", "max-tokens",
		"stopSequences", "stop_sequences", "stop-sequences", "feedback", "variables",
	}},
	mcp.MethodRoutingGet:   {},
	mcp.MethodRoutingSet:   {params: []string{"policy", "ifRevision"}},
	mcp.MethodServerInfo:   {},
	mcp.MethodManifest:     {},
	mcp.MethodRegistry:     {params: []string{"filter", "add", "remove", "ifRevision"}},
	mcp.MethodScan:         {params: []string{"target"}},
	mcp.MethodServers:      {},
	mcp.MethodPlugins:      {},
	mcp.MethodApprovals:    {},
	mcp.MethodDecide:       {params: []string{"id", "allow", "reason", "for", "always"}},
	mcp.MethodForget:       {params: []string{"id"}},
	mcp.MethodAlerts:       {params: []string{"all", "server"}},
	mcp.MethodAlert:        {params: []string{"id"}},
	mcp.MethodAlertApprove: {params: []string{"id", "ids", "server", "reason"}},
	mcp.MethodAlertDismiss: {params: []string{"id", "ids", "server", "reason"}},
	mcp.MethodRestart:      {params: []string{"server"}},
	mcp.MethodLogin:        {params: []string{"server", "scopes"}},
	mcp.MethodAwaitLogin:   {params: []string{"login"}},
	mcp.MethodLogout:       {params: []string{"server"}},
}

// plurals are the categories that may be written in the plural: M2 of the seed writes
// mcp.tool.invoke, its example mcp.tools.list.
var plurals = map[string]string{
	"tools": "tool", "resources": "resource", "prompts": "prompt", "roots": "root", "events": "event", "servers": "server",
}

// routing is both getting and setting.
const routing = "mcp.routing"

// Speaks reports whether a message is in the dialect, by its method: those of the
// standard have no dot. What carries the modern era's envelope is of that era.
func Speaks(m *wire.Message) bool {
	if m.Kind != wire.Request && m.Kind != wire.Notification || m.Meta(mcp.MetaRevision).Ok() {
		return false
	}
	name := m.MethodName()
	return bytes.IndexByte(name, '.') > 0 || string(name) == strings.TrimPrefix(routing, prefix)
}

// Canonical returns the canonical form of a method's name: with its prefix, and the
// category in the singular.
func Canonical(name string) string {
	rest := strings.TrimPrefix(name, prefix)
	category, action, ok := strings.Cut(rest, ".")
	if !ok {
		return prefix + rest
	}
	if singular := plurals[category]; singular != "" {
		category = singular
	}
	return prefix + category + "." + action
}

// Names returns the methods that there are, in their canonical form.
func Names() []string {
	names := make([]string, 0, len(methods))
	for name := range methods {
		names = append(names, name)
	}
	return names
}

// Take makes the call of a message in the dialect: its method becomes the standard's
// where there is one, and its parameters the standard's. What cannot be understood is
// refused; the call can be put on record all the same.
func Take(call *mcp.Call, now time.Time) *mcp.Error {
	call.Revision, call.Began = mcp.Latest(), now
	name := Canonical(string(call.Request.MethodName()))
	if name == routing {
		name = mcp.MethodRoutingGet
		if call.Member("policy") != nil {
			name = mcp.MethodRoutingSet
		}
	}
	call.Dialect, call.Method = name, name
	m := methods[name]
	if m == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.NotFound,
			"method %q is not known; mcp.server.info lists those that are", call.Request.MethodName())
	}
	if name == mcp.MethodSubscribeEvents && call.Request.Kind == wire.Notification {
		return mcp.Errorf(mcp.CodeInvalidRequest, mcp.InvalidArguments, "events come behind the answer to the request; give it an id")
	}
	p := &params{call: call}
	p.check(m.params)
	if call.Context = p.object("context"); p.err != nil {
		return p.err
	}
	if m.rewrite == nil {
		return p.takeName()
	}
	r := m.rewrite(p)
	if p.err != nil {
		return p.err
	}
	return r.put(call)
}
