package translate

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Request is a call on its way to a server: put into the words of the server it has the server's own name of what is
// addressed, our progress token, and what the server's era wants in _meta. Everything else goes out as it came.
type Request struct {
	Call *mcp.Call
	Dest *mcp.Destination
	// To is what the server speaks.
	To *mcp.Revision
	// Token is our progress token.
	Token int64
	// Info is our clientInfo, for a client that does not say what it is.
	Info []byte
	// Responses and State bring a modern server the answers to its questions: JSON values, or nil.
	Responses, State []byte
}

// Params returns the parameters as the client sent them, and the patches that put them into the server's words.
func (r *Request) Params() ([]byte, []wire.Patch) {
	params := r.Call.Params()
	if params == nil {
		params = []byte("{}")
		if r.To.Stateless {
			return params, []wire.Patch{mcp.AddMeta(params, r.envelope())}
		}
		return params, nil
	}
	start := r.Call.Request.Params.Start
	var patches []wire.Patch
	for _, p := range [...]wire.Patch{r.namePatch(), r.metaPatch(), r.answerPatch("inputResponses", r.Responses), r.answerPatch("requestState", r.State)} {
		if p.Ok() {
			p.Start, p.End = p.Start-start, p.End-start
			patches = append(patches, p)
		}
	}
	slices.SortStableFunc(patches, func(a, b wire.Patch) int { return cmp.Compare(a.Start, b.Start) })
	return params, patches
}

// same reports whether client and server are of one era.
func (r *Request) same() bool { return r.To.Stateless == r.Call.Revision.Stateless }

// answerPatch puts an answer to a server's question into the parameters; the zero Patch if there is none.
func (r *Request) answerPatch(name string, value []byte) wire.Patch {
	m := r.Call.Request
	if value == nil {
		return wire.Patch{}
	}
	if at := m.Member(name); at.Ok() {
		return wire.Patch{Span: at, With: value}
	}
	return insertMember(m, m.Params, slices.Concat([]byte(`"`+name+`":`), value))
}

// namePatch puts the server's own name in the place of ours; the zero Patch if they are the same.
func (r *Request) namePatch() wire.Patch {
	m := r.Call.Request
	at := wire.Span{}
	if method, _ := mcp.MethodByName(r.Call.Method); method.NameMember != "" {
		at = m.Member(method.NameMember)
	} else if r.Call.Method == mcp.MethodComplete {
		at = refName(m)
	}
	if !at.Ok() || r.Dest.Name == "" {
		return wire.Patch{}
	}
	if wire.IsString(m.Bytes(at), r.Dest.Name) {
		return wire.Patch{}
	}
	return wire.Patch{Span: at, With: wire.AppendQuote(nil, r.Dest.Name)}
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
func (r *Request) metaPatch() wire.Patch {
	m := r.Call.Request
	switch meta := m.MetaSpan(); {
	case r.same():
		if at := m.Meta("progressToken"); at.Ok() {
			return wire.Patch{Span: at, With: wire.AppendInt(nil, r.Token)}
		}
		return wire.Patch{}
	case !meta.Ok() && r.To.Stateless:
		p := mcp.AddMeta(m.Bytes(m.Params), r.envelope())
		p.Start, p.End = p.Start+m.Params.Start, p.End+m.Params.Start
		return p
	case !meta.Ok():
		return wire.Patch{}
	default:
		with := foreignMeta(m.Bytes(meta), wire.AppendInt(nil, r.Token))
		if r.To.Stateless {
			with = joined(r.envelope(), with)
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
func (r *Request) envelope() []byte {
	info := r.Call.ClientInfo
	if len(info) == 0 {
		info = r.Info
	}
	return mcp.Envelope(r.To, info, declared(r.Call.Capabilities, r.Call.Revision), r.Call.LogLevel)
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
		case wire.KeyEqual(key, "extensions"):
			value = withoutTasks(value)
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(append(append(append(dst, '"'), key...), `":`...), value...)
	}
	return append(dst, '}')
}

// withoutTasks returns the extensions that a client has declared without that of tasks, which no legacy client can follow.
func withoutTasks(extensions []byte) []byte {
	return without(extensions, func(key, value []byte) ([]byte, bool) { return value, !wire.KeyEqual(key, mcp.TasksExtension) })
}

// Introduction returns a client's capabilities as a server is told them in whose sessions it takes part: cut to what the client's
// revision has, and without tasks, since a server must not ask a client to run one. Its tasks of a session, and those of the
// client, would have to be kept apart by who made them. The result shares no memory with the argument.
func Introduction(capabilities []byte, r *mcp.Revision) []byte { return declared(capabilities, r) }

// traceHeaders go out as they came (W3C Trace Context, Baggage).
var traceHeaders = []string{"Traceparent", "Tracestate", "Baggage"}

// Header returns the headers of a request over HTTP: the trace, and for a modern server the value of Mcp-Name and what repeats
// an argument, which is made of the arguments that go out; what else repeats one is passed on.
func (r *Request) Header() (name string, h http.Header) {
	for key, values := range r.Call.Header {
		if r.To.HeaderRules && strings.HasPrefix(key, mcp.ParamHeader) || slices.Contains(traceHeaders, key) {
			if h == nil {
				h = http.Header{}
			}
			h[key] = values
		}
	}
	if !r.To.HeaderRules {
		return "", h
	}
	if method, _ := mcp.MethodByName(r.Call.Method); method.NameMember != "" {
		name = cmp.Or(r.Dest.Name, r.Call.Name)
	}
	if len(r.Dest.Headers) == 0 {
		return name, h
	}
	if h == nil {
		h = http.Header{}
	}
	arguments := r.Call.Member("arguments")
	maps.DeleteFunc(h, func(key string, _ []string) bool {
		return slices.ContainsFunc(r.Dest.Headers, func(p mcp.HeaderParam) bool {
			return strings.EqualFold(key, mcp.ParamHeader+p.Header)
		})
	})
	for _, p := range r.Dest.Headers {
		if value, ok := p.Value(arguments); ok {
			h.Set(mcp.ParamHeader+p.Header, mcp.EncodeHeader(value))
		}
	}
	return name, h
}
