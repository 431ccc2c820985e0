// Package metrics counts and times what the gate does. All instruments stand in
// this file; those of MCP have the names of the OpenTelemetry semantic
// conventions for the Model Context Protocol.
package metrics

import (
	"context"
	"fmt"
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
	duration metric.Float64Histogram
	other    []metric.RecordOption

	mu sync.RWMutex
	// series holds the attributes of each combination, made once.
	series map[series][]metric.RecordOption
}

// A series is what the durations of calls are told apart by.
type series struct {
	method, name, server, revision, transport string
	kind                                      mcp.Kind
	outcome                                   string
}

// New returns instruments that nobody has used yet.
func New() (*Metrics, error) {
	m := &Metrics{registry: prometheus.NewRegistry(), series: map[series][]metric.RecordOption{}}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	reader, err := exporter.New(exporter.WithRegisterer(m.registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("making the Prometheus exporter: %w", err)
	}
	m.provider = sdk.NewMeterProvider(sdk.WithReader(reader))
	m.meter = m.provider.Meter("github.com/sumun-mcp/sumun")
	m.duration, err = m.meter.Float64Histogram("mcp.server.operation.duration",
		metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(buckets...),
		metric.WithDescription("How long a request or notification took, from the door's point of view."))
	if err != nil {
		return nil, fmt.Errorf("making the instruments: %w", err)
	}
	m.other = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attribute.String("mcp.method.name", "_OTHER")))}
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
		m.duration.Record(ctx, time.Since(start).Seconds(), m.options(seriesOf(call, err))...)
		return err
	})
}

func seriesOf(call *mcp.Call, err error) series {
	s := series{transport: call.Transport}
	if method, known := mcp.MethodByName(call.Method); known {
		s.method, s.kind = call.Method, method.Kind
	}
	if call.Revision != nil {
		s.revision = call.Revision.Name
	}
	// Only names that exist become attributes, and URIs never do: clients choose them.
	if s.server = call.Server; s.server != "" && s.kind != mcp.Resource {
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

// options returns the attributes of a series.
func (m *Metrics) options(s series) []metric.RecordOption {
	m.mu.RLock()
	options, ok := m.series[s]
	full := len(m.series) >= maxSeries
	m.mu.RUnlock()
	switch {
	case ok:
		return options
	case full:
		return m.other
	}
	options = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(s.attributes()...))}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[s] = options
	return options
}

func (s series) attributes() []attribute.KeyValue {
	var all []attribute.KeyValue
	add := func(key, value string) {
		if value != "" {
			all = append(all, attribute.String(key, value))
		}
	}
	method := s.method
	if method == "" {
		method = "_OTHER"
	}
	add("mcp.method.name", method)
	add("mcp.protocol.version", s.revision)
	add("network.transport", map[string]string{"http": "tcp", "stdio": "pipe"}[s.transport])
	add("error.type", s.outcome)
	add("sumun.server.name", s.server)
	switch s.kind {
	case mcp.Tool:
		add("gen_ai.tool.name", s.name)
	case mcp.Prompt:
		add("gen_ai.prompt.name", s.name)
	default: // a URI is no attribute
	}
	return all
}

// A ServerState is what a gauge tells of one server.
type ServerState struct {
	Name, State string
	Sessions    int
	Restarts    int
}

// Watch makes gauges of what the gate holds: states of servers, and open sessions
// of the legacy era. The functions are called when the instruments are read.
func (m *Metrics) Watch(servers func() []ServerState, sessions func() int) error {
	up, err1 := m.meter.Int64ObservableGauge("sumun.server.up", metric.WithDescription("1 while the server can be used, else 0."))
	upstream, err2 := m.meter.Int64ObservableGauge("sumun.server.sessions", metric.WithDescription("Open sessions with the server."))
	restarts, err3 := m.meter.Int64ObservableCounter("sumun.server.restarts", metric.WithDescription("How often the server was started again."))
	open, err4 := m.meter.Int64ObservableGauge("sumun.sessions", metric.WithDescription("Open sessions of the legacy era."))
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return fmt.Errorf("making the gauges: %w", err)
		}
	}
	_, err := m.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(open, int64(sessions()))
		for _, s := range servers() {
			attributes := metric.WithAttributes(attribute.String("sumun.server.name", s.Name), attribute.String("sumun.server.state", s.State))
			o.ObserveInt64(up, boolToInt(s.State == "ready"), attributes)
			name := metric.WithAttributes(attribute.String("sumun.server.name", s.Name))
			o.ObserveInt64(upstream, int64(s.Sessions), name)
			o.ObserveInt64(restarts, int64(s.Restarts), name)
		}
		return nil
	}, up, upstream, restarts, open)
	return err
}

func boolToInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
