// Package gateway is the hall of the gate: it puts the rooms together, says in
// which order a call goes through them, answers what the gate answers by itself
// and sends the rest to the server it belongs to.
package gateway

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/advisory"
	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/answers"
	"github.com/sumun-mcp/sumun/internal/approve"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/conform"
	"github.com/sumun-mcp/sumun/internal/credential"
	"github.com/sumun-mcp/sumun/internal/desk"
	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/egress"
	"github.com/sumun-mcp/sumun/internal/guard"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/limit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/metrics"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/oauth"
	"github.com/sumun-mcp/sumun/internal/own"
	"github.com/sumun-mcp/sumun/internal/pins"
	"github.com/sumun-mcp/sumun/internal/pipe"
	"github.com/sumun-mcp/sumun/internal/plugin"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/registry"
	"github.com/sumun-mcp/sumun/internal/review"
	"github.com/sumun-mcp/sumun/internal/roots"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/sentry"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/signboard"
	"github.com/sumun-mcp/sumun/internal/stock"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/survey"
	"github.com/sumun-mcp/sumun/internal/task"
	"github.com/sumun-mcp/sumun/internal/usage"
)

// A Gateway is one running gate. What depends on the configuration is a setup,
// swapped whole when the configuration changes; everything else outlives it.
// Its methods may be called concurrently.
type Gateway struct {
	parts Parts
	log   *slog.Logger
	// info is our name and version, as both eras tell it.
	info []byte

	store    *store.Store
	audit    *record.Log
	metrics  *metrics.Metrics
	sessions *session.Store
	sealer   *session.Sealer
	parking  *dialogue.Parking
	lines    *pipe.Lines
	hub      *notice.Hub
	tasks    *task.Tasks
	desk     *desk.Desk
	roots    *roots.Roots
	// approvals hold the calls that wait for people, nil on a bridge.
	approvals *approve.Approvals
	// sentry holds back what nobody has approved, nil on a bridge.
	sentry   *sentry.Sentry
	leftOuts pins.Once
	alerts   *alert.Alerts
	// board holds servers to their signed manifests, and shows ours.
	board *signboard.Board
	// registry has what is known of servers, and which may be connected to; nil on a bridge.
	registry *registry.Registry
	// advisories hold servers against what is known of vulnerable ones, nil on a bridge.
	advisories *advisory.Watch
	// survey has servers scanned; nil where nobody can.
	survey *survey.Survey
	// usage counts who uses what, nil without a store; reviews looks through that now and then.
	usage   *usage.Counter
	reviews *review.Schedule
	// schemas holds tools to their schemas.
	schemas *conform.Judge
	pool    *egress.Pool
	// credentials gets tokens for servers, nil on a bridge; do sends a call through the pool, and has its caller log in where that is wanted.
	credentials *credential.Keeper
	do          credential.Do
	router      *route.Router
	// plugins are the servers made of files in folders, nil on a bridge.
	plugins *plugin.Plugins
	// ring holds the keys of the store, nil without one; limits bounds what callers do.
	ring   *keyring.Ring
	limits *limit.Limiter
	// guard looks at what goes in and what comes out.
	guard *guard.Guard
	// answers looks for orders in what servers say.
	answers *answers.Answers
	// issuers are those whose access tokens are taken.
	issuers *oauth.Issuers
	// watches asks servers for the updates that the hub hands out.
	watches  *notice.Watches
	watching sync.WaitGroup

	// stock is what there is.
	stock *stock.Stock

	setup atomic.Pointer[setup]

	// draining ends when the gate begins to close.
	draining context.Context
	drain    context.CancelFunc

	instance string
	calls    atomic.Uint64

	// reloading orders changes of the configuration.
	reloading sync.Mutex
	// retiring counts own servers that are no longer offered; closed ends their grace.
	retiring sync.WaitGroup
	closed   chan struct{}
}

// A setup is what one configuration makes.
type setup struct {
	config *config.Config
	access *access.Access
	// own are the servers in this process that the gate itself brings, by their names.
	own own.Servers
	// servers are the configured ones by their names, and remembered the tools of
	// mcp.yaml whose answers are.
	servers    map[string]*config.Server
	remembered map[string]bool
	// guard is what arguments and results are held to.
	guard *guard.Settings
	// local is who speaks on a pipe without a key.
	local   *mcp.Caller
	handler mcp.Handler
	door    http.Handler
}

// Handle sends a call through the chain of the configuration in force.
func (g *Gateway) Handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	return g.setup.Load().handler.Handle(ctx, call, reply)
}

// Config returns the configuration in force.
func (g *Gateway) Config() *config.Config { return g.setup.Load().config }

// callID returns the id of a further call: unique among instances and in time.
func (g *Gateway) callID() string {
	var buf [40]byte
	id := append(buf[:0], g.instance...)
	id = append(id, '-')
	return string(strconv.AppendUint(id, g.calls.Add(1), 36))
}

func newInstance() string { return rand.Text()[:8] }
