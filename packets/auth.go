package packets

// Auth carries one step of extended authentication, MQTT 5.0 only.
type Auth struct {
	Code       Code // [MQTT-3.15.2-1]
	Properties Properties
}

var _ decoder = (*Auth)(nil)

// Type returns TypeAuth.
func (*Auth) Type() Type { return TypeAuth }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body.
func (p *Auth) Decode(flags byte, body []byte, v Version) error {
	*p = Auth{}
	if v < V5 {
		return malformed("AUTH in MQTT %s", v)
	}
	if err := checkFlags(TypeAuth, flags, v); err != nil {
		return err // [MQTT-3.15.1-1]
	}
	if len(body) == 0 {
		return nil // Reason Code 0x00, no properties
	}
	if len(body) == 1 {
		return malformed("AUTH ends before its properties")
	}
	if err := decodeReason(TypeAuth, body, &p.Code, &p.Properties); err != nil {
		return err
	}
	if !p.Properties.Has(PropAuthenticationMethod) {
		return protocolError("AUTH without an Authentication Method")
	}
	return nil
}

// Append implements [Packet]. An AUTH needs an Authentication Method unless it
// is all zero.
func (p *Auth) Append(dst []byte, v Version) ([]byte, error) {
	if v < V5 {
		return dst, protocolError("AUTH in MQTT %s", v)
	}
	w := beginPacket(dst, TypeAuth, 0)
	if p.Code == CodeSuccess && p.Properties.present(TypeAuth) == 0 {
		return w.finish()
	}
	if !p.Properties.Has(PropAuthenticationMethod) {
		w.fail(protocolError("AUTH without an Authentication Method"))
	}
	w.code(p.Code, TypeAuth)
	w.properties(&p.Properties, TypeAuth)
	return w.finish()
}
