package packets

// Disconnect is the last packet of a connection. MQTT 3 knows it from the
// client only, and without a Code.
type Disconnect struct {
	Code       Code // MQTT 5.0 only [MQTT-3.14.2-1]
	Properties Properties
}

var _ decoder = (*Disconnect)(nil)

// Type returns TypeDisconnect.
func (*Disconnect) Type() Type { return TypeDisconnect }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It keeps no reference to body.
func (p *Disconnect) Decode(flags byte, body []byte, v Version) error {
	*p = Disconnect{}
	if err := checkFlags(TypeDisconnect, flags, v); err != nil {
		return err // [MQTT-3.14.1-1]
	}
	if len(body) == 0 {
		return nil // Reason Code 0x00, no properties
	}
	if v < V5 {
		return malformed("DISCONNECT has %d bytes too many", len(body))
	}
	return decodeReason(TypeDisconnect, body, &p.Code, &p.Properties)
}

// Append implements [Packet]. A Code that DISCONNECT may not carry is sent as
// the one nearest to it, see [Code.For].
func (p *Disconnect) Append(dst []byte, v Version) ([]byte, error) {
	w := beginPacket(dst, TypeDisconnect, 0)
	bare := p.Properties.present(TypeDisconnect) == 0
	if v >= V5 && (p.Code != CodeSuccess || !bare) {
		w.code(p.Code, TypeDisconnect)
		if !bare {
			w.properties(&p.Properties, TypeDisconnect)
		}
	}
	return w.finish()
}
