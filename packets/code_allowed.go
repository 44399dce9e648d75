package packets

// inPackets returns the set of packet types, a bit each.
func inPackets(types ...Type) (set uint32) {
	for _, t := range types {
		set |= 1 << t
	}
	return set
}

// codePackets holds for every Reason Code the packets that may carry it, from
// the tables of the packets in MQTT 5.0, chapter 3.
var codePackets = [256]uint32{
	CodeSuccess: inPackets(TypeConnack, TypePuback, TypePubrec, TypePubrel, TypePubcomp,
		TypeSuback, TypeUnsuback, TypeDisconnect, TypeAuth),
	CodeGrantedQoS1:                      inPackets(TypeSuback),
	CodeGrantedQoS2:                      inPackets(TypeSuback),
	CodeDisconnectWithWill:               inPackets(TypeDisconnect),
	CodeNoMatchingSubscribers:            inPackets(TypePuback, TypePubrec),
	CodeNoSubscriptionExisted:            inPackets(TypeUnsuback),
	CodeContinueAuthentication:           inPackets(TypeAuth),
	CodeReauthenticate:                   inPackets(TypeAuth),
	ErrUnspecified:                       inPackets(TypeConnack, TypePuback, TypePubrec, TypeSuback, TypeUnsuback, TypeDisconnect),
	ErrMalformedPacket:                   inPackets(TypeConnack, TypeDisconnect),
	ErrProtocolError:                     inPackets(TypeConnack, TypeDisconnect),
	ErrImplementationSpecific:            inPackets(TypeConnack, TypePuback, TypePubrec, TypeSuback, TypeUnsuback, TypeDisconnect),
	ErrUnsupportedProtocolVersion:        inPackets(TypeConnack),
	ErrClientIdentifierNotValid:          inPackets(TypeConnack),
	ErrBadUsernameOrPassword:             inPackets(TypeConnack),
	ErrNotAuthorized:                     inPackets(TypeConnack, TypePuback, TypePubrec, TypeSuback, TypeUnsuback, TypeDisconnect),
	ErrServerUnavailable:                 inPackets(TypeConnack),
	ErrServerBusy:                        inPackets(TypeConnack, TypeDisconnect),
	ErrBanned:                            inPackets(TypeConnack),
	ErrServerShuttingDown:                inPackets(TypeDisconnect),
	ErrBadAuthenticationMethod:           inPackets(TypeConnack, TypeDisconnect),
	ErrKeepAliveTimeout:                  inPackets(TypeDisconnect),
	ErrSessionTakenOver:                  inPackets(TypeDisconnect),
	ErrTopicFilterInvalid:                inPackets(TypeSuback, TypeUnsuback, TypeDisconnect),
	ErrTopicNameInvalid:                  inPackets(TypeConnack, TypePuback, TypePubrec, TypeDisconnect),
	ErrPacketIDInUse:                     inPackets(TypePuback, TypePubrec, TypeSuback, TypeUnsuback),
	ErrPacketIDNotFound:                  inPackets(TypePubrel, TypePubcomp),
	ErrReceiveMaximumExceeded:            inPackets(TypeDisconnect),
	ErrTopicAliasInvalid:                 inPackets(TypeDisconnect),
	ErrPacketTooLarge:                    inPackets(TypeConnack, TypeDisconnect),
	ErrMessageRateTooHigh:                inPackets(TypeDisconnect),
	ErrQuotaExceeded:                     inPackets(TypeConnack, TypePuback, TypePubrec, TypeSuback, TypeDisconnect),
	ErrAdministrativeAction:              inPackets(TypeDisconnect),
	ErrPayloadFormatInvalid:              inPackets(TypeConnack, TypePuback, TypePubrec, TypeDisconnect),
	ErrRetainNotSupported:                inPackets(TypeConnack, TypeDisconnect),
	ErrQoSNotSupported:                   inPackets(TypeConnack, TypeDisconnect),
	ErrUseAnotherServer:                  inPackets(TypeConnack, TypeDisconnect),
	ErrServerMoved:                       inPackets(TypeConnack, TypeDisconnect),
	ErrSharedSubscriptionsNotSupported:   inPackets(TypeSuback, TypeDisconnect),
	ErrConnectionRateExceeded:            inPackets(TypeConnack, TypeDisconnect),
	ErrMaximumConnectTime:                inPackets(TypeDisconnect),
	ErrSubscriptionIDsNotSupported:       inPackets(TypeSuback, TypeDisconnect),
	ErrWildcardSubscriptionsNotSupported: inPackets(TypeSuback, TypeDisconnect),
}

// AllowedIn reports whether a packet of type t may carry the code in MQTT 5.0.
func (c Code) AllowedIn(t Type) bool { return codePackets[c]&(1<<t) != 0 }

// nearCodes says what is nearest to a code in a packet that may not carry it.
var nearCodes = [256]Code{
	ErrServerShuttingDown:         ErrServerUnavailable,  // CONNACK
	ErrServerUnavailable:          ErrServerBusy,         // DISCONNECT
	ErrBanned:                     ErrNotAuthorized,      // all but CONNACK
	ErrBadUsernameOrPassword:      ErrNotAuthorized,      // all but CONNACK
	ErrUnsupportedProtocolVersion: ErrProtocolError,      // DISCONNECT
	ErrClientIdentifierNotValid:   ErrProtocolError,      // DISCONNECT
	ErrPacketIDInUse:              ErrProtocolError,      // DISCONNECT
	ErrPacketIDNotFound:           ErrProtocolError,      // DISCONNECT
	ErrMessageRateTooHigh:         ErrQuotaExceeded,      // PUBACK
	ErrReceiveMaximumExceeded:     ErrQuotaExceeded,      // PUBACK
	ErrPacketTooLarge:             ErrQuotaExceeded,      // PUBACK
	ErrTopicFilterInvalid:         ErrTopicNameInvalid,   // PUBACK
	ErrTopicNameInvalid:           ErrTopicFilterInvalid, // SUBACK
}

// For returns c if a packet of type t may carry it, or else the failure nearest
// to c that it may carry. A code that is no failure is returned as it is, and so
// is one for AUTH, which carries no failures.
func (c Code) For(t Type) Code {
	if c.AllowedIn(t) || !c.Failed() {
		return c
	}
	for _, near := range [...]Code{nearCodes[c], ErrUnspecified, ErrPacketIDNotFound} {
		if near.Failed() && near.AllowedIn(t) {
			return near
		}
	}
	return c
}

func codeNotAllowed(c Code, t Type) error {
	return protocolError("%s with reason code 0x%02X", t, byte(c))
}
