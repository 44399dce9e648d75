package packets

// ConnackV3 returns the CONNACK return code of MQTT 3.1 and 3.1.1, 0 to 5,
// that says what the code says, as nearly as five numbers can.
func (c Code) ConnackV3() byte {
	switch {
	case !c.Failed():
		return 0
	case c == ErrUnsupportedProtocolVersion:
		return 1
	case c == ErrClientIdentifierNotValid:
		return 2
	case c == ErrBadUsernameOrPassword, c == ErrBadAuthenticationMethod:
		return 4
	case c == ErrNotAuthorized, c == ErrBanned:
		return 5
	}
	return 3
}
