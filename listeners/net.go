package listeners

import (
	"errors"
	"net"
)

// Net accepts from a net.Listener that the caller made.
type Net struct{ acceptor }

// NewNet returns a listener over l, which it closes in Close. Connections are
// handed over exactly as l returns them. Protocol is l's network.
func NewNet(id string, l net.Listener) *Net {
	n := &Net{newAcceptor(id, "net", "", nil)}
	n.bind = func() (net.Listener, error) {
		if l == nil {
			return nil, errors.New("NewNet needs a net.Listener, not nil")
		}
		return l, nil
	}
	if l != nil && l.Addr() != nil {
		n.address, n.protocol = l.Addr().String(), l.Addr().Network()
	}
	return n
}
