package webhook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/linnetmq/linnet/hooks/webhook"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// receiver takes batches over real HTTP.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []int // statuses of the first requests, then 200
	requests int
	bad      []string
	notices  []webhook.Notice
	hold     chan struct{} // if not nil, requests wait until it is closed
}

const secret = "shared secret"

func newReceiver(t *testing.T, answers ...int) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if r.hold != nil {
		<-r.hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests++
	if r.requests <= len(r.answers) {
		w.WriteHeader(r.answers[r.requests-1])
		return
	}
	var batch struct{ Events []webhook.Notice }
	want := webhook.Sign(secret, req.Header.Get("X-Linnet-Timestamp"), body)
	if err != nil || json.Unmarshal(body, &batch) != nil || req.Header.Get("X-Linnet-Signature") != want || req.Header.Get("X-More") != "1" {
		r.bad = append(r.bad, fmt.Sprint(err, req.Header, string(body)))
	}
	r.notices = append(r.notices, batch.Events...)
}

// options are quick ones.
func (r *receiver) options() webhook.Options {
	return webhook.Options{
		URL: r.URL, Secret: secret, Header: http.Header{"X-More": {"1"}}, Filters: []string{"t/#"},
		BatchDelay: time.Millisecond, Backoff: time.Millisecond,
	}
}

func newHook(t *testing.T, o webhook.Options) *webhook.Hook {
	t.Helper()
	h, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestEventsArePosted(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	h := newHook(t, r.options())
	s := mqtttest.NewServer(t, h)
	c := mqtttest.Dial(t, s, &packets.Connect{ClientID: "c", Username: "ann", UsernameFlag: true, CleanStart: true})
	c.SubscribeWith(packets.Properties{}, packets.Subscription{Filter: "x"}, packets.Subscription{Filter: "#/x"})
	c.Send(&packets.Unsubscribe{PacketID: 9, Filters: []string{"x"}})
	mqtttest.Expect[*packets.Unsuback](c)
	c.Publish("t/1", "text", 1, false)
	c.Publish("other", "text", 1, false)
	c.Publish("t/2", "\xff", 2, true)
	c.Close()
	if err := s.Close(); err != nil { // which stops the hook, which sends what waits
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var got []string
	for _, n := range r.notices {
		payload := string(n.PayloadBase64)
		if n.Payload != nil {
			payload = *n.Payload
		}
		got = append(got, fmt.Sprintf("%s %s %s %v %s %d %t %q", n.Event, n.ClientID, n.Username, n.Filters, n.Topic, n.QoS, n.Retain, payload))
		if n.At.IsZero() || n.Listener != "memory" {
			t.Errorf("%+v", n)
		}
	}
	want := []string{
		`connected c ann []  0 false ""`, `subscribed c ann [x]  0 false ""`, `unsubscribed c ann [x]  0 false ""`,
		`published c ann [] t/1 1 false "text"`, `published c ann [] t/2 2 true "\xff"`, `disconnected c ann []  0 false ""`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || len(r.bad) > 0 {
		t.Errorf("have\n%s\nwant\n%s\nbad requests: %q", strings.Join(got, "\n"), strings.Join(want, "\n"), r.bad)
	}
	if f := h.Figures(); f.Posted != 6 || f.Dropped != 0 || f.Failed != 0 || f.Waiting != 0 {
		t.Errorf("%+v", f)
	}
}

func TestBatchesAreSentAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		answers        []int
		attempts       int
		posted, failed int64
	}{
		{"it recovers", []int{500, 503, 429, 408}, 8, 1, 0},
		{"it never does", []int{500, 500, 500, 500}, 3, 0, 1},
		{"it refuses", []int{400, 500}, 8, 0, 1},
		{"it redirects", []int{302}, 8, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newReceiver(t, tt.answers...)
			o := r.options()
			o.Attempts, o.Events = tt.attempts, []webhook.Event{webhook.Connected}
			h := newHook(t, o)
			s := mqtttest.NewServer(t, h)
			mqtttest.Dial(t, s, mqtttest.Connect("c")).Close()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if f := h.Figures(); f.Posted != tt.posted || f.Failed != tt.failed {
				t.Errorf("%+v", f)
			}
		})
	}
}

// The broker goes on at full speed beside a receiver that hangs.
func TestFullQueueDrops(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	r.hold = make(chan struct{})
	o := r.options()
	o.QueueSize, o.BatchSize, o.Events = 5, 1, []webhook.Event{webhook.Published}
	h := newHook(t, o)
	s := mqtttest.NewServer(t, h)
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	for range 100 {
		c.Publish("t/1", "x", 1, false)
	}
	if f := h.Figures(); f.Dropped < 90 || f.Waiting > 5 {
		t.Errorf("%+v", f)
	}
	close(r.hold)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if f := h.Figures(); f.Posted+f.Dropped != 100 || f.Failed != 0 {
		t.Errorf("at the end: %+v", f)
	}
}

func TestLargeMessagesDoNotFillMemory(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	o := r.options()
	o.QueueBytes = 1000
	h := newHook(t, o)
	s := mqtttest.NewServer(t, h)
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	c.Publish("t/1", strings.Repeat("x", 2000), 1, false)
	if f := h.Figures(); f.Dropped != 1 {
		t.Errorf("%+v", f)
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]webhook.Options{
		"no URL":          {},
		"another scheme":  {URL: "ftp://x"},
		"an odd event":    {URL: "http://x", Events: []webhook.Event{"exploded"}},
		"an odd filter":   {URL: "http://x", Filters: []string{"a/#/b"}},
		"a negative size": {URL: "http://x", BatchSize: -1},
	} {
		if _, err := webhook.New(o); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
