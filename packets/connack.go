package packets

// Connack answers a CONNECT.
type Connack struct {
	SessionPresent bool
	Code           Code // in MQTT 3 sent as the return code nearest to it
	Properties     Properties
}

var _ decoder = (*Connack)(nil)

// connackCodes are the return codes of MQTT 3 as Reason Codes.
var connackCodes = [...]Code{
	CodeSuccess, ErrUnsupportedProtocolVersion, ErrClientIdentifierNotValid,
	ErrServerUnavailable, ErrBadUsernameOrPassword, ErrNotAuthorized,
}

// Type returns TypeConnack.
func (*Connack) Type() Type { return TypeConnack }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body.
func (p *Connack) Decode(flags byte, body []byte, v Version) error {
	*p = Connack{}
	if err := checkFlags(TypeConnack, flags, v); err != nil {
		return err
	}
	r := bodyReader{rest: body, t: TypeConnack}
	acknowledge := r.byte("Acknowledge Flags")
	if v == V31 {
		acknowledge = 0 // a reserved byte, not used
	}
	if acknowledge > 1 {
		return malformed("CONNACK with Acknowledge Flags 0x%02X", acknowledge) // [MQTT-3.2.2-1]
	}
	p.SessionPresent = acknowledge == 1
	code := r.byte("Reason Code")
	if v >= V5 {
		r.properties(&p.Properties, TypeConnack)
	}
	if err := r.end(); err != nil {
		return err
	}
	return p.setCode(code, v)
}

func (p *Connack) setCode(code byte, v Version) error {
	switch {
	case v < V5 && int(code) < len(connackCodes):
		p.Code = connackCodes[code]
	case v >= V5 && Code(code).AllowedIn(TypeConnack):
		p.Code = Code(code) // [MQTT-3.2.2-8]
	default:
		return codeNotAllowed(Code(code), TypeConnack)
	}
	if p.SessionPresent && p.Code.Failed() {
		return protocolError("CONNACK with Session Present and reason code 0x%02X", code) // [MQTT-3.2.2-6]
	}
	return nil
}

// Append implements [Packet]. MQTT 3 sends the return code of
// [Code.ConnackV3], MQTT 5.0 that of [Code.For].
func (p *Connack) Append(dst []byte, v Version) ([]byte, error) {
	w := beginPacket(dst, TypeConnack, 0)
	w.byte(p.acknowledgeFlags(v))
	if v < V5 {
		w.byte(p.Code.ConnackV3())
		return w.finish()
	}
	w.code(p.Code, TypeConnack)
	w.properties(&p.Properties, TypeConnack)
	return w.finish()
}

// acknowledgeFlags leaves Session Present out where it must not be: with a
// refusal [MQTT-3.2.2-6] and in MQTT 3.1, which does not know it.
func (p *Connack) acknowledgeFlags(v Version) byte {
	if p.SessionPresent && !p.Code.Failed() && v != V31 {
		return 1
	}
	return 0
}
