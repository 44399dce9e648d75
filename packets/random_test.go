package packets

import (
	"math/rand/v2"
	"testing"
)

// randomPacket returns a valid packet of version v, of any type v has.
func randomPacket(rng *rand.Rand, v Version) Packet {
	g := generator{rng, v}
	last := TypeDisconnect
	if v == V5 {
		last = TypeAuth
	}
	switch t := Type(1 + rng.IntN(int(last))); t {
	case TypeConnect:
		return g.connect()
	case TypeConnack:
		return g.connack()
	case TypePublish:
		return g.publish()
	case TypePuback:
		return &Puback{PacketID: g.id(), Code: g.ackCode(t), Properties: g.properties(t)}
	case TypePubrec:
		return &Pubrec{PacketID: g.id(), Code: g.ackCode(t), Properties: g.properties(t)}
	case TypePubrel:
		return &Pubrel{PacketID: g.id(), Code: g.ackCode(t), Properties: g.properties(t)}
	case TypePubcomp:
		return &Pubcomp{PacketID: g.id(), Code: g.ackCode(t), Properties: g.properties(t)}
	case TypeSubscribe:
		return g.subscribe()
	case TypeSuback:
		return &Suback{PacketID: g.id(), Codes: g.codes(t), Properties: g.properties(t)}
	case TypeUnsubscribe:
		p := &Unsubscribe{PacketID: g.id(), Properties: g.properties(t)}
		for range 1 + rng.IntN(4) {
			p.Filters = append(p.Filters, g.text())
		}
		return p
	case TypeUnsuback:
		p := &Unsuback{PacketID: g.id(), Properties: g.properties(t)}
		if v == V5 {
			p.Codes = g.codes(t)
		}
		return p
	case TypePingreq:
		return &Pingreq{}
	case TypePingresp:
		return &Pingresp{}
	case TypeDisconnect:
		return &Disconnect{Code: g.ackCode(t), Properties: g.properties(t)}
	default:
		p := &Auth{Code: g.code(t), Properties: g.properties(t)}
		p.Properties.AuthenticationMethod = "m"
		return p
	}
}

type generator struct {
	*rand.Rand
	v Version
}

func (g generator) flip() bool { return g.IntN(2) == 0 }
func (g generator) id() uint16 { return uint16(1 + g.IntN(65535)) }

var pieces = []string{"a", "site/", "ä", "€", "𝄞", "/", "\x01", "\ufeff", "temperature", "$SYS"}

func (g generator) text() (s string) {
	for range g.IntN(6) {
		s += pieces[g.IntN(len(pieces))]
	}
	return s
}

func (g generator) topic() string { return "t" + g.text() }

func (g generator) bytes() []byte {
	b := make([]byte, g.IntN(200))
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

// code returns a code which a packet of type t may carry.
func (g generator) code(t Type) Code {
	for {
		if c := Code(g.Uint32()); c.AllowedIn(t) {
			return c
		}
	}
}

// ackCode is a code, or none in the versions that send none.
func (g generator) ackCode(t Type) Code {
	if g.v < V5 {
		return CodeSuccess
	}
	return g.code(t)
}

func (g generator) codes(t Type) (codes []Code) {
	for range 1 + g.IntN(5) {
		c := g.code(t)
		if g.v < V5 && c.Failed() {
			c = ErrUnspecified
		}
		codes = append(codes, c)
	}
	return codes
}

func (g generator) connect() *Connect {
	p := &Connect{Version: g.v, CleanStart: g.flip(), KeepAlive: uint16(g.Uint32()), ClientID: g.text(), Properties: g.properties(TypeConnect)}
	if g.flip() {
		p.UsernameFlag, p.Username = true, g.text()
	}
	if g.flip() && (p.UsernameFlag || g.v == V5) {
		p.PasswordFlag, p.Password = true, g.bytes()
	}
	if g.flip() {
		p.WillFlag = true
		p.Will = Will{Topic: g.topic(), Payload: g.bytes(), QoS: byte(g.IntN(3)), Retain: g.flip(), Properties: g.properties(TypeWill)}
	}
	if p.Properties.Has(PropAuthenticationData) {
		p.Properties.AuthenticationMethod = "m"
	}
	return p
}

func (g generator) connack() *Connack {
	p := &Connack{Code: connackCodes[g.IntN(len(connackCodes))], Properties: g.properties(TypeConnack)}
	if g.v == V5 {
		p.Code = g.code(TypeConnack)
	}
	p.SessionPresent = g.flip() && !p.Code.Failed() && g.v != V31
	return p
}

func (g generator) publish() *Publish {
	p := &Publish{Topic: g.topic(), Payload: g.bytes(), QoS: byte(g.IntN(3)), Retain: g.flip(), Properties: g.properties(TypePublish)}
	if p.QoS > 0 {
		p.PacketID, p.Dup = g.id(), g.flip()
	}
	if p.Properties.TopicAlias != 0 && g.flip() {
		p.Topic = ""
	}
	return p
}

func (g generator) subscribe() *Subscribe {
	p := &Subscribe{PacketID: g.id(), Properties: g.properties(TypeSubscribe)}
	for range 1 + g.IntN(4) {
		s := Subscription{Filter: g.text(), QoS: byte(g.IntN(3))}
		if g.v == V5 {
			s.NoLocal, s.RetainAsPublished, s.RetainHandling = g.flip(), g.flip(), byte(g.IntN(3))
		}
		p.Subscriptions = append(p.Subscriptions, s)
	}
	return p
}

// properties returns some of the properties a packet of type t may carry, some
// of them marked with a value of zero.
func (g generator) properties(t Type) (p Properties) {
	if g.v < V5 || g.flip() {
		return p
	}
	for id := range PropertyID(64) {
		if propertiesOf[t]&(1<<id) == 0 || g.IntN(3) > 0 {
			continue
		}
		g.property(&p, id, t)
	}
	return p
}

func (g generator) property(p *Properties, id PropertyID, t Type) {
	spec := propertyTable[id]
	if spec.rule != notZero && spec.rule != topicName {
		p.Set(id)
	}
	switch spec.kind {
	case kindByte:
		p.setNumber(id, g.Uint32N(2))
	case kindUint16:
		p.setNumber(id, 1+g.Uint32N(65535))
	case kindUint32:
		p.setNumber(id, 1+g.Uint32N(1<<32-1))
	case kindText:
		*p.textField(id) = g.text()
		if spec.rule == topicName {
			*p.textField(id) = g.topic()
		}
	case kindBinary:
		*p.binaryField(id) = g.bytes()
	case kindVarint:
		p.SubscriptionIDs = []uint32{1 + g.Uint32N(maxRemainingLength)}
		if t == TypePublish {
			p.SubscriptionIDs = append(p.SubscriptionIDs, 1+g.Uint32N(200))
		}
	case kindPair:
		for range 1 + g.IntN(3) {
			p.User = append(p.User, UserProperty{g.text(), g.text()})
		}
	case kindNone:
	}
}

// TestRandomPackets: what is encoded is decoded as it was.
func TestRandomPackets(t *testing.T) {
	t.Parallel()
	for _, v := range versions {
		t.Run(v.String(), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(20, uint64(v)))
			for i := range 5000 {
				p := randomPacket(rng, v)
				frame := mustAppend(t, p, v)
				got, err := decodeFrame(frame, v)
				if err != nil {
					t.Fatalf("packet %d: %v\n%+v\n%q", i, err, p, frame)
				}
				if !sameFields(got, p) {
					t.Fatalf("packet %d\n got %+v\nwant %+v", i, got, p)
				}
				if again := mustAppend(t, got, v); string(again) != string(frame) {
					t.Fatalf("packet %d encoded\n got %q\nwant %q", i, again, frame)
				}
			}
		})
	}
}

// TestRandomPacketsCutShort: no prefix of a body makes Decode panic, and none of
// a CONNECT is enough, but for the credentials MQTT 3.1 may leave out.
func TestRandomPacketsCutShort(t *testing.T) {
	t.Parallel()
	for _, v := range versions {
		rng := rand.New(rand.NewPCG(21, uint64(v)))
		for range 300 {
			frame := mustAppend(t, randomPacket(rng, v), v)
			_, n, size, _ := ScanHeader(frame)
			for cut := range size {
				body := frame[n : n+cut : n+cut]
				p, err := Decode(frame[0], body, v)
				if err == nil && p.Type() == TypeConnect && v != V31 {
					t.Fatalf("MQTT %s: %d of %d bytes of CONNECT were enough: %q", v, cut, size, frame)
				}
			}
		}
	}
}
