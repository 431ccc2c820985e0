// Package metrics counts and times what the gate does. All instruments stand in
// this file; those of MCP have the names of the OpenTelemetry semantic
// conventions for the Model Context Protocol.
package metrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// buckets are bounds of durations in seconds, fine where a gate works and coarse
// where a tool does.
var buckets = []float64{
	0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
}

// maxSeries bounds how many combinations of attributes are told apart.
const maxSeries = 10_000

// A Metrics holds the instruments of one instance. Its methods may be called
// concurrently.
type Metrics struct {
	provider *sdk.MeterProvider
	registry *prometheus.Registry
	meter    metric.Meter
	calls    *durations
}

// durations is how long calls took, one histogram a series. It is a collector of
// its own, since a measurement then costs a twentieth of one through the meter.
type durations struct {
	mu     sync.RWMutex
	series map[series]prometheus.Histogram
}

// A series is what the durations of calls are told apart by. Two that differ have
// different labels.
type series struct {
	method, name, server, revision, network string
	kind                                    mcp.Kind
	outcome                                 string
}

// New returns instruments that nobody has used yet.
func New() (*Metrics, error) {
	m := &Metrics{registry: prometheus.NewRegistry(), calls: &durations{series: map[series]prometheus.Histogram{}}}
	m.registry.MustRegister(
		m.calls,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	reader, err := exporter.New(exporter.WithRegisterer(m.registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("making the Prometheus exporter: %w", err)
	}
	m.provider = sdk.NewMeterProvider(sdk.WithReader(reader))
	m.meter = m.provider.Meter("github.com/sumun-mcp/sumun")
	return m, nil
}

// Handler serves the instruments in the Prometheus text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Close ends the instruments.
func (m *Metrics) Close(ctx context.Context) error { return m.provider.Shutdown(ctx) }

// Middleware times each call.
func (m *Metrics) Middleware(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		start := time.Now()
		err := next.Handle(ctx, call, reply)
		m.calls.of(seriesOf(call, err)).Observe(time.Since(start).Seconds())
		return err
	})
}

// networks are the transports of clients as the semantic conventions call them.
var networks = map[string]string{"http": "tcp", "sse": "tcp", "websocket": "tcp", "stdio": "pipe"}

func seriesOf(call *mcp.Call, err error) series {
	s := series{network: networks[call.Transport]}
	method, known := mcp.MethodByName(call.Method)
	if known {
		s.method, s.kind = call.Method, method.Kind
	}
	if call.Revision != nil {
		s.revision = call.Revision.Name
	}
	// Only names that exist become attributes, and URIs and ids never do: clients choose them.
	if s.server = call.Server; s.server != "" && method.NameMember == "name" {
		s.name = call.Name
	}
	switch e := mcp.AsError(err); {
	case e != nil:
		s.outcome = string(e.Reason)
	case err != nil:
		s.outcome = string(mcp.Internal)
	}
	return s
}

func newHistogram(s series) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:        "mcp_server_operation_duration_seconds",
		Help:        "How long a request or notification took, from the door's point of view.",
		ConstLabels: s.labels(),
		Buckets:     buckets,
	})
}

// of returns the histogram of a series.
func (d *durations) of(s series) prometheus.Histogram {
	d.mu.RLock()
	h := d.series[s]
	d.mu.RUnlock()
	if h != nil {
		return h
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.series) >= maxSeries && d.series[s] == nil {
		s = series{} // of what is not told apart
	}
	if d.series[s] == nil {
		d.series[s] = newHistogram(s)
	}
	return d.series[s]
}

// Describe tells nothing beforehand: the labels of a series are those that it has values for.
func (d *durations) Describe(chan<- *prometheus.Desc) {}

// Collect hands the histograms over that something was measured with.
func (d *durations) Collect(to chan<- prometheus.Metric) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, h := range d.series {
		to <- h
	}
}

// labels returns the attributes of a series as Prometheus spells them.
func (s series) labels() prometheus.Labels {
	labels := prometheus.Labels{
		"mcp_method_name":      cmp.Or(s.method, "_OTHER"),
		"mcp_protocol_version": s.revision,
		"network_transport":    s.network,
		"error_type":           s.outcome,
		"sumun_server_name":    s.server,
	}
	switch s.kind {
	case mcp.Tool:
		labels["gen_ai_tool_name"] = s.name
	case mcp.Prompt:
		labels["gen_ai_prompt_name"] = s.name
	default: // a URI is no attribute
	}
	maps.DeleteFunc(labels, func(_, value string) bool { return value == "" })
	return labels
}

// A ServerState is what a gauge tells of one server.
type ServerState struct {
	Name, State string
	Sessions    int
	Restarts    int
	// Refused is how many of its questions could be put to nobody.
	Refused int64
}

// Watch makes gauges of what the gate holds: states of servers, open sessions of the
// legacy era, calls that wait for the answers of modern clients, and notices that were lost
// since clients were too slow. The functions are called when the instruments are read.
func (m *Metrics) Watch(servers func() []ServerState, sessions, parked func() int, lost func() int64) error {
	up, err1 := m.meter.Int64ObservableGauge("sumun.server.up", metric.WithDescription("1 while the server can be used, else 0."))
	upstream, err2 := m.meter.Int64ObservableGauge("sumun.server.sessions", metric.WithDescription("Open sessions with the server."))
	restarts, err3 := m.meter.Int64ObservableCounter("sumun.server.restarts", metric.WithDescription("How often the server was started again."))
	open, err4 := m.meter.Int64ObservableGauge("sumun.sessions", metric.WithDescription("Open sessions of the legacy era."))
	waiting, err5 := m.meter.Int64ObservableGauge("sumun.calls.parked", metric.WithDescription("Calls that wait for answers of modern clients."))
	refused, err6 := m.meter.Int64ObservableCounter("sumun.server.questions.refused", metric.WithDescription("Questions of the server that could be put to nobody."))
	unread, err7 := m.meter.Int64ObservableCounter("sumun.notices.lost", metric.WithDescription("Notices that were lost since clients did not read them in time."))
	for _, err := range []error{err1, err2, err3, err4, err5, err6, err7} {
		if err != nil {
			return fmt.Errorf("making the gauges: %w", err)
		}
	}
	_, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(open, int64(sessions()))
		o.ObserveInt64(waiting, int64(parked()))
		o.ObserveInt64(unread, lost())
		for _, s := range servers() {
			attributes := metric.WithAttributes(attribute.String("sumun.server.name", s.Name), attribute.String("sumun.server.state", s.State))
			o.ObserveInt64(up, boolToInt(s.State == "ready"), attributes)
			name := metric.WithAttributes(attribute.String("sumun.server.name", s.Name))
			o.ObserveInt64(upstream, int64(s.Sessions), name)
			o.ObserveInt64(restarts, int64(s.Restarts), name)
			o.ObserveInt64(refused, s.Refused, name)
		}
		return nil
	}, up, upstream, restarts, open, waiting, refused, unread)
	return err
}

// WatchRoutes makes gauges of the replicas among which calls are shared out: how each is judged, how many calls wait for it and how
// often it was ejected, and how many calls were made again elsewhere. The functions are called when the instruments are read.
func (m *Metrics) WatchRoutes(replicas func(tell func(replica, state string, pending, ejections int64)), retries func() int64) error {
	states, err1 := m.meter.Int64ObservableGauge("sumun.route.target.state", metric.WithDescription("1 for the state that the replica is in."))
	waiting, err2 := m.meter.Int64ObservableGauge("sumun.route.target.pending", metric.WithDescription("Calls that wait for the replica's answer."))
	ejected, err3 := m.meter.Int64ObservableCounter("sumun.route.target.ejections", metric.WithDescription("How often the replica was taken out."))
	again, err4 := m.meter.Int64ObservableCounter("sumun.route.retries", metric.WithDescription("Calls that were made again at another replica."))
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return fmt.Errorf("making the gauges: %w", err)
		}
	}
	_, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(again, retries())
		replicas(func(replica, state string, pending, ejections int64) {
			name := attribute.String("sumun.server.name", replica)
			o.ObserveInt64(states, 1, metric.WithAttributes(name, attribute.String("sumun.route.state", state)))
			o.ObserveInt64(waiting, pending, metric.WithAttributes(name))
			o.ObserveInt64(ejected, ejections, metric.WithAttributes(name))
		})
		return nil
	}, states, waiting, ejected, again)
	return err
}

// WatchAlerts counts alerts by kind and severity, and those that the webhook was not told of. The function is called when the
// instruments are read.
func (m *Metrics) WatchAlerts(alerts func(raised func(kind, severity string, n int64)) (undelivered int64)) error {
	all, err1 := m.meter.Int64ObservableCounter("sumun.alerts", metric.WithDescription("Alerts that were raised."))
	lost, err2 := m.meter.Int64ObservableCounter("sumun.alerts.undelivered", metric.WithDescription("Alerts that the webhook was not told of."))
	for _, err := range []error{err1, err2} {
		if err != nil {
			return fmt.Errorf("making the counters: %w", err)
		}
	}
	_, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(lost, alerts(func(kind, severity string, n int64) {
			o.ObserveInt64(all, n, metric.WithAttributes(attribute.String("sumun.alert.kind", kind), attribute.String("sumun.alert.severity", severity)))
		}))
		return nil
	}, all, lost)
	return err
}

// WatchPlugins tells which state each plugin is in, and counts its versions that worked and those that did not. The function is called when
// the instruments are read.
func (m *Metrics) WatchPlugins(observe func(tell func(plugin, state string, loads, failures int64))) error {
	states, err1 := m.meter.Int64ObservableGauge("sumun.plugin.state", metric.WithDescription("1 for the state that the plugin is in."))
	tried, err2 := m.meter.Int64ObservableCounter("sumun.plugin.versions", metric.WithDescription("Versions of the plugin that were tried, by whether they worked."))
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("making the instruments of plugins: %w", err)
	}
	_, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		observe(func(plugin, state string, loads, failures int64) {
			name := attribute.String("sumun.plugin.name", plugin)
			o.ObserveInt64(states, 1, metric.WithAttributes(name, attribute.String("sumun.plugin.state", state)))
			o.ObserveInt64(tried, loads, metric.WithAttributes(name, attribute.String("sumun.plugin.outcome", "loaded")))
			o.ObserveInt64(tried, failures, metric.WithAttributes(name, attribute.String("sumun.plugin.outcome", "failed")))
		})
		return nil
	}, states, tried)
	return err
}

// WatchHeld makes gauges of the alerts of each server that are open, and of its things that are held back. The function is called when the
// instruments are read.
func (m *Metrics) WatchHeld(observe func(ctx context.Context, open, held func(server string, n int64))) error {
	alerts, err1 := m.meter.Int64ObservableGauge("sumun.alerts.open", metric.WithDescription("Alerts that nobody has approved or dismissed."))
	things, err2 := m.meter.Int64ObservableGauge("sumun.held", metric.WithDescription("Things of the server that are held back since nobody has approved them."))
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("making the gauges: %w", err)
	}
	_, err := m.meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		of := func(gauge metric.Int64Observable) func(server string, n int64) {
			return func(server string, n int64) {
				o.ObserveInt64(gauge, n, metric.WithAttributes(attribute.String("sumun.server.name", server)))
			}
		}
		observe(ctx, of(alerts), of(things))
		return nil
	}, alerts, things)
	return err
}

// WatchGuard counts what was found in messages: by kind, by what was done about it, and by the part of the message. The function is
// called when the instruments are read.
func (m *Metrics) WatchGuard(findings func(found func(kind, action, part string, n int64))) error {
	all, err := m.meter.Int64ObservableCounter("sumun.guard.findings", metric.WithDescription("What was flagged, redacted, refused or blocked in calls and their answers."))
	if err != nil {
		return fmt.Errorf("making the counter: %w", err)
	}
	_, err = m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		findings(func(kind, action, part string, n int64) {
			o.ObserveInt64(all, n, metric.WithAttributes(
				attribute.String("sumun.guard.kind", kind), attribute.String("sumun.guard.action", action), attribute.String("sumun.guard.part", part)))
		})
		return nil
	}, all)
	return err
}

// WatchAnswers counts what was found in what servers said: by rule, and by what was done about it. The function is called when the
// instruments are read.
func (m *Metrics) WatchAnswers(findings func(found func(rule, action string, n int64))) error {
	all, err := m.meter.Int64ObservableCounter("sumun.answer.findings", metric.WithDescription("What read like orders to the model in what servers said."))
	if err != nil {
		return fmt.Errorf("making the counter: %w", err)
	}
	_, err = m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		findings(func(rule, action string, n int64) {
			o.ObserveInt64(all, n, metric.WithAttributes(attribute.String("sumun.answer.rule", rule), attribute.String("sumun.answer.action", action)))
		})
		return nil
	}, all)
	return err
}

// WatchRefusals counts what the boxes of servers did not allow, by server and by kind. The function is called when the instruments are read.
func (m *Metrics) WatchRefusals(refusals func(refused func(server, kind string, n int64))) error {
	all, err := m.meter.Int64ObservableCounter("sumun.box.refusals", metric.WithDescription("System calls, programs, connections, names, files and limits that boxes of servers refused."))
	if err != nil {
		return fmt.Errorf("making the counter: %w", err)
	}
	_, err = m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		refusals(func(server, kind string, n int64) {
			o.ObserveInt64(all, n, metric.WithAttributes(attribute.String("sumun.server.name", server), attribute.String("sumun.box.kind", kind)))
		})
		return nil
	}, all)
	return err
}

// WatchShipments counts the checkpoints of the audit log that were sent to each place. The function is called when the instruments are
// read.
func (m *Metrics) WatchShipments(shipments func(tell func(to string, sent, failed int64, late bool))) error {
	arrived, err1 := m.meter.Int64ObservableCounter("sumun.audit.checkpoints.shipped", metric.WithDescription("Checkpoints of the audit log that arrived."))
	tries, err2 := m.meter.Int64ObservableCounter("sumun.audit.checkpoints.failed", metric.WithDescription("Tries to ship a checkpoint that failed."))
	behind, err3 := m.meter.Int64ObservableGauge("sumun.audit.checkpoints.late", metric.WithDescription("1 while the newest checkpoint could not be shipped, else 0."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("making the counters: %w", err)
	}
	_, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		shipments(func(to string, sent, failed int64, late bool) {
			name := metric.WithAttributes(attribute.String("sumun.audit.to", to))
			o.ObserveInt64(arrived, sent, name)
			o.ObserveInt64(tries, failed, name)
			o.ObserveInt64(behind, boolToInt(late), name)
		})
		return nil
	}, arrived, tries, behind)
	return err
}

func boolToInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
