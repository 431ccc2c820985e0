package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// saltBytes is how long a salt is.
const saltBytes = 16

// refused is the outcome of what the door did not let in.
const refused = "refused"

// An entry is one record in the making. Entries are used again.
type entry struct {
	started  time.Time
	payloads Payloads
	salt     [saltBytes]byte
	body     []byte
	// params are the call's parameters as they came in.
	params []byte
	// arguments and result are the call's, copied where they are kept in full; redacted
	// says of each that it is not what it was.
	arguments, result                 []byte
	argumentsRedacted, resultRedacted bool
	redact                            func([]byte) []byte
	// refusal is whose refusal it is; nil for every other call.
	refusal *source
	reply   recordingReply
	// durable is of a call that waits until its record is stored; nil for others.
	durable *waiting
}

// A recordingReply notes the result that passes it.
type recordingReply struct {
	mcp.Reply
	entry  *entry
	digest [sha256.Size]byte
	tool   bool // the call is one of a tool
	done   bool
	failed bool // the tool says that it failed
}

// Done notes the result and passes it on.
func (r *recordingReply) Done(ctx context.Context, result *mcp.Result) error {
	r.done = true
	r.failed = r.tool && saysError(result)
	e := r.entry
	switch {
	case e.payloads == None:
	case e.payloads == Full && e.keep(&e.result, result.Value):
		e.resultRedacted = true
		r.digest = e.digest(sha256.Sum256(e.result))
	default:
		r.digest = e.digest(result.Digest())
	}
	if e.durable != nil {
		if err := e.durable.stored(ctx, nil); err != nil {
			return err
		}
	}
	return r.Reply.Done(ctx, result)
}

// saysError reports whether a tool's result is that the tool failed.
func saysError(result *mcp.Result) bool {
	const member = "isError"
	if m := result.Message; m != nil {
		return string(m.Bytes(m.Member(member))) == "true"
	}
	return string(wire.Get(result.Value, member)) == "true"
}

func (e *entry) begin(call *mcp.Call, k *Keeping) {
	e.started, e.payloads, e.redact, e.refusal = time.Now(), k.Payloads, k.Redact, nil
	e.body, e.arguments, e.result = e.body[:0], e.arguments[:0], e.result[:0]
	e.argumentsRedacted, e.resultRedacted = false, false
	e.reply = recordingReply{entry: e, tool: call.Method == mcp.MethodToolsCall}
	e.params = call.Params()
	if e.payloads != None {
		salt(e.salt[:])
	}
	if e.payloads == Full {
		e.argumentsRedacted = e.keep(&e.arguments, e.params)
	}
}

// keep copies a payload without what must not be kept of it, and reports whether there was such.
func (e *entry) keep(dst *[]byte, payload []byte) (redacted bool) {
	fit := payload
	if e.redact != nil {
		fit = e.redact(payload)
		redacted = !bytes.Equal(fit, payload)
	}
	*dst = append((*dst)[:0], fit...)
	return redacted
}

// digest is what stands on record of bytes with that SHA-256; see [Row].
func (e *entry) digest(sum [sha256.Size]byte) [sha256.Size]byte {
	var salted [saltBytes + sha256.Size]byte
	copy(salted[:], e.salt[:])
	copy(salted[saltBytes:], sum[:])
	return sha256.Sum256(salted[:])
}

// finish writes the record. Its members are told in docs/audit.md.
func (e *entry) finish(call *mcp.Call, err error) {
	duration := time.Since(e.started)
	b := e.body
	b = appendTime(append(b, `{"v":1,"time":`...), e.started)
	b = appendString(b, "id", call.ID)
	if call.Resume != nil {
		b = appendString(b, "parent", call.Resume.Parent)
	}
	if call.Caller != nil {
		b = appendString(b, "caller", call.Caller.ID)
	}
	if call.Session != nil {
		b = appendSession(b, call.Session.ID)
	}
	b = appendClient(b, call.ClientInfo)
	b = appendString(b, "transport", call.Transport)
	b = appendString(b, "remote", call.Remote)
	if call.Revision != nil {
		b = appendString(b, "revision", call.Revision.Name)
	}
	b = appendString(b, "method", call.Method)
	b = appendClean(b, "name", call.Name, e.redact)
	b = appendString(b, "server", call.Server)
	b = e.appendDigests(b)
	b = e.appendOutcome(b, call, err)
	b = appendFindings(b, call.Findings.All())
	b = appendString(b, "approval", call.Approval)
	b = append(b, `,"durationUs":`...)
	e.body = append(strconv.AppendInt(b, duration.Microseconds(), 10), '}')
	e.reply.Reply, e.params, e.redact = nil, nil, nil
}

func (e *entry) appendDigests(b []byte) []byte {
	if e.payloads == None {
		return b
	}
	if e.params != nil {
		of := e.params
		if e.argumentsRedacted {
			of = e.arguments
		}
		b = appendDigest(b, "arguments", e.digest(sha256.Sum256(of)))
	}
	if e.reply.done {
		b = appendDigest(b, "result", e.reply.digest)
	}
	switch {
	case e.argumentsRedacted && e.resultRedacted:
		b = append(b, `,"redacted":["arguments","result"]`...)
	case e.argumentsRedacted:
		b = append(b, `,"redacted":["arguments"]`...)
	case e.resultRedacted:
		b = append(b, `,"redacted":["result"]`...)
	}
	return b
}

// maxFindings is how many findings a record names; of others it has the number.
const maxFindings = 32

// appendFindings appends what was found in the call and its answer.
func appendFindings(b []byte, all []mcp.Finding) []byte {
	if len(all) == 0 {
		return b
	}
	b = append(b, `,"findings":[`...)
	for i, f := range all[:min(len(all), maxFindings)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = wire.AppendQuote(append(b, `{"kind":`...), f.Kind)
		b = appendString(b, "action", f.Action)
		b = append(appendString(b, "at", cut(f.Pointer)), '}')
	}
	b = append(b, ']')
	if more := len(all) - maxFindings; more > 0 {
		b = strconv.AppendInt(append(b, `,"moreFindings":`...), int64(more), 10)
	}
	return b
}

func (e *entry) appendOutcome(b []byte, call *mcp.Call, err error) []byte {
	switch {
	case call.Refused != nil:
		b = appendString(b, "outcome", refused)
		err = call.Refused
		e.refusal = sourceOf(call)
	case err != nil:
		b = appendString(b, "outcome", "error")
	case e.reply.failed:
		b = appendString(b, "outcome", "tool-error")
		b = appendString(b, "reason", string(call.Withheld))
	default:
		b = appendString(b, "outcome", "ok")
	}
	if told := mcp.AsError(err); told != nil {
		b = strconv.AppendInt(append(b, `,"code":`...), int64(told.Code), 10)
		b = appendString(b, "reason", string(told.Reason))
		b = appendClean(b, "error", told.Message, e.redact)
	}
	return b
}

// appendClean appends a member as appendString does, without what must not be kept of its value: a URI may have a token in it, and an
// error repeat one.
func appendClean(b []byte, name, value string, redact func([]byte) []byte) []byte {
	start := len(b)
	return cleanFrom(appendString(b, name, value), start+len(`,"":`)+len(name), redact)
}

// cleanFrom returns b without what must not be kept of the value with which it ends.
func cleanFrom(b []byte, start int, redact func([]byte) []byte) []byte {
	if redact == nil || start >= len(b) {
		return b
	}
	if clean := redact(b[start:]); len(clean) > 0 && &clean[0] != &b[start] {
		b = append(b[:start], clean...)
	}
	return b
}

// appendTime appends a time as a JSON string.
func appendTime(b []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// appendString appends a member unless its value is empty.
func appendString(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return wire.AppendQuote(b, value)
}

func appendDigest(b []byte, name string, sum [sha256.Size]byte) []byte {
	b = append(append(append(b, `,"`...), name...), `":"sha256:`...)
	return append(hex.AppendEncode(b, sum[:]), '"')
}

func appendSession(b []byte, id string) []byte {
	return append(appendTag(append(b, `,"session":"`...), id), '"')
}

// appendTag appends what tells sessions apart without giving their ids away.
func appendTag(b []byte, id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return hex.AppendEncode(b, sum[:6])
}

// appendClient appends what the client calls itself, cut to what a record needs.
func appendClient(b, info []byte) []byte {
	const longest = 100
	var buf [longest + 1]byte
	name := wire.AppendUnquoted(buf[:0], wire.Get(info, "name"))
	if version := wire.Get(info, "version"); len(version) > len(`""`) && version[0] == '"' {
		name = wire.AppendUnquoted(append(name, ' '), version)
	}
	return appendString(b, "client", string(name[:min(len(name), longest)]))
}
