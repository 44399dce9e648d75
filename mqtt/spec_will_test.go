package mqtt_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestWillIsPublished(t *testing.T) {
	// [MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-14] [MQTT-3.1.2-15] [MQTT311-3.1.2-8]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for qos := range byte(3) {
			for _, retain := range []bool{false, true} {
				s := quietServer(t)
				w := watcher(t, s, "#")
				connect := withWill(cleanConnect(v, "c"), "gone")
				connect.Will.QoS, connect.Will.Retain = qos, retain
				c := mqtttest.Dial(t, s, connect)
				nothing(t, w)
				lose(c)
				got := wantMessage(t, w, "will", "gone")
				if got.QoS != qos || got.Retain != retain {
					t.Errorf("a will of QoS %d, retain %v came as QoS %d, retain %v", qos, retain, got.QoS, got.Retain)
				}
				late := mqtttest.Dial(t, s, cleanConnect(v, "late"))
				late.Subscribe("#", 2)
				if retain {
					wantMessage(t, late, "will", "gone")
				}
				nothing(t, late)
				nothing(t, w)
			}
		}
	})
}

func TestWillProperties(t *testing.T) {
	// [MQTT-3.1.3-10]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		w := watcher(t, s, "#")
		connect := withWill(cleanConnect(v, "c"), "gone")
		sent := packets.Properties{
			PayloadFormatIndicator: 1, ContentType: "text/plain", ResponseTopic: "re", CorrelationData: []byte{0, 1},
			MessageExpiryInterval: 77,
			User:                  []packets.UserProperty{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}, {Key: "b", Value: "0"}},
		}
		connect.Will.Properties = sent
		lose(mqtttest.Dial(t, s, connect))
		got := wantMessage(t, w, "will", "gone").Properties
		if !slices.Equal(got.User, sent.User) {
			t.Errorf("user properties %v, want %v", got.User, sent.User)
		}
		if got.PayloadFormatIndicator != 1 || got.ContentType != "text/plain" || got.ResponseTopic != "re" ||
			!slices.Equal(got.CorrelationData, sent.CorrelationData) || got.MessageExpiryInterval != 77 {
			t.Errorf("got %+v, want %+v", got, sent)
		}
	})
}

func TestWillIsWithdrawn(t *testing.T) {
	// [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT311-3.1.2-8]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for _, connect := range []*packets.Connect{cleanConnect(v, "c"), durableConnect(v, "c")} {
			s := quietServer(t)
			w := watcher(t, s, "#")
			c := mqtttest.Dial(t, s, withWill(connect, "gone"))
			c.Disconnect(packets.CodeSuccess)
			nothing(t, w)
			again := *connect
			again.WillFlag = false
			lose(mqtttest.Dial(t, s, &again)) // the will is not part of the session any more
			advance(2 * time.Hour)
			nothing(t, w)
		}
	})
}

func TestWillIsPublishedOnce(t *testing.T) {
	// [MQTT-3.1.2-10]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		w := watcher(t, s, "#")
		lose(mqtttest.Dial(t, s, withWill(durableConnect(v, "c"), "gone")))
		wantMessage(t, w, "will", "gone")
		lose(mqtttest.Dial(t, s, durableConnect(v, "c")))
		advance(2 * time.Hour)
		nothing(t, w)
	})
}

func TestNoWill(t *testing.T) {
	// [MQTT311-3.1.2-12]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		s := quietServer(t)
		w := watcher(t, s, "#")
		lose(mqtttest.Dial(t, s, cleanConnect(v, "c")))
		lose(mqtttest.Dial(t, s, durableConnect(v, "c")))
		advance(2 * time.Hour)
		nothing(t, w)
	})
}

func TestDisconnectWithWill(t *testing.T) {
	// [MQTT-3.1.2-8]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		for _, code := range []packets.Code{packets.CodeDisconnectWithWill, packets.ErrUnspecified, packets.ErrQuotaExceeded} {
			s := quietServer(t)
			w := watcher(t, s, "#")
			mqtttest.Dial(t, s, withWill(cleanConnect(v, "c"), "gone")).Disconnect(code)
			wantMessage(t, w, "will", "gone")
		}
	})
}

// delayedWill is a CONNECT whose will waits, and whose session lives, for so
// many seconds.
func delayedWill(delay, expiry uint32) *packets.Connect {
	pk := withWill(cleanConnect(packets.V5, "c"), "gone")
	pk.Will.Properties.WillDelayInterval = delay
	pk.Properties.SessionExpiryInterval = expiry
	return pk
}

func TestWillDelay(t *testing.T) {
	// [MQTT-3.1.2-8] [MQTT-3.1.2-7]
	t.Parallel()
	tests := []struct {
		name          string
		delay, expiry uint32
		want          time.Duration
	}{
		{"no delay", 0, 60, 0},
		{"delay within the session", 30, 60, 30 * time.Second},
		{"session ends first", 60, 30, 30 * time.Second},
		{"session ends with its connection", 60, 0, 0},
		{"session never ends", 100_000, 0xffffffff, 100_000 * time.Second},
		{"delay never ends, session does", 0xffffffff, 50, 50 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := quietServer(t)
				w := watcher(t, s, "#")
				c := mqtttest.Dial(t, s, delayedWill(tt.delay, tt.expiry))
				start := time.Now()
				lose(c)
				got := mqtttest.ExpectWithin[*packets.Publish](w, 48*time.Hour)
				if string(got.Payload) != "gone" || time.Since(start) != tt.want {
					t.Errorf("%q came after %v, want %v", got.Payload, time.Since(start), tt.want)
				}
				if got.Properties.Has(packets.PropWillDelayInterval) {
					t.Error("the Will Delay Interval was forwarded")
				}
				advance(time.Hour)
				nothing(t, w)
			})
		})
	}
}

func TestWillDelayIsCancelled(t *testing.T) {
	// [MQTT-3.1.3-9]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		for _, takeover := range []bool{false, true} {
			s := quietServer(t)
			w := watcher(t, s, "#")
			c := mqtttest.Dial(t, s, delayedWill(30, 600))
			if !takeover {
				lose(c)
				advance(29 * time.Second)
			}
			back := durableConnect(v, "c")
			c = mqtttest.Dial(t, s, back)
			presentIs(t, c, v, true)
			advance(2 * time.Hour)
			nothing(t, w)
			mqtttest.Dial(t, s, cleanConnect(v, "c")) // which ends the session
			advance(time.Hour)
			nothing(t, w)
		}
	})
}

func TestWillDelayEndsWithCleanStart(t *testing.T) {
	// Clean Start ends the session, and so the delay. [MQTT-3.1.2-8]
	inVersions(t, versions5, func(t *testing.T, v packets.Version) {
		for _, takeover := range []bool{false, true} {
			s := quietServer(t)
			w := watcher(t, s, "#")
			c := mqtttest.Dial(t, s, delayedWill(30, 600))
			if !takeover {
				lose(c)
			}
			mqtttest.Dial(t, s, cleanConnect(v, "c"))
			synctest.Wait()
			wantMessage(t, w, "will", "gone")
			advance(time.Hour)
			nothing(t, w)
		}
	})
}

func TestWillOnTakeover(t *testing.T) {
	// [MQTT-3.1.2-8] [MQTT-3.1.4-3]
	inVersions(t, versionsAll, func(t *testing.T, v packets.Version) {
		for _, cleanStart := range []bool{false, true} {
			s := quietServer(t)
			w := watcher(t, s, "#")
			connect := withWill(durableConnect(v, "c"), "first")
			connect.CleanStart = cleanStart
			mqtttest.Dial(t, s, connect)
			second := withWill(durableConnect(v, "c"), "second")
			second.CleanStart = cleanStart
			c := mqtttest.Dial(t, s, second)
			wantMessage(t, w, "will", "first")
			nothing(t, w)
			lose(c)
			wantMessage(t, w, "will", "second")
		}
	})
}
