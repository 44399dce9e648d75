// Package tlsid makes the certificate that a client showed its identity: its
// common name, or a subject alternative name, becomes the user name, by which
// access rules and the ownership of sessions go. It trusts nothing that TLS has
// not verified, and leaves clients without a certificate to other hooks. It
// knows package mqtt and no other hook.
package tlsid

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"unicode/utf8"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// Field is the part of a certificate that is the user name.
type Field string

// The fields there are. Of several alternative names of a kind the first counts.
const (
	CommonName Field = "cn"
	DNSName    Field = "dns"
	Email      Field = "email"
	URI        Field = "uri"
)

// Options of a Hook; the zero value is fine.
type Options struct {
	// Field is CommonName unless another is named.
	Field Field
	// Prefix is put before the name, to tell such users from others.
	Prefix string
}

// Hook admits clients by their certificate.
type Hook struct{ o Options }

// New returns a Hook, or an error for a Field that there is not.
func New(o Options) (*Hook, error) {
	switch o.Field {
	case "":
		o.Field = CommonName
	case CommonName, DNSName, Email, URI:
	default:
		return nil, fmt.Errorf("field %q of a certificate: use %s, %s, %s or %s", o.Field, CommonName, DNSName, Email, URI)
	}
	return &Hook{o}, nil
}

// ID names the hook.
func (*Hook) ID() string { return "tls-identity" }

// OnConnect gives the client the name of its certificate. A CONNECT that names
// another user is refused with 0x87, and so is a certificate without a name.
func (h *Hook) OnConnect(cl *mqtt.Client, pk *packets.Connect) error {
	cert := certificate(cl.Conn())
	if cert == nil {
		return nil
	}
	name, err := h.name(cert)
	if err != nil {
		return &packets.Error{Code: packets.ErrNotAuthorized, Detail: err.Error()}
	}
	if pk.UsernameFlag && pk.Username != "" && pk.Username != name {
		return &packets.Error{
			Code:   packets.ErrNotAuthorized,
			Detail: fmt.Sprintf("the certificate is of %q, the CONNECT names %q", name, pk.Username),
		}
	}
	pk.Username, pk.UsernameFlag = name, true
	return nil
}

// OnConnectAuthenticate admits clients with a certificate.
func (h *Hook) OnConnectAuthenticate(cl *mqtt.Client, pk *packets.Connect) (mqtt.Decision, error) {
	cert := certificate(cl.Conn())
	if cert == nil {
		return mqtt.Pass, nil
	}
	// Asked again, so that a hook that changed the name does not go through.
	if name, err := h.name(cert); err != nil || name != pk.Username {
		return mqtt.Deny, packets.ErrNotAuthorized
	}
	return mqtt.Allow, nil
}

// name is the user name in a certificate.
func (h *Hook) name(cert *x509.Certificate) (string, error) {
	var name string
	switch h.o.Field {
	case CommonName:
		name = cert.Subject.CommonName
	case DNSName:
		name = first(cert.DNSNames)
	case Email:
		name = first(cert.EmailAddresses)
	case URI:
		if len(cert.URIs) > 0 {
			name = cert.URIs[0].String()
		}
	}
	if name == "" {
		return "", fmt.Errorf("the certificate %x has no %s to be the user name", cert.SerialNumber, h.o.Field)
	}
	name = h.o.Prefix + name
	if len(name) > 65535 || !utf8.ValidString(name) || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("the %s of the certificate %x cannot be a user name", h.o.Field, cert.SerialNumber)
	}
	return name, nil
}

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// certificate returns what the client has proved to own, nil without TLS or
// where TLS did not verify it.
func certificate(conn net.Conn) *x509.Certificate {
	for conn != nil {
		if secured, ok := conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
			state := secured.ConnectionState()
			if !state.HandshakeComplete || len(state.VerifiedChains) == 0 {
				return nil
			}
			return state.VerifiedChains[0][0]
		}
		inside, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		conn = inside.NetConn()
	}
	return nil
}

var (
	_ mqtt.OnConnect            = (*Hook)(nil)
	_ mqtt.ConnectAuthenticator = (*Hook)(nil)
)
