// Package metrics offers a broker's figures to Prometheus: a collector that
// reads the server's counters when it is asked, so that messages cost nothing
// more, and an http.Handler with the figures of the Go runtime and the process
// beside them. All names begin with linnet_ and have base units; no label holds
// a client identifier, a user name or a topic. It knows package mqtt and the
// Prometheus client library; where the page is served is for the program to say.
package metrics

import (
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/linnetmq/linnet/mqtt"
)

// Handler returns the page of a server's figures, together with those of more
// collectors, such as a store's. It adds a hook to the server.
func Handler(s *mqtt.Server, version string, more ...prometheus.Collector) (http.Handler, error) {
	c := NewCollector(s, version)
	if err := s.AddHook(c.connections, nil); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	reg := prometheus.NewRegistry()
	for _, each := range append([]prometheus.Collector{
		c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}, more...) {
		if err := reg.Register(each); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{Registry: reg, EnableOpenMetrics: true}), nil
}

// Collector reads a server's figures.
type Collector struct {
	server      *mqtt.Server
	connections *connections
	build       prometheus.Metric
}

// NewCollector returns a collector for a registry of the program's own. What it
// tells of listeners and protocol versions needs Handler.
func NewCollector(s *mqtt.Server, version string) *Collector {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = setting.Value
			}
		}
	}
	return &Collector{
		server: s, connections: newConnections(),
		build: prometheus.MustNewConstMetric(describe("build_info", "What runs; the value is always 1.", "version", "revision", "goversion"),
			prometheus.GaugeValue, 1, version, revision, runtime.Version()),
	}
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("linnet_"+name, help, labels, nil)
}

// figure is a number of mqtt.Stats with its name.
type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*mqtt.Stats) int64
}

func gauge(name, help string, read func(*mqtt.Stats) int64) figure {
	return figure{describe(name, help), prometheus.GaugeValue, read}
}

func counter(name, help string, read func(*mqtt.Stats) int64) figure {
	return figure{describe(name, help), prometheus.CounterValue, read}
}

var figures = []figure{
	gauge("clients_connected", "Clients with a connection.", func(s *mqtt.Stats) int64 { return s.ClientsConnected }),
	gauge("clients_connected_maximum", "The most clients that were connected at once.", func(s *mqtt.Stats) int64 { return s.ClientsMaximum }),
	gauge("sessions_offline", "Sessions without a connection.", func(s *mqtt.Stats) int64 { return s.ClientsDisconnected }),
	gauge("subscriptions", "Subscriptions.", func(s *mqtt.Stats) int64 { return s.Subscriptions }),
	gauge("retained_bytes", "What retained messages take in memory.", func(s *mqtt.Stats) int64 { return s.RetainedBytes }),
	gauge("retained_messages", "Retained messages.", func(s *mqtt.Stats) int64 { return s.Retained }),
	gauge("inflight_messages", "QoS 1 and 2 messages sent and not acknowledged.", func(s *mqtt.Stats) int64 { return s.Inflight }),
	gauge("queued_messages", "Messages that wait in queues of sessions.", func(s *mqtt.Stats) int64 { return s.Queued }),
	gauge("queued_bytes", "What they take.", func(s *mqtt.Stats) int64 { return s.QueuedBytes }),
	gauge("held_bytes", "What the memory budget bounds; 0 without one.", func(s *mqtt.Stats) int64 { return s.HeldBytes }),
	counter("messages_received_total", "PUBLISH packets received.", func(s *mqtt.Stats) int64 { return s.MessagesReceived }),
	counter("messages_sent_total", "PUBLISH packets sent.", func(s *mqtt.Stats) int64 { return s.MessagesSent }),
	counter("received_bytes_total", "Bytes received from clients.", func(s *mqtt.Stats) int64 { return s.BytesReceived }),
	counter("sent_bytes_total", "Bytes sent to clients.", func(s *mqtt.Stats) int64 { return s.BytesSent }),
	counter("inflight_dropped_total", "QoS 1 and 2 messages whose session ended before they were acknowledged.", func(s *mqtt.Stats) int64 { return s.InflightDropped }),
	counter("panics_total", "Panics in hooks or in the server.", func(s *mqtt.Stats) int64 { return s.Panics }),
}

// family is a map of mqtt.Stats whose keys are values of a label.
type family struct {
	desc *prometheus.Desc
	read func(*mqtt.Stats) map[string]int64
}

var families = []family{
	{describe("packets_received_total", "Control packets received.", "type"), func(s *mqtt.Stats) map[string]int64 { return s.Received }},
	{describe("packets_sent_total", "Control packets sent.", "type"), func(s *mqtt.Stats) map[string]int64 { return s.Sent }},
	{describe("messages_dropped_total", "Messages that did not reach a receiver.", "reason"), func(s *mqtt.Stats) map[string]int64 { return s.Dropped }},
	{describe("refused_total", "Connections, packets, subscriptions and messages refused.", "reason_code"), func(s *mqtt.Stats) map[string]int64 { return s.Refused }},
}

// Describe sends what Collect may send.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.build.Desc()
	for i := range figures {
		ch <- figures[i].desc
	}
	for i := range families {
		ch <- families[i].desc
	}
	c.connections.Describe(ch)
}

// Collect reads the server's figures.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	st := c.server.Stats()
	ch <- c.build
	for i := range figures {
		f := &figures[i]
		ch <- prometheus.MustNewConstMetric(f.desc, f.kind, float64(f.read(st)))
	}
	for i := range families {
		for label, n := range families[i].read(st) {
			ch <- prometheus.MustNewConstMetric(families[i].desc, prometheus.CounterValue, float64(n), label)
		}
	}
	c.connections.Collect(ch)
}
