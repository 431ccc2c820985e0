// Package translate puts messages into the words of the other era: what a client sends into those of the server, and what
// comes back into those of the client. It is the bridging table of the two eras (research on the protocol, section 2.4) as pure
// functions. Within one era messages pass as the bytes that came, with names, ids and progress tokens in place.
package translate

import (
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// AppendAnswer appends the answer to a call under the client's id. Info is our serverInfo.
func AppendAnswer(dst, id []byte, call *mcp.Call, result *mcp.Result, info []byte) []byte {
	switch from := result.Revision; {
	case from == nil || from.ResultType == call.Revision.ResultType:
		if result.Message == nil {
			return AppendResult(dst, id, result.Value)
		}
		return wire.AppendPatched(dst, result.Message.Raw, wire.Patch{Span: result.Message.ID, With: id})
	case call.Revision.ResultType:
		method, _ := mcp.MethodByName(call.Method)
		return AppendResult(dst, id, toModern(result.Value, method.Cacheable, info))
	default:
		return AppendResult(dst, id, toLegacy(result.Value, call.Revision))
	}
}

// envelope is what the modern era adds to a result.
var envelope = []string{"resultType", "ttlMs", "cacheScope"}

// toModern puts a legacy server's result into the modern envelope.
func toModern(value []byte, cacheable bool, info []byte) []byte {
	dst := append(make([]byte, 0, len(value)+128), `{"resultType":"complete"`...)
	if cacheable {
		dst = append(dst, `,"ttlMs":0,"cacheScope":"private"`...)
	}
	var meta []byte
	for key, member := range wire.Members(value) {
		switch {
		case isOneOf(key, envelope):
		case wire.KeyEqual(key, "_meta"):
			meta = member
		default:
			dst = appendMember(append(dst, ','), key, member)
		}
	}
	return append(appendServerInfo(append(dst, `,"_meta":`...), meta, info), '}')
}

// appendServerInfo appends a result's _meta with our serverInfo in it, unless a
// server has said who it is.
func appendServerInfo(dst, meta, info []byte) []byte {
	if wire.Get(meta, mcp.MetaServerInfo) != nil || (len(meta) > 0 && meta[0] != '{') {
		return append(dst, meta...)
	}
	dst = append(dst, `{"`+mcp.MetaServerInfo+`":`...)
	dst = append(dst, info...)
	for key, member := range wire.Members(meta) {
		dst = appendMember(append(dst, ','), key, member)
	}
	return append(dst, '}')
}

// toLegacy takes the modern envelope off a result, and what the client's
// revision does not allow in it.
func toLegacy(value []byte, to *mcp.Revision) []byte {
	return without(value, func(key, member []byte) ([]byte, bool) {
		switch {
		case isOneOf(key, envelope):
			return nil, false
		case wire.KeyEqual(key, "structuredContent"):
			return member, to.AnyStructured || to.Structured && member[0] == '{'
		case wire.KeyEqual(key, "_meta") && member[0] == '{':
			meta := withoutReserved(member)
			return meta, len(meta) > len("{}")
		}
		return member, true
	})
}

// withoutReserved returns a _meta without the keys that only the modern era knows.
func withoutReserved(meta []byte) []byte {
	return without(meta, func(key, member []byte) ([]byte, bool) {
		return member, !isOneOf(key, []string{mcp.MetaServerInfo, mcp.MetaSubscription})
	})
}

// without returns an object with the members that keep keeps, changed as it says.
func without(object []byte, keep func(key, member []byte) ([]byte, bool)) []byte {
	dst := append(make([]byte, 0, len(object)), '{')
	for key, member := range wire.Members(object) {
		member, ok := keep(key, member)
		if !ok {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = appendMember(dst, key, member)
	}
	return append(dst, '}')
}

func appendMember(dst, key, member []byte) []byte {
	dst = append(append(append(dst, '"'), key...), `":`...)
	return append(dst, member...)
}

func isOneOf(key []byte, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return wire.KeyEqual(key, name) })
}

// Tells reports whether a client can be told of a notification that belongs to a call. Of
// progress it can if the server says whose it is, and the request asks for it: one that
// goes on with a call need not ask for what the one that began it did.
func Tells(n *wire.Message, call *mcp.Call) bool {
	return !isProgress(n, call) || n.Member("progressToken").Ok() && call.Meta("progressToken") != nil
}

// isProgress reports whether a notification tells how far the call itself is. Progress of
// a task has the token of the call that began it, which the hall has put in.
func isProgress(n *wire.Message, call *mcp.Call) bool {
	return string(n.MethodName()) == mcp.NoticeProgress && call.Method != mcp.MethodTaskResult && call.Method != mcp.MethodListen
}

// AppendNotice appends a notification that belongs to a call and of which the client can
// be told, with its progress token or the id of its subscription in place.
func AppendNotice(dst []byte, n *wire.Message, call *mcp.Call) []byte {
	switch {
	case isProgress(n, call):
		return wire.AppendPatched(dst, n.Raw, wire.Patch{Span: n.Member("progressToken"), With: call.Meta("progressToken")})
	case string(n.MethodName()) == mcp.NoticeProgress: // of a task
	case call.Method == mcp.MethodListen && call.Revision.Stateless:
		return wire.AppendPatched(dst, n.Raw, tag(n, call.Request.Bytes(call.Request.ID)))
	case !call.Revision.Stateless && n.Meta(mcp.MetaSubscription).Ok():
		meta := n.MetaSpan()
		return wire.AppendPatched(dst, n.Raw, wire.Patch{Span: meta, With: withoutReserved(n.Bytes(meta))})
	}
	return append(dst, n.Raw...)
}

// tag returns the patch that writes the id of a subscription into a notification.
func tag(n *wire.Message, id []byte) wire.Patch {
	if s := n.Meta(mcp.MetaSubscription); s.Ok() {
		return wire.Patch{Span: s, With: id}
	}
	with := append([]byte(`"`+mcp.MetaSubscription+`":`), id...)
	switch meta := n.MetaSpan(); {
	case meta.Ok():
		return insertMember(n, meta, with)
	case n.Params.Ok():
		return insertMember(n, n.Params, slices.Concat([]byte(`"_meta":{`), with, []byte("}")))
	default:
		end := n.Method.End
		return wire.Patch{
			Span: wire.Span{Start: end, End: end},
			With: slices.Concat([]byte(`,"params":{"_meta":{`), with, []byte("}}")),
		}
	}
}

// insertMember returns the patch that puts a member first into an object.
func insertMember(n *wire.Message, object wire.Span, member []byte) wire.Patch {
	for range wire.Members(n.Bytes(object)) {
		member = append(member, ',')
		break
	}
	at := object.Start + 1
	return wire.Patch{Span: wire.Span{Start: at, End: at}, With: member}
}

// AppendResult appends a JSON-RPC answer with a result.
func AppendResult(dst, id, value []byte) []byte {
	return append(append(AppendHead(dst, id), value...), '}')
}

// AppendHead appends a JSON-RPC answer up to its result.
func AppendHead(dst, id []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	return append(dst, `,"result":`...)
}
