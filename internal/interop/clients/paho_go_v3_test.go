package clients

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// v3Options are those of a client of MQTT 3.1 (version 3) or 3.1.1 (4).
func v3Options(b *broker, protocol, clientID string, version uint) *paho.ClientOptions {
	return paho.NewClientOptions().AddBroker(b.url(protocol)).SetClientID(clientID).SetProtocolVersion(version).
		SetTLSConfig(b.clientTLS()).SetConnectTimeout(patience).SetAutoReconnect(false).SetOrderMatters(true)
}

func done(t testing.TB, what string, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatalf("%s: no answer", what)
	}
	if err := token.Error(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func v3Client(t testing.TB, o *paho.ClientOptions) paho.Client {
	t.Helper()
	c := paho.NewClient(o)
	done(t, "connect "+o.ClientID, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

// collect subscribes and returns the channel messages come by.
func collect(t testing.TB, c paho.Client, filter string, qos byte) <-chan paho.Message {
	t.Helper()
	got := make(chan paho.Message, 1000)
	done(t, "subscribe", c.Subscribe(filter, qos, func(_ paho.Client, m paho.Message) { got <- m }))
	return got
}

// forV3 runs a test for both versions by all ways.
func forV3(t *testing.T, f func(t *testing.T, b *broker, protocol string, version uint)) {
	t.Helper()
	t.Parallel()
	for _, protocol := range protocols {
		for _, version := range []uint{3, 4} {
			t.Run(fmt.Sprintf("%s version %d", protocol, version), func(t *testing.T) {
				t.Parallel()
				f(t, newBroker(t, nil), protocol, version)
			})
		}
	}
}

func TestPahoGoV3Messages(t *testing.T) {
	forV3(t, func(t *testing.T, b *broker, protocol string, version uint) {
		c := v3Client(t, v3Options(b, protocol, "c", version))
		got := collect(t, c, "letters/#", 2)
		payloads := [][]byte{nil, []byte("short"), bytes.Repeat([]byte("0123456789abcdef"), 20_000)}
		for _, payload := range payloads {
			for qos := range byte(3) {
				done(t, "publish", c.Publish("letters/a", qos, false, payload))
				m := await(t, "the message", got)
				if m.Topic() != "letters/a" || m.Qos() != qos || m.Retained() || m.Duplicate() || !bytes.Equal(m.Payload(), payload) {
					t.Fatalf("got %s QoS %d of %d bytes, want QoS %d of %d bytes", m.Topic(), m.Qos(), len(m.Payload()), qos, len(payload))
				}
			}
		}
		done(t, "unsubscribe", c.Unsubscribe("letters/#"))
		done(t, "publish", c.Publish("letters/a", 1, true, "kept"))
		late := v3Client(t, v3Options(b, protocol, "late", version))
		if m := await(t, "the retained message", collect(t, late, "letters/+", 1)); !m.Retained() || string(m.Payload()) != "kept" {
			t.Errorf("got %q, retained %t", m.Payload(), m.Retained())
		}
		if len(got) > 0 {
			t.Errorf("messages after unsubscribing: %d", len(got))
		}
	})
}

func TestPahoGoV3ManyMessagesInOrder(t *testing.T) {
	forV3(t, func(t *testing.T, b *broker, protocol string, version uint) {
		sub := v3Client(t, v3Options(b, protocol, "sub", version))
		got := collect(t, sub, "n/#", 2)
		pub := v3Client(t, v3Options(b, protocol, "pub", version))
		const n = 500
		var tokens []paho.Token
		for i := range n {
			tokens = append(tokens, pub.Publish("n/x", 1, false, fmt.Sprint(i)))
		}
		for _, token := range tokens {
			done(t, "publish", token)
		}
		for i := range n {
			if m := await(t, "a message", got); string(m.Payload()) != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, m.Payload())
			}
		}
	})
}

func TestPahoGoV3SessionAndWill(t *testing.T) {
	forV3(t, func(t *testing.T, b *broker, protocol string, version uint) {
		watch := v3Client(t, v3Options(b, protocol, "watch", version))
		wills := collect(t, watch, "wills", 1)
		lost := make(chan error, 1)
		o := v3Options(b, protocol, "c", version).SetCleanSession(false).SetWill("wills", "gone", 1, false)
		c := v3Client(t, o.SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err }))
		collect(t, c, "q", 2)
		cl, ok := b.Client("c")
		if !ok {
			t.Fatal("the broker does not know the client")
		}
		cl.Close() // as a lost network: the Will is published
		await(t, "the end of the connection", lost)
		if m := await(t, "the Will", wills); string(m.Payload()) != "gone" {
			t.Errorf("Will %q", m.Payload())
		}
		for i := range 20 {
			done(t, "publish", watch.Publish("q", byte(1+i%2), false, fmt.Sprint(i)))
		}
		queued := make(chan paho.Message, 100)
		o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { queued <- m })
		v3Client(t, o)
		for i := range 20 {
			if m := await(t, "a queued message", queued); string(m.Payload()) != fmt.Sprint(i) {
				t.Fatalf("message %d is %q", i, m.Payload())
			}
		}
	})
}

func TestPahoGoV3Reconnects(t *testing.T) {
	t.Parallel()
	b := newBroker(t, nil)
	up := make(chan struct{}, 10)
	o := v3Options(b, "tcp", "c", 4).SetCleanSession(false).SetAutoReconnect(true).SetMaxReconnectInterval(50 * time.Millisecond).
		SetOnConnectHandler(func(paho.Client) { up <- struct{}{} })
	c := v3Client(t, o)
	got := collect(t, c, "t", 1)
	for i := range 5 {
		await(t, "the connection", up)
		done(t, "publish", c.Publish("t", 1, false, fmt.Sprint(i)))
		for string(await(t, "the message", got).Payload()) != fmt.Sprint(i) {
			// The last one again: the cut was faster than its acknowledgement.
		}
		cl, ok := b.Client("c")
		if !ok {
			t.Fatal("the broker does not know the client")
		}
		cl.Close()
	}
}
