package packets

// Connect asks for a connection.
type Connect struct {
	Version      Version
	CleanStart   bool
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

// Will is the Will Message of a CONNECT.
type Will struct {
	Topic      string
	Payload    []byte
	QoS        QoS
	Retain     bool
	Properties Properties
}

// Type returns TypeConnect.
func (*Connect) Type() Type { return TypeConnect }

// Decode overwrites p with the packet in body.
func (p *Connect) Decode(flags byte, body []byte, v Version) error {
	return ErrImplementationSpecific
}

// Append implements [Packet].
func (p *Connect) Append(dst []byte, v Version) ([]byte, error) {
	return dst, ErrImplementationSpecific
}
