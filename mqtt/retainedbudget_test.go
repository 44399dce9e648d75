package mqtt_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// Retained messages take three quarters of the memory budget at most: beyond
// them a message is refused where its publisher can be told, and else routed
// without being retained. What is there may be replaced and removed, and
// clients are welcome.
func TestRetainedMessagesKeepToTheMemoryBudget(t *testing.T) {
	t.Parallel()
	tests := []struct {
		v    packets.Version
		qos  byte
		code packets.Code // of the PUBACK or PUBREC, if that is an answer
	}{
		{packets.V311, 0, 0},
		{packets.V311, 1, 0},
		{packets.V311, 2, 0},
		{packets.V5, 0, 0},
		{packets.V5, 1, packets.ErrQuotaExceeded},
		{packets.V5, 2, packets.ErrQuotaExceeded},
	}
	const size = 32 << 10
	const most = 768 / 32 // without what a message costs besides, it is one less
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.v, "/", tt.qos), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mqtttest.NewServerWith(t, &mqtt.Options{MemoryBudget: 1 << 20, SysTopicResendInterval: -1})
				live := mqtttest.Dial(t, s, passing(tt.v, "live"))
				live.Subscribe("r/+", 0)
				pub := mqtttest.Dial(t, s, passing(tt.v, "pub"))
				publish := func(topic, payload string) packets.Code {
					pk := &packets.Publish{Topic: topic, Payload: []byte(payload), QoS: tt.qos, Retain: true}
					if tt.qos > 0 {
						pk.PacketID = pub.PacketID()
					}
					pub.Send(pk)
					switch tt.qos {
					case 1:
						return mqtttest.Expect[*packets.Puback](pub).Code
					case 2:
						ack := mqtttest.Expect[*packets.Pubrec](pub)
						if !ack.Code.Failed() {
							pub.Send(&packets.Pubrel{PacketID: ack.PacketID})
							mqtttest.Expect[*packets.Pubcomp](pub)
						}
						return ack.Code
					}
					pub.Ping()
					return packets.CodeSuccess
				}
				for i := range most - 1 {
					topic := fmt.Sprint("r/", i)
					if code := publish(topic, strings.Repeat("x", size)); code.Failed() {
						t.Fatalf("message %d is answered with %v", i, code)
					}
					live.Message()
				}
				if code := publish("r/more", strings.Repeat("x", size)); code != tt.code && tt.code != 0 || code.Failed() != (tt.code != 0) {
					t.Errorf("one too many is answered with %v, want %v", code, tt.code)
				}
				if tt.code == 0 {
					live.Message()
				}
				live.Ping()
				if st := s.Stats(); st.Retained != most-1 || st.Dropped["not_retained"] != 1 {
					t.Errorf("%d messages are retained, %d were not", st.Retained, st.Dropped["not_retained"])
				}
				for _, payload := range []string{strings.Repeat("y", size), "small", ""} { // replaced, and removed
					if code := publish("r/1", payload); code.Failed() {
						t.Errorf("replacing one by %d bytes is answered with %v", len(payload), code)
					}
					live.Message()
				}
				if code := publish("r/more", strings.Repeat("x", size)); code.Failed() {
					t.Errorf("with room again a message is answered with %v", code)
				}
				live.Message()
				advance(time.Second)
				if st := s.Stats(); st.HeldBytes < 23*size || st.HeldBytes > 3<<18 || st.RetainedBytes != st.HeldBytes {
					t.Errorf("%d bytes are held, %d for retained messages", st.HeldBytes, st.RetainedBytes)
				}
				mqtttest.Dial(t, s, passing(tt.v, "new")).Ping()
			})
		})
	}
}

// A Go program is told as well; a Will Message, whose publisher is gone, is
// sent to those who are there.
func TestBudgetForRetainedMessagesFromGoAndWills(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServerWith(t, &mqtt.Options{MemoryBudget: 1 << 20, SysTopicResendInterval: -1})
	live := mqtttest.Dial(t, s, passing(packets.V5, "live"))
	live.Subscribe("w", 1)
	if err := s.Publish("t", make([]byte, 800<<10), true, 0); err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("publishing too large a message from Go: %v", err)
	}
	connect := passing(packets.V5, "c")
	connect.WillFlag, connect.Will = true, packets.Will{Topic: "w", Payload: make([]byte, 50<<10), QoS: 1, Retain: true}
	c := mqtttest.Dial(t, s, connect)
	if err := s.Publish("t", make([]byte, 750<<10), true, 0); err != nil {
		t.Error(err)
	}
	c.Close()
	live.Message()
	if st := s.Stats(); st.Retained != 1 || st.Dropped["not_retained"] != 1 {
		t.Errorf("%d messages are retained, %d were not", st.Retained, st.Dropped["not_retained"])
	}
}
