package mcp

import "github.com/sumun-mcp/sumun/internal/wire"

// AddMeta returns the patch that adds members, which stand as in an object but without its braces, to the _meta of params,
// which is made if it is not there. Params is a JSON object that has been scanned.
func AddMeta(params, members []byte) wire.Patch {
	for m := range wire.MemberSpans(params) {
		if !wire.KeyEqual(params[m.Key.Start:m.Key.End], "_meta") {
			continue
		}
		if params[m.Value.Start] != '{' {
			return wire.Patch{Span: m.Value, With: braced(members)}
		}
		return insert(params, m.Value.Start+1, members)
	}
	at := 0
	for params[at] != '{' {
		at++
	}
	return insert(params, at+1, append([]byte(`"_meta":`), braced(members)...))
}

func braced(members []byte) []byte {
	return append(append([]byte{'{'}, members...), '}')
}

// insert returns the patch that puts members at the beginning of the object whose inside begins at i.
func insert(object []byte, i int, members []byte) wire.Patch {
	with := append([]byte(nil), members...)
	for j := i; j < len(object); j++ {
		switch object[j] {
		case ' ', '\t', '\r', '\n':
			continue
		case '}':
		default:
			with = append(with, ',')
		}
		break
	}
	return wire.Patch{Span: wire.Span{Start: i, End: i}, With: with}
}

// Envelope returns the members of _meta that every modern request must carry (basic/index, "_meta"). Info and capabilities are
// JSON objects; nil info is left out.
func Envelope(r *Revision, info, capabilities []byte, logLevel string) []byte {
	dst := wire.AppendQuote([]byte(`"`+MetaRevision+`":`), r.Name)
	dst = append(dst, `,"`+MetaCapabilities+`":`...)
	if len(capabilities) == 0 {
		capabilities = []byte("{}")
	}
	dst = append(dst, capabilities...)
	if len(info) > 0 {
		dst = append(append(dst, `,"`+MetaClientInfo+`":`...), info...)
	}
	if logLevel != "" {
		dst = wire.AppendQuote(append(dst, `,"`+MetaLogLevel+`":`...), logLevel)
	}
	return dst
}
