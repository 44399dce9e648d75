package clients

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/autopaho/queue/memory"
	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

// v5Client connects over TCP or TLS; messages come by the channel.
func v5Client(t testing.TB, b *broker, protocol string, connect *paho.Connect) (*paho.Client, *paho.Connack, <-chan *paho.Publish) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var conn net.Conn
	var err error
	if protocol == "tls" {
		conn, err = (&tls.Dialer{Config: b.clientTLS()}).DialContext(ctx, "tcp", b.address[protocol])
		conn = packets.NewThreadSafeConn(conn)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", b.address[protocol])
	}
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan *paho.Publish, 1000)
	c := paho.NewClient(paho.ClientConfig{ClientID: connect.ClientID, Conn: conn, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(p paho.PublishReceived) (bool, error) { got <- p.Packet; return true, nil },
	}})
	ack, err := c.Connect(ctx, connect)
	if err != nil {
		t.Fatalf("connect %s: %v", connect.ClientID, err)
	}
	t.Cleanup(func() { _ = c.Disconnect(&paho.Disconnect{}) }) // some tests have done so already
	return c, ack, got
}

func clean(clientID string) *paho.Connect {
	return &paho.Connect{ClientID: clientID, CleanStart: true, KeepAlive: 30}
}

func subscribe5(t testing.TB, c *paho.Client, subs ...paho.SubscribeOptions) {
	t.Helper()
	ack, err := c.Subscribe(t.Context(), &paho.Subscribe{Subscriptions: subs})
	if err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	for i, code := range ack.Reasons {
		if code != subs[i].QoS {
			t.Fatalf("%s: reason code 0x%02X", subs[i].Topic, code)
		}
	}
}

func publish5(t testing.TB, c *paho.Client, p *paho.Publish) {
	t.Helper()
	if _, err := c.Publish(t.Context(), p); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

func forV5(t *testing.T, f func(t *testing.T, b *broker, protocol string)) {
	t.Helper()
	t.Parallel()
	for _, protocol := range []string{"tcp", "tls"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			f(t, newBroker(t, nil), protocol)
		})
	}
}

func TestPahoGoV5Messages(t *testing.T) {
	forV5(t, func(t *testing.T, b *broker, protocol string) {
		c, _, got := v5Client(t, b, protocol, clean("c"))
		subscribe5(t, c, paho.SubscribeOptions{Topic: "t/#", QoS: 2})
		format, expiry := byte(1), uint32(60)
		for qos := range byte(3) {
			publish5(t, c, &paho.Publish{Topic: "t/a", QoS: qos, Payload: []byte("hello"), Properties: &paho.PublishProperties{
				PayloadFormat: &format, MessageExpiry: &expiry, ContentType: "text/plain", ResponseTopic: "answers",
				CorrelationData: []byte{0, 255}, User: paho.UserProperties{{Key: "k", Value: "1"}, {Key: "k", Value: "2"}},
			}})
			m := await(t, "the message", got)
			p := m.Properties
			if m.QoS != qos || string(m.Payload) != "hello" || *p.PayloadFormat != 1 || *p.MessageExpiry > 60 || *p.MessageExpiry < 59 ||
				p.ContentType != "text/plain" || p.ResponseTopic != "answers" || string(p.CorrelationData) != "\x00\xff" ||
				!slices.Equal(p.User, paho.UserProperties{{Key: "k", Value: "1"}, {Key: "k", Value: "2"}}) {
				t.Errorf("got %+v with %+v", m, p)
			}
		}
	})
}

func TestPahoGoV5SubscriptionOptions(t *testing.T) {
	forV5(t, func(t *testing.T, b *broker, protocol string) {
		pub, _, own := v5Client(t, b, protocol, clean("pub"))
		publish5(t, pub, &paho.Publish{Topic: "kept", Retain: true, QoS: 1, Payload: []byte("old")})
		subscribe5(t, pub, paho.SubscribeOptions{Topic: "#", QoS: 1, NoLocal: true, RetainHandling: 2})
		sub, _, got := v5Client(t, b, protocol, clean("sub"))
		id := 268435455
		if _, err := sub.Subscribe(t.Context(), &paho.Subscribe{
			Properties:    &paho.SubscribeProperties{SubscriptionIdentifier: &id},
			Subscriptions: []paho.SubscribeOptions{{Topic: "kept", QoS: 1, RetainAsPublished: true}},
		}); err != nil {
			t.Fatal(err)
		}
		publish5(t, pub, &paho.Publish{Topic: "kept", Retain: true, QoS: 1, Payload: []byte("new")})
		for _, want := range []string{"old", "new"} {
			m := await(t, want, got)
			if string(m.Payload) != want || !m.Retain || *m.Properties.SubscriptionIdentifier != id {
				t.Errorf("got %+v with %+v, want %q", m, m.Properties, want)
			}
		}
		ack, err := sub.Unsubscribe(t.Context(), &paho.Unsubscribe{Topics: []string{"kept"}})
		if err != nil || ack.Reasons[0] != 0 {
			t.Errorf("unsubscribe: %+v, %v", ack, err)
		}
		if len(own) > 0 {
			t.Errorf("No Local, yet %v came", <-own)
		}
	})
}

func TestPahoGoV5SharedSubscription(t *testing.T) {
	forV5(t, func(t *testing.T, b *broker, protocol string) {
		a, _, gotA := v5Client(t, b, protocol, clean("a"))
		c, _, gotC := v5Client(t, b, protocol, clean("c"))
		for _, member := range []*paho.Client{a, c} {
			subscribe5(t, member, paho.SubscribeOptions{Topic: "$share/workers/jobs/+", QoS: 1})
		}
		pub, _, _ := v5Client(t, b, protocol, clean("pub"))
		const n = 40
		seen := map[string]int{}
		for i := range n {
			publish5(t, pub, &paho.Publish{Topic: "jobs/x", QoS: 1, Payload: fmt.Append(nil, i)})
		}
		perMember := map[string]int{}
		for range n {
			select {
			case m := <-gotA:
				seen[string(m.Payload)]++
				perMember["a"]++
			case m := <-gotC:
				seen[string(m.Payload)]++
				perMember["c"]++
			case <-time.After(patience):
				t.Fatal("a message is missing")
			}
		}
		if len(seen) != n || perMember["a"] != n/2 {
			t.Errorf("%d different messages, shared out %v", len(seen), perMember)
		}
	})
}

func TestPahoGoV5SessionAndWill(t *testing.T) {
	forV5(t, func(t *testing.T, b *broker, protocol string) {
		watch, _, wills := v5Client(t, b, protocol, clean("watch"))
		subscribe5(t, watch, paho.SubscribeOptions{Topic: "wills", QoS: 1})
		expiry := uint32(600)
		connect := func() *paho.Connect {
			return &paho.Connect{
				ClientID: "c", KeepAlive: 30, Properties: &paho.ConnectProperties{SessionExpiryInterval: &expiry},
				WillMessage: &paho.WillMessage{Topic: "wills", QoS: 1, Payload: []byte("gone")}, WillProperties: &paho.WillProperties{User: paho.UserProperties{{Key: "mood", Value: "sad"}}},
			}
		}
		c, ack, _ := v5Client(t, b, protocol, connect())
		if ack.SessionPresent {
			t.Error("a new session is said to be present")
		}
		subscribe5(t, c, paho.SubscribeOptions{Topic: "q", QoS: 2})
		if err := c.Disconnect(&paho.Disconnect{ReasonCode: 4}); err != nil {
			t.Fatal(err)
		}
		if m := await(t, "the Will", wills); string(m.Payload) != "gone" || m.Properties.User.Get("mood") != "sad" {
			t.Errorf("Will %+v", m)
		}
		for i := range 20 {
			publish5(t, watch, &paho.Publish{Topic: "q", QoS: byte(1 + i%2), Payload: fmt.Append(nil, i)})
		}
		_, ack, queued := v5Client(t, b, protocol, connect())
		if !ack.SessionPresent {
			t.Error("the session is gone")
		}
		for i := range 20 {
			if m := await(t, "a queued message", queued); string(m.Payload) != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, m.Payload)
			}
		}
	})
}

// TestAutopaho has the reconnecting client publish through its queue while its
// connection is cut again and again. QoS 1, since version 0.23 of the library
// may panic when PUBREC arrives on a connection that is being cut.
func TestAutopaho(t *testing.T) {
	t.Parallel()
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, nil)
			watch, _, got := v5Client(t, b, "tcp", clean("watch"))
			subscribe5(t, watch, paho.SubscribeOptions{Topic: "auto/#", QoS: 2})
			at, err := url.Parse(b.url(protocol))
			if err != nil {
				t.Fatal(err)
			}
			up := make(chan struct{}, 100)
			manager, err := autopaho.NewConnection(t.Context(), autopaho.ClientConfig{
				ServerUrls: []*url.URL{at}, TlsCfg: b.clientTLS(), KeepAlive: 30, SessionExpiryInterval: 600, ConnectTimeout: patience,
				Queue: memory.New(), ReconnectBackoff: func(int) time.Duration { return 10 * time.Millisecond },
				OnConnectionUp: func(*autopaho.ConnectionManager, *paho.Connack) { up <- struct{}{} },
				ClientConfig:   paho.ClientConfig{ClientID: "auto"},
			})
			if err != nil {
				t.Fatal(err)
			}
			const cuts, each = 4, 25
			for cut := range cuts {
				await(t, "the connection", up)
				for i := range each {
					p := &paho.Publish{Topic: "auto/x", QoS: 1, Payload: fmt.Append(nil, cut*each+i)}
					if err := manager.PublishViaQueue(t.Context(), &autopaho.QueuePublish{Publish: p}); err != nil {
						t.Fatal(err)
					}
				}
				if cl, ok := b.Client("auto"); ok && cut < cuts-1 {
					cl.Close()
				}
			}
			for seen := map[string]bool{}; len(seen) < cuts*each; { // at least once
				seen[string(await(t, "a message", got).Payload)] = true
			}
			if err := manager.Disconnect(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
