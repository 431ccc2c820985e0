package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/access"
	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/approve"
	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/limit"
	"github.com/sumun-mcp/sumun/internal/line"
	"github.com/sumun-mcp/sumun/internal/local"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/metrics"
	"github.com/sumun-mcp/sumun/internal/notice"
	"github.com/sumun-mcp/sumun/internal/oauth"
	"github.com/sumun-mcp/sumun/internal/record"
	"github.com/sumun-mcp/sumun/internal/route"
	"github.com/sumun-mcp/sumun/internal/session"
	"github.com/sumun-mcp/sumun/internal/stock"
	"github.com/sumun-mcp/sumun/internal/store"
	"github.com/sumun-mcp/sumun/internal/survey"
	"github.com/sumun-mcp/sumun/internal/task"
	"github.com/sumun-mcp/sumun/internal/warden"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Bounds of the legacy era's sessions.
const (
	sessionIdle = time.Hour
	maxSessions = 100_000
)

// parkingPatience is how long a call waits for the answers of a modern client,
// unless the parts say otherwise.
const parkingPatience = 5 * time.Minute

// Parts is what the gate is given besides its configuration.
type Parts struct {
	// Log takes what the gate tells people.
	Log *slog.Logger
	// Version is the program's version.
	Version string
	// Reaper is the beginning of the command line that runs sandbox.Reap.
	Reaper []string
	// Warden confines the programs of servers, and is closed with the gate. Without one they run unconfined where nothing else is written.
	Warden *warden.Warden
	// TLS says whose certificates servers over HTTPS may have, and which one they are
	// shown; nil stands for the system's, and none.
	TLS *tls.Config
	// Level is the level of Log, where a change of the configuration can change it.
	Level *slog.LevelVar
	// Bridge says that the gate stands in front of another one, which asks for
	// keys and keeps the record: this one then does neither, and has no store.
	Bridge bool
	// Behind takes messages of the dialect to the gateway that a bridge leads to.
	Behind *line.Post
	// Own are further servers in this process, by their names, which stay as they are
	// declared. Who gives them closes them, after Close.
	Own map[string]*sdk.Server
	// Scanner looks at servers for callers of mcp.trust.scan; nil if nobody does.
	Scanner survey.Scanner
	// Patience is how long a call waits for the answers of a modern client: five
	// minutes unless it is set.
	Patience time.Duration
}

// Open puts a gate together and starts its servers. The only assembly: Close
// closes everything that Open opened.
func Open(ctx context.Context, cfg *config.Config, parts Parts) (*Gateway, error) {
	g := &Gateway{
		parts: parts, log: parts.Log, instance: newInstance(), info: serverInfo(parts.Version), closed: make(chan struct{}),
	}
	g.draining, g.drain = context.WithCancel(context.WithoutCancel(ctx))
	if g.parts.Warden == nil {
		g.parts.Warden = warden.New(warden.Options{Reaper: parts.Reaper, Log: g.log})
	}
	if err := g.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, g.Close(ctx))
	}
	return g, nil
}

// open makes the rooms from the ground up: each stage needs those before it.
func (g *Gateway) open(ctx context.Context, cfg *config.Config) error {
	for _, stage := range []func(context.Context, *config.Config) error{g.openStore, g.openClients, g.openServers, g.openAnswers} {
		if err := stage(ctx, cfg); err != nil {
			return err
		}
	}
	if err := g.apply(cfg); err != nil {
		return err
	}
	g.started(ctx, cfg)
	g.watchAnswers(ctx)
	ctx, cancel := context.WithTimeout(ctx, stock.Patience)
	defer cancel()
	g.stock.Keeper().SettleOwn(ctx)
	return nil
}

// openStore opens the instruments, and what is kept, which a bridge does without.
func (g *Gateway) openStore(ctx context.Context, cfg *config.Config) error {
	var err error
	if g.metrics, err = metrics.New(); err != nil {
		return fmt.Errorf("opening the metrics: %w", err)
	}
	if g.parts.Bridge {
		return nil
	}
	if g.store, err = store.Open(ctx, cfg.Store); err != nil {
		return err
	}
	if g.audit, err = record.Open(ctx, cfg, g.store, g.log); err != nil {
		return err
	}
	if err = g.metrics.WatchShipments(g.audit.Observe); err != nil {
		return err
	}
	g.ring, err = keyring.Open(ctx, keyring.Options{Store: g.store, Log: g.log})
	return err
}

// openClients makes what concerns clients: who they are, what they may send, their sessions and tasks, and what they are told.
func (g *Gateway) openClients(ctx context.Context, cfg *config.Config) error {
	g.issuers = oauth.Open(ctx, g.log)
	g.limits = limit.New(limit.Settings{})
	if err := errors.Join(g.openGuard(), g.openInspection(ctx)); err != nil {
		return err
	}
	g.hub = notice.NewHub(g.log)
	g.openSentry(ctx)
	if err := g.openParking(ctx); err != nil {
		return err
	}
	g.tasks = &task.Tasks{Sealer: g.sealer, Log: g.log, Able: func(ctx context.Context, call *mcp.Call) bool {
		return g.stock.Settle(ctx, call).RunsTasks(call.Revision)
	}}
	if g.parts.Bridge && len(cfg.Servers) == 1 {
		g.tasks.Only = cfg.Servers[0].Name
	}
	g.sessions = session.NewStore(g.sessionOptions(cfg))
	return nil
}

// openServers makes the ways to servers, and the catalogues of what they offer.
func (g *Gateway) openServers(ctx context.Context, cfg *config.Config) error {
	g.openCredentials(ctx, cfg)
	g.openPool(ctx)
	g.tasks.Do, g.router = g.do, route.New(ctx, g.routing())
	if err := g.metrics.Watch(g.serverStates, g.sessions.Len, g.parking.Len, g.hub.Lost); err != nil {
		return err
	}
	if err := g.metrics.WatchRoutes(g.router.Observe, g.router.Retries); err != nil {
		return err
	}
	g.watches = notice.NewWatches(g.hub, tellers{g}, g.log)
	g.openBoard(cfg)
	g.openStock()
	return nil
}

// openAnswers makes what the gate answers by itself, and the doors that outlive a configuration.
func (g *Gateway) openAnswers(ctx context.Context, cfg *config.Config) error {
	g.openUsage(ctx)
	g.desk = g.newDesk()
	if err := errors.Join(g.openAlerts(ctx), g.openRegistry(ctx)); err != nil {
		return err
	}
	g.openAdvisories(ctx, cfg)
	g.openSurvey()
	g.openApprovals(ctx)
	if err := errors.Join(g.openRoots(ctx, cfg), g.openPlugins(ctx, cfg)); err != nil {
		return err
	}
	g.lines = g.newLines(ctx)
	return nil
}

// openParking makes the place of calls that wait for the answers of modern clients.
// Without a store, tokens are good for as long as the gate runs.
func (g *Gateway) openParking(ctx context.Context) error {
	var err error
	if g.store != nil {
		g.sealer, err = session.OpenSealer(ctx, g.store, g.log)
	} else {
		g.sealer, err = session.NewSealer(session.NewKey())
	}
	if err != nil {
		return err
	}
	g.parking = dialogue.NewParking(context.WithoutCancel(ctx), session.ParkingOptions{
		Sealer: g.sealer, Instance: g.instance, Patience: cmp.Or(g.parts.Patience, parkingPatience),
	})
	return nil
}

// sessionOptions are those of the sessions of the legacy era.
func (g *Gateway) sessionOptions(cfg *config.Config) session.Options {
	o := session.Options{
		Idle: sessionIdle, Max: maxSessions, Sealer: g.sealer, Instance: g.instance, Ended: g.sessionEnded, Log: g.log,
	}
	if cfg.Resume == config.ResumeStore && g.store != nil {
		o.Archive = g.store
	}
	return o
}

// serverInfo is our name and version, as both eras tell it.
func serverInfo(version string) []byte {
	return append(wire.AppendQuote([]byte(`{"name":"sumun","title":"Sumun","version":`), version), '}')
}

// Reload takes a new configuration over. Sessions, calls in flight and servers
// that stay as they were go on; on an error everything stays as it was.
func (g *Gateway) Reload(cfg *config.Config) error {
	now := g.Config()
	if cfg.Listen != now.Listen || cfg.Store != now.Store || !cfg.TLS.Listens(&now.TLS) || cfg.Log.Format != now.Log.Format || cfg.Resume != now.Resume ||
		cfg.Audit.Seal() != now.Audit.Seal() {
		return errors.New("listen, store, resume, tls, log.format, and what audit has but payloads and retain cannot be changed while the gateway runs; restart it")
	}
	if err := g.apply(cfg); err != nil {
		return err
	}
	if g.parts.Level != nil {
		// The configuration has checked the level.
		_ = g.parts.Level.UnmarshalText([]byte(cfg.Log.Level))
	}
	return nil
}

func (g *Gateway) apply(cfg *config.Config) error {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	return g.take(cfg)
}

// take is apply with the lock held.
func (g *Gateway) take(cfg *config.Config) error {
	g.plugins.Set(cfg)
	next, err := g.setUp(cfg)
	if err != nil {
		return err
	}
	if err := g.alerts.Set(alert.FromConfig(cfg.Alerts)); err != nil {
		return err
	}
	old := g.setup.Load()
	if next.own, err = g.openOwn(cfg, old); err != nil {
		return err
	}
	inProcess, screened := g.inProcess(next), g.plugins.Beside(g.registry.Screen(cfg), false)
	servers := route.Servers(screened, slices.Collect(maps.Keys(inProcess))...)
	if err := g.router.Update(g.draining, servers, route.FromConfig(cfg)); err != nil {
		return errors.Join(err, next.own.Without(old.ownServers()).Close())
	}
	if g.credentials != nil {
		if err := g.credentials.Update(screened); err != nil {
			return errors.Join(err, next.own.Without(old.ownServers()).Close())
		}
	}
	changed := route.ByServer(g.pool.Update(route.Expand(screened), inProcess))
	g.setup.Store(next)
	g.advisories.Configured(cfg)
	g.retire(old.ownServers().Without(next.own))
	g.limits.Set(limit.FromConfig(cfg, g.stock.ServerOf))
	g.ring.SetGrace(cfg.KeyGrace)
	if g.audit != nil {
		g.audit.Retain(cfg.Audit.Retain)
		g.audit.Keep(audit.Keeping{Payloads: audit.Payloads(cfg.Audit.Payloads), Redact: next.guard.Redact})
		g.guard.Set(next.guard)
	}
	if g.approvals != nil {
		g.approvals.Set(approve.FromConfig(cfg))
	}
	if g.roots != nil {
		g.roots.Set(rootSettings(cfg))
	}
	g.stock.Update(g.sources(g.plugins.Beside(g.registry.Screen(cfg), true), next), changed)
	return nil
}

// setUp makes what depends on the configuration and holds no state.
func (g *Gateway) setUp(cfg *config.Config) (*setup, error) {
	s := &setup{config: cfg}
	s.index(g.plugins.Beside(cfg, false).Servers)
	if err := g.openAccess(cfg, s); err != nil {
		return nil, err
	}
	if err := g.guardSettings(cfg, s); err != nil {
		return nil, err
	}
	s.handler = g.chain(s.access)
	s.door = g.newDoor(s)
	return s, nil
}

// openAccess makes the keys of a setup.
func (g *Gateway) openAccess(cfg *config.Config, s *setup) error {
	key := access.NewKey()
	if !g.parts.Bridge {
		var err error
		if key, _, err = access.LocalKey(LocalKeyFile(cfg)); err != nil {
			return err
		}
	}
	var err error
	s.access, s.local, err = access.FromConfig(cfg, key, g.ring, g.issuers)
	return err
}

// LocalKeyFile is where the key named local lies.
func LocalKeyFile(cfg *config.Config) string {
	return filepath.Join(cfg.StateDir(), local.KeyName)
}

// sessionEnded drops what was kept for a client that is gone.
func (g *Gateway) sessionEnded(id string) {
	g.watches.Forget(g.draining, g.hub.Drop(id)...)
	g.tasks.Book.Drop(id)
	g.pool.SessionEnded(id)
	g.router.SessionEnded(id)
	if g.roots != nil {
		g.roots.SessionEnded(id)
	}
}

// Close ends the gate: streams at once, calls in flight when they are done or ctx
// ends, then servers, sessions and the store.
func (g *Gateway) Close(ctx context.Context) error {
	g.drain()
	if g.approvals != nil {
		g.approvals.Close()
	}
	g.plugins.Close()
	g.registry.Close()
	g.advisories.Close()
	err := g.closeCalls(ctx)
	close(g.closed)
	g.retiring.Wait()
	if now := g.setup.Load(); now != nil {
		err = errors.Join(err, now.own.Close())
	}
	return errors.Join(err, g.closeStore(ctx))
}

// closeCalls ends the doors, the calls in flight, and the ways to servers.
func (g *Gateway) closeCalls(ctx context.Context) error {
	var errs []error
	if g.lines != nil {
		errs = append(errs, g.lines.Close(ctx))
	}
	g.stock.Close()
	g.watching.Wait()
	if g.sessions != nil {
		g.sessions.Close()
	}
	if g.parking != nil {
		g.parking.Drain()
	}
	if g.pool != nil {
		g.router.Close()
		errs = append(errs, g.pool.Close(ctx))
	}
	g.parts.Warden.Close()
	if g.credentials != nil {
		g.credentials.Close()
	}
	if g.parking != nil {
		g.parking.Close()
	}
	if g.roots != nil {
		errs = append(errs, g.roots.Close())
	}
	return errors.Join(errs...)
}

// closeStore ends what is kept, and the instruments: nothing happens any more that they could tell of.
func (g *Gateway) closeStore(ctx context.Context) error {
	var errs []error
	g.board.Close()
	g.sentry.Close()
	g.usage.Close()
	g.reviews.Close()
	g.answers.Close()
	g.alerts.Close()
	if g.audit != nil {
		if g.setup.Load() != nil {
			g.onRecord(ctx, audit.Event{Kind: audit.GatewayStopped, Subject: g.instance})
		}
		errs = append(errs, g.audit.Close())
	}
	if g.metrics != nil {
		errs = append(errs, g.metrics.Close(ctx))
	}
	if g.sealer != nil {
		g.sealer.Close()
	}
	g.ring.Close()
	g.issuers.Close()
	if g.store != nil {
		errs = append(errs, g.store.Close())
	}
	return errors.Join(errs...)
}
