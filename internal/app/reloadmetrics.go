package app

import "github.com/prometheus/client_golang/prometheus"

// reloadMetrics count what came of reloads of the configuration.
type reloadMetrics struct {
	total *prometheus.CounterVec // by outcome
	last  prometheus.Gauge
}

func newReloadMetrics() *reloadMetrics {
	m := &reloadMetrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linnet_config_reloads_total", Help: "Reloads of the configuration, by what came of them.",
		}, []string{"outcome"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "linnet_config_last_reload_successful", Help: "Whether the configuration in force is what its last reload, or the start, read.",
		}),
	}
	for _, outcome := range []string{"success", "failure"} {
		m.total.WithLabelValues(outcome)
	}
	m.last.Set(1)
	return m
}

// count notes the end of a reload.
func (m *reloadMetrics) count(err error) {
	outcome, last := "success", 1.0
	if err != nil {
		outcome, last = "failure", 0
	}
	m.total.WithLabelValues(outcome).Inc()
	m.last.Set(last)
}
