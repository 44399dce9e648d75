package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/internal/client"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

var allVersions = []packets.Version{packets.V31, packets.V311, packets.V5}

// connect connects a client to a server in this process.
func connect(t *testing.T, s *mqtttest.Server, o client.Options) *client.Client {
	t.Helper()
	c, err := client.Connect(t.Context(), s.Conn(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// inbox is an OnMessage function and where its messages arrive.
func inbox(capacity int) (func(*packets.Publish), <-chan *packets.Publish) {
	c := make(chan *packets.Publish, capacity)
	return func(pk *packets.Publish) { c <- pk }, c
}

// next returns the next of what arrives.
func next[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(10 * time.Second):
		t.Fatal("nothing arrives")
		panic("unreachable")
	}
}

func subscribe(t *testing.T, c *client.Client, filter string, qos byte) {
	t.Helper()
	codes, err := c.Subscribe(t.Context(), packets.Properties{}, packets.Subscription{Filter: filter, QoS: qos})
	if err != nil || len(codes) != 1 || codes[0] != packets.Code(qos) {
		t.Fatalf("subscribe %s: %v, %v", filter, codes, err)
	}
}

func disconnect(t *testing.T, c *client.Client) {
	t.Helper()
	if err := c.Disconnect(t.Context(), packets.CodeNormalDisconnection); err != nil {
		t.Errorf("disconnect: %v", err)
	}
	if !errors.Is(c.Err(), client.ErrClosed) {
		t.Errorf("after Disconnect the reason is %v", c.Err())
	}
}

func TestFlowsInBothDirections(t *testing.T) {
	t.Parallel()
	for _, v := range allVersions {
		for qos := range byte(3) {
			t.Run(fmt.Sprintf("%s, QoS %d", v, qos), func(t *testing.T) {
				t.Parallel()
				s := mqtttest.NewServer(t)
				onMessage, messages := inbox(300)
				sub := connect(t, s, client.Options{Version: v, ClientID: "sub", OnMessage: onMessage})
				pub := connect(t, s, client.Options{Version: v, Inflight: 7})
				subscribe(t, sub, "a/#", qos)
				var flows []*client.Flow
				for i := range 300 {
					f, err := pub.Start(t.Context(), &packets.Publish{Topic: "a/b", Payload: fmt.Append(nil, i), QoS: qos})
					if err != nil {
						t.Fatal(err)
					}
					flows = append(flows, f)
				}
				for _, f := range flows {
					if err := f.Wait(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				for i := range 300 {
					if pk := next(t, messages); string(pk.Payload) != fmt.Sprint(i) || pk.Topic != "a/b" || pk.QoS != qos {
						t.Fatalf("message %d is %s %q with QoS %d", i, pk.Topic, pk.Payload, pk.QoS)
					}
				}
				if _, err := sub.Unsubscribe(t.Context(), packets.Properties{}, "a/#"); err != nil {
					t.Error(err)
				}
				disconnect(t, pub)
				disconnect(t, sub)
			})
		}
	}
}

func TestWillOfACutConnection(t *testing.T) {
	t.Parallel()
	for _, v := range allVersions {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			onMessage, messages := inbox(2)
			sub := connect(t, s, client.Options{OnMessage: onMessage})
			subscribe(t, sub, "will/+", 1)
			will := func(topic string) *packets.Will {
				return &packets.Will{Topic: topic, Payload: []byte("gone"), QoS: 1}
			}
			disconnect(t, connect(t, s, client.Options{Version: v, Will: will("will/polite")}))
			connect(t, s, client.Options{Version: v, Will: will("will/cut")}).Close()
			if pk := next(t, messages); pk.Topic != "will/cut" || string(pk.Payload) != "gone" || pk.QoS != 1 {
				t.Errorf("got %+v", pk)
			}
		})
	}
}

func TestSessionContinues(t *testing.T) {
	t.Parallel()
	for _, v := range allVersions {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			s := mqtttest.NewServer(t)
			onMessage, messages := inbox(1)
			o := client.Options{Version: v, ClientID: "sub", KeepSession: true, OnMessage: onMessage}
			o.Properties.SessionExpiryInterval = 3600
			first := connect(t, s, o)
			subscribe(t, first, "a", 2)
			disconnect(t, first)
			if err := connect(t, s, client.Options{}).Publish(t.Context(), &packets.Publish{Topic: "a", QoS: 2}); err != nil {
				t.Fatal(err)
			}
			second := connect(t, s, o)
			if pk := next(t, messages); pk.Topic != "a" || pk.QoS != 2 {
				t.Errorf("got %+v", pk)
			}
			if want := v != packets.V31; second.Connack().SessionPresent != want {
				t.Errorf("session present %t, want %t", !want, want)
			}
		})
	}
}

// script is a server that does what a test says.
func script(t *testing.T, o client.Options, play func(s *mqtttest.Client)) (*client.Client, error) {
	t.Helper()
	if o.Version == 0 {
		o.Version = packets.V5
	}
	near, far := pipe(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := mqtttest.NewClient(t, far, o.Version)
		mqtttest.Expect[*packets.Connect](s)
		play(s)
	}()
	c, err := client.Connect(t.Context(), near, o)
	t.Cleanup(func() {
		<-done
		if err == nil {
			c.Close()
		}
	})
	return c, err
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		v     packets.Version
		reply packets.Packet
		code  packets.Code
		want  string
	}{
		{"v5 with reason", packets.V5, &packets.Connack{Code: packets.ErrBanned, Properties: packets.Properties{ReasonString: "go away"}}, packets.ErrBanned, "banned (go away)"},
		{"v3", packets.V311, &packets.Connack{Code: packets.ErrNotAuthorized}, packets.ErrNotAuthorized, "not authorized"},
		{"another packet", packets.V5, &packets.Pingresp{}, 0, "PINGRESP instead of CONNACK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := script(t, client.Options{Version: tt.v}, func(s *mqtttest.Client) { s.Send(tt.reply) })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			refused, ok := errors.AsType[*client.RefusedError](err)
			if ok != (tt.code != 0) || ok && (refused.Code != tt.code || !errors.Is(err, tt.code)) {
				t.Errorf("error %#v, want code %v", err, tt.code)
			}
		})
	}
}

func TestRejectedMessage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		qos   byte
		reply packets.Packet
	}{
		{1, &packets.Puback{PacketID: 1, Code: packets.ErrQuotaExceeded}},
		{2, &packets.Pubrec{PacketID: 1, Code: packets.ErrQuotaExceeded}},
	} {
		t.Run(tt.reply.Type().String(), func(t *testing.T) {
			t.Parallel()
			c, err := script(t, client.Options{Inflight: 1}, func(s *mqtttest.Client) {
				s.Send(&packets.Connack{})
				mqtttest.Expect[*packets.Publish](s)
				s.Send(tt.reply)
				mqtttest.Expect[*packets.Publish](s) // the place in the window is free again
			})
			if err != nil {
				t.Fatal(err)
			}
			err = c.Publish(t.Context(), &packets.Publish{Topic: "a", QoS: tt.qos})
			if rejected, ok := errors.AsType[*client.RejectedError](err); !ok || rejected.Code != packets.ErrQuotaExceeded {
				t.Errorf("error %v, want quota exceeded", err)
			}
			if _, err := c.Start(t.Context(), &packets.Publish{Topic: "a", QoS: 1}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReceivedOnce sends a QoS 2 message twice before it is released, and after
// that another one with the same identifier.
func TestReceivedOnce(t *testing.T) {
	t.Parallel()
	onMessage, messages := inbox(3)
	_, err := script(t, client.Options{OnMessage: onMessage}, func(s *mqtttest.Client) {
		s.Send(&packets.Connack{})
		for _, payload := range []string{"once", "again"} {
			for _, dup := range []bool{false, true} {
				s.Send(&packets.Publish{Topic: "a", Payload: []byte(payload), QoS: 2, Dup: dup, PacketID: 9})
				mqtttest.Expect[*packets.Pubrec](s)
			}
			s.Send(&packets.Pubrel{PacketID: 9})
			if ack := mqtttest.Expect[*packets.Pubcomp](s); ack.Code != packets.CodeSuccess {
				t.Errorf("PUBCOMP with %v", ack.Code)
			}
		}
		s.Send(&packets.Pubrel{PacketID: 9})
		if ack := mqtttest.Expect[*packets.Pubcomp](s); ack.Code != packets.ErrPacketIDNotFound {
			t.Errorf("PUBCOMP of an unknown identifier with %v", ack.Code)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := next(t, messages), next(t, messages); string(a.Payload) != "once" || string(b.Payload) != "again" {
		t.Errorf("got %q and %q", a.Payload, b.Payload)
	}
}

func TestServerEndsTheConnection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		last []packets.Packet
		want string
	}{
		{"DISCONNECT", []packets.Packet{&packets.Disconnect{Code: packets.ErrServerShuttingDown}}, "server shutting down"},
		{"no word", nil, "closed the connection"},
		{"a packet of clients", []packets.Packet{&packets.Pingreq{}}, "PINGREQ, which clients do not expect"},
		{"an alias never set", []packets.Packet{aliased("", 3)}, "Topic Alias 3"},
		{"the wrong acknowledgement", []packets.Packet{&packets.Pubcomp{PacketID: 1}}, "waits for PUBACK"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := script(t, client.Options{}, func(s *mqtttest.Client) {
				s.Send(&packets.Connack{})
				mqtttest.Expect[*packets.Publish](s)
				s.Send(tt.last...)
				s.Close()
			})
			if err != nil {
				t.Fatal(err)
			}
			err = c.Publish(t.Context(), &packets.Publish{Topic: "a", QoS: 1})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(c.Err(), err) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if _, err := c.Start(t.Context(), &packets.Publish{Topic: "a", QoS: 1}); err == nil {
				t.Error("published on a connection that is over")
			}
		})
	}
}

func aliased(topic string, alias uint16) *packets.Publish {
	return &packets.Publish{Topic: topic, Properties: packets.Properties{TopicAlias: alias}}
}

func TestTopicAliases(t *testing.T) {
	t.Parallel()
	onMessage, messages := inbox(3)
	_, err := script(t, client.Options{OnMessage: onMessage}, func(s *mqtttest.Client) {
		s.Send(&packets.Connack{}, aliased("a", 1), aliased("", 1), aliased("b", 1), aliased("", 1))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a", "a", "b", "b"} {
		if pk := next(t, messages); pk.Topic != want {
			t.Errorf("topic %q, want %q", pk.Topic, want)
		}
	}
}

// TestReceiveMaximum proves that no more messages are under way than the server
// takes, and that waiting ends with the context.
func TestReceiveMaximum(t *testing.T) {
	t.Parallel()
	full := make(chan struct{})
	c, err := script(t, client.Options{}, func(s *mqtttest.Client) {
		s.Send(&packets.Connack{Properties: packets.Properties{ReceiveMaximum: 2}})
		a := mqtttest.Expect[*packets.Publish](s)
		mqtttest.Expect[*packets.Publish](s)
		<-full
		s.Send(&packets.Puback{PacketID: a.PacketID})
		mqtttest.Expect[*packets.Publish](s)
	})
	if err != nil {
		t.Fatal(err)
	}
	pk := &packets.Publish{Topic: "a", QoS: 1}
	for range 2 {
		if _, err := c.Start(t.Context(), pk); err != nil {
			t.Fatal(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Start(ended, pk); !errors.Is(err, context.Canceled) {
		t.Errorf("a third message: %v, want that the window is full", err)
	}
	close(full)
	if _, err := c.Start(t.Context(), pk); err != nil {
		t.Error(err)
	}
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServer(t)
		c := connect(t, s, client.Options{KeepAlive: 20 * time.Second})
		<-time.After(time.Hour)
		if err := c.Err(); err != nil {
			t.Errorf("after an hour: %v", err)
		}
		if n := s.Stats().Received["PINGREQ"]; n < 180 || n > 260 {
			t.Errorf("%d PINGREQ in an hour, want one in 15 s", n)
		}
		disconnect(t, c)
	})
}

func TestServerKeepAliveWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := mqtttest.NewServerWith(t, &mqtt.Options{ServerKeepAlive: 5})
		c := connect(t, s, client.Options{KeepAlive: time.Hour})
		<-time.After(time.Minute)
		if err := c.Err(); err != nil {
			t.Error(err)
		}
		disconnect(t, c)
	})
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := script(t, client.Options{KeepAlive: 20 * time.Second}, func(s *mqtttest.Client) {
			s.Send(&packets.Connack{})
			mqtttest.ExpectWithin[*packets.Pingreq](s, time.Minute)
		})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		<-c.Done()
		if took := time.Since(start); took != 30*time.Second || !strings.Contains(c.Err().Error(), "PINGREQ") {
			t.Errorf("ended after %v with %v", took, c.Err())
		}
	})
}

func TestConnectEndsWithItsContext(t *testing.T) {
	t.Parallel()
	near, _ := pipe(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("changed my mind")
	cancel(why)
	if _, err := client.Connect(ctx, near, client.Options{}); !errors.Is(err, why) {
		t.Errorf("error %v, want %v", err, why)
	}
}

func TestOptionsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		o    client.Options
		want string
	}{
		{"version", client.Options{Version: 6}, "version"},
		{"keep alive", client.Options{KeepAlive: 20 * time.Hour}, "65535"},
		{"inflight", client.Options{Inflight: -1}, "inflight"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			near, _ := pipe(t)
			if _, err := client.Connect(t.Context(), near, tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	s := mqtttest.NewServer(t)
	c := connect(t, s, client.Options{})
	if err := c.Publish(t.Context(), &packets.Publish{Topic: "a", QoS: 3}); err == nil {
		t.Error("published with QoS 3")
	}
	if err := c.Publish(t.Context(), &packets.Publish{Topic: "a/#", QoS: 1}); err == nil {
		t.Error("published to a wildcard")
	}
	if err := c.Publish(t.Context(), &packets.Publish{Topic: "a", QoS: 1}); err != nil {
		t.Errorf("the connection has suffered: %v", err)
	}
}
