package mqtt_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// recorder notes every event and changes nothing.
func recorder(log *diary) []any {
	pub := func(event string) func(*mqtt.Client, *packets.Publish) {
		return func(c *mqtt.Client, p *packets.Publish) {
			log.add("%s %s %s=%s qos %d", event, c.ID(), p.Topic, p.Payload, p.QoS)
		}
	}
	conn := func(event string) func(*mqtt.Client, *packets.Connect) {
		return func(c *mqtt.Client, p *packets.Connect) { log.add("%s %s %s", event, c.ID(), p.ClientID) }
	}
	return []any{
		fnAccept(func(c net.Conn) bool { log.add("OnAccept"); return c != nil }),
		fnStarted(func() { log.add("OnStarted") }),
		fnStopped(func() { log.add("OnStopped") }),
		fnStop(func() { log.add("OnStop") }),
		fnAuth(func(c *mqtt.Client, p *packets.Connect) (mqtt.Decision, error) {
			conn("OnConnectAuthenticate")(c, p)
			return mqtt.Pass, nil
		}),
		fnACL(func(c *mqtt.Client, topic string, write bool) (mqtt.Decision, error) {
			log.add("OnACLCheck %s %s %t", c.ID(), topic, write)
			return mqtt.Pass, nil
		}),
		fnConnect(func(c *mqtt.Client, p *packets.Connect) error { conn("OnConnect")(c, p); return nil }),
		fnEstablish(conn("OnSessionEstablish")), fnEstablished(conn("OnSessionEstablished")),
		fnDisconnect(func(c *mqtt.Client, err error, expire bool) {
			log.add("OnDisconnect %s %t expire %t", c.ID(), err == nil, expire)
		}),
		fnClose(func(c *mqtt.Client, err error) { log.add("OnClose %s %t", c.ID(), err == nil) }),
		fnRead(func(c *mqtt.Client, p packets.Packet) (packets.Packet, error) {
			log.add("OnPacketRead %s %s", c.ID(), p.Type())
			return p, nil
		}),
		fnEncode(func(c *mqtt.Client, p packets.Packet) packets.Packet {
			log.add("OnPacketEncode %s %s", c.ID(), p.Type())
			return p
		}),
		fnSent(func(c *mqtt.Client, p packets.Packet, b []byte) {
			if packets.Type(b[0]>>4) != p.Type() {
				log.add("the bytes are those of another packet")
			}
			log.add("OnPacketSent %s %s", c.ID(), p.Type())
		}),
		fnProcessed(func(c *mqtt.Client, p packets.Packet, err error) {
			log.add("OnPacketProcessed %s %s %v", c.ID(), p.Type(), err)
		}),
		fnSubscribe(func(c *mqtt.Client, p *packets.Subscribe) *packets.Subscribe {
			log.add("OnSubscribe %s %s", c.ID(), p.Subscriptions[0].Filter)
			return p
		}),
		fnSubscribed(func(c *mqtt.Client, p *packets.Subscribe, codes []packets.Code) {
			log.add("OnSubscribed %s %s %d", c.ID(), p.Subscriptions[0].Filter, codes)
		}),
		fnUnsubscribe(func(c *mqtt.Client, p *packets.Unsubscribe) *packets.Unsubscribe {
			log.add("OnUnsubscribe %s %s", c.ID(), p.Filters[0])
			return p
		}),
		fnUnsubscribed(func(c *mqtt.Client, p *packets.Unsubscribe) { log.add("OnUnsubscribed %s %s", c.ID(), p.Filters[0]) }),
		fnSelect(func(s *mqtt.Subscribers, p *packets.Publish) *mqtt.Subscribers {
			log.add("OnSelectSubscribers %s %d", p.Topic, len(s.Subscriptions))
			return s
		}),
		fnPublish(func(c *mqtt.Client, p *packets.Publish) (*packets.Publish, error) {
			pub("OnPublish")(c, p)
			return p, nil
		}),
		fnPublished(pub("OnPublished")), fnRetainSent(pub("OnRetainPublished")), fnWillSent(pub("OnWillSent")),
		fnQosComplete(pub("OnQosComplete")), fnQosDropped(pub("OnQosDropped")),
		fnDropped(func(c *mqtt.Client, p *packets.Publish, r mqtt.DropReason) {
			pub("OnPublishDropped "+r.String())(c, p)
		}),
		fnRetain(func(c *mqtt.Client, p *packets.Publish, r int64) {
			log.add("OnRetainMessage %s %s %d", c.ID(), p.Topic, r)
		}),
		fnQosPublish(func(c *mqtt.Client, p *packets.Publish, _ time.Time, resends int) {
			log.add("OnQosPublish %s %s qos %d dup %t resends %d", c.ID(), p.Topic, p.QoS, p.Dup, resends)
		}),
		fnWill(func(c *mqtt.Client, w *packets.Will) (*packets.Will, error) {
			log.add("OnWill %s %s", c.ID(), w.Topic)
			return w, nil
		}),
		fnExpired(func(c *mqtt.Client) { log.add("OnClientExpired %s", c.ID()) }),
		fnRetainedGone(func(topic string) { log.add("OnRetainedExpired %s", topic) }),
	}
}

// recorded starts a broker with a recorder and forgets the start.
func recorded(t *testing.T, log *diary) *mqtttest.Server {
	t.Helper()
	s := newServer(t, recorder(log)...)
	log.expect(t, "OnStarted")
	return s
}

func TestEventsOfAConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log diary
		s := recorded(t, &log)
		c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
		synctest.Wait()
		log.expect(t, "OnAccept", "OnPacketRead c CONNECT", "OnConnect c c", "OnConnectAuthenticate c c", "OnSessionEstablish c c",
			"OnPacketEncode c CONNACK", "OnPacketSent c CONNACK", "OnSessionEstablished c c", "OnPacketProcessed c CONNECT <nil>")
		c.Ping()
		synctest.Wait()
		log.expect(t, "OnPacketRead c PINGREQ", "OnPacketEncode c PINGRESP", "OnPacketSent c PINGRESP", "OnPacketProcessed c PINGREQ <nil>")
		c.Disconnect(0)
		synctest.Wait()
		log.expect(t, "OnPacketRead c DISCONNECT", "OnPacketProcessed c DISCONNECT <nil>", "OnDisconnect c true expire true", "OnClose c true")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		log.expect(t, "OnStopped", "OnStop")
	})
}

func TestEventsOfASubscription(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log diary
		s := recorded(t, &log)
		c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
		synctest.Wait()
		log.take()
		c.Subscribe("a/b", 1)
		synctest.Wait()
		log.expect(t, "OnPacketRead c SUBSCRIBE", "OnSubscribe c a/b", "OnACLCheck c a/b false", "OnSubscribed c a/b [1]",
			"OnPacketEncode c SUBACK", "OnPacketSent c SUBACK", "OnPacketProcessed c SUBSCRIBE <nil>")
		c.Send(&packets.Publish{Topic: "a/b", Payload: []byte("x"), QoS: 1, PacketID: 5})
		m := mqtttest.Expect[*packets.Publish](c)
		mqtttest.Expect[*packets.Puback](c)
		synctest.Wait()
		log.expect(t, "OnPacketRead c PUBLISH", "OnACLCheck c a/b true", "OnPublish c a/b=x qos 1", "OnSelectSubscribers a/b 1",
			"OnQosPublish c a/b qos 1 dup false resends 0", "OnPacketEncode c PUBLISH", "OnPacketSent c PUBLISH",
			"OnPublished c a/b=x qos 1", "OnPacketEncode c PUBACK", "OnPacketSent c PUBACK", "OnPacketProcessed c PUBLISH <nil>")
		c.Send(&packets.Puback{PacketID: m.PacketID})
		synctest.Wait()
		log.expect(t, "OnPacketRead c PUBACK", "OnQosComplete c a/b=x qos 1", "OnPacketProcessed c PUBACK <nil>")
		c.Send(&packets.Unsubscribe{PacketID: 6, Filters: []string{"a/b"}})
		synctest.Wait()
		log.expect(t, "OnPacketRead c UNSUBSCRIBE", "OnUnsubscribe c a/b", "OnUnsubscribed c a/b",
			"OnPacketEncode c UNSUBACK", "OnPacketSent c UNSUBACK", "OnPacketProcessed c UNSUBSCRIBE <nil>")
	})
}

// lifecycle events only: what is left without the packets.
func withoutPackets(lines []string) (kept []string) {
	for _, line := range lines {
		if len(line) < 8 || line[:8] != "OnPacket" && line[:8] != "OnAccept" && line[:8] != "OnConnec" && line[:8] != "OnACLChe" {
			kept = append(kept, line)
		}
	}
	return kept
}

func (d *diary) expectEvents(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	kept := withoutPackets(d.take())
	(&diary{lines: kept}).expect(t, want...)
}

func TestEventsOfRetainedMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log diary
		s := recorded(t, &log)
		c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
		log.expectEvents(t, "OnSessionEstablish c c", "OnSessionEstablished c c")
		c.Publish("r", "x", 0, true)
		log.expectEvents(t, "OnPublish c r=x qos 0", "OnSelectSubscribers r 0", "OnRetainMessage c r 1", "OnPublished c r=x qos 0")
		c.Subscribe("r", 0)
		c.Message()
		log.expectEvents(t, "OnSubscribe c r", "OnSubscribed c r [0]", "OnRetainPublished c r=x qos 0")
		c.Send(&packets.Publish{Topic: "r", Retain: true})
		c.Message()
		log.expectEvents(t, "OnPublish c r= qos 0", "OnSelectSubscribers r 1", "OnRetainMessage c r -1", "OnPublished c r= qos 0")
		c.Send(&packets.Publish{Topic: "r", Retain: true})
		c.Message()
		log.expectEvents(t, "OnPublish c r= qos 0", "OnSelectSubscribers r 1", "OnRetainMessage c r 0", "OnPublished c r= qos 0")
		c.Send(&packets.Publish{Topic: "brief", Payload: []byte("x"), Retain: true, Properties: packets.Properties{MessageExpiryInterval: 60}})
		c.Ping()
		log.take()
		advance(time.Minute)
		log.expectEvents(t, "OnRetainedExpired brief")
	})
}

// A session that outlives its connection: resending, dropping, expiring.
func TestEventsOfASession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log diary
		s := recorded(t, &log)
		connect := durable("c")
		c := mqtttest.Dial(t, s, connect)
		c.Subscribe("a", 2)
		log.take()
		if err := s.Publish("a", []byte("1"), false, 2); err != nil {
			t.Fatal(err)
		}
		mqtttest.Expect[*packets.Publish](c)
		c.Close()
		log.expectEvents(t, "OnPublish inline a=1 qos 2", "OnSelectSubscribers a 1", "OnQosPublish c a qos 2 dup false resends 0",
			"OnPublished inline a=1 qos 2", "OnDisconnect c false expire false", "OnClose c false")
		c = mqtttest.Dial(t, s, connect)
		mqtttest.Expect[*packets.Publish](c)
		log.expectEvents(t, "OnSessionEstablish c c", "OnQosPublish c a qos 2 dup true resends 1", "OnSessionEstablished c c")
		c.Disconnect(0)
		log.expectEvents(t, "OnDisconnect c true expire false", "OnClose c true")
		pk := &packets.Publish{Topic: "a", Payload: []byte("2"), QoS: 1, Properties: packets.Properties{MessageExpiryInterval: 9}}
		if err := s.PublishPacket(pk); err != nil {
			t.Fatal(err)
		}
		log.expectEvents(t, "OnPublish inline a=2 qos 1", "OnSelectSubscribers a 1", "OnPublished inline a=2 qos 1")
		advance(2 * time.Hour)
		log.expectEvents(t, "OnPublishDropped session_ended c a=2 qos 1", "OnQosDropped c a=1 qos 2",
			"OnPublishDropped session_ended c a=1 qos 2", "OnClientExpired c")
	})
}

// A clean start ends the session that was there, with its connection.
func TestEventsOfATakeover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log diary
		s := recorded(t, &log)
		connect := durable("c")
		connect.WillFlag, connect.Will = true, packets.Will{Topic: "w", Payload: []byte("gone")}
		first := mqtttest.Dial(t, s, connect)
		second := mqtttest.Dial(t, s, durable("c"))
		first.ExpectDisconnect(packets.ErrSessionTakenOver)
		log.expectEvents(t, "OnSessionEstablish c c", "OnSessionEstablished c c", "OnSessionEstablish c c", "OnSessionEstablished c c",
			"OnWill c w", "OnPublish c w=gone qos 0", "OnSelectSubscribers w 0", "OnPublished c w=gone qos 0", "OnWillSent c w=gone qos 0",
			"OnDisconnect c false expire false", "OnClose c false")
		clean := mqtttest.Connect("c")
		mqtttest.Dial(t, s, clean)
		second.ExpectDisconnect(packets.ErrSessionTakenOver)
		log.expectEvents(t, "OnSessionEstablish c c", "OnSessionEstablished c c", "OnDisconnect c false expire true", "OnClose c false")
	})
}

func TestSysInfoTick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log diary
		s := mqtttest.NewServerWith(t, &mqtt.Options{SysTopicResendInterval: 10},
			fnTick(func(st *mqtt.Stats) { log.add("%d after %v", st.ClientsConnected, st.Uptime.Round(time.Second)) }))
		mqtttest.Dial(t, s, mqtttest.Connect("c"))
		advance(25 * time.Second)
		log.expect(t, "0 after 0s", "1 after 10s", "1 after 20s")
	})
}
