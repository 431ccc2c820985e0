package ingress

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// modern answers a request of the modern era. A lost connection cancels it.
func (d *HTTP) modern(x *exchange, header string) {
	if x.message.Kind != wire.Request && x.message.Kind != wire.Notification {
		x.refuse(http.StatusBadRequest, mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed,
			"the body is an answer, but nothing is asked of a modern client"))
		return
	}
	if status, err := x.checkModern(header); err != nil {
		x.refuse(status, err)
		return
	}
	ctx := x.r.Context()
	if x.message.Kind == wire.Notification {
		if err := d.Handler.Handle(ctx, &x.call, dialogue.NoReply{}); err != nil {
			d.Log.DebugContext(ctx, "notification not handled", slog.String("method", x.call.Method), slog.Any("error", err))
		}
		x.w.WriteHeader(http.StatusAccepted)
		return
	}
	x.modern.x = x
	d.vigil.begin(&x.modern.watch, &x.modern)
	defer d.vigil.end(&x.modern.watch)
	x.modern.finish(ctx, dialogue.Handle(ctx, d.Parking, d.Handler, &x.call, &x.modern))
}

// checkModern makes the checks of the modern transport in their order (research
// on the protocol, section 2.2, from number 6 on) and fills the call.
func (x *exchange) checkModern(header string) (int, *mcp.Error) {
	if x.message.Kind == wire.Request {
		if err := x.checkRevision(header); err != nil {
			return http.StatusBadRequest, err
		}
	}
	x.call.Revision = mcp.ParseRevision(header)
	if x.call.Revision == nil {
		x.call.Revision = mcp.Latest()
	}
	if err := dialogue.FillModern(&x.call); err != nil {
		return http.StatusBadRequest, err
	}
	// Those of a notification are not defined: they may be absent but not differ.
	optional := x.message.Kind == wire.Notification
	if err := compareHeader(x.r.Header, headerMethod, x.call.Method, optional); err != nil {
		return http.StatusBadRequest, err
	}
	if err := dialogue.CheckMethod(&x.call); err != nil {
		return http.StatusNotFound, err
	}
	if err := dialogue.TakeName(&x.call); err != nil {
		return http.StatusBadRequest, err
	}
	if method, _ := mcp.MethodByName(x.call.Method); method.NameMember != "" {
		if err := compareHeader(x.r.Header, headerName, x.call.Name, optional); err != nil {
			if method.NameMember == "taskId" { // which opens something, and must not get on record
				err.Message = "the header " + headerName + " does not say the task's id as the body does"
			}
			return http.StatusBadRequest, err
		}
	}
	x.call.Header = x.r.Header
	if err := dialogue.Resume(x.door.Parking, &x.call); err != nil {
		return http.StatusBadRequest, err
	}
	return 0, nil
}

// checkRevision compares the revision in the header with the one in _meta.
func (x *exchange) checkRevision(header string) *mcp.Error {
	raw := x.call.Meta(mcp.MetaRevision)
	switch {
	case header == "":
		return mcp.Errorf(mcp.CodeHeaderMismatch, mcp.Malformed, "the header %s is missing", headerRevision)
	case len(raw) == 0 || raw[0] != '"':
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Malformed, "params._meta[%q] must be a string", mcp.MetaRevision)
	case !wire.IsString(raw, header):
		meta, _ := wire.Unquote(raw)
		return mcp.Errorf(mcp.CodeHeaderMismatch, mcp.Malformed,
			"the header %s is %q but params._meta[%q] is %q", headerRevision, header, mcp.MetaRevision, meta)
	}
	return nil
}

// compareHeader compares a header with what the body says.
func compareHeader(h http.Header, name, body string, optional bool) *mcp.Error {
	values := h.Values(name)
	switch {
	case len(values) == 0 && optional:
		return nil
	case len(values) != 1:
		return mcp.Errorf(mcp.CodeHeaderMismatch, mcp.Malformed, "the header %s must stand exactly once", name)
	}
	value, ok := mcp.DecodeHeader(strings.TrimSpace(values[0]))
	if !ok || value != body {
		return mcp.Errorf(mcp.CodeHeaderMismatch, mcp.Malformed, "the header %s does not say %q as the body does", name, body)
	}
	return nil
}
