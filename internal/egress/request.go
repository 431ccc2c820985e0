package egress

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/transport"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// request puts the call into the words of the server: its own name of what is addressed, our progress token, and what the era
// wants in _meta. Everything else goes out as it came.
func (f *flow) request(id int64) transport.Request {
	r := transport.Request{ID: id, Method: f.call.Method, Params: f.call.Params(), Enveloped: true}
	to := f.place.session.Revision()
	r.Name, r.Header = f.header(to)
	if r.Params == nil {
		r.Params = []byte("{}")
		if to.Stateless {
			r.Patches = []wire.Patch{transport.AddMeta(r.Params, f.envelope(to))}
		}
		return r
	}
	start := f.call.Request.Params.Start
	for _, p := range []wire.Patch{f.namePatch(), f.metaPatch(to, id)} {
		if p.Ok() {
			p.Start, p.End = p.Start-start, p.End-start
			r.Patches = append(r.Patches, p)
		}
	}
	slices.SortFunc(r.Patches, func(a, b wire.Patch) int { return cmp.Compare(a.Start, b.Start) })
	return r
}

// namePatch puts the server's own name in the place of ours; the zero Patch if they are the same.
func (f *flow) namePatch() wire.Patch {
	m := f.call.Request
	at := wire.Span{}
	if method, _ := mcp.MethodByName(f.call.Method); method.NameMember != "" {
		at = m.Member(method.NameMember)
	} else if f.call.Method == mcp.MethodComplete {
		at = refName(m)
	}
	if !at.Ok() || f.dest.Name == "" {
		return wire.Patch{}
	}
	if wire.IsString(m.Bytes(at), f.dest.Name) {
		return wire.Patch{}
	}
	return wire.Patch{Span: at, With: wire.AppendQuote(nil, f.dest.Name)}
}

// refName returns where the name or URI of a completion's reference stands.
func refName(m *wire.Message) wire.Span {
	ref := m.Member("ref")
	object := m.Bytes(ref)
	kind, _ := wire.Unquote(wire.Get(object, "type"))
	name := "name"
	if kind == "ref/resource" {
		name = "uri"
	}
	for member := range wire.MemberSpans(object) {
		if wire.KeyEqual(object[member.Key.Start:member.Key.End], name) {
			return wire.Span{Start: ref.Start + member.Value.Start, End: ref.Start + member.Value.End}
		}
	}
	return wire.Span{}
}

// metaPatch puts _meta into the era of the server, with our progress token; the zero Patch if nothing has to be changed.
func (f *flow) metaPatch(to *mcp.Revision, id int64) wire.Patch {
	m := f.call.Request
	switch meta := m.MetaSpan(); {
	case f.same:
		if at := m.Meta("progressToken"); at.Ok() {
			return wire.Patch{Span: at, With: wire.AppendInt(nil, id)}
		}
		return wire.Patch{}
	case !meta.Ok() && to.Stateless:
		p := transport.AddMeta(m.Bytes(m.Params), f.envelope(to))
		p.Start, p.End = p.Start+m.Params.Start, p.End+m.Params.Start
		return p
	case !meta.Ok():
		return wire.Patch{}
	default:
		with := foreignMeta(m.Bytes(meta), wire.AppendInt(nil, id))
		if to.Stateless {
			with = joined(f.envelope(to), with)
		}
		if len(with) == 0 {
			return removal(m)
		}
		return wire.Patch{Span: meta, With: slices.Concat([]byte("{"), with, []byte("}"))}
	}
}

// foreignMeta returns the members of a _meta that mean the same in both eras, with our progress token.
func foreignMeta(meta, token []byte) []byte {
	var dst []byte
	for key, value := range wire.Members(meta) {
		if strings.HasPrefix(string(key), mcp.MetaReserved) {
			continue
		}
		if wire.KeyEqual(key, "progressToken") {
			value = token
		}
		dst = joined(dst, slices.Concat([]byte(`"`), key, []byte(`":`), value))
	}
	return dst
}

// joined returns two lists of members as one.
func joined(a, b []byte) []byte {
	if len(a) == 0 || len(b) == 0 {
		return append(a, b...)
	}
	return append(append(a, ','), b...)
}

// removal takes _meta out of the params, with one of the commas around it.
func removal(m *wire.Message) wire.Patch {
	params, base := m.Bytes(m.Params), m.Params.Start
	var before wire.Member
	for member := range wire.MemberSpans(params) {
		if wire.KeyEqual(params[member.Key.Start:member.Key.End], "_meta") {
			start, end := member.Key.Start-1, member.Value.End
			if before.Value.Ok() {
				start = before.Value.End
			} else if comma := slices.Index(params[end:], ','); comma >= 0 && isBlank(params[end:end+comma]) {
				end += comma + 1
			}
			return wire.Patch{Span: wire.Span{Start: base + start, End: base + end}}
		}
		before = member
	}
	return wire.Patch{}
}

func isBlank(b []byte) bool { return len(strings.TrimSpace(string(b))) == 0 }

// envelope returns what a modern server must be told of a legacy client.
func (f *flow) envelope(to *mcp.Revision) []byte {
	info := f.call.ClientInfo
	if len(info) == 0 {
		info = f.server.pool.info
	}
	return transport.Envelope(to, info, declared(f.call.Capabilities, f.call.Revision), f.call.LogLevel)
}

// declared returns the client's capabilities without those that its revision does not have.
func declared(capabilities []byte, r *mcp.Revision) []byte {
	dst := []byte("{")
	for key, value := range wire.Members(capabilities) {
		switch {
		case wire.KeyEqual(key, "elicitation"):
			if !r.Elicitation {
				continue
			}
			if !r.ElicitationURL {
				value = []byte("{}")
			}
		case wire.KeyEqual(key, "sampling") && !r.SamplingTools:
			value = []byte("{}")
		case wire.KeyEqual(key, "tasks"):
			continue // the modern era has them in another form
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(append(append(append(dst, '"'), key...), `":`...), value...)
	}
	return append(dst, '}')
}

// traceHeaders go out as they came (W3C Trace Context, Baggage).
var traceHeaders = []string{"Traceparent", "Tracestate", "Baggage"}

// header returns the headers of a request over HTTP: the trace, and for a modern server the value of Mcp-Name and what repeats
// an argument, which is made of the arguments that go out; what else repeats one is passed on.
func (f *flow) header(to *mcp.Revision) (name string, h http.Header) {
	for key, values := range f.call.Header {
		if to.HeaderRules && strings.HasPrefix(key, mcp.ParamHeader) || slices.Contains(traceHeaders, key) {
			if h == nil {
				h = http.Header{}
			}
			h[key] = values
		}
	}
	if !to.HeaderRules {
		return "", h
	}
	if method, _ := mcp.MethodByName(f.call.Method); method.NameMember != "" {
		name = cmp.Or(f.dest.Name, f.call.Name)
	}
	if len(f.dest.Headers) == 0 {
		return name, h
	}
	if h == nil {
		h = http.Header{}
	}
	arguments := f.call.Member("arguments")
	maps.DeleteFunc(h, func(key string, _ []string) bool {
		return slices.ContainsFunc(f.dest.Headers, func(p mcp.HeaderParam) bool {
			return strings.EqualFold(key, mcp.ParamHeader+p.Header)
		})
	})
	for _, p := range f.dest.Headers {
		if value, ok := p.Value(arguments); ok {
			h.Set(mcp.ParamHeader+p.Header, mcp.EncodeHeader(value))
		}
	}
	return name, h
}
