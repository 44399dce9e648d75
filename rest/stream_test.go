package rest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// events reads a stream of Server-Sent Events.
type events struct {
	t     *testing.T
	lines *bufio.Scanner
	body  io.Closer
}

// stream opens a stream and waits until it has begun.
func (a *testAPI) stream(t *testing.T, path string) *events {
	t.Helper()
	resp := a.do("GET", path, "")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s: %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	e := &events{t, bufio.NewScanner(resp.Body), resp.Body}
	e.lines.Buffer(nil, 1<<20)
	if name, _ := e.next(); name != "ready" {
		t.Fatalf("%s begins with %q", path, name)
	}
	return e
}

// next returns the next event; both are empty at the end.
func (e *events) next() (name, data string) {
	e.t.Helper()
	for e.lines.Scan() {
		switch key, value, _ := strings.Cut(e.lines.Text(), ": "); key {
		case "event":
			name = value
		case "data":
			data = value
		case "":
			if name != "" {
				return name, data
			}
		}
	}
	return "", ""
}

func nextAs[T any](e *events, name string) (v T) {
	e.t.Helper()
	got, data := e.next()
	if got != name {
		e.t.Fatalf("event %q %s, want %q", got, data, name)
	}
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		e.t.Fatal(err)
	}
	return v
}

func TestLifeEvents(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	all := a.stream(t, "/api/v1/events")
	one := a.stream(t, "/api/v1/events?client_id=b&event=connected")
	c := a.lasting("a")
	c.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "x/#"}, packets.Subscription{Filter: "#/x"})
	c.Send(&packets.Unsubscribe{PacketID: 9, Filters: []string{"x/#"}})
	mqtttest.Expect[*packets.Unsuback](c)
	if err := a.server.Disconnect("a", packets.ErrAdministrativeAction, "enough"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`connected user of a 5.0 "" [] false`, `subscribed user of a 5.0 "" [x/#] false`, `unsubscribed user of a 5.0 "" [x/#] false`,
		`disconnected user of a 5.0 "administrative action: enough" [] false`,
	} {
		name, _, _ := strings.Cut(want, " ")
		got := nextAs[lifeEvent](all, name)
		if text := fmt.Sprintf("%s %s %s %q %v %t", got.Event, got.Username, got.Protocol, got.Reason, got.Filters, got.Ended); text != want || got.ClientID != "a" || got.At.IsZero() {
			t.Errorf("%s, want %s", text, want)
		}
	}
	if err := a.server.DeleteSession("a"); err != nil {
		t.Fatal(err)
	}
	nextAs[lifeEvent](all, "session_expired")
	a.lasting("b")
	if got := nextAs[lifeEvent](one, "connected"); got.ClientID != "b" {
		t.Errorf("%+v", got)
	}
}

func TestMessagesStream(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	for _, topic := range []string{"t/kept", "other"} {
		if err := a.server.Publish(topic, []byte("old"), true, 0); err != nil {
			t.Fatal(err)
		}
	}
	plain, kept := a.stream(t, "/api/v1/messages?filter=t/%2B"), a.stream(t, "/api/v1/messages?filter=t/%2B&retained=true")
	if got := nextAs[receivedView](kept, "message"); got.Topic != "t/kept" || !got.Retain || *got.Payload != "old" {
		t.Errorf("retained: %+v", got)
	}
	if err := a.server.Publish("t/1", []byte{0xff}, false, 2); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*events{plain, kept} {
		if got := nextAs[receivedView](e, "message"); got.Topic != "t/1" || got.QoS != 2 || string(got.PayloadBase64) != "\xff" || got.Payload != nil {
			t.Errorf("%+v", got)
		}
	}
	_ = plain.body.Close()
	_ = kept.body.Close()
	for end := time.Now().Add(mqtttest.Patience); a.server.Stats().Subscriptions != 0; {
		if time.Now().After(end) {
			t.Fatal("the subscriptions of streams that ended are still there")
		}
	}
}

func TestStreamsEndWithTheHandler(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	e := a.stream(t, "/api/v1/events")
	a.handler.Close()
	if name, data := e.next(); name != "cut" || !strings.Contains(data, "shutting down") {
		t.Errorf("%q %s", name, data)
	}
	if name, _ := e.next(); name != "" {
		t.Errorf("%q after the end", name)
	}
}

func TestTooManyStreams(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	a.handler.streams.Store(maximumStreams)
	if status, text := a.text("GET", "/api/v1/events", ""); status != 503 {
		t.Errorf("%d %s", status, text)
	}
	if n := a.handler.streams.Load(); n != maximumStreams {
		t.Errorf("%d streams are counted", n)
	}
}

// A reader that does not read is cut off, and nobody waits for it.
func TestSlowReadersAreCutOff(t *testing.T) {
	t.Parallel()
	f := newFeed()
	for i := range feedEvents {
		f.offer("message", i, 1)
	}
	select {
	case <-f.over:
		t.Fatal("cut off too soon")
	default:
	}
	f.offer("message", 0, 1)
	f.offer("message", 0, 1)
	<-f.over
	f = newFeed()
	f.offer("message", 0, feedBytes)
	f.offer("message", 0, 1)
	<-f.over
}

func TestSlowReaderOverTheNetwork(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	e := a.stream(t, "/api/v1/messages?filter=t")
	payload := make([]byte, 64<<10)
	for range 1000 { // more than sockets and the feed hold
		if err := a.server.Publish("t", payload, false, 0); err != nil {
			t.Fatal(err)
		}
	}
	messages := 0
	for {
		name, data := e.next()
		if name == "message" {
			messages++
			continue
		}
		if name != "cut" || !strings.Contains(data, "too slow") || messages == 0 {
			t.Errorf("after %d messages: %q %s", messages, name, data)
		}
		return
	}
}

func TestSeries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
		h := newGmqtt(t, s)
		begin := time.Now()
		c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
		for range 120 {
			<-time.After(500 * time.Millisecond)
			c.Publish("t", "x", 1, false)
		}
		<-time.After(2 * time.Hour)
		var got seriesView
		w := ask(t, h, http.MethodGet, "/api/v1/stats/series?since="+begin.Add(2*time.Hour).Format(time.RFC3339), nil)
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.ResolutionSeconds != 1 || len(got.Points) < 55 || len(got.Points) > 62 || got.Points[0].ClientsConnected != 1 || got.Points[0].MessagesReceived != 0 {
			t.Errorf("%d points by %d s, the first %+v", len(got.Points), got.ResolutionSeconds, got.Points[:1])
		}
		h.series.mu.Lock()
		if n := len(h.series.seconds.samples); n != secondsKept {
			t.Errorf("%d seconds are kept", n)
		}
		h.series.mu.Unlock()
		w = ask(t, h, http.MethodGet, "/api/v1/stats/series?resolution=1m", nil)
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Points) != 121 && len(got.Points) != 120 || got.ResolutionSeconds != 60 {
			t.Errorf("%d minutes", len(got.Points))
		}
		if p := got.Points[0]; p.MessagesReceived != 2 {
			t.Errorf("%+v: want 2 messages in a second", p)
		}
	})
}

func TestRetainedExportedAndImported(t *testing.T) {
	t.Parallel()
	a, b := newTestAPI(t), newTestAPI(t)
	for i := range 3000 {
		pk := &packets.Publish{Topic: fmt.Sprint("r/", i), Payload: []byte{byte(i), 0xff}, QoS: byte(i % 3), Retain: true}
		pk.Properties.User = []packets.UserProperty{{Key: "n", Value: fmt.Sprint(i)}}
		if i == 7 {
			pk.Properties.MessageExpiryInterval = 1000
		}
		if err := a.server.PublishPacket(pk); err != nil {
			t.Fatal(err)
		}
	}
	status, text := a.text("GET", "/api/v1/retained/export?filter=r/%23", "")
	if status != 200 || strings.Count(text, "\n") != 3000 {
		t.Fatalf("%d, %d lines", status, strings.Count(text, "\n"))
	}
	as := header("Content-Type", ndjson)
	if got := want[importResult](b, 200, "POST", "/api/v1/retained/import", text, as); got.Stored != 3000 {
		t.Errorf("%+v", got)
	}
	for i := range 3000 {
		m, ok := b.server.RetainedMessage(fmt.Sprint("r/", i))
		if !ok || string(m.Payload) != string([]byte{byte(i), 0xff}) || m.QoS != byte(i%3) || m.ExpiresAt.IsZero() != (i != 7) {
			t.Fatalf("message %d: %t %+v", i, ok, m)
		}
	}
	for name, line := range map[string]string{
		"no JSON": "{", "a wildcard": `{"topic":"+","payload":"x"}`, "QoS 7": `{"topic":"t","payload":"x","qos":7}`,
		"an empty payload": `{"topic":"t"}`, "two payloads": `{"topic":"t","payload":"x","payload_base64":"AA=="}`,
	} {
		status, text := b.text("POST", "/api/v1/retained/import", `{"topic":"ok","payload":"1"}`+"\n\n"+line+"\n", as)
		if status != 400 || !strings.Contains(text, "line 3") || !strings.Contains(text, "1 messages before it are stored") {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	opts := &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumDurableQueueMessages: 2}}
	a := newTestAPIWith(t, mqtttest.NewServerWith(t, opts, denyWrite{}))
	c := a.lasting("c")
	c.SubscribeWith(packets.Properties{},
		packets.Subscription{Filter: "plain", QoS: 1}, packets.Subscription{Filter: "mine", NoLocal: true}, packets.Subscription{Filter: "$share/g/shared"})
	other := a.lasting("other")
	other.Subscribe("$share/g/shared", 1)
	off := a.lasting("off")
	off.Subscribe("plain", 1)
	off.Close()
	full := a.lasting("full")
	full.Subscribe("full", 1)
	full.Close()
	for end := time.Now().Add(mqtttest.Patience); ; {
		one, _ := a.server.Session("off")
		two, _ := a.server.Session("full")
		if !one.Connected && !two.Connected {
			break
		}
		if time.Now().After(end) {
			t.Fatal("they are still connected")
		}
	}
	for range 3 {
		if err := a.server.Publish("full", nil, false, 1); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct{ query, verdict, says string }{
		{"client_id=c&topic=plain", "delivered", "matches with QoS 1"},
		{"client_id=nobody&topic=plain", "not_delivered", "no session"},
		{"client_id=c&topic=elsewhere", "not_delivered", "no subscription"},
		{"client_id=c&topic=mine&publisher=c", "not_delivered", "No Local"},
		{"client_id=c&topic=mine&publisher=other", "delivered", "may publish"},
		{"client_id=c&topic=plain&publisher=nobody", "delivered", "not known"},
		{"client_id=c&topic=shared", "perhaps", "one member"},
		{"client_id=off&topic=plain", "queued", "offline since"},
		{"client_id=off&topic=plain&qos=0", "not_delivered", "QoS 0 are not kept"},
		{"client_id=full&topic=full", "not_delivered", "queue is full"},
		{"client_id=c&topic=plain&size=10000000", "not_delivered", "at most"},
		{"client_id=c&topic=forbidden&publisher=other", "not_delivered", "do not let the publisher"},
	}
	for _, tt := range tests {
		got := want[whyView](a, 200, "GET", "/api/v1/why?"+tt.query, "")
		if text := fmt.Sprint(got.Findings); got.Verdict != tt.verdict || !strings.Contains(text, tt.says) {
			t.Errorf("%s: %s %s, want %s and %q", tt.query, got.Verdict, text, tt.verdict, tt.says)
		}
	}
	if status, _ := a.text("GET", "/api/v1/why?client_id=c&topic=%2B", ""); status != 400 {
		t.Errorf("a filter for a topic: %d", status)
	}
}

// denyWrite forbids to publish to one topic.
type denyWrite struct{}

func (denyWrite) OnACLCheck(_ *mqtt.Client, topic string, write bool) (mqtt.Decision, error) {
	if write && topic == "forbidden" {
		return mqtt.Deny, nil
	}
	return mqtt.Pass, nil
}

func TestTrace(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	byClient := a.stream(t, "/api/v1/trace?client_id=c")
	byTopic := a.stream(t, "/api/v1/trace?topic=t/%2B&payload=true&seconds=3600")
	c := a.lasting("c")
	c.Subscribe("t/#", 1)
	pub := a.lasting("pub")
	pub.Publish("t/1", "secret", 1, false)
	pub.Publish("other", "x", 1, false)
	c.Message()
	c.Ping()
	steps := func(e *events, n int) (list []string) {
		for range n {
			s := nextAs[traceStep](e, "step")
			text := s.ClientID + " " + s.Step + " " + s.Packet + " " + s.Topic + string(s.Payload)
			if s.Matched != nil {
				text += fmt.Sprint(" ", *s.Matched)
			}
			list = append(list, strings.TrimSpace(text))
		}
		return list
	}
	got := strings.Join(steps(byClient, 8), "; ")
	for _, want := range []string{
		"c received CONNECT", "c sent CONNACK", "c connected", "c received SUBSCRIBE", "c sent SUBACK", "c sent PUBLISH t/1",
		"c received PUBACK", "c acknowledged PUBLISH t/1",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("by client: %s is missing in %s", want, got)
		}
	}
	got = strings.Join(steps(byTopic, 4), "; ")
	for _, want := range []string{"pub received PUBLISH t/1secret", "c sent PUBLISH t/1secret", "pub routed PUBLISH t/1secret 1", "c acknowledged PUBLISH t/1secret"} {
		if !strings.Contains(got, want) {
			t.Errorf("by topic: %s is missing in %s", want, got)
		}
	}
	_ = byClient.body.Close()
	_ = byTopic.body.Close()
	for end := time.Now().Add(mqtttest.Patience); a.handler.traces.Load() != 0; {
		if time.Now().After(end) {
			t.Fatal("traces that ended are still there")
		}
	}
	for query, status := range map[string]int{"": 400, "topic=%23/x": 400, "client_id=c&seconds=0": 422} {
		if got, text := a.text("GET", "/api/v1/trace?"+query, ""); got != status {
			t.Errorf("%q: %d %s", query, got, text)
		}
	}
	if got, _ := a.text("GET", "/api/v1/trace?client_id=c&payload=true", "", as(a.token(ScopeRead))); got != 403 {
		t.Errorf("payloads for a reader: %d", got)
	}
	short := a.stream(t, "/api/v1/trace?client_id=nobody&seconds=1")
	if name, data := short.next(); name != "cut" || !strings.Contains(data, "time of the trace is over") {
		t.Errorf("%q %s", name, data)
	}
	a.handler.traces.Store(maximumTraces)
	if got, _ := a.text("GET", "/api/v1/trace?client_id=c", ""); got != 503 {
		t.Errorf("too many traces: %d", got)
	}
}
