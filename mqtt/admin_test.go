package mqtt_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// manySessions makes offline sessions c0000 to c<n-1>, of users u0 to u9.
type manySessions int

func (n manySessions) StoredClients() ([]mqtt.StoredClient, error) {
	list := make([]mqtt.StoredClient, n)
	for i := range list {
		list[i] = mqtt.StoredClient{
			ClientID: fmt.Sprintf("c%04d", i), Username: fmt.Sprintf("u%d", i%10), SessionExpiryInterval: 3600,
		}
	}
	return list, nil
}

func sessions(t *testing.T, s *mqtttest.Server, q mqtt.SessionQuery) mqtt.SessionPage {
	t.Helper()
	page, err := s.Sessions(q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func clientIDs(page mqtt.SessionPage) (ids []string) {
	for i := range page.Sessions {
		ids = append(ids, page.Sessions[i].ClientID)
	}
	return ids
}

// Every session comes exactly once, also while others come and go.
func TestSessionsPageByPage(t *testing.T) {
	t.Parallel()
	for _, order := range []mqtt.SessionOrder{mqtt.SessionsAnyOrder, mqtt.SessionsByClientID, mqtt.SessionsByQueued} {
		t.Run(fmt.Sprint("order ", order), func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t, manySessions(1000))
			seen := map[string]int{}
			q := mqtt.SessionQuery{Limit: 7, Order: order, Search: "C0"}
			for pages := 1; ; pages++ {
				page := sessions(t, s, q)
				for _, id := range clientIDs(page) {
					seen[id]++
				}
				if err := s.DeleteSession(fmt.Sprintf("c0%03d", 999-pages)); err != nil {
					t.Fatal(err)
				}
				if q.After = page.Next; q.After == "" {
					break
				}
				if len(page.Sessions) != 7 {
					t.Fatalf("a page of %d in the middle", len(page.Sessions))
				}
			}
			for i := range 700 { // the others were deleted meanwhile
				if n := seen[fmt.Sprintf("c%04d", i)]; n != 1 {
					t.Errorf("c%04d was listed %d times", i, n)
				}
			}
		})
	}
}

func TestSessionsSelected(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, manySessions(100))
	c := mqtttest.Dial(t, s, passing(packets.V5, "Living Room"))
	c.Ping()
	yes, no := true, false
	tests := []struct {
		name  string
		q     mqtt.SessionQuery
		total int
		first string
	}{
		{"all", mqtt.SessionQuery{Order: mqtt.SessionsByClientID}, 101, "Living Room"},
		{"skipping", mqtt.SessionQuery{Order: mqtt.SessionsByClientID, Offset: 3}, 101, "c0002"},
		{"past the end", mqtt.SessionQuery{Order: mqtt.SessionsByClientID, Offset: 500}, 101, ""},
		{"connected", mqtt.SessionQuery{Order: mqtt.SessionsByClientID, Connected: &yes}, 1, "Living Room"},
		{"not connected", mqtt.SessionQuery{Order: mqtt.SessionsByClientID, Connected: &no}, 100, "c0000"},
		{"connected first", mqtt.SessionQuery{Order: mqtt.SessionsByConnectedAt}, 101, "Living Room"},
		{"search in any case", mqtt.SessionQuery{Order: mqtt.SessionsByClientID, Search: "living r"}, 1, "Living Room"},
		{"search a user", mqtt.SessionQuery{Order: mqtt.SessionsByClientID, Search: "U7"}, 10, "c0007"},
		{"user", mqtt.SessionQuery{Order: mqtt.SessionsByClientID, Username: "u3"}, 10, "c0003"},
		{"listener", mqtt.SessionQuery{Order: mqtt.SessionsByClientID, Listener: "memory"}, 1, "Living Room"},
		{"no such listener", mqtt.SessionQuery{Order: mqtt.SessionsByClientID, Listener: "x"}, 0, ""},
		{"nobody", mqtt.SessionQuery{Order: mqtt.SessionsByDropped, Search: "nobody"}, 0, ""},
	}
	for _, tt := range tests {
		page := sessions(t, s, tt.q)
		first := ""
		if len(page.Sessions) > 0 {
			first = page.Sessions[0].ClientID
		}
		if page.Total != tt.total || first != tt.first {
			t.Errorf("%s: total %d, first %q; want %d, %q", tt.name, page.Total, first, tt.total, tt.first)
		}
	}
}

func TestCursorsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	s, other := mqtttest.NewServer(t, manySessions(50)), mqtttest.NewServer(t, manySessions(50))
	next := sessions(t, s, mqtt.SessionQuery{Limit: 10}).Next
	for name, q := range map[string]mqtt.SessionQuery{
		"no base64":        {After: "%%%"},
		"no JSON":          {After: "YWJj"},
		"of another order": {After: next, Order: mqtt.SessionsByClientID},
	} {
		if _, err := s.Sessions(q); !errors.Is(err, mqtt.ErrBadCursor) {
			t.Errorf("%s: %v, want ErrBadCursor", name, err)
		}
	}
	if _, err := other.Sessions(mqtt.SessionQuery{After: next}); !errors.Is(err, mqtt.ErrBadCursor) {
		t.Errorf("a cursor of another server: %v", err)
	}
}

func TestSessionInDetail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServer(t)
		start := time.Now()
		pk := withReceiveMaximum(lasting(packets.V5, "c"), 3)
		pk.Username, pk.UsernameFlag, pk.KeepAlive = "ann", true, 7200
		c := mqtttest.Dial(t, s, pk)
		c.Subscribe("a/+", 1)
		pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
		for i := range 5 {
			pub.Publish("a/b", fmt.Sprint(i), 1, false)
		}
		c.Send(&packets.Publish{Topic: "x", QoS: 2, PacketID: 9})
		for range 3 {
			mqtttest.Expect[*packets.Publish](c)
		}
		mqtttest.Expect[*packets.Pubrec](c)
		got, ok := s.Session("c")
		if !ok || !got.Connected || got.Username != "ann" || got.Version != packets.V5 || got.Listener != "memory" ||
			got.KeepAlive != 2*time.Hour || got.CleanStart || got.Subscriptions != 1 || !got.ConnectedAt.Equal(start) ||
			got.SessionExpiryInterval != 3600 || !got.DisconnectedAt.IsZero() || !got.ExpiresAt.IsZero() {
			t.Errorf("%t %+v", ok, got)
		}
		if got.Inflight != 3 || got.InflightMaximum != 3 || got.Queued != 2 || got.QueuedBytes == 0 || got.InflightReceived != 1 {
			t.Errorf("flows: %+v", got)
		}
		if got.MessagesReceived != 1 || got.MessagesSent != 3 || got.BytesReceived < 10 || got.BytesSent < 30 || got.PendingBytes != 0 {
			t.Errorf("traffic: %+v", got)
		}
		c.Close()
		synctest.Wait()
		got, ok = s.Session("c")
		if !ok || got.Connected || got.Remote != "" || !got.DisconnectedAt.Equal(start) ||
			!got.ExpiresAt.Equal(start.Add(time.Hour)) || got.Inflight != 3 || got.Queued != 2 {
			t.Errorf("offline: %t %+v", ok, got)
		}
		if _, ok := s.Session("nobody"); ok {
			t.Error("nobody has a session")
		}
	})
}

func TestSessionCountsWhatItLost(t *testing.T) {
	t.Parallel()
	opts := &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumDurableQueueMessages: 2}}
	s := mqtttest.NewServerWith(t, opts)
	c := mqtttest.Dial(t, s, lasting(packets.V5, "c"))
	c.Subscribe("t", 1)
	c.Close()
	awaitOffline(t, s, "c")
	pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
	for i := range 5 {
		pub.Publish("t", fmt.Sprint(i), 1, false)
	}
	if got, _ := s.Session("c"); got.Dropped != 3 || got.Queued != 2 || got.QueuedMaximum != 2 {
		t.Errorf("%+v", got)
	}
	if page := sessions(t, s, mqtt.SessionQuery{Order: mqtt.SessionsByDropped}); page.Sessions[0].ClientID != "c" {
		t.Errorf("%q lost most", page.Sessions[0].ClientID)
	}
}

// awaitOffline waits until a session has no connection.
func awaitOffline(t *testing.T, s *mqtttest.Server, clientID string) {
	t.Helper()
	until(t, func() bool { info, ok := s.Session(clientID); return ok && !info.Connected })
}

func TestSubscriptionsSelected(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	a := mqtttest.Dial(t, s, passing(packets.V5, "a"))
	a.SubscribeWith(packets.Properties{SubscriptionIDs: []uint32{7}},
		packets.Subscription{Filter: "home/+", QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: 2})
	a.Subscribe("$share/g/home/kitchen", 2)
	b := mqtttest.Dial(t, s, lasting(packets.V5, "b"))
	b.Subscribe("$share/g/home/kitchen", 1)
	b.Subscribe("home/+", 0)
	b.Subscribe("other/#", 0)
	b.Close()
	awaitOffline(t, s, "b")
	if err := s.Subscribe("home/#", 1, func(*mqtt.Client, packets.Subscription, *packets.Publish) {}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		q     mqtt.SubscriptionQuery
		total int
		want  []string
	}{
		{"all", mqtt.SubscriptionQuery{}, -1, []string{"a $share/g/home/kitchen 2", "a home/+ 1", "b $share/g/home/kitchen 1", "b home/+ 0", "b other/# 0"}},
		{"by time", mqtt.SubscriptionQuery{Order: mqtt.SubscriptionsByTime, Offset: 4}, 5, []string{"b other/# 0"}},
		{"of a client", mqtt.SubscriptionQuery{ClientID: "a"}, 2, []string{"a $share/g/home/kitchen 2", "a home/+ 1"}},
		{"of nobody", mqtt.SubscriptionQuery{ClientID: "x"}, 0, nil},
		{"of a filter", mqtt.SubscriptionQuery{Filter: "home/+"}, 2, []string{"a home/+ 1", "b home/+ 0"}},
		{"of a shared filter", mqtt.SubscriptionQuery{Filter: "$share/g/home/kitchen"}, 2, []string{"a $share/g/home/kitchen 2", "b $share/g/home/kitchen 1"}},
		{"of an unused filter", mqtt.SubscriptionQuery{Filter: "home/kitchen"}, 0, nil},
		{"for a topic", mqtt.SubscriptionQuery{Topic: "home/kitchen"}, 5, []string{
			" home/# 2", "a $share/g/home/kitchen 2", "a home/+ 1", "b $share/g/home/kitchen 1", "b home/+ 0",
		}},
	}
	for _, tt := range tests {
		page, err := s.Subscriptions(tt.q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range page.Subscriptions {
			sub := &page.Subscriptions[i]
			got = append(got, fmt.Sprint(sub.ClientID, " ", sub.Filter, " ", sub.QoS))
			if sub.Inline != (sub.ClientID == "") || sub.Connected != (sub.ClientID == "a") {
				t.Errorf("%s: %+v", tt.name, sub)
			}
		}
		slices.Sort(got)
		if page.Total != tt.total || !slices.Equal(got, tt.want) {
			t.Errorf("%s: total %d, %q; want %d, %q", tt.name, page.Total, got, tt.total, tt.want)
		}
	}
	page, err := s.Subscriptions(mqtt.SubscriptionQuery{Filter: "home/+", Limit: 1})
	if err != nil || page.Next == "" || len(page.Subscriptions) != 1 {
		t.Fatalf("%+v %v", page, err)
	}
	if sub := page.Subscriptions[0]; sub.SubscriptionID != 7 || !sub.NoLocal || !sub.RetainAsPublished || sub.RetainHandling != 2 || time.Since(sub.At) > time.Hour {
		t.Errorf("%+v", sub)
	}
	for name, q := range map[string]mqtt.SubscriptionQuery{
		"two selections":  {ClientID: "a", Topic: "t"},
		"a topic with +":  {Topic: "a/+"},
		"a broken filter": {Filter: "a/#/b"},
		"a cursor":        {After: "x"},
	} {
		if _, err := s.Subscriptions(q); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestSubscriptionsPageByPage(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, manySessions(100))
	for i := range 100 {
		subs := []packets.Subscription{{Filter: "all"}, {Filter: fmt.Sprint("own/", i)}}
		if _, err := s.SubscribeClient(fmt.Sprintf("c%04d", i), subs, 0); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []mqtt.SubscriptionQuery{{Limit: 9}, {Limit: 9, Order: mqtt.SubscriptionsByTime}, {Limit: 9, Filter: "all"}, {Limit: 9, Topic: "all"}} {
		want := 200
		if q.Filter+q.Topic != "" {
			want = 100
		}
		seen := map[string]bool{}
		for more := true; more; more = q.After != "" {
			page, err := s.Subscriptions(q)
			if err != nil {
				t.Fatal(err)
			}
			for i := range page.Subscriptions {
				key := page.Subscriptions[i].ClientID + " " + page.Subscriptions[i].Filter
				if seen[key] {
					t.Errorf("%q comes twice", key)
				}
				seen[key] = true
			}
			q.After = page.Next
		}
		if len(seen) != want {
			t.Errorf("%+v: %d subscriptions, want %d", q, len(seen), want)
		}
	}
}

// A search that finds next to nothing gives the caller a word now and then.
func TestSessionsSearchedBitByBit(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, manySessions(110_000))
	q, found, pages := mqtt.SessionQuery{Search: "c109999"}, 0, 0
	for more := true; more; more = q.After != "" {
		page := sessions(t, s, q)
		found += len(page.Sessions)
		pages++
		q.After = page.Next
	}
	if found != 1 || pages != 2 {
		t.Errorf("found %d in %d pages, want 1 in 2", found, pages)
	}
}

// A session in a store tells of all that waits for it, also of what is not in memory.
func TestKeptSessionTellsWhatWaits(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServerWith(t, &mqtt.Options{Store: newDisk().store(t)})
	c := mqtttest.Dial(t, s, lasting(packets.V5, "c"))
	c.Subscribe("t", 1)
	c.Close()
	awaitOffline(t, s, "c")
	for range 5 {
		if err := s.Publish("t", []byte("x"), false, 1); err != nil {
			t.Fatal(err)
		}
	}
	until(t, func() bool { info, _ := s.Session("c"); return info.Queued == 5 && info.QueuedBytes > 0 })
	if page := sessions(t, s, mqtt.SessionQuery{Order: mqtt.SessionsByQueued}); page.Sessions[0].Queued != 5 {
		t.Errorf("%+v", page.Sessions[0])
	}
}
