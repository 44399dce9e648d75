package metrics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/linnetmq/linnet/metrics"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// page returns the page of a server's figures.
func page(t testing.TB, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/metrics", http.NoBody))
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v %s", w.Code, err, body)
	}
	return string(body)
}

// busy is the page of a server on which everything has happened.
func busy(t testing.TB) string {
	t.Helper()
	s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
	h, err := metrics.Handler(s.Server, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	old := mqtttest.Dial(t, s, &packets.Connect{Version: packets.V311, ClientID: "old"})
	c.Subscribe("t", 1)
	c.Subscribe("#/x", 1)
	old.Subscribe("t", 1)
	old.Publish("u", "x", 2, true)
	left := mqtttest.Dial(t, s, mqtttest.Connect("left"))
	left.Disconnect(packets.CodeSuccess)
	mqtttest.Dial(t, s, mqtttest.Connect("lost")).Close()
	banned := mqtttest.Dial(t, s, mqtttest.Connect("banned"))
	if err := s.Disconnect("banned", 0, ""); err != nil {
		t.Fatal(err)
	}
	banned.ExpectDisconnect(packets.ErrAdministrativeAction)
	c.Send(&packets.Publish{Topic: "t", QoS: 1, PacketID: 9})
	for range 2 {
		c.Receive() // PUBACK and PUBLISH, which is not acknowledged
	}
	for end := time.Now().Add(mqtttest.Patience); s.Stats().ClientsConnected != 2; {
		if time.Now().After(end) {
			t.Fatal("they are still connected")
		}
	}
	var text string
	for end := time.Now().Add(mqtttest.Patience); strings.Count(text, "linnet_connections_closed_total{") != 3; text = page(t, h) {
		if time.Now().After(end) {
			t.Fatalf("the end of the connections is not counted:\n%s", text)
		}
	}
	return text
}

func TestFigures(t *testing.T) {
	t.Parallel()
	text := busy(t)
	for _, line := range []string{
		"linnet_clients_connected 2",
		"linnet_sessions_offline 0",
		"linnet_subscriptions 2",
		"linnet_retained_messages 1",
		"linnet_messages_received_total 2",
		`linnet_packets_received_total{type="CONNECT"} 5`,
		`linnet_packets_sent_total{type="CONNACK"} 5`,
		`linnet_packets_received_total{type="PUBLISH"} 2`,
		`linnet_messages_dropped_total{reason="queue_full"} 0`,
		`linnet_refused_total{reason_code="topic filter invalid"} 1`,
		`linnet_connections{listener="memory",version="5.0"} 1`,
		`linnet_connections{listener="memory",version="3.1.1"} 1`,
		`linnet_connections_opened_total{listener="memory",version="5.0"} 4`,
		`linnet_connections_closed_total{listener="memory",reason="disconnected by client"} 1`,
		`linnet_connections_closed_total{listener="memory",reason="connection lost"} 1`,
		`linnet_connections_closed_total{listener="memory",reason="administrative action"} 1`,
		`version="1.2.3"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is missing", line)
		}
	}
	for _, name := range []string{"linnet_received_bytes_total", "linnet_sent_bytes_total", "linnet_inflight_messages", "linnet_clients_connected_maximum", "go_goroutines", "process_cpu_seconds_total"} {
		if !regexp.MustCompile(`(?m)^`+name+` [1-9]`).MatchString(text) && name != "process_cpu_seconds_total" || !strings.Contains(text, name) {
			t.Errorf("%s is missing or 0", name)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestCollectorOfItsOwn(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(metrics.NewCollector(s.Server, "")); err != nil {
		t.Fatal(err)
	}
	if _, err := reg.Gather(); err != nil {
		t.Error(err)
	}
	extra := prometheus.NewCounter(prometheus.CounterOpts{Name: "store_extra_total", Help: "More."})
	h, err := metrics.Handler(s.Server, "", extra)
	if err != nil || !strings.Contains(page(t, h), "store_extra_total 0") {
		t.Errorf("%v: what was added is missing", err)
	}
	if _, err := metrics.Handler(s.Server, "", extra, extra); err == nil {
		t.Error("a collector is accepted twice")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := metrics.Handler(s.Server, ""); err == nil {
		t.Error("a closed server is accepted")
	}
}

// promtool runs Prometheus' own checks; its package is in scripts/test-packages.txt.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is missing: install the package prometheus")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = "../deploy/prometheus"
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPageAsPrometheusWantsIt(t *testing.T) {
	t.Parallel()
	var ours strings.Builder // it has objections to names of its own client library
	for line := range strings.Lines(busy(t)) {
		if strings.Contains(line, "linnet_") {
			ours.WriteString(line)
		}
	}
	promtool(t, ours.String(), "check", "metrics")
}

func TestAlertRules(t *testing.T) {
	t.Parallel()
	promtool(t, "", "check", "rules", "alerts.yml")
	promtool(t, "", "test", "rules", "alerts_test.yml")
}

// What dashboard and alerts ask for is on the page.
func TestDashboardAndAlertsAskForWhatIsThere(t *testing.T) {
	t.Parallel()
	text := busy(t)
	names := regexp.MustCompile(`\b(?:linnet|go|process)_[a-z_]+\b`)
	for _, file := range []string{"../deploy/grafana/linnet.json", "../deploy/prometheus/alerts.yml"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(b) {
			t.Errorf("%s is no JSON", file)
		}
		found := names.FindAll(b, -1)
		if len(found) < 7 {
			t.Errorf("%s names only %d figures", file, len(found))
		}
		for _, name := range found {
			if !bytes.Contains([]byte(text), append([]byte("# TYPE "), append(name, ' ')...)) {
				t.Errorf("%s asks for %s, which is not there", file, name)
			}
		}
	}
}

// The page costs the time of a few system calls, however busy the server is.
func BenchmarkPage(b *testing.B) {
	s := mqtttest.NewServer(b)
	h, err := metrics.Handler(s.Server, "")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		page(b, h)
	}
}
