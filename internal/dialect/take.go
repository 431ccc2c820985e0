package dialect

import (
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// params reads the parameters of a call. It keeps the first thing that is wrong.
type params struct {
	call *mcp.Call
	err  *mcp.Error
}

// fail refuses the parameters because of that member; an empty name means all of them. The
// error points at it (RFC 6901).
func (p *params) fail(member, format string, args ...any) {
	if p.err != nil {
		return
	}
	at := ""
	if member != "" {
		at = "/" + pointers.Replace(member)
	}
	p.err = mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, format, args...)
	p.err.Data = append(wire.AppendQuote([]byte(`{"pointers":[`), at), "]}"...)
}

var pointers = strings.NewReplacer("~", "~0", "/", "~1")

// check refuses members that the method does not have.
func (p *params) check(known []string) {
	for raw := range wire.Members(p.call.Params()) {
		name, _ := wire.Unquote(slices.Concat([]byte{'"'}, raw, []byte{'"'}))
		if name != "context" && name != "_meta" && !slices.Contains(known, name) {
			p.fail(name, "params.%s is not known; %s takes %s", name, p.call.Dialect, strings.Join(append(known, "context"), ", "))
		}
	}
}

// text returns a member that must be a string, and "" where it is absent.
func (p *params) text(name string) string {
	raw := p.call.Member(name)
	if raw == nil {
		return ""
	}
	s, ok := wire.Unquote(raw)
	if !ok || s == "" {
		p.fail(name, "params.%s must be a string that is not empty", name)
	}
	return s
}

// needed is text for a member that must be there.
func (p *params) needed(name string) string {
	if p.call.Member(name) == nil {
		p.fail(name, "params.%s is missing", name)
	}
	return p.text(name)
}

// object returns a member that must be an object, and nil where it is absent.
func (p *params) object(name string) []byte {
	raw := p.call.Member(name)
	if raw != nil && raw[0] != '{' {
		p.fail(name, "params.%s must be an object", name)
	}
	return raw
}

// takeName takes the name of what the gate's own methods address.
func (p *params) takeName() *mcp.Error {
	if m, ok := mcp.MethodByName(p.call.Method); ok && m.NameMember != "" {
		p.call.Name = p.needed(m.NameMember)
	}
	return p.err
}

// A rewritten call is one in the words of the standard.
type rewritten struct {
	method, name string
	// params are the members of the parameters, without _meta.
	params []byte
	// meta are further members of _meta.
	meta []byte
	// asked is the name of a named resource whose URI is yet to be made.
	asked string
}

// envelope is what every request of the modern era carries in _meta: nothing can be
// asked of a client of the dialect.
var envelope = slices.Concat(
	wire.AppendQuote([]byte(`"`+mcp.MetaRevision+`":`), mcp.Latest().Name),
	[]byte(`,"`+mcp.MetaCapabilities+`":{},"`+mcp.MetaClientInfo+`":{"name":"mcp dialect","version":"1"}`),
)

// put puts the call into those words.
func (r *rewritten) put(call *mcp.Call) *mcp.Error {
	m := call.Request
	id := m.Bytes(m.ID)
	raw := make([]byte, 0, len(r.params)+len(r.meta)+len(envelope)+128)
	raw = append(raw, `{"jsonrpc":"2.0",`...)
	if m.Kind == wire.Request {
		raw = append(append(append(raw, `"id":`...), id...), ',')
	}
	raw = wire.AppendQuote(append(raw, `"method":`...), r.method)
	raw = append(append(raw, `,"params":{`...), r.params...)
	raw = append(append(append(raw, `,"_meta":{`...), envelope...), r.meta...)
	raw = append(raw, "}}}"...)
	next := new(wire.Message)
	if err := scanner.Request(raw, next); err != nil {
		// What came was scanned before, and its members are ones that the standard has.
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "the parameters cannot be passed on: %v", err)
	}
	call.Request, call.Method, call.Name, call.Asked = next, r.method, r.name, r.asked
	call.Capabilities, call.ClientInfo = call.Meta(mcp.MetaCapabilities), call.Meta(mcp.MetaClientInfo)
	return nil
}

// invoke is tools/call.
func invoke(p *params) rewritten {
	r := rewritten{method: mcp.MethodToolsCall, name: p.needed("toolId")}
	r.params = wire.AppendQuote([]byte(`"name":`), r.name)
	if args := p.object("args"); args != nil {
		r.params = append(append(r.params, `,"arguments":`...), args...)
	}
	return r
}

// read is resources/read. The URI of a named resource is made where the resource is
// known (Expand).
func read(p *params) rewritten {
	uri, id := p.text("uri"), p.text("resourceId")
	if (uri == "") == (id == "") {
		p.fail("", "params must have either uri or resourceId")
	}
	values := p.object("params")
	if values != nil && id == "" {
		p.fail("params", "params.params goes with resourceId only")
	}
	r := rewritten{method: mcp.MethodRead, name: uri, asked: id}
	r.params = wire.AppendQuote([]byte(`"uri":`), uri)
	if tag := p.text("ifNoneMatch"); tag != "" {
		r.meta = wire.AppendQuote([]byte(`,"`+mcp.MetaIfNoneMatch+`":`), tag)
	}
	if values != nil {
		r.meta = append(append(r.meta, `,"`+mcp.MetaVariables+`":`...), values...)
	}
	return r
}

// render is prompts/get. Arguments are strings there; what the variables really are
// stands in _meta.
func render(p *params) rewritten {
	r := rewritten{method: mcp.MethodPromptsGet, name: p.needed("promptId")}
	r.params = wire.AppendQuote([]byte(`"name":`), r.name)
	variables := p.object("variables")
	if variables == nil {
		return r
	}
	r.params = append(r.params, `,"arguments":{`...)
	for key, value := range wire.Members(variables) {
		if r.params[len(r.params)-1] != '{' {
			r.params = append(r.params, ',')
		}
		r.params = append(append(append(r.params, '"'), key...), `":`...)
		if value[0] == '"' {
			r.params = append(r.params, value...)
		} else {
			r.params = wire.AppendQuote(r.params, string(value))
		}
	}
	r.params = append(r.params, '}')
	r.meta = append([]byte(`,"`+mcp.MetaVariables+`":`), variables...)
	return r
}

// Expand puts the URI of a named resource into the call that asks for it.
func Expand(call *mcp.Call, uri string) *mcp.Error {
	r := rewritten{method: mcp.MethodRead, name: uri, asked: call.Asked}
	r.params = wire.AppendQuote([]byte(`"uri":`), uri)
	if tag := call.Meta(mcp.MetaIfNoneMatch); tag != nil {
		r.meta = append([]byte(`,"`+mcp.MetaIfNoneMatch+`":`), tag...)
	}
	return r.put(call)
}
