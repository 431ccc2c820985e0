package mcp

import (
	"slices"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// Methods of the standard that the house knows by name.
const (
	MethodInitialize   = "initialize"
	MethodDiscover     = "server/discover"
	MethodPing         = "ping"
	MethodToolsList    = "tools/list"
	MethodToolsCall    = "tools/call"
	MethodPromptsList  = "prompts/list"
	MethodPromptsGet   = "prompts/get"
	MethodResources    = "resources/list"
	MethodTemplates    = "resources/templates/list"
	MethodRead         = "resources/read"
	MethodSubscribe    = "resources/subscribe"
	MethodUnsubscribe  = "resources/unsubscribe"
	MethodComplete     = "completion/complete"
	MethodSetLevel     = "logging/setLevel"
	MethodListen       = "subscriptions/listen"
	MethodElicit       = "elicitation/create"
	MethodSample       = "sampling/createMessage"
	MethodRoots        = "roots/list"
	MethodTaskGet      = "tasks/get"
	MethodTaskResult   = "tasks/result"
	MethodTaskUpdate   = "tasks/update"
	MethodTaskCancel   = "tasks/cancel"
	MethodTaskList     = "tasks/list"
	NoticeInitialized  = "notifications/initialized"
	NoticeCancelled    = "notifications/cancelled"
	NoticeProgress     = "notifications/progress"
	NoticeMessage      = "notifications/message"
	NoticeTools        = "notifications/tools/list_changed"
	NoticePrompts      = "notifications/prompts/list_changed"
	NoticeResources    = "notifications/resources/list_changed"
	NoticeUpdated      = "notifications/resources/updated"
	NoticeRoots        = "notifications/roots/list_changed"
	NoticeAcknowledged = "notifications/subscriptions/acknowledged"
	NoticeElicited     = "notifications/elicitation/complete"
	NoticeTaskStatus   = "notifications/tasks/status" // legacy era
	NoticeTask         = "notifications/tasks"        // modern era
)

// Keys of _meta that the modern era reserves (basic/index, "_meta").
const (
	MetaRevision     = "io.modelcontextprotocol/protocolVersion"
	MetaClientInfo   = "io.modelcontextprotocol/clientInfo"
	MetaServerInfo   = "io.modelcontextprotocol/serverInfo"
	MetaCapabilities = "io.modelcontextprotocol/clientCapabilities"
	MetaLogLevel     = "io.modelcontextprotocol/logLevel"
	MetaSubscription = "io.modelcontextprotocol/subscriptionId"
	MetaReserved     = "io.modelcontextprotocol/"
	// MetaRelatedTask names the task that a message of the legacy era belongs to (basic/utilities/tasks).
	MetaRelatedTask = "io.modelcontextprotocol/related-task"
)

// TasksExtension is the extension by which the modern era has tasks.
const TasksExtension = "io.modelcontextprotocol/tasks"

// A Method is what the house must know of a method to carry it.
type Method struct {
	// NameMember is the member of the parameters that names the thing addressed:
	// "name", "uri" or "taskId"; empty where there is none.
	NameMember string
	// Kind is the kind of the thing that NameMember names. Of a task, which is addressed by
	// its id, it is that of the tool that the task runs.
	Kind Kind
	// Questions says that a server may ask by an input_required result.
	Questions bool
	// Cacheable says that the result carries cache hints in the modern era.
	Cacheable bool
	// Legacy and Modern tell in which eras a client may send it.
	Legacy, Modern bool
	// Task says that revisions of the legacy era have it only if they have tasks.
	Task bool
	// Notice says that it is a notification.
	Notice bool
	// Writes says that what NameMember names is written.
	Writes bool
	// Scope is a scope that the caller needs for the method as such, as those have who run
	// the gate; empty for none.
	Scope string
}

// methods is what a client may send. A method that is not here is unknown.
var methods = map[string]Method{
	MethodInitialize:  {Legacy: true},
	MethodDiscover:    {Modern: true, Cacheable: true},
	MethodPing:        {Legacy: true},
	MethodToolsList:   {Legacy: true, Modern: true, Cacheable: true},
	MethodToolsCall:   {Legacy: true, Modern: true, NameMember: "name", Kind: Tool, Questions: true},
	MethodPromptsList: {Legacy: true, Modern: true, Cacheable: true},
	MethodPromptsGet:  {Legacy: true, Modern: true, NameMember: "name", Kind: Prompt, Questions: true},
	MethodResources:   {Legacy: true, Modern: true, Cacheable: true},
	MethodTemplates:   {Legacy: true, Modern: true, Cacheable: true},
	MethodRead:        {Legacy: true, Modern: true, NameMember: "uri", Kind: Resource, Questions: true, Cacheable: true},
	MethodSubscribe:   {Legacy: true, NameMember: "uri", Kind: Resource},
	MethodUnsubscribe: {Legacy: true, NameMember: "uri", Kind: Resource},
	MethodComplete:    {Legacy: true, Modern: true},
	MethodSetLevel:    {Legacy: true},
	MethodListen:      {Modern: true},
	NoticeInitialized: {Legacy: true, Notice: true},
	NoticeCancelled:   {Legacy: true, Modern: true, Notice: true},
	NoticeProgress:    {Legacy: true, Notice: true},
	NoticeRoots:       {Legacy: true, Notice: true},

	MethodTaskGet:    {Legacy: true, Modern: true, Task: true, NameMember: "taskId", Kind: Tool},
	MethodTaskCancel: {Legacy: true, Modern: true, Task: true, NameMember: "taskId", Kind: Tool},
	MethodTaskUpdate: {Modern: true, Task: true, NameMember: "taskId", Kind: Tool},
	MethodTaskResult: {Legacy: true, Task: true, NameMember: "taskId", Kind: Tool},
	MethodTaskList:   {Legacy: true, Task: true},

	MethodServers: {Modern: true, Scope: ScopeGate},
	MethodRestart: {Modern: true, Scope: ScopeGate},
	MethodPlugins: {Modern: true, Scope: ScopeGate},

	MethodLogin:      {Modern: true},
	MethodAwaitLogin: {Modern: true},
	MethodLogout:     {Modern: true},
	MethodApprovals:  {Modern: true, Scope: ScopeGate},
	MethodDecide:     {Modern: true, Scope: ScopeGate},
	MethodForget:     {Modern: true, Scope: ScopeGate},

	MethodAlerts:       {Modern: true, Scope: ScopeGate},
	MethodAlert:        {Modern: true, Scope: ScopeGate},
	MethodAlertApprove: {Modern: true, Scope: ScopeGate},
	MethodAlertDismiss: {Modern: true, Scope: ScopeGate},
	MethodRegistry:     {Modern: true},
	MethodScan:         {Modern: true, Scope: ScopeTrust},

	MethodToolDescribe:      {NameMember: "toolId", Kind: Tool},
	MethodWrite:             {NameMember: "uri", Kind: Resource, Writes: true},
	MethodSubscribeEvents:   {},
	MethodUnsubscribeEvents: {},
	MethodWatch:             {NameMember: "uri", Kind: Resource},
	MethodUnwatch:           {NameMember: "uri", Kind: Resource},
	MethodListTools:         {},
	MethodListPrompts:       {},
	MethodListResources:     {},
	MethodServerInfo:        {},
	MethodManifest:          {},
	MethodRootCreate:        {},
	MethodRootList:          {},
	MethodRootGet:           {},
	MethodRootClose:         {},
	MethodSamplingUpdate:    {},
	MethodSamplingGet:       {},
	MethodRoutingGet:        {},
	MethodRoutingSet:        {Scope: ScopeRouting},
}

// MethodByName returns what we know of a method, and whether we know it at all.
func MethodByName(name string) (Method, bool) {
	m, ok := methods[name]
	return m, ok
}

// names are those of methods, to share.
var names = func() map[string]string {
	all := make(map[string]string, len(methods))
	for name := range methods {
		all[name] = name
	}
	return all
}()

// MethodName returns a method's name as a string, which those that MethodByName knows share.
func MethodName(text []byte) string {
	if name, ok := names[string(text)]; ok {
		return name
	}
	return string(text)
}

// In reports whether a client of that revision may send the method.
func (m Method) In(r *Revision) bool {
	if r.Stateless {
		return m.Modern
	}
	return m.Legacy && (r.Tasks || !m.Task)
}

// Vocabulary names the members of params and _meta that the house reads, so
// that the scanner refuses their case twins (design/protocol.md, guarantee 1).
func Vocabulary() wire.Vocabulary {
	return wire.Vocabulary{
		Params: []string{
			"_meta", "name", "uri", "arguments", "cursor", "level", "ref", "argument", "context",
			"protocolVersion", "capabilities", "clientInfo", "requestId", "progressToken", "taskId", "task",
			"inputResponses", "requestState", "notifications",
			"toolId", "args", "resourceId", "params", "promptId", "variables", "content", "blob", "ifMatch", "ifRevision", "ifNoneMatch",
		},
		Meta: []string{"progressToken", MetaRevision, MetaClientInfo, MetaCapabilities, MetaLogLevel, MetaSubscription},
	}
}

// severities are the levels of log messages, least severe first (RFC 5424).
var severities = [...]string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"}

// Severity returns how severe a log level is, from 0 on, or -1 for no level.
func Severity(level string) int { return slices.Index(severities[:], level) }

// Rank is Severity, but that unknown levels are the most severe, so that nothing is lost.
func Rank(level string) int {
	if rank := Severity(level); rank >= 0 {
		return rank
	}
	return len(severities)
}

// IsChange reports whether a notification tells that something of the server has
// changed: whatever call it comes with, it is about the server.
func IsChange(method string) bool {
	switch method {
	case NoticeTools, NoticePrompts, NoticeResources, NoticeUpdated, NoticeElicited:
		return true
	}
	return false
}
