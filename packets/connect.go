package packets

// Connect asks for a connection; it is the first packet of a client.
type Connect struct {
	Version      Version
	CleanStart   bool   // Clean Session in MQTT 3
	KeepAlive    uint16 // seconds
	ClientID     string
	Username     string
	UsernameFlag bool
	Password     []byte
	PasswordFlag bool
	WillFlag     bool
	Will         Will
	Properties   Properties
}

var _ decoder = (*Connect)(nil)

// The bits of the Connect Flags.
const (
	connectReserved   = 1 << 0
	connectCleanStart = 1 << 1
	connectWill       = 1 << 2
	connectWillQoS    = 3 << 3
	connectWillRetain = 1 << 5
	connectPassword   = 1 << 6
	connectUsername   = 1 << 7
)

// Type returns TypeConnect.
func (*Connect) Type() Type { return TypeConnect }

// Decode overwrites p with the packet that has the flags, the low nibble of the
// first byte, and the complete body. It reads the version from the packet and
// keeps no reference to body. With ErrUnsupportedProtocolVersion the packet is
// of MQTT, and Version is the unknown level it asks for.
func (p *Connect) Decode(flags byte, body []byte, _ Version) error {
	*p = Connect{}
	if err := checkFlags(TypeConnect, flags, V5); err != nil {
		return err
	}
	r := bodyReader{rest: body, t: TypeConnect}
	if err := p.decodeVersion(&r); err != nil {
		return err
	}
	bits := r.byte("Connect Flags")
	if err := p.checkConnectFlags(bits); r.err == nil && err != nil {
		return err
	}
	p.CleanStart = bits&connectCleanStart != 0
	p.KeepAlive = r.uint16("Keep Alive")
	p.decodeProperties(&r)
	p.ClientID = string(r.text("Client Identifier"))
	if bits&connectWill != 0 {
		p.decodeWill(&r, bits)
	}
	p.decodeCredentials(&r, bits)
	return r.end()
}

func (p *Connect) decodeVersion(r *bodyReader) error {
	name := r.text("Protocol Name")
	level := Version(r.byte("Protocol Version"))
	if r.err != nil {
		return r.err
	}
	if n := string(name); n != "MQTT" && n != "MQIsdp" {
		return protocolError("CONNECT with an unknown Protocol Name") // [MQTT-3.1.2-1]
	}
	p.Version = level
	known := level == V31
	if string(name) == "MQTT" {
		known = level == V311 || level == V5
	}
	if !known {
		return &Error{Code: ErrUnsupportedProtocolVersion, // [MQTT-3.1.2-2]
			Detail: "CONNECT of " + string(name) + " with " + level.String()}
	}
	return nil
}

func (p *Connect) checkConnectFlags(bits byte) error {
	willQoS := bits & connectWillQoS >> 3
	switch {
	case bits&connectReserved != 0:
		return malformed("CONNECT with its reserved flag set") // [MQTT-3.1.2-3]
	case willQoS == 3:
		return malformed("CONNECT with Will QoS 3") // [MQTT-3.1.2-12]
	case bits&connectWill == 0 && willQoS != 0:
		return malformed("CONNECT with Will QoS but no Will") // [MQTT-3.1.2-11]
	case bits&connectWill == 0 && bits&connectWillRetain != 0:
		return malformed("CONNECT with Will Retain but no Will") // [MQTT-3.1.2-13]
	case p.Version < V5 && bits&connectPassword != 0 && bits&connectUsername == 0:
		return malformed("CONNECT with a Password but no User Name") // [MQTT311-3.1.2-22]
	}
	return nil
}

func (p *Connect) decodeProperties(r *bodyReader) {
	if p.Version < V5 {
		return
	}
	r.properties(&p.Properties, TypeConnect)
	if p.Properties.Has(PropAuthenticationData) && !p.Properties.Has(PropAuthenticationMethod) {
		r.fail(dataWithoutMethod())
	}
}

func (p *Connect) decodeCredentials(r *bodyReader, bits byte) {
	if bits&connectUsername != 0 && !p.leftOut(r) {
		p.UsernameFlag = true
		p.Username = string(r.text("User Name")) // [MQTT-3.1.3-12]
	}
	if bits&connectPassword != 0 && !p.leftOut(r) {
		p.PasswordFlag = true
		p.Password = copyBytes(r.binary("Password"))
	}
}

// leftOut reports whether a credential that was announced is missing: MQTT 3.1
// gives the Remaining Length precedence over the flags.
func (p *Connect) leftOut(r *bodyReader) bool {
	return p.Version == V31 && r.err == nil && len(r.rest) == 0
}

// Append implements [Packet]. It encodes for v, or for p.Version if v is 0.
func (p *Connect) Append(dst []byte, v Version) ([]byte, error) {
	if v == 0 {
		v = p.Version
	}
	w := beginPacket(dst, TypeConnect, 0)
	switch v {
	case V31:
		w.text("MQIsdp", "Protocol Name")
	case V311, V5:
		w.text("MQTT", "Protocol Name")
	default:
		return dst, ErrUnsupportedProtocolVersion
	}
	w.byte(byte(v))
	w.byte(p.connectFlags())
	w.uint16(p.KeepAlive)
	p.appendProperties(&w, v)
	w.text(p.ClientID, "Client Identifier")
	if p.WillFlag {
		p.Will.append(&w, v)
	}
	p.appendCredentials(&w, v)
	return w.finish()
}

func (p *Connect) connectFlags() (bits byte) {
	if p.CleanStart {
		bits |= connectCleanStart
	}
	if p.WillFlag {
		bits |= connectWill | p.Will.QoS<<3&connectWillQoS
	}
	if p.WillFlag && p.Will.Retain {
		bits |= connectWillRetain
	}
	if p.hasPassword() {
		bits |= connectPassword
	}
	if p.hasUsername() {
		bits |= connectUsername
	}
	return bits
}

func (p *Connect) hasUsername() bool { return p.UsernameFlag || p.Username != "" }
func (p *Connect) hasPassword() bool { return p.PasswordFlag || len(p.Password) > 0 }

func (p *Connect) appendProperties(w *packetWriter, v Version) {
	if v < V5 {
		return
	}
	if p.Properties.Has(PropAuthenticationData) && !p.Properties.Has(PropAuthenticationMethod) {
		w.fail(dataWithoutMethod())
	}
	w.properties(&p.Properties, TypeConnect)
}

func (p *Connect) appendCredentials(w *packetWriter, v Version) {
	if v < V5 && p.hasPassword() && !p.hasUsername() {
		w.fail(malformed("CONNECT with a Password but no User Name"))
	}
	if p.hasUsername() {
		w.text(p.Username, "User Name")
	}
	if p.hasPassword() {
		w.binary(p.Password, "Password")
	}
}

func dataWithoutMethod() error {
	return protocolError("Authentication Data without an Authentication Method")
}
