package mqtt_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestDisconnectByAdministrator(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	c := mqtttest.Dial(t, s, lasting(packets.V5, "c"))
	c.Subscribe("t", 1)
	if err := s.Disconnect("c", 0, "you are too loud"); err != nil {
		t.Fatal(err)
	}
	if pk := c.ExpectDisconnect(packets.ErrAdministrativeAction); pk.Properties.ReasonString != "you are too loud" {
		t.Errorf("reason %q", pk.Properties.ReasonString)
	}
	awaitOffline(t, s, "c")
	if info, _ := s.Session("c"); info.Subscriptions != 1 {
		t.Error("the session has lost its subscription")
	}
	if err := s.Disconnect("c", 0, ""); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Error(err)
	}
	if err := s.Disconnect("x", 0, ""); !errors.Is(err, mqtt.ErrNoSession) {
		t.Error(err)
	}
	c = mqtttest.Dial(t, s, lasting(packets.V5, "c"))
	if err := s.Disconnect("c", packets.ErrMessageRateTooHigh, ""); err != nil {
		t.Fatal(err)
	}
	c.ExpectDisconnect(packets.ErrMessageRateTooHigh)
}

func TestDeleteSession(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []string
	s := mqtttest.NewServer(t,
		fnDisconnectHook(func(cl *mqtt.Client, _ error, expire bool) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint("disconnect ", cl.ID(), " ", expire))
		}),
		fnExpiredHook(func(cl *mqtt.Client) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, "expired "+cl.ID())
		}))
	online := mqtttest.Dial(t, s, lasting(packets.V5, "online"))
	online.Subscribe("t", 1)
	offline := mqtttest.Dial(t, s, lasting(packets.V5, "offline"))
	offline.Subscribe("t", 1)
	offline.Close()
	awaitOffline(t, s, "offline")
	pub := mqtttest.Dial(t, s, passing(packets.V5, "pub"))
	pub.Publish("t", "x", 1, false)
	for _, id := range []string{"online", "offline"} {
		if err := s.DeleteSession(id); err != nil {
			t.Fatal(err)
		}
		if _, ok := s.Session(id); ok {
			t.Errorf("the session of %s is still there", id)
		}
		if err := s.DeleteSession(id); !errors.Is(err, mqtt.ErrNoSession) {
			t.Errorf("the second time: %v", err)
		}
	}
	mqtttest.Expect[*packets.Publish](online)
	online.ExpectDisconnect(packets.ErrAdministrativeAction)
	want := []string{"disconnect offline false", "disconnect online true", "expired offline"}
	until(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(told) >= len(want) })
	slices.Sort(told)
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	if st := s.Stats(); st.Queued != 0 || st.Inflight != 0 || st.Subscriptions != 0 || st.ClientsDisconnected != 0 {
		t.Errorf("%+v", st)
	}
	if again := mqtttest.Dial(t, s, lasting(packets.V5, "offline")); again.Connack.SessionPresent {
		t.Error("the deleted session is present")
	}
}

type (
	fnDisconnectHook func(*mqtt.Client, error, bool)
	fnExpiredHook    func(*mqtt.Client)
)

func (f fnDisconnectHook) OnDisconnect(cl *mqtt.Client, err error, expire bool) { f(cl, err, expire) }
func (f fnExpiredHook) OnClientExpired(cl *mqtt.Client)                         { f(cl) }

// noSecrets allows everything but "secret".
type noSecrets struct{}

func (noSecrets) OnACLCheck(_ *mqtt.Client, topic string, _ bool) (mqtt.Decision, error) {
	if topic == "secret" {
		return mqtt.Deny, nil
	}
	return mqtt.Pass, nil
}

func TestSubscribeOnBehalf(t *testing.T) {
	t.Parallel()
	for _, connected := range []bool{true, false} {
		t.Run(fmt.Sprint("connected ", connected), func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t, noSecrets{})
			publishRetained(t, s, "a/b")
			c := mqtttest.Dial(t, s, lasting(packets.V5, "c"))
			if !connected {
				c.Close()
				awaitOffline(t, s, "c")
			}
			codes, err := s.SubscribeClient("c", []packets.Subscription{
				{Filter: "a/+", QoS: 1}, {Filter: "secret"}, {Filter: "a/#/b"},
			}, 5)
			if err != nil || !slices.Equal(codes, []packets.Code{1, packets.ErrNotAuthorized, packets.ErrTopicFilterInvalid}) {
				t.Fatalf("%v %v", codes, err)
			}
			if !connected {
				c = mqtttest.Dial(t, s, lasting(packets.V5, "c"))
			}
			if pk := c.Message(); pk.Topic != "a/b" || !pk.Retain || !slices.Equal(pk.Properties.SubscriptionIDs, []uint32{5}) {
				t.Errorf("retained: %+v", pk)
			}
			if err := s.Publish("a/x", []byte("x"), false, 1); err != nil {
				t.Fatal(err)
			}
			if pk := c.Message(); pk.Topic != "a/x" || pk.QoS != 1 {
				t.Errorf("%+v", pk)
			}
			codes, err = s.UnsubscribeClient("c", []string{"a/+", "b"})
			if err != nil || !slices.Equal(codes, []packets.Code{packets.CodeSuccess, packets.CodeNoSubscriptionExisted}) {
				t.Errorf("%v %v", codes, err)
			}
			if err := s.Publish("a/x", []byte("x"), false, 1); err != nil {
				t.Fatal(err)
			}
			c.Ping()
		})
	}
}

func TestSubscribeOnBehalfRefused(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t)
	mqtttest.Dial(t, s, passing(packets.V5, "c"))
	if _, err := s.SubscribeClient("x", []packets.Subscription{{Filter: "a"}}, 0); !errors.Is(err, mqtt.ErrNoSession) {
		t.Error(err)
	}
	if _, err := s.UnsubscribeClient("x", []string{"a"}); !errors.Is(err, mqtt.ErrNoSession) {
		t.Error(err)
	}
	for name, subs := range map[string][]packets.Subscription{
		"none":               nil,
		"QoS 3":              {{Filter: "a", QoS: 3}},
		"no UTF-8":           {{Filter: "a\xff"}},
		"No Local on shared": {{Filter: "$share/g/a", NoLocal: true}},
	} {
		if codes, err := s.SubscribeClient("c", subs, 0); err == nil {
			t.Errorf("%s: granted %v", name, codes)
		}
	}
	if _, err := s.UnsubscribeClient("c", nil); err == nil {
		t.Error("an empty list is accepted")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SubscribeClient("c", []packets.Subscription{{Filter: "a"}}, 0); !errors.Is(err, mqtt.ErrServerClosed) {
		t.Error(err)
	}
}

// Listings and changes from many goroutines, for the race detector.
func TestAdministrationWhileClientsComeAndGo(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServer(t, manySessions(200))
	var wg sync.WaitGroup
	done := make(chan struct{})
	repeat := func(f func(i int)) {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
					f(i)
				}
			}
		})
	}
	ignore := func(error) {} // what is there now may be gone the next moment
	repeat(func(i int) {
		_, err := s.Sessions(mqtt.SessionQuery{Order: mqtt.SessionOrder(i % 5)})
		ignore(err)
	})
	repeat(func(i int) {
		_, err := s.Subscriptions(mqtt.SubscriptionQuery{Order: mqtt.SubscriptionOrder(i % 2)})
		ignore(err)
		_, err = s.Subscriptions(mqtt.SubscriptionQuery{Topic: "t/1"})
		ignore(err)
		_, err = s.TopicLevels(mqtt.TopicQuery{Prefix: "t/"})
		ignore(err)
	})
	repeat(func(i int) {
		id := fmt.Sprintf("c%04d", i%100)
		_, err := s.SubscribeClient(id, []packets.Subscription{{Filter: fmt.Sprint("t/", i%10), QoS: 1}}, 0)
		ignore(err)
		ignore(s.Publish(fmt.Sprint("t/", i%10), []byte("x"), i%3 == 0, 1))
		_, err = s.UnsubscribeClient(id, []string{fmt.Sprint("t/", i%7)})
		ignore(err)
		if i%10 == 0 {
			ignore(s.DeleteSession(fmt.Sprintf("c%04d", i/10%100)))
		}
	})
	for i := range 50 {
		c := mqtttest.Dial(t, s, passing(packets.V5, fmt.Sprintf("c%04d", 300+i%5)))
		c.Subscribe("x", 0)
		if i%2 == 0 {
			ignore(s.Disconnect(fmt.Sprintf("c%04d", 300+i%5), 0, ""))
		} else {
			c.Close()
		}
	}
	close(done)
	wg.Wait()
}

func TestRemoveHook(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: -1})
	h := &countingHook{}
	if err := s.AddHook(h, nil); err != nil {
		t.Fatal(err)
	}
	publishRetained(t, s, "a")
	if err := s.RemoveHook(h); err != nil {
		t.Fatal(err)
	}
	publishRetained(t, s, "a")
	if h.published != 1 || h.stopped != 1 {
		t.Errorf("told %d, stopped %d times; want once each", h.published, h.stopped)
	}
	if err := s.RemoveHook(h); !errors.Is(err, mqtt.ErrNoSuchHook) {
		t.Errorf("the second time: %v", err)
	}
	if err := s.RemoveHook(mqtt.HookFuncs{}); !errors.Is(err, mqtt.ErrNoSuchHook) {
		t.Errorf("a hook that cannot be compared: %v", err)
	}
	mqtttest.Dial(t, s, passing(packets.V5, "c")).Ping() // the other hooks are still there
}

type countingHook struct{ published, stopped int }

func (h *countingHook) OnPublished(*mqtt.Client, *packets.Publish) { h.published++ }
func (h *countingHook) Stop() error                                { h.stopped++; return nil }
