package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// ask serves a request without a network, so that it works in fake time.
func ask(t *testing.T, h http.Handler, method, target string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
	r.SetBasicAuth("admin", "admin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newGmqtt(t *testing.T, s *mqtttest.Server) *Handler {
	t.Helper()
	h, err := New(Options{Server: s.Server, Logger: slog.New(slog.DiscardHandler), Users: map[string]string{"admin": "admin"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// The answers to the requests of gmqtt's document, in the order of its keys.
// The times are those of the fake clock.
func TestGmqttAnswersAsDocumented(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		opts := &mqtt.Options{Capabilities: mqtt.Capabilities{
			MaximumInflight: 20, MaximumQueueMessages: 20, MaximumDurableQueueMessages: 20,
		}}
		s := mqtttest.NewServerWith(t, opts)
		h := newGmqtt(t, s)
		one := mqtttest.Dial(t, s, &packets.Connect{
			Version: packets.V311, ClientID: "1", CleanStart: true, Username: "publishonly", UsernameFlag: true, KeepAlive: 60,
		})
		<-time.After(time.Second)
		two := mqtttest.Dial(t, s, &packets.Connect{Version: packets.V311, ClientID: "2", KeepAlive: 30})
		one.Subscribe("test8", 0)
		<-time.After(time.Second)
		one.Subscribe("123", 2)
		<-time.After(time.Second)
		two.Subscribe("123", 2)
		two.Close()
		synctest.Wait()
		for i := range 22 {
			if err := s.Publish("123", []byte(fmt.Sprint(i)), false, 1); err != nil {
				t.Fatal(err)
			}
			one.Message()
		}
		synctest.Wait()
		var out bytes.Buffer
		for _, path := range []string{
			"/clients?page=1&per-page=20", "/client/1", "/client/2", "/client/none",
			"/sessions", "/sessions?page=2&per-page=1", "/session/1", "/session/2", "/session/none",
			"/subscriptions", "/subscriptions/1", "/subscriptions/none", "/subscriptions?page=9&per-page=2", "/clients?page=x&per-page=-1",
		} {
			w := ask(t, h, http.MethodGet, path, nil)
			fmt.Fprintf(&out, "GET %s\n%d %s\n", path, w.Code, w.Header().Get("Content-Type"))
			if json.Indent(&out, w.Body.Bytes(), "", "    ") != nil {
				out.Write(w.Body.Bytes())
			}
			out.WriteString("\n\n")
		}
		golden(t, "gmqtt.txt", out.Bytes())
	})
}

// golden compares with a file of testdata; REWRITE=1 writes it anew.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("REWRITE") != "" {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; have:\n%s", path, got)
	}
}

const gmqttOK = `{"code":0,"result":[]}`

func TestGmqttForms(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, denySecret{})
	h := newGmqtt(t, s)
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	tests := []struct {
		name, path string
		form       url.Values
		status     int
		text       string
	}{
		{"subscribe as in 2018-11", "/subscribe", form("qos", "1", "topic", "a/+", "clientId", "c"), 200, gmqttOK},
		{"subscribe as in 2018-12", "/subscribe", form("qos", "1", "topic", "b", "clientID", "c"), 200, gmqttOK},
		{"subscribe in our spelling", "/subscribe", form("qos", "0", "topic", "d", "client_id", "c"), 200, gmqttOK},
		{"subscribe a stranger", "/subscribe", form("qos", "1", "topic", "a", "clientId", "stranger"), 200, gmqttOK},
		{"subscribe to what is forbidden", "/subscribe", form("qos", "1", "topic", "secret", "clientId", "c"), 403, "not authorized"},
		{"subscribe without QoS", "/subscribe", form("topic", "a", "clientId", "c"), 400, textQoS},
		{"subscribe with QoS 3", "/subscribe", form("qos", "3", "topic", "a", "clientId", "c"), 400, textQoS},
		{"subscribe with a wrong filter", "/subscribe", form("qos", "1", "topic", "a/#/b", "clientId", "c"), 400, textFilter},
		{"subscribe without filter", "/subscribe", form("qos", "1", "clientId", "c"), 400, textFilter},
		{"subscribe with no UTF-8", "/subscribe", form("qos", "1", "topic", "\xff", "clientId", "c"), 400, textUTF8},
		{"subscribe nobody", "/subscribe", form("qos", "1", "topic", "a"), 400, textClientID},
		{"unsubscribe", "/unsubscribe", form("topic", "d", "clientId", "c"), 200, gmqttOK},
		{"unsubscribe what is not", "/unsubscribe", form("topic", "d", "clientID", "c"), 200, gmqttOK},
		{"unsubscribe a stranger", "/unsubscribe", form("topic", "d", "client_id", "stranger"), 200, gmqttOK},
		{"unsubscribe nobody", "/unsubscribe", form("topic", "d"), 400, textClientID},
		{"publish", "/publish", form("qos", "1", "topic", "a/b", "payload", "1"), 200, gmqttOK},
		{"publish any bytes", "/publish", form("qos", "1", "topic", "a/b", "payload", "\x00\n\xff"), 200, gmqttOK},
		{"publish and retain", "/publish", form("qos", "0", "topic", "kept", "payload", "k", "retain", "true"), 200, gmqttOK},
		{"publish without QoS", "/publish", form("topic", "a/b", "payload", "1"), 400, textQoS},
		{"publish with a word for QoS", "/publish", form("qos", "one", "topic", "a/b"), 400, textQoS},
		{"publish to a filter", "/publish", form("qos", "1", "topic", "a/+", "payload", "1"), 400, textTopic},
		{"publish nowhere", "/publish", form("qos", "1", "payload", "1"), 400, textTopic},
		{"publish with a wrong retain", "/publish", form("qos", "1", "topic", "t", "retain", "maybe"), 400, textRetain},
		{"publish nothing", "/publish", form(), 400, textQoS},
	}
	for _, tt := range tests {
		w := ask(t, h, http.MethodPost, tt.path, tt.form)
		if w.Code != tt.status || w.Body.String() != tt.text {
			t.Errorf("%s: %d %q, want %d %q", tt.name, w.Code, w.Body, tt.status, tt.text)
		}
	}
	for _, want := range []string{"1", "\x00\n\xff"} {
		if pk := c.Message(); string(pk.Payload) != want || pk.QoS != 1 {
			t.Errorf("%+v, want %q", pk, want)
		}
	}
	c.Ping()
	if _, ok := s.RetainedMessage("kept"); !ok {
		t.Error("the message is not retained")
	}
	page, err := s.Subscriptions(mqtt.SubscriptionQuery{ClientID: "c"})
	if err != nil || page.Total != 2 {
		t.Errorf("%d subscriptions, want 2; %v", page.Total, err)
	}
}

// denySecret forbids one topic.
type denySecret struct{}

func (denySecret) OnACLCheck(_ *mqtt.Client, topic string, _ bool) (mqtt.Decision, error) {
	if topic == "secret" {
		return mqtt.Deny, nil
	}
	return mqtt.Pass, nil
}

func TestGmqttLogin(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	for name, change := range map[string]func(*http.Request){
		"nobody":         nobody,
		"wrong password": func(r *http.Request) { r.SetBasicAuth("ann", "x") },
		"unknown user":   func(r *http.Request) { r.SetBasicAuth("bob", "secret") },
	} {
		resp := a.do("GET", "/clients", "", change)
		if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") != `Basic realm="Authorization Required"` || resp.ContentLength != 0 {
			t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
		}
	}
	if status, _ := a.text("GET", "/clients", "", func(r *http.Request) { r.SetBasicAuth("ann", "secret") }); status != 200 {
		t.Errorf("a user of the configuration: %d", status)
	}
	if status, text := a.text("POST", "/publish", "", as(a.token(ScopeRead))); status != 403 || text != "this needs the scope publish" {
		t.Errorf("a reader publishes: %d %s", status, text)
	}
}

// A page past the end is the last one, whatever the number of sessions.
func TestGmqttPages(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	h := newGmqtt(t, s)
	for i := range 45 {
		mqtttest.Dial(t, s, mqtttest.Connect(fmt.Sprintf("c%02d", i)))
	}
	tests := []struct {
		query                     string
		page, size, current, last int
		first                     string
	}{
		{"", 1, 20, 20, 3, "c00"},
		{"?page=3", 3, 20, 5, 3, "c40"},
		{"?page=4", 3, 20, 5, 3, "c40"},
		{"?page=999999999999999999999", 1, 20, 20, 3, "c00"},
		{"?page=2000000000&per-page=1000000", 1, 1000, 45, 1, "c00"},
		{"?page=0&per-page=0", 1, 20, 20, 3, "c00"},
		{"?per-page=45", 1, 45, 45, 1, "c00"},
		{"?page=2&per-page=44", 2, 44, 1, 2, "c44"},
	}
	for _, tt := range tests {
		w := ask(t, h, http.MethodGet, "/clients"+tt.query, nil)
		var got gmqttPageOf[gmqttClient]
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Page != tt.page || got.PageSize != tt.size || got.CurrentCount != tt.current || got.TotalPage != tt.last ||
			got.TotalCount != 45 || got.List[0].ClientID != tt.first {
			t.Errorf("%s: page %d of %d by %d, %d here, first %s", tt.query, got.Page, got.TotalPage, got.PageSize, got.CurrentCount, got.List[0].ClientID)
		}
	}
}

// Listings that look at every session take turns, and give up in the end.
func TestCostlyListingsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
		h := newGmqtt(t, s)
		done, ok := h.scans.begin(t.Context())
		if !ok {
			t.Fatal("the first has to wait")
		}
		for path, status := range map[string]int{
			"/clients": 503, "/sessions": 503, "/subscriptions": 503, "/api/v1/clients?sort=queued": 503, "/api/v1/clients?search=x": 503,
			"/api/v1/subscriptions": 503, "/api/v1/mqtt/clients": 503, "/api/v1/clients": 200, "/api/v1/subscriptions?client_id=c": 200,
		} {
			began := time.Now()
			if w := ask(t, h, http.MethodGet, path, nil); w.Code != status || (status == 503) != (time.Since(began) == scanPatience) {
				t.Errorf("%s: %d after %v", path, w.Code, time.Since(began))
			}
		}
		time.AfterFunc(time.Second, done)
		if w := ask(t, h, http.MethodGet, "/clients", nil); w.Code != http.StatusOK {
			t.Errorf("after the other: %d", w.Code)
		}
	})
}
