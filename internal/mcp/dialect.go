package mcp

// Methods of our own, for those who run the gate (design/dialect.md).
const (
	MethodServers = "mcp.admin.servers"
	MethodRestart = "mcp.admin.restart"
	MethodPlugins = "mcp.admin.plugins.list"
	// MethodLogin, MethodAwaitLogin and MethodLogout are for every caller, each about its own logins at servers.
	MethodLogin      = "mcp.credential.login"
	MethodAwaitLogin = "mcp.credential.await"
	MethodLogout     = "mcp.credential.logout"
	// MethodApprovals lists the calls that wait for a person, and what is remembered of earlier decisions; MethodDecide decides on such a
	// call, and MethodForget forgets what is remembered.
	MethodApprovals = "mcp.admin.approvals"
	MethodDecide    = "mcp.admin.decide"
	MethodForget    = "mcp.admin.forget"
	// MethodAlerts lists alerts, and what is held back; MethodAlert shows one; MethodAlertApprove approves the change of a server that one is
	// about, and MethodAlertDismiss says that somebody knows of it.
	MethodAlerts       = "mcp.admin.alerts.list"
	MethodAlert        = "mcp.admin.alerts.show"
	MethodAlertApprove = "mcp.admin.alerts.approve"
	MethodAlertDismiss = "mcp.admin.alerts.dismiss"
)

// Methods of the mcp.* dialect that the gate answers by itself, in their canonical
// form (design/dialect.md). Those with a twin in the standard become that twin.
const (
	MethodListTools         = "mcp.tool.list"
	MethodToolDescribe      = "mcp.tool.describe"
	MethodListPrompts       = "mcp.prompt.list"
	MethodListResources     = "mcp.resource.list"
	MethodWrite             = "mcp.resource.write"
	MethodWatch             = "mcp.resource.subscribe"
	MethodUnwatch           = "mcp.resource.unsubscribe"
	MethodSubscribeEvents   = "mcp.event.subscribe"
	MethodUnsubscribeEvents = "mcp.event.unsubscribe"
	MethodRootCreate        = "mcp.root.create"
	MethodRootList          = "mcp.root.list"
	MethodRootGet           = "mcp.root.get"
	MethodRootClose         = "mcp.root.close"
	MethodSamplingUpdate    = "mcp.sampling.update"
	MethodSamplingGet       = "mcp.sampling.get"
	MethodRoutingGet        = "mcp.routing.get"
	MethodRoutingSet        = "mcp.routing.set"
	MethodServerInfo        = "mcp.server.info"
	MethodManifest          = "mcp.server.manifest"
	// MethodScan looks at one server, by its name or URL, and tells the verdict.
	MethodScan     = "mcp.trust.scan"
	MethodRegistry = "mcp.trust.registry"
)

// Methods of the dialect that are calls of the standard in other words.
const (
	MethodInvoke       = "mcp.tool.invoke"
	MethodReadResource = "mcp.resource.read"
	MethodRender       = "mcp.prompt.render"
)

// Events of the dialect: notifications for those who asked (design/dialect.md).
const (
	EventResourceUpdated = "mcp.event.resourceUpdated"
	EventToolsChanged    = "mcp.event.toolsChanged"
	EventSecurityAlert   = "mcp.event.securityAlert"
	EventSamplingUpdated = "mcp.event.samplingUpdated"
	EventRootClosed      = "mcp.event.rootClosed"
)

// NoticeSubscribed is what the gate tells a stream of events first: its parameters are
// the answer to the request that opened it.
const NoticeSubscribed = "mcp.event.subscribed"

// Scopes that methods need as such (design/config-and-cli.md).
const (
	ScopeGate    = "admin:gate"
	ScopeRouting = "admin:routing"
	ScopeTrust   = "admin:trust"
)
