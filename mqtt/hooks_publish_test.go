package mqtt_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestPublishHookAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		err     error
		v5      packets.Code
		dropped string
	}{
		{"reject", mqtt.ErrRejectPacket, packets.CodeSuccess, "hook"},
		{"ignore", mqtt.ErrIgnorePacket, packets.CodeSuccess, "hook"},
		{"code", packets.ErrQuotaExceeded, packets.ErrQuotaExceeded, ""},
		{"any", errors.New("database away"), packets.ErrImplementationSpecific, ""},
	}
	for _, tt := range tests {
		for qos := range byte(3) {
			t.Run(tt.name+"/"+string('0'+rune(qos)), func(t *testing.T) {
				t.Parallel()
				var log diary
				s := newServer(t, fnPublish(func(_ *mqtt.Client, p *packets.Publish) (*packets.Publish, error) {
					if p.Topic == "a" {
						return nil, tt.err
					}
					return p, nil
				}), fnPublish(func(_ *mqtt.Client, p *packets.Publish) (*packets.Publish, error) {
					log.add("next hook %s", p.Topic)
					return p, nil
				}), fnPublished(func(_ *mqtt.Client, p *packets.Publish) { log.add("published %s", p.Topic) }))
				sub := mqtttest.Dial(t, s, mqtttest.Connect("sub"))
				sub.Subscribe("#", 0)
				c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
				c.Send(&packets.Publish{Topic: "a", QoS: qos, PacketID: uint16(min(qos, 1)), Retain: true, Payload: []byte("x")})
				switch qos {
				case 1:
					if ack := mqtttest.Expect[*packets.Puback](c); ack.Code != tt.v5 {
						t.Errorf("PUBACK %v, want %v", ack.Code, tt.v5)
					}
				case 2:
					if ack := mqtttest.Expect[*packets.Pubrec](c); ack.Code != tt.v5 {
						t.Errorf("PUBREC %v, want %v", ack.Code, tt.v5)
					}
				}
				c.Publish("b", "x", 0, false)
				if m := sub.Message(); m.Topic != "b" {
					t.Errorf("got %s", m.Topic)
				}
				c.Ping()
				log.expect(t, "next hook b", "published b")
				if st := s.Stats(); st.Retained != 0 || tt.dropped != "" && st.Dropped[tt.dropped] != 1 {
					t.Errorf("retained %d, dropped %v", st.Retained, st.Dropped)
				}
			})
		}
	}
}

func TestPublishHookChanges(t *testing.T) {
	t.Parallel()
	s := newServer(t, fnPublish(func(_ *mqtt.Client, p *packets.Publish) (*packets.Publish, error) {
		other := p.Clone()
		other.Topic, other.QoS, other.Retain = "new", 0, true
		other.Properties.ContentType = "text/plain"
		return other, nil
	}), fnPublish(func(_ *mqtt.Client, p *packets.Publish) (*packets.Publish, error) {
		p.Payload = append([]byte("then "), p.Payload...)
		return nil, nil // what it was given, changed in place
	}))
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	sub := mqtttest.Dial(t, s, mqtttest.Connect("sub"))
	sub.Subscribe("#", 2)
	c.Publish("old", "x", 2, false)
	if m := sub.Message(); m.Topic != "new" || string(m.Payload) != "then x" || m.QoS != 0 || m.Properties.ContentType != "text/plain" {
		t.Errorf("got %+v", m)
	}
	if n := s.Stats().Retained; n != 1 {
		t.Errorf("%d retained, want 1", n)
	}
}

// A hook that makes a message nobody may send gets nothing through.
func TestPublishHookMakesNonsense(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(p *packets.Publish)
	}{
		{"wildcard", func(p *packets.Publish) { p.Topic = "a/#" }},
		{"empty topic", func(p *packets.Publish) { p.Topic = "" }},
		{"QoS 3", func(p *packets.Publish) { p.QoS = 3 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, fnPublish(func(_ *mqtt.Client, p *packets.Publish) (*packets.Publish, error) {
				other := p.Clone()
				tt.change(other)
				return other, nil
			}))
			c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
			c.Subscribe("#", 2)
			c.Send(&packets.Publish{Topic: "a", QoS: 1, PacketID: 1})
			if ack := mqtttest.Expect[*packets.Puback](c); !ack.Code.Failed() {
				t.Errorf("PUBACK %v", ack.Code)
			}
			c.Ping()
		})
	}
}

func TestSubscribeHookChanges(t *testing.T) {
	t.Parallel()
	var log diary
	s := newServer(t, fnSubscribe(func(_ *mqtt.Client, p *packets.Subscribe) *packets.Subscribe {
		if p.Subscriptions[0].Filter == "more" {
			p.Subscriptions = append(p.Subscriptions, packets.Subscription{Filter: "extra"})
			return p
		}
		p.Subscriptions[0].Filter = "tenant/" + p.Subscriptions[0].Filter
		return p
	}), fnSubscribe(func(_ *mqtt.Client, p *packets.Subscribe) *packets.Subscribe {
		log.add("%s %d", p.Subscriptions[0].Filter, len(p.Subscriptions))
		return &packets.Subscribe{PacketID: 999, Subscriptions: p.Subscriptions, Properties: p.Properties}
	}), fnUnsubscribe(func(_ *mqtt.Client, p *packets.Unsubscribe) *packets.Unsubscribe {
		p.Filters[0] = "tenant/" + p.Filters[0]
		return p
	}))
	c := mqtttest.Dial(t, s, mqtttest.Connect("c"))
	c.Subscribe("a", 1)
	if err := s.Publish("tenant/a", nil, false, 0); err != nil {
		t.Fatal(err)
	}
	c.Message()
	c.Subscribe("more", 1) // one filter, one code, whatever the hook did
	log.expect(t, "tenant/a 1", "more 1")
	c.Send(&packets.Unsubscribe{PacketID: 9, Filters: []string{"a"}})
	if ack := mqtttest.Expect[*packets.Unsuback](c); ack.Codes[0] != 0 || ack.PacketID != 9 {
		t.Errorf("UNSUBACK %+v", ack)
	}
}

func TestSelectSubscribers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*mqtt.Subscribers)
		want   []string // who receives
	}{
		{"nothing changed", func(s *mqtt.Subscribers) { s.SharedSelected["$share/g/a"] = "m1" }, []string{"m1", "x", "y"}},
		{"another member", func(s *mqtt.Subscribers) { s.SharedSelected["$share/g/a"] = "m2" }, []string{"m2", "x", "y"}},
		{"a receiver removed", func(s *mqtt.Subscribers) {
			delete(s.Subscriptions, "x")
			s.SharedSelected["$share/g/a"] = "m1"
		}, []string{"m1", "y"}},
		{"a shared subscription removed", func(s *mqtt.Subscribers) { delete(s.Shared, "$share/g/a") }, []string{"x", "y"}},
		{"all removed", func(s *mqtt.Subscribers) { clear(s.Subscriptions); clear(s.Shared) }, nil},
	}
	for _, tt := range tests {
		for qos := range byte(2) {
			t.Run(tt.name+"/"+string('0'+rune(qos)), func(t *testing.T) {
				t.Parallel()
				s := newServer(t, fnSelect(func(subs *mqtt.Subscribers, p *packets.Publish) *mqtt.Subscribers {
					members := slices.Sorted(slices.Values(subs.Shared["$share/g/a"]))
					if p.Topic == "a" && (len(subs.Subscriptions) != 2 || subs.Subscriptions["x"].QoS != 1 || !slices.Equal(members, []string{"m1", "m2"})) {
						t.Errorf("it was given %+v", subs)
					}
					tt.change(subs)
					return subs
				}))
				clients := make(map[string]*mqtttest.Client)
				for _, id := range []string{"m1", "m2", "x", "y"} {
					clients[id] = mqtttest.Dial(t, s, mqtttest.Connect(id))
					filter := "a"
					if id[0] == 'm' {
						filter = "$share/g/a"
					}
					clients[id].Subscribe(filter, 1)
				}
				pub := mqtttest.Dial(t, s, mqtttest.Connect("pub"))
				pub.Publish("a", "x", qos, false)
				pub.Ping()
				for id, c := range clients {
					if slices.Contains(tt.want, id) {
						c.Message()
					}
					c.Ping()
				}
			})
		}
	}
}

func TestWillHook(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		hook fnWill
		want string // topic=payload; "" for none
	}{
		{"unchanged", func(_ *mqtt.Client, w *packets.Will) (*packets.Will, error) { return w, nil }, "will=x"},
		{"nil", func(*mqtt.Client, *packets.Will) (*packets.Will, error) { return nil, nil }, "will=x"},
		{"changed", func(*mqtt.Client, *packets.Will) (*packets.Will, error) {
			return &packets.Will{Topic: "other", Payload: []byte("y")}, nil
		}, "other=y"},
		{"dropped", func(*mqtt.Client, *packets.Will) (*packets.Will, error) { return nil, errors.New("no") }, ""},
		{"dropped by code", func(*mqtt.Client, *packets.Will) (*packets.Will, error) { return nil, packets.ErrQuotaExceeded }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log diary
				s := newServer(t, tt.hook, fnWillSent(func(c *mqtt.Client, p *packets.Publish) { log.add("%s %s=%s", c.ID(), p.Topic, p.Payload) }))
				sub := mqtttest.Dial(t, s, mqtttest.Connect("sub"))
				sub.Subscribe("#", 0)
				connect := mqtttest.Connect("c")
				connect.WillFlag, connect.Will = true, packets.Will{Topic: "will", Payload: []byte("x")}
				mqtttest.Dial(t, s, connect).Close()
				synctest.Wait()
				if tt.want == "" {
					log.expect(t)
				} else {
					log.expect(t, "c "+tt.want)
					if m := sub.Message(); m.Topic+"="+string(m.Payload) != tt.want {
						t.Errorf("got %s=%s", m.Topic, m.Payload)
					}
				}
				sub.Ping()
			})
		})
	}
}

// Every reason for which a message is dropped for a receiver is told.
func TestPublishDroppedReasons(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log diary
		opts := quiet()
		opts.Capabilities.MaximumDurableQueueMessages = 1
		s := mqtttest.NewServerWith(t, opts, fnDropped(func(c *mqtt.Client, p *packets.Publish, r mqtt.DropReason) {
			log.add("%s %s %s", c.ID(), p.Topic, r)
		}))
		publish := func(topic string, qos byte, p packets.Properties) {
			if err := s.PublishPacket(&packets.Publish{Topic: topic, Payload: []byte("0123456789012345"), QoS: qos, Properties: p}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		connect := durable("c")
		connect.Properties.MaximumPacketSize = 20
		connect.Properties.ReceiveMaximum = 1
		c := mqtttest.Dial(t, s, connect)
		c.Subscribe("#", 1)
		for qos := range byte(2) {
			publish("large", qos, packets.Properties{})
			log.expect(t, "c large too_large")
		}
		c.Disconnect(0)
		synctest.Wait()
		publish("fits", 1, packets.Properties{})
		publish("full", 1, packets.Properties{})
		log.expect(t, "c full queue_full")
	})
}

// [MQTT-4.8.2-4]
// What a hook's choice among the members of a shared subscription gets and
// does not acknowledge goes to another member when it is lost, as it would
// without the hook.
func TestSelectedMemberIsLost(t *testing.T) {
	t.Parallel()
	s := newServer(t, fnSelect(func(subs *mqtt.Subscribers, _ *packets.Publish) *mqtt.Subscribers {
		subs.SharedSelected["$share/g/a"] = "m1"
		return subs
	}))
	chosen := mqtttest.Dial(t, s, mqtttest.Connect("m1"))
	other := mqtttest.Dial(t, s, mqtttest.Connect("m2"))
	chosen.Subscribe("$share/g/a", 1)
	other.Subscribe("$share/g/a", 1)
	pub := mqtttest.Dial(t, s, mqtttest.Connect("pub"))
	pub.Publish("a", "x", 1, false)
	expectPublish(t, chosen, "x")
	chosen.Close()
	expectMessages(t, other, "x")
}
