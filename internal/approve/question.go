package approve

import (
	"context"
	"errors"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// maxReason is how many characters a reason may have.
const maxReason = 500

// An answer is what became of a question to the client.
type answer struct {
	mcp.Answer

	// err says why there is none.
	err error
}

// canAsk reports whether the client of a call can ask its person for a yes or no: elicitation in its form mode, which is also meant by one
// that names no mode (client/elicitation, "Capabilities").
func canAsk(call *mcp.Call) bool {
	ability := wire.Get(call.Capabilities, "elicitation")
	if ability == nil || call.Dialect != "" || !call.Revision.Elicitation {
		return false
	}
	return wire.Get(ability, "form") != nil || wire.Get(ability, "url") == nil
}

// ask puts the request to the client, and waits for the answer.
func (v *visit) ask(ctx context.Context, r *Request) answer {
	answers, err := v.reply.Ask(ctx, []mcp.Question{{Key: "approval", Method: mcp.MethodElicit, Params: question(r)}})
	if err != nil || len(answers) != 1 {
		return answer{err: err}
	}
	return answer{Answer: answers[0]}
}

// question asks for a yes or no (client/elicitation, "Requested Schema").
func question(r *Request) []byte {
	what := "The tool " + r.Name + " is to be called with these arguments:\n"
	if r.Method == mcp.MethodWrite {
		what = r.Name + " is to be written:\n"
	}
	schema := `{"type":"object","properties":{` +
		`"allow":{"type":"boolean","title":"Allow this call","description":"Once, with these arguments.","default":false},` +
		`"reason":{"type":"string","title":"Reason","description":"Goes on record; it may be left out.","maxLength":500}},"required":["allow"]}`
	return wire.Object(nil).Text("message", visible(what)+r.Arguments+"\nAllow it?").Member("requestedSchema", []byte(schema)).End()
}

// judge returns what an answer settles; nil where it settles nothing, so that somebody else has to decide.
func (v *visit) judge(a answer) *Settlement {
	denied := &Settlement{State: Denied, Decision: Decision{Decider: v.call.Caller.ID, Via: ViaHost}}
	switch {
	case a.err == nil && a.Err == nil:
		content := wire.Get(a.Result, "content")
		if reason, ok := wire.Unquote(wire.Get(content, "reason")); ok {
			denied.Reason = v.reason(reason)
		}
		if wire.IsString(wire.Get(a.Result, "action"), "accept") && string(wire.Get(content, "allow")) == "true" {
			denied.State = Allowed
		}
		return denied
	case errors.Is(a.err, mcp.ErrDeclined):
		return denied
	case errors.Is(a.err, mcp.ErrExpired) && v.call.Revision.Stateless: // nobody comes back for the call
		return &Settlement{State: Expired}
	case v.p.by == byHost:
		denied.Decider, denied.Via, denied.Reason = "", "", "the client could not ask"
		return denied
	}
	return nil
}
