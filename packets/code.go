package packets

import (
	"errors"
	"fmt"
)

// Code is an MQTT 5.0 Reason Code. Codes of 0x80 and above are failures and
// serve as errors of the protocol: the peer can be told.
type Code byte

// The Reason Codes of MQTT 5.0, section 2.4.
const (
	CodeSuccess                Code = 0x00
	CodeNormalDisconnection    Code = 0x00 // in DISCONNECT
	CodeGrantedQoS0            Code = 0x00 // in SUBACK
	CodeGrantedQoS1            Code = 0x01
	CodeGrantedQoS2            Code = 0x02
	CodeDisconnectWithWill     Code = 0x04
	CodeNoMatchingSubscribers  Code = 0x10
	CodeNoSubscriptionExisted  Code = 0x11
	CodeContinueAuthentication Code = 0x18
	CodeReauthenticate         Code = 0x19

	ErrUnspecified                       Code = 0x80
	ErrMalformedPacket                   Code = 0x81
	ErrProtocolError                     Code = 0x82
	ErrImplementationSpecific            Code = 0x83
	ErrUnsupportedProtocolVersion        Code = 0x84
	ErrClientIdentifierNotValid          Code = 0x85
	ErrBadUsernameOrPassword             Code = 0x86
	ErrNotAuthorized                     Code = 0x87
	ErrServerUnavailable                 Code = 0x88
	ErrServerBusy                        Code = 0x89
	ErrBanned                            Code = 0x8A
	ErrServerShuttingDown                Code = 0x8B
	ErrBadAuthenticationMethod           Code = 0x8C
	ErrKeepAliveTimeout                  Code = 0x8D
	ErrSessionTakenOver                  Code = 0x8E
	ErrTopicFilterInvalid                Code = 0x8F
	ErrTopicNameInvalid                  Code = 0x90
	ErrPacketIDInUse                     Code = 0x91
	ErrPacketIDNotFound                  Code = 0x92
	ErrReceiveMaximumExceeded            Code = 0x93
	ErrTopicAliasInvalid                 Code = 0x94
	ErrPacketTooLarge                    Code = 0x95
	ErrMessageRateTooHigh                Code = 0x96
	ErrQuotaExceeded                     Code = 0x97
	ErrAdministrativeAction              Code = 0x98
	ErrPayloadFormatInvalid              Code = 0x99
	ErrRetainNotSupported                Code = 0x9A
	ErrQoSNotSupported                   Code = 0x9B
	ErrUseAnotherServer                  Code = 0x9C
	ErrServerMoved                       Code = 0x9D
	ErrSharedSubscriptionsNotSupported   Code = 0x9E
	ErrConnectionRateExceeded            Code = 0x9F
	ErrMaximumConnectTime                Code = 0xA0
	ErrSubscriptionIDsNotSupported       Code = 0xA1
	ErrWildcardSubscriptionsNotSupported Code = 0xA2
)

var codeNames = [256]string{
	CodeSuccess:                          "success",
	CodeGrantedQoS1:                      "granted qos 1",
	CodeGrantedQoS2:                      "granted qos 2",
	CodeDisconnectWithWill:               "disconnect with will message",
	CodeNoMatchingSubscribers:            "no matching subscribers",
	CodeNoSubscriptionExisted:            "no subscription existed",
	CodeContinueAuthentication:           "continue authentication",
	CodeReauthenticate:                   "re-authenticate",
	ErrUnspecified:                       "unspecified error",
	ErrMalformedPacket:                   "malformed packet",
	ErrProtocolError:                     "protocol error",
	ErrImplementationSpecific:            "implementation specific error",
	ErrUnsupportedProtocolVersion:        "unsupported protocol version",
	ErrClientIdentifierNotValid:          "client identifier not valid",
	ErrBadUsernameOrPassword:             "bad user name or password",
	ErrNotAuthorized:                     "not authorized",
	ErrServerUnavailable:                 "server unavailable",
	ErrServerBusy:                        "server busy",
	ErrBanned:                            "banned",
	ErrServerShuttingDown:                "server shutting down",
	ErrBadAuthenticationMethod:           "bad authentication method",
	ErrKeepAliveTimeout:                  "keep alive timeout",
	ErrSessionTakenOver:                  "session taken over",
	ErrTopicFilterInvalid:                "topic filter invalid",
	ErrTopicNameInvalid:                  "topic name invalid",
	ErrPacketIDInUse:                     "packet identifier in use",
	ErrPacketIDNotFound:                  "packet identifier not found",
	ErrReceiveMaximumExceeded:            "receive maximum exceeded",
	ErrTopicAliasInvalid:                 "topic alias invalid",
	ErrPacketTooLarge:                    "packet too large",
	ErrMessageRateTooHigh:                "message rate too high",
	ErrQuotaExceeded:                     "quota exceeded",
	ErrAdministrativeAction:              "administrative action",
	ErrPayloadFormatInvalid:              "payload format invalid",
	ErrRetainNotSupported:                "retain not supported",
	ErrQoSNotSupported:                   "qos not supported",
	ErrUseAnotherServer:                  "use another server",
	ErrServerMoved:                       "server moved",
	ErrSharedSubscriptionsNotSupported:   "shared subscriptions not supported",
	ErrConnectionRateExceeded:            "connection rate exceeded",
	ErrMaximumConnectTime:                "maximum connect time",
	ErrSubscriptionIDsNotSupported:       "subscription identifiers not supported",
	ErrWildcardSubscriptionsNotSupported: "wildcard subscriptions not supported",
}

// Error returns the specification's words for the code, in lower case.
func (c Code) Error() string {
	if name := codeNames[c]; name != "" {
		return name
	}
	return fmt.Sprintf("unknown reason code 0x%02X", byte(c))
}

// String returns the same words as [Code.Error].
func (c Code) String() string { return c.Error() }

// Failed reports whether the code tells of a failure.
func (c Code) Failed() bool { return c >= 0x80 }

// Error is a refusal by this package: the code for the peer, and in Detail the
// plain words for whoever reads the log. errors.Is finds its Code.
type Error struct {
	Code   Code
	Detail string
}

// Error returns the code's words and the detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Code.Error()
	}
	return e.Code.Error() + ": " + e.Detail
}

// Unwrap returns the code, so that errors.Is(err, ErrMalformedPacket) works.
func (e *Error) Unwrap() error { return e.Code }

// CodeOf returns the Reason Code err carries: CodeSuccess for nil,
// ErrUnspecified for an error that carries none.
func CodeOf(err error) Code {
	if err == nil {
		return CodeSuccess
	}
	if c, ok := errors.AsType[Code](err); ok {
		return c
	}
	return ErrUnspecified
}

func malformed(format string, args ...any) error {
	return &Error{Code: ErrMalformedPacket, Detail: fmt.Sprintf(format, args...)}
}

func protocolError(format string, args ...any) error {
	return &Error{Code: ErrProtocolError, Detail: fmt.Sprintf(format, args...)}
}
