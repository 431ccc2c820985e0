package ingress

import (
	"net/http"
	"slices"
	"sync"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// batchWidth is how many requests of one array are answered at once.
const batchWidth = 16

// batch answers an array of messages, each of which is a call of its own. The answer
// is one array, or single events of a stream if something has to be said before
// (basic/transports, "Sending Messages to the Server").
func (d *HTTP) batch(x *exchange, header string) {
	s, ok := d.legacyClient(x, header)
	if !ok {
		return
	}
	if s != nil {
		defer s.Release()
	}
	elements, refused := dialogue.Split(x.body, x.call.Revision, dialect.Speaks)
	if refused != nil {
		x.refuse(http.StatusBadRequest, refused)
		return
	}
	whole := x.takesAll()
	if !whole && slices.ContainsFunc(elements, ofStandard) {
		x.refuse(http.StatusNotAcceptable, errAccept)
		return
	}
	p := &legacyPost{x: x, session: s, array: true, whole: !whole}
	d.vigil.begin(&p.watch, p)
	var running sync.WaitGroup
	turns := make(chan struct{}, batchWidth)
	for i := range elements {
		if r := d.element(p, &elements[i]); r != nil {
			turns <- struct{}{}
			running.Go(func() {
				d.answerElement(r)
				<-turns
			})
		}
	}
	running.Wait()
	d.vigil.end(&p.watch)
	p.close()
}

// ofStandard reports whether a message is not in the dialect.
func ofStandard(e dialogue.Element) bool { return e.Refused == nil && !dialect.Speaks(&e.Message) }

// element does what one message of an array asks for, unless it is a request that is
// still to be answered: then it returns the reply.
func (d *HTTP) element(p *legacyPost, e *dialogue.Element) *legacyReply {
	call := p.x.call
	call.Request, call.Method = &e.Message, mcp.MethodName(e.MethodName())
	r := &legacyReply{legacyPost: p, call: &call}
	switch {
	case e.Refused != nil:
		r.refuse(e.Refused)
	case e.Kind == wire.Request, dialect.Speaks(&e.Message):
		return r
	case p.session == nil:
		r.note(needsSession(call.Method))
	case e.Kind == wire.Notification:
		d.handleNotice(&call, p.session)
	case !dialogue.TakeAnswer(p.session, &e.Message):
		r.note(errNoQuestion)
	}
	return nil
}

// answerElement answers one request of an array.
func (d *HTTP) answerElement(r *legacyReply) {
	if dialect.Speaks(r.call.Request) {
		d.dialectElement(r)
		return
	}
	if r.session == nil {
		if err := needsSession(r.call.Method); err != nil {
			r.refuse(err)
			return
		}
	}
	if err := dialogue.PrepareLegacy(r.call, r.session); err != nil {
		r.refuse(err)
		return
	}
	ctx, done, err := r.x.begin(r.session, r.id())
	if err != nil {
		r.refuse(mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "%v", err))
		return
	}
	defer done()
	r.finish(ctx, d.Handler.Handle(ctx, r.call, r))
}

// refuse puts a request of an array on record as refused, and says why.
func (r *legacyReply) refuse(e *mcp.Error) {
	r.note(e)
	id := []byte("null")
	if r.call.Request.ID.Ok() {
		id = r.id()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done = true
	r.give(dialect.AppendRefusal(nil, id, r.call.Request, e))
}

// note puts a message of an array on record as refused.
func (r *legacyReply) note(e *mcp.Error) {
	r.call.Refused = e
	// The chain's own answer to a refused call is that refusal.
	_ = r.x.door.Handler.Handle(r.x.r.Context(), r.call, dialogue.NoReply{})
}

// close sends the answers to an array, unless they went on a stream.
func (p *legacyPost) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	switch {
	case p.stream != nil:
	case p.answers == nil:
		p.x.w.WriteHeader(http.StatusAccepted)
	default:
		p.x.write(http.StatusOK, appendArray(nil, p.answers))
	}
}

func appendArray(dst []byte, values [][]byte) []byte {
	dst = append(dst, '[')
	for i, value := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, value...)
	}
	return append(dst, ']')
}

// legacyClient finds who speaks in a POST of the legacy era, nil for a client without
// a session, or refuses the request. Who gets a session releases it.
func (d *HTTP) legacyClient(x *exchange, header string) (*session.Session, bool) {
	revision := mcp.Unnamed()
	if header != "" {
		revision = mcp.ParseRevision(header)
	}
	if revision == nil {
		x.refuse(http.StatusBadRequest, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Unsupported,
			"the header %s names %q, which is not supported", headerRevision, header))
		return nil, false
	}
	if token := x.r.Header.Get(headerSession); token != "" {
		return d.session(x, token)
	}
	x.call.Revision = revision
	return nil, true
}
