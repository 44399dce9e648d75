package packets

import (
	"bytes"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

func TestPublishWire(t *testing.T) {
	t.Parallel()
	testWire(t, []wireCase{
		{"v3.1 QoS 0", V31, "\x30\x07\x00\x03a/bhi", &Publish{Topic: "a/b", Payload: []byte("hi")}},
		{"v3.1.1 no payload", V311, "\x31\x03\x00\x01a", &Publish{Topic: "a", Retain: true}},
		{"v3.1.1 QoS 1 again", V311, "\x3a\x06\x00\x01a\x00\x0ax", &Publish{Topic: "a", QoS: 1, Dup: true, PacketID: 10, Payload: []byte("x")}},
		{"v3.1.1 QoS 2", V311, "\x34\x05\x00\x01a\xff\xff", &Publish{Topic: "a", QoS: 2, PacketID: 65535}},
		{"v5 QoS 0", V5, "\x30\x05\x00\x01a\x00x", &Publish{Topic: "a", Payload: []byte("x")}}, // [MQTT-2.2.1-2]
		{"v5 alias instead of topic", V5, "\x30\x06\x00\x00\x03\x23\x00\x01", &Publish{Properties: Properties{TopicAlias: 1}}},
		{"v5 all properties", V5, "\x33\x52\x00\x03a/b\x00\x0a\x45" +
			"\x01\x01" + "\x02\x00\x00\x00\x3c" + "\x03\x00\x0atext/plain" + "\x08\x00\x0banswer/here" + "\x09\x00\x03\x01\x02\x03" +
			"\x0b\x01" + "\x0b\xac\x02" + "\x23\x00\x07" + "\x26\x00\x01k\x00\x02v1" + "\x26\x00\x01k\x00\x02v2" + "\x26\x00\x00\x00\x00" +
			"hello", fullPublish()}, // [MQTT-3.3.2-18]
		{"topic beyond ASCII", V311, "\x30\x08\x00\x06" + "ä/€", &Publish{Topic: "ä/€"}},
		{"topic with U+FEFF", V311, "\x30\x06\x00\x04" + "\ufeffa", &Publish{Topic: "\ufeffa"}}, // [MQTT-1.5.4-3]
		{"topic with control characters", V311, "\x30\x04\x00\x02\x01\x7f", &Publish{Topic: "\x01\x7f"}},
	})
}

func TestPublishDecodeRefuses(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{
		{"QoS 3", V5, 0x36, "\x00\x01a\x00\x01\x00", ErrMalformedPacket},          // [MQTT-3.3.1-4]
		{"QoS 3 in v3.1.1", V311, 0x36, "\x00\x01a\x00\x01", ErrMalformedPacket},  // [MQTT311-3.3.1-4]
		{"DUP with QoS 0", V5, 0x38, "\x00\x01a\x00", ErrMalformedPacket},         // [MQTT-3.3.1-2]
		{"DUP with QoS 0 in v3.1.1", V311, 0x38, "\x00\x01a", ErrMalformedPacket}, // [MQTT311-3.3.1-2]
		{"empty", V5, 0x30, "", ErrMalformedPacket},
		{"topic length cut short", V5, 0x30, "\x00", ErrMalformedPacket},
		{"topic cut short", V5, 0x30, "\x00\x02a", ErrMalformedPacket},
		{"packet ID missing", V5, 0x32, "\x00\x01a", ErrMalformedPacket},
		{"packet ID cut short", V311, 0x32, "\x00\x01a\x00", ErrMalformedPacket},
		{"packet ID 0", V5, 0x32, "\x00\x01a\x00\x00\x00", ErrProtocolError},         // [MQTT-2.2.1-3]
		{"packet ID 0 in v3.1.1", V311, 0x34, "\x00\x01a\x00\x00", ErrProtocolError}, // [MQTT311-2.3.1-1]
		{"no properties", V5, 0x30, "\x00\x01a", ErrMalformedPacket},
		{"empty topic", V311, 0x30, "\x00\x00", ErrProtocolError},                 // [MQTT311-4.7.3-1]
		{"empty topic without alias", V5, 0x30, "\x00\x00\x00", ErrProtocolError}, // [MQTT-4.7.3-1]
		{"plus", V5, 0x30, "\x00\x03a/+\x00", ErrMalformedPacket},                 // [MQTT-3.3.2-2]
		{"hash", V311, 0x30, "\x00\x01#", ErrMalformedPacket},                     // [MQTT311-3.3.2-2]
		{"plus in a long topic", V311, 0x30, "\x00\x0e0123456/+/9abc", ErrMalformedPacket},
		{"hash beyond ASCII", V311, 0x30, "\x00\x03ä#", ErrMalformedPacket},
		{"NUL", V5, 0x30, "\x00\x01\x00\x00", ErrMalformedPacket},                       // [MQTT-1.5.4-2]
		{"NUL in a long topic", V311, 0x30, "\x00\x090123\x005678", ErrMalformedPacket}, // [MQTT311-1.5.3-2]
		{"surrogate", V5, 0x30, "\x00\x03\xed\xa0\x80\x00", ErrMalformedPacket},         // [MQTT-1.5.4-1]
		{"surrogate in v3.1.1", V311, 0x30, "\x00\x03\xed\xbf\xbf", ErrMalformedPacket}, // [MQTT311-1.5.3-1]
		{"overlong", V5, 0x30, "\x00\x02\xc1\xa1\x00", ErrMalformedPacket},              // [MQTT-1.5.4-1]
		{"not UTF-8", V311, 0x30, "\x00\x0901234567\xff", ErrMalformedPacket},           // [MQTT-3.3.2-1]
		{"topic alias 0", V5, 0x30, "\x00\x01a\x03\x23\x00\x00", ErrTopicAliasInvalid},  // [MQTT-3.3.2-8]
		{"alias twice", V5, 0x30, "\x00\x01a\x06\x23\x00\x01\x23\x00\x01", ErrProtocolError},
		{"payload format 2", V5, 0x30, "\x00\x01a\x02\x01\x02", ErrProtocolError},
		{"response topic with wildcard", V5, 0x30, "\x00\x01a\x06\x08\x00\x03a/#", ErrProtocolError}, // [MQTT-3.3.2-14]
		{"response topic empty", V5, 0x30, "\x00\x01a\x03\x08\x00\x00", ErrProtocolError},
		{"response topic not UTF-8", V5, 0x30, "\x00\x01a\x04\x08\x00\x01\xff", ErrMalformedPacket}, // [MQTT-3.3.2-13]
		{"content type not UTF-8", V5, 0x30, "\x00\x01a\x04\x03\x00\x01\xff", ErrMalformedPacket},   // [MQTT-3.3.2-19]
		{"subscription ID 0", V5, 0x30, "\x00\x01a\x02\x0b\x00", ErrProtocolError},
		{"foreign property", V5, 0x30, "\x00\x01a\x03\x21\x00\x01", ErrMalformedPacket},
		{"unknown property", V5, 0x30, "\x00\x01a\x02\x7e\x00", ErrMalformedPacket},
		{"property identifier of two bytes", V5, 0x30, "\x00\x01a\x03\x81\x00\x01", ErrMalformedPacket},
	})
}

func TestPublishAppendRefuses(t *testing.T) {
	t.Parallel()
	props := func(p Properties) *Publish { return &Publish{Topic: "a", Properties: p} }
	marked := func(id PropertyID) *Publish { p := props(Properties{}); p.Properties.Set(id); return p }
	testUnsendable(t, []unsendableCase{
		{"QoS 3", V5, &Publish{Topic: "a", QoS: 3, PacketID: 1}, ErrMalformedPacket}, // [MQTT-3.3.1-4]
		{"DUP with QoS 0", V5, &Publish{Topic: "a", Dup: true}, ErrMalformedPacket},  // [MQTT-3.3.1-2]
		{"packet ID 0", V311, &Publish{Topic: "a", QoS: 1}, ErrProtocolError},        // [MQTT-2.2.1-3]
		{"no topic", V311, &Publish{}, ErrProtocolError},                             // [MQTT-4.7.3-1]
		{"alias alone in v3.1.1", V311, &Publish{Properties: Properties{TopicAlias: 1}}, ErrProtocolError},
		{"no topic and no alias", V5, &Publish{}, ErrProtocolError},
		{"topic too long", V5, &Publish{Topic: longString}, ErrMalformedPacket}, // [MQTT-4.7.3-3]
		{"wildcard", V5, &Publish{Topic: "a/+"}, ErrMalformedPacket},            // [MQTT-3.3.2-2]
		{"NUL", V5, &Publish{Topic: "a\x00"}, ErrMalformedPacket},               // [MQTT-4.7.3-2]
		{"payload too long", V5, &Publish{Topic: "a", Payload: make([]byte, 1<<28)}, ErrPacketTooLarge},
		{"payload format 2", V5, props(Properties{PayloadFormatIndicator: 2}), ErrProtocolError},
		{"subscription ID too large", V5, props(Properties{SubscriptionIDs: []uint32{1 << 28}}), ErrProtocolError},
		{"user property key", V5, props(Properties{User: []UserProperty{{"\xff", ""}}}), ErrMalformedPacket},
		{"user property value", V5, props(Properties{User: []UserProperty{{"", longString}}}), ErrMalformedPacket},
		{"correlation data too long", V5, props(Properties{CorrelationData: []byte(longString)}), ErrMalformedPacket},
		{"response topic with wildcard", V5, props(Properties{ResponseTopic: "#"}), ErrProtocolError}, // [MQTT-3.3.2-14]
		{"response topic empty", V5, marked(PropResponseTopic), ErrProtocolError},
		{"alias 0", V5, marked(PropTopicAlias), ErrTopicAliasInvalid}, // [MQTT-3.3.2-8]
	})
}

func TestPublishDecodeIsAView(t *testing.T) {
	t.Parallel()
	frame := mustAppend(t, &Publish{Topic: "abc", Payload: []byte("xyz"), Properties: Properties{ContentType: "json"}}, V5)
	var p Publish
	if err := p.Decode(0, frame[2:], V5); err != nil {
		t.Fatal(err)
	}
	copied := p.Clone()
	for i := range frame {
		frame[i] = '!'
	}
	if p.Topic != "!!!" || string(p.Payload) != "!!!" || p.Properties.ContentType != "!!!!" {
		t.Errorf("not a view: %+v", p)
	}
	if copied.Topic != "abc" || string(copied.Payload) != "xyz" || copied.Properties.ContentType != "json" {
		t.Errorf("the clone is a view: %+v", copied)
	}
	if cap(p.Payload) != len(p.Payload) {
		t.Errorf("appending to the payload would write into the body: cap %d", cap(p.Payload))
	}
}

func TestPublishCloneIsDeep(t *testing.T) {
	t.Parallel()
	frame := mustAppend(t, fullPublish(), V5)
	var p Publish
	if err := p.Decode(frame[0]&0x0F, frame[2:], V5); err != nil {
		t.Fatal(err)
	}
	c := p.Clone()
	clear(frame)
	clear(p.Properties.User)
	clear(p.Properties.SubscriptionIDs)
	if !sameFields(c, fullPublish()) {
		t.Errorf("got %+v", c)
	}
	p.Properties.Reset()
	if got := mustAppend(t, c, V5); !bytes.Equal(got, mustAppend(t, fullPublish(), V5)) {
		t.Errorf("got %q", got)
	}
}

func TestPublishDecodeOverwrites(t *testing.T) {
	t.Parallel()
	full := mustAppend(t, fullPublish(), V5)
	for _, v := range versions {
		p := fullPublish()
		if err := p.Decode(full[0]&0x0F, full[2:], V5); err != nil {
			t.Fatal(err)
		}
		bare := mustAppend(t, &Publish{Topic: "t"}, v)
		if err := p.Decode(0, bare[2:], v); err != nil {
			t.Fatal(err)
		}
		if !sameFields(p, &Publish{Topic: "t"}) || !reflect.DeepEqual(mustAppend(t, p, V5), []byte("\x30\x04\x00\x01t\x00")) {
			t.Errorf("MQTT %s: stale fields: %+v", v, p)
		}
	}
}

func TestPublishWithEveryLengthOfHeader(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 124, 125, 16380, 16381, 2097148, 2097149} {
		in := &Publish{Topic: "t", Payload: bytes.Repeat([]byte{'p'}, size)}
		p, err := decodeFrame(mustAppend(t, in, V311), V311)
		if err != nil {
			t.Fatalf("payload of %d bytes: %v", size, err)
		}
		if !sameFields(p, in) {
			t.Errorf("payload of %d bytes came back different", size)
		}
	}
}

func TestPublishLogsNoPayload(t *testing.T) {
	t.Parallel()
	got := logged(&Publish{Topic: "topic-7", Payload: []byte("hunter2"), Properties: Properties{CorrelationData: []byte("hunter2")}})
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "topic-7") {
		t.Errorf("logged %s", got)
	}
}

// logged returns what a log says of p.
func logged(p any) string {
	var b strings.Builder
	slog.New(slog.NewTextHandler(&b, nil)).Info("packet", "packet", p)
	return b.String()
}
