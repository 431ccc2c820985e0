package gateway

import (
	"context"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// An answerer answers one method.
type answerer func(g *Gateway, ctx context.Context, call *mcp.Call, reply mcp.Reply) error

// methods says who answers what: the gate by itself, or one server.
var methods = map[string]answerer{
	mcp.MethodInitialize:  (*Gateway).initialize,
	mcp.MethodDiscover:    (*Gateway).discover,
	mcp.MethodPing:        (*Gateway).empty,
	mcp.MethodToolsList:   list(mcp.Tool),
	mcp.MethodPromptsList: list(mcp.Prompt),
	mcp.MethodResources:   list(mcp.Resource),
	mcp.MethodTemplates:   list(mcp.Template),
	mcp.MethodSetLevel:    (*Gateway).setLevel,
	mcp.MethodSubscribe:   (*Gateway).subscribe,
	mcp.MethodUnsubscribe: (*Gateway).unsubscribe,
	mcp.MethodListen:      (*Gateway).listen,
	mcp.MethodToolsCall:   (*Gateway).callTool,
	mcp.MethodPromptsGet:  (*Gateway).getPrompt,
	mcp.MethodRead:        (*Gateway).readResource,
	mcp.MethodComplete:    (*Gateway).complete,
	mcp.NoticeInitialized: (*Gateway).nothing,
	mcp.NoticeCancelled:   (*Gateway).nothing,
	mcp.NoticeProgress:    (*Gateway).nothing,
	mcp.NoticeRoots:       (*Gateway).rootsChanged,
	mcp.MethodTaskGet:     (*Gateway).followTask,
	mcp.MethodTaskResult:  (*Gateway).followTask,
	mcp.MethodTaskUpdate:  (*Gateway).followTask,
	mcp.MethodTaskCancel:  (*Gateway).followTask,
	mcp.MethodTaskList:    (*Gateway).listTasks,
	mcp.MethodServers:     (*Gateway).servers,
	mcp.MethodRestart:     (*Gateway).restart,
	mcp.MethodPlugins:     (*Gateway).atPlugins,
	mcp.MethodLogin:       (*Gateway).atCredentials,
	mcp.MethodAwaitLogin:  (*Gateway).atCredentials,
	mcp.MethodLogout:      (*Gateway).atCredentials,
	mcp.MethodApprovals:   (*Gateway).atApprovals,
	mcp.MethodDecide:      (*Gateway).atApprovals,
	mcp.MethodForget:      (*Gateway).atApprovals,

	mcp.MethodAlerts:       (*Gateway).atSentry,
	mcp.MethodAlert:        (*Gateway).atSentry,
	mcp.MethodAlertApprove: (*Gateway).atSentry,
	mcp.MethodAlertDismiss: (*Gateway).atSentry,

	mcp.MethodListTools:         (*Gateway).atDesk,
	mcp.MethodToolDescribe:      (*Gateway).atDesk,
	mcp.MethodListPrompts:       (*Gateway).atDesk,
	mcp.MethodListResources:     (*Gateway).atDesk,
	mcp.MethodWrite:             (*Gateway).writeResource,
	mcp.MethodWatch:             (*Gateway).atDesk,
	mcp.MethodUnwatch:           (*Gateway).atDesk,
	mcp.MethodSubscribeEvents:   (*Gateway).atDesk,
	mcp.MethodUnsubscribeEvents: (*Gateway).atDesk,
	mcp.MethodServerInfo:        (*Gateway).atDesk,
	mcp.MethodManifest:          (*Gateway).atBoard,

	mcp.MethodRegistry: (*Gateway).atRegistry,
	mcp.MethodScan:     (*Gateway).atSurvey,

	mcp.MethodRoutingGet: (*Gateway).atRouter,
	mcp.MethodRoutingSet: (*Gateway).atRouter,

	mcp.MethodRootCreate:     (*Gateway).atRoots,
	mcp.MethodRootList:       (*Gateway).atRoots,
	mcp.MethodRootGet:        (*Gateway).atRoots,
	mcp.MethodRootClose:      (*Gateway).atRoots,
	mcp.MethodSamplingGet:    (*Gateway).atRoots,
	mcp.MethodSamplingUpdate: (*Gateway).atRoots,
}

// dispatch is the innermost handler.
func (g *Gateway) dispatch(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if call.Resume != nil {
		return call.Resume.Continue(ctx, reply)
	}
	answer, ok := methods[call.Method]
	if !ok {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known", call.Method)
	}
	return answer(g, ctx, call, reply)
}

func (g *Gateway) nothing(context.Context, *mcp.Call, mcp.Reply) error { return nil }

// empty answers with an empty result.
func (g *Gateway) empty(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	return reply.Done(ctx, mcp.Own(emptyResult(call.Revision)))
}

func emptyResult(r *mcp.Revision) []byte {
	if r.ResultType {
		return []byte(`{"resultType":"complete"}`)
	}
	return []byte(`{}`)
}

// initialize answers the legacy era's handshake. The door has negotiated the
// revision and opened the session.
func (g *Gateway) initialize(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if call.Session != nil {
		g.hub.Open(call.Session.ID, int(mcp.AudienceOf(call)))
	}
	return reply.Done(ctx, mcp.Own(g.stock.Settle(ctx, call).Initialized(call.Revision, g.info)))
}

// discover answers the modern era's question for what we are.
func (g *Gateway) discover(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	return reply.Done(ctx, mcp.Own(g.stock.Settle(ctx, call).Discovered(call.Revision, g.info)))
}

// list answers one of the lists, rendered before for what the caller may see.
func list(kind mcp.Kind) answerer {
	return func(g *Gateway, ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		if cursor := call.Member("cursor"); cursor != nil {
			return mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "unknown cursor: the list comes in one page")
		}
		return reply.Done(ctx, g.stock.Settle(ctx, call).List(kind, call.Caller.View, call.Revision, g.stock.FormOf(call)))
	}
}

// setLevel hands the level on to the servers that have a session for this client
// alone; the door has kept it for those that are shared.
func (g *Gateway) setLevel(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if call.Session != nil {
		g.pool.SetLevel(ctx, call.Session.ID, call.LogLevel)
	}
	return g.empty(ctx, call, reply)
}

// rootsChanged tells the servers that have a session for this client alone.
func (g *Gateway) rootsChanged(ctx context.Context, call *mcp.Call, _ mcp.Reply) error {
	if call.Session != nil {
		g.pool.RootsChanged(ctx, call.Session.ID)
	}
	return nil
}
