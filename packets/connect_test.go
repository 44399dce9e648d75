package packets

import (
	"strings"
	"testing"
)

func TestConnectWire(t *testing.T) {
	t.Parallel()
	testWire(t, []wireCase{
		{"v3.1", V31, "\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01c", &Connect{
			Version: V31, CleanStart: true, KeepAlive: 60, ClientID: "c",
		}},
		{"v3.1.1 empty", V311, "\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00", &Connect{Version: V311}},
		{"v3.1.1 credentials", V311, "\x10\x12\x00\x04MQTT\x04\xc2\x00\x0a\x00\x00\x00\x01u\x00\x01p", &Connect{
			Version: V311, CleanStart: true, KeepAlive: 10, Username: "u", UsernameFlag: true, Password: []byte("p"), PasswordFlag: true,
		}},
		{"v3.1.1 empty credentials", V311, "\x10\x10\x00\x04MQTT\x04\xc0\x00\x00\x00\x00\x00\x00\x00\x00", &Connect{
			Version: V311, UsernameFlag: true, PasswordFlag: true,
		}},
		{"v3.1.1 will", V311, "\x10\x13\x00\x04MQTT\x04\x34\x00\x00\x00\x01c\x00\x01t\x00\x01m", &Connect{
			Version: V311, ClientID: "c", WillFlag: true, Will: Will{Topic: "t", Payload: []byte("m"), QoS: 2, Retain: true},
		}},
		{"v5 password without user name", V5, "\x10\x10\x00\x04MQTT\x05\x40\x00\x00\x00\x00\x00\x00\x01p", &Connect{
			Version: V5, Password: []byte("p"), PasswordFlag: true,
		}},
		{"v5 properties", V5, "\x10\x37\x00\x04MQTT\x05\x00\x00\x00\x2a" +
			"\x11\x00\x00\x00\x01" + "\x15\x00\x01m" + "\x16\x00\x01d" + "\x17\x01" + "\x19\x01" +
			"\x21\x00\x02" + "\x22\x00\x03" + "\x26\x00\x01k\x00\x01v" + "\x26\x00\x01k\x00\x01w" + "\x27\x00\x00\x00\x04" +
			"\x00\x00", &Connect{Version: V5, Properties: Properties{
			SessionExpiryInterval: 1, AuthenticationMethod: "m", AuthenticationData: []byte("d"),
			RequestProblemInformation: 1, RequestResponseInformation: 1, ReceiveMaximum: 2, TopicAliasMaximum: 3,
			User: []UserProperty{{"k", "v"}, {"k", "w"}}, MaximumPacketSize: 4,
		}}},
		{"v5 will properties", V5, "\x10\x2c\x00\x04MQTT\x05\x0c\x00\x00\x00\x00\x00" +
			"\x18\x01\x01\x02\x00\x00\x00\x05\x03\x00\x01c\x08\x00\x01r\x09\x00\x01d\x18\x00\x00\x00\x07" + "\x00\x01t\x00\x01m", &Connect{
			Version: V5, WillFlag: true, Will: Will{Topic: "t", Payload: []byte("m"), QoS: 1, Properties: Properties{
				PayloadFormatIndicator: 1, MessageExpiryInterval: 5, ContentType: "c", ResponseTopic: "r",
				CorrelationData: []byte("d"), WillDelayInterval: 7,
			}},
		}},
	})
}

const (
	head5   = "\x00\x04MQTT\x05"
	head311 = "\x00\x04MQTT\x04"
	head31  = "\x00\x06MQIsdp\x03"
)

func TestConnectDecodeRefuses(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{
		{"flags", V5, 0x11, head5 + "\x00\x00\x00\x00\x00\x00", ErrMalformedPacket}, // [MQTT-2.1.3-1]
		{"empty", V5, 0x10, "", ErrMalformedPacket},
		{"no level", V5, 0x10, "\x00\x04MQTT", ErrMalformedPacket},
		{"no flags", V5, 0x10, head5, ErrMalformedPacket},
		{"no client ID", V311, 0x10, head311 + "\x00\x00\x00", ErrMalformedPacket},                                  // [MQTT-3.1.3-3]
		{"unknown name", V5, 0x10, "\x00\x04mqtt\x05\x00\x00\x00\x00\x00\x00", ErrProtocolError},                    // [MQTT-3.1.2-1]
		{"another protocol", V5, 0x10, "\x00\x04HTTP\x05", ErrProtocolError},                                        // [MQTT-3.1.2-1]
		{"level 6", V5, 0x10, "\x00\x04MQTT\x06\x00\x00\x00\x00\x00\x00", ErrUnsupportedProtocolVersion},            // [MQTT-3.1.2-2]
		{"MQTT with level 3", V5, 0x10, "\x00\x04MQTT\x03\x00\x00\x00\x00\x00", ErrUnsupportedProtocolVersion},      // [MQTT-3.1.2-2]
		{"bridge bit", V5, 0x10, "\x00\x04MQTT\x84\x00\x00\x00\x00\x00", ErrUnsupportedProtocolVersion},             // [MQTT311-3.1.2-2]
		{"MQIsdp with level 4", V5, 0x10, "\x00\x06MQIsdp\x04\x00\x00\x00\x00\x00", ErrUnsupportedProtocolVersion},  // [MQTT311-3.1.2-2]
		{"reserved flag", V5, 0x10, head5 + "\x01\x00\x00\x00\x00\x00", ErrMalformedPacket},                         // [MQTT-3.1.2-3]
		{"reserved flag in v3.1.1", V311, 0x10, head311 + "\x01\x00\x00\x00\x00", ErrMalformedPacket},               // [MQTT311-3.1.2-3]
		{"will QoS 3", V5, 0x10, head5 + "\x1c\x00\x00\x00\x00\x00\x00\x00\x01t\x00\x00", ErrMalformedPacket},       // [MQTT-3.1.2-12]
		{"will QoS 3 in v3.1.1", V311, 0x10, head311 + "\x1c\x00\x00\x00\x00\x00\x01t\x00\x00", ErrMalformedPacket}, // [MQTT311-3.1.2-14]
		{"will QoS without will", V5, 0x10, head5 + "\x08\x00\x00\x00\x00\x00", ErrMalformedPacket},                 // [MQTT-3.1.2-11]
		{"will retain without will", V5, 0x10, head5 + "\x20\x00\x00\x00\x00\x00", ErrMalformedPacket},              // [MQTT-3.1.2-13]
		{"password alone in v3.1.1", V311, 0x10, head311 + "\x40\x00\x00\x00\x00\x00\x01p", ErrMalformedPacket},     // [MQTT311-3.1.2-22]
		{"password alone in v3.1", V31, 0x10, head31 + "\x40\x00\x00\x00\x01c\x00\x01p", ErrMalformedPacket},
		{"no will topic", V311, 0x10, head311 + "\x04\x00\x00\x00\x00", ErrMalformedPacket}, // [MQTT-3.1.2-9]
		{"no will payload", V311, 0x10, head311 + "\x04\x00\x00\x00\x00\x00\x01t", ErrMalformedPacket},
		{"will topic empty", V311, 0x10, head311 + "\x04\x00\x00\x00\x00\x00\x00\x00\x00", ErrProtocolError},            // [MQTT-4.7.3-1]
		{"will topic with wildcard", V311, 0x10, head311 + "\x04\x00\x00\x00\x00\x00\x01#\x00\x00", ErrMalformedPacket}, // [MQTT-3.3.2-2]
		{"will topic not UTF-8", V311, 0x10, head311 + "\x04\x00\x00\x00\x00\x00\x01\xff\x00\x00", ErrMalformedPacket},  // [MQTT-3.1.3-11]
		{"user name missing", V311, 0x10, head311 + "\x80\x00\x00\x00\x00", ErrMalformedPacket},                         // [MQTT-3.1.2-17]
		{"password missing", V5, 0x10, head5 + "\x40\x00\x00\x00\x00\x00", ErrMalformedPacket},                          // [MQTT-3.1.2-19]
		{"user name without flag", V311, 0x10, head311 + "\x00\x00\x00\x00\x00\x00\x01u", ErrMalformedPacket},           // [MQTT-3.1.2-16]
		{"password without flag", V311, 0x10, head311 + "\x80\x00\x00\x00\x00\x00\x01u\x00\x01p", ErrMalformedPacket},   // [MQTT-3.1.2-18]
		{"user name not UTF-8", V311, 0x10, head311 + "\x80\x00\x00\x00\x00\x00\x01\xff", ErrMalformedPacket},           // [MQTT-3.1.3-12]
		{"client ID not UTF-8", V311, 0x10, head311 + "\x00\x00\x00\x00\x01\xff", ErrMalformedPacket},                   // [MQTT-3.1.3-4]
		{"client ID with NUL", V311, 0x10, head311 + "\x00\x00\x00\x00\x01\x00", ErrMalformedPacket},                    // [MQTT-1.5.4-2]
		{"trailing byte", V5, 0x10, head5 + "\x00\x00\x00\x00\x00\x00\x00", ErrMalformedPacket},
		{"properties cut short", V5, 0x10, head5 + "\x00\x00\x00\x05\x11\x00", ErrMalformedPacket},
		{"receive maximum 0", V5, 0x10, head5 + "\x00\x00\x00\x03\x21\x00\x00\x00\x00", ErrProtocolError},
		{"maximum packet size 0", V5, 0x10, head5 + "\x00\x00\x00\x05\x27\x00\x00\x00\x00\x00\x00", ErrProtocolError},
		{"request problem information 2", V5, 0x10, head5 + "\x00\x00\x00\x02\x17\x02\x00\x00", ErrProtocolError},
		{"authentication data alone", V5, 0x10, head5 + "\x00\x00\x00\x03\x16\x00\x00\x00\x00", ErrProtocolError},
		{"will property in CONNECT", V5, 0x10, head5 + "\x00\x00\x00\x05\x18\x00\x00\x00\x00\x00\x00", ErrMalformedPacket},
		{"CONNECT property in will", V5, 0x10, head5 + "\x04\x00\x00\x00\x00\x00\x03\x21\x00\x01\x00\x01t\x00\x00", ErrMalformedPacket},
		{"will response topic with wildcard", V5, 0x10, head5 + "\x04\x00\x00\x00\x00\x00\x04\x08\x00\x01+\x00\x01t\x00\x00", ErrProtocolError},
	})
}

func TestConnectNamesTheVersionItRefuses(t *testing.T) {
	t.Parallel()
	var p Connect
	err := p.Decode(0, []byte("\x00\x04MQTT\x07\x00"), 0) // [MQTT-3.1.2-2]
	if CodeOf(err) != ErrUnsupportedProtocolVersion || p.Version != 7 {
		t.Errorf("version %d, error %v", p.Version, err)
	}
}

func TestConnectOfMQTT31MayLeaveCredentialsOut(t *testing.T) {
	t.Parallel()
	var p Connect
	if err := p.Decode(0, []byte(head31+"\xc2\x00\x00\x00\x01c"), 0); err != nil {
		t.Fatal(err)
	}
	if p.UsernameFlag || p.PasswordFlag {
		t.Errorf("credentials from nowhere: %+v", p)
	}
	if err := p.Decode(0, []byte(head31+"\xc2\x00\x00\x00\x01c\x00\x01u"), 0); err != nil {
		t.Fatal(err)
	}
	if p.Username != "u" || p.PasswordFlag {
		t.Errorf("got %+v", p)
	}
}

func TestConnectAppend(t *testing.T) {
	t.Parallel()
	testUnsendable(t, []unsendableCase{
		{"unknown version", 9, &Connect{}, ErrUnsupportedProtocolVersion},
		{"password alone in v3.1.1", V311, &Connect{Password: []byte("p")}, ErrMalformedPacket}, // [MQTT311-3.1.2-22]
		{"client ID too long", V5, &Connect{ClientID: longString}, ErrMalformedPacket},
		{"password too long", V5, &Connect{Password: []byte(longString)}, ErrMalformedPacket},
		{"will QoS 3", V5, &Connect{WillFlag: true, Will: Will{Topic: "t", QoS: 3}}, ErrMalformedPacket}, // [MQTT-3.1.2-12]
		{"will topic empty", V5, &Connect{WillFlag: true}, ErrProtocolError},
		{"will payload too long", V5, &Connect{WillFlag: true, Will: Will{Topic: "t", Payload: []byte(longString)}}, ErrMalformedPacket},
		{"authentication data alone", V5, &Connect{Properties: Properties{AuthenticationData: []byte("d")}}, ErrProtocolError},
	})
	t.Run("own version", func(t *testing.T) {
		t.Parallel()
		got := string(mustAppend(t, &Connect{Version: V311, Username: "u"}, 0))
		if want := "\x10\x0f\x00\x04MQTT\x04\x80\x00\x00\x00\x00\x00\x01u"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestConnectKeepsNoReference(t *testing.T) {
	t.Parallel()
	in := &Connect{
		Version: V5, ClientID: "client", Username: "user", Password: []byte("secret"), WillFlag: true,
		Will: Will{Topic: "topic", Payload: []byte("payload"), Properties: Properties{CorrelationData: []byte("corr"), ContentType: "type"}},
	}
	frame := mustAppend(t, in, V5)
	var p Connect
	if err := p.Decode(0, frame[2:], 0); err != nil {
		t.Fatal(err)
	}
	clear(frame)
	if p.ClientID != "client" || p.Username != "user" || string(p.Password) != "secret" || p.Will.Topic != "topic" ||
		string(p.Will.Payload) != "payload" || string(p.Will.Properties.CorrelationData) != "corr" || p.Will.Properties.ContentType != "type" {
		t.Errorf("the packet changed with the body: %+v", p)
	}
}

func TestConnectLogsNoSecret(t *testing.T) {
	t.Parallel()
	p := &Connect{
		Version: V5, ClientID: "client-7", Username: "user", Password: []byte("hunter2"), WillFlag: true,
		Will:       Will{Topic: "t", Payload: []byte("hunter2")},
		Properties: Properties{AuthenticationMethod: "m", AuthenticationData: []byte("hunter2")},
	}
	got := logged(p)
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "client-7") {
		t.Errorf("logged %s", got)
	}
}
