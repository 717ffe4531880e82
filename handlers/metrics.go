package handlers

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/dagpass/dagpass/models"
)

// Metrics counts what happens. Every label has few values, none of them chosen
// by a client.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     prometheus.Histogram
	events   *prometheus.CounterVec
	dagster  *prometheus.CounterVec
	unknown  prometheus.Counter
	passed   prometheus.Counter
	unfiled  prometheus.Counter
}

// NewMetrics makes the counters; gauges are functions that are asked when a
// scraper comes.
func NewMetrics(version string, gauges map[string]func() float64) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dagpass_http_requests_total", Help: "Requests answered, by class of status.",
		}, []string{"code"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "dagpass_http_request_duration_seconds", Help: "Time from the request to the end of the answer.",
			Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 30},
		}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dagpass_events_total", Help: "Events of the audit trail.",
		}, []string{"event", "outcome"}),
		dagster: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dagpass_dagster_requests_total", Help: "Requests for Dagster, by class of path and what became of them.",
		}, []string{"class", "outcome"}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "dagpass_unclassified_mutations_total", Help: "Mutations asked for that Dagpass does not know; the log names them.",
		}),
		passed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "dagpass_would_have_refused_total", Help: "What monitor mode let pass and roles would have refused.",
		}),
		unfiled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "dagpass_audit_file_failures_total", Help: "Lines that the file of DAGPASS_AUDIT_FILE did not take; the trail has them.",
		}),
	}
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "dagpass_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": version},
	}, func() float64 { return 1 })
	m.registry.MustRegister(m.requests, m.took, m.events, m.dagster, m.unknown, m.passed, m.unfiled, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for name, value := range gauges {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "dagpass_" + name, Help: "Read when scraped."}, value))
	}
	return m
}

func (m *Metrics) request(status int, took time.Duration) {
	m.requests.WithLabelValues(strconv.Itoa(status/100) + "xx").Inc()
	m.took.Observe(took.Seconds())
}

// Event counts an event of the audit trail, and all that it stands for of what
// monitor mode let pass.
func (m *Metrics) Event(e models.Event) {
	m.events.WithLabelValues(e.Event, e.Outcome).Inc()
	if e.Reason == models.ReasonWouldHaveRefused {
		m.passed.Add(float64(max(1, e.Count)))
	}
}

// Dagster counts a request for Dagster.
func (m *Metrics) Dagster(class, outcome string) { m.dagster.WithLabelValues(class, outcome).Inc() }

// Unclassified counts a mutation that Dagpass does not know. Its name is the
// client's choice and therefore no label.
func (m *Metrics) Unclassified() { m.unknown.Inc() }

// Unfiled counts a line that the file of the audit trail did not take.
func (m *Metrics) Unfiled() { m.unfiled.Inc() }

func (m *Metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
