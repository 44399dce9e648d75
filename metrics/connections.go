package metrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// connections counts connections by listener and protocol version. It is a hook
// that is called when connections begin and end, and at no message.
type connections struct {
	open   *prometheus.GaugeVec
	opened *prometheus.CounterVec
	closed *prometheus.CounterVec
}

func newConnections() *connections {
	return &connections{
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "linnet_connections", Help: "Connections of clients.",
		}, []string{"listener", "version"}),
		opened: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linnet_connections_opened_total", Help: "Connections that were accepted.",
		}, []string{"listener", "version"}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "linnet_connections_closed_total", Help: "Connections that ended after they were accepted.",
		}, []string{"listener", "reason"}),
	}
}

// ID names the hook.
func (*connections) ID() string { return "metrics" }

// OnSessionEstablished counts a connection.
func (x *connections) OnSessionEstablished(cl *mqtt.Client, _ *packets.Connect) {
	x.open.WithLabelValues(cl.Listener(), version(cl)).Inc()
	x.opened.WithLabelValues(cl.Listener(), version(cl)).Inc()
}

// OnDisconnect counts its end.
func (x *connections) OnDisconnect(cl *mqtt.Client, err error, _ bool) {
	x.open.WithLabelValues(cl.Listener(), version(cl)).Dec()
	x.closed.WithLabelValues(cl.Listener(), reason(err)).Inc()
}

func version(cl *mqtt.Client) string {
	switch cl.Version() {
	case packets.V31:
		return "3.1"
	case packets.V311:
		return "3.1.1"
	default:
		return "5.0"
	}
}

// reason has few values: those of Reason Codes and two more.
func reason(err error) string {
	if err == nil {
		return "disconnected by client"
	}
	if code, ok := errors.AsType[packets.Code](err); ok {
		return code.String()
	}
	return "connection lost"
}

// Describe sends what Collect may send.
func (x *connections) Describe(ch chan<- *prometheus.Desc) {
	x.open.Describe(ch)
	x.opened.Describe(ch)
	x.closed.Describe(ch)
}

// Collect sends the counts.
func (x *connections) Collect(ch chan<- prometheus.Metric) {
	x.open.Collect(ch)
	x.opened.Collect(ch)
	x.closed.Collect(ch)
}

var (
	_ mqtt.OnSessionEstablished = (*connections)(nil)
	_ mqtt.OnDisconnect         = (*connections)(nil)
)
