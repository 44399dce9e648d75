package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net/netip"
	"strconv"
	"strings"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// Action is what a client wants to do.
type Action byte

const (
	// Connect: to be admitted.
	Connect Action = iota
	// Publish to a Topic Name.
	Publish
	// Subscribe to a Topic Filter.
	Subscribe
	// Receive a message of a Topic Name, by a subscription it has.
	Receive
)

// String returns "connect", "publish", "subscribe" or "receive".
func (a Action) String() string {
	return [...]string{"connect", "publish", "subscribe", "receive"}[a&3]
}

// ParseAction reads what String writes, and "pub", "write", "sub", "read".
func ParseAction(s string) (a Action, ok bool) {
	switch strings.ToLower(s) {
	case "connect":
		return Connect, true
	case "publish", "pub", "write":
		return Publish, true
	case "subscribe", "sub", "read":
		return Subscribe, true
	case "receive":
		return Receive, true
	}
	return 0, false
}

// access is the direction of an action in the numbers of rules.
func (a Action) access() Access {
	if a == Publish {
		return WriteOnly
	}
	return ReadOnly
}

// Request is a question to a Source: who wants what. A Source must not change
// or keep it.
type Request struct {
	ClientID string
	Username string // "" if the client gave none
	Remote   Remote
	Listener string // ID of the listener the client came by

	// Action, and the Topic Name or Filter it is about. A filter of a shared
	// subscription comes without its $share prefix.
	Action Action
	Topic  string

	// Password is there while a client connects, and never kept.
	Password []byte
	// Secret compares with the password also later, when it is gone.
	Secret Secret
	// Client has more to ask, such as its certificate; nil if the request is
	// not of a live client. Packet is the CONNECT, while it is handled.
	Client *mqtt.Client
	Packet *packets.Connect
}

// newRequest describes a client, without its password.
func newRequest(cl *mqtt.Client) Request {
	return Request{
		ClientID: cl.ID(), Username: cl.Username(), Remote: remoteOf(cl), Listener: cl.Listener(), Client: cl,
	}
}

// Secret is a password that cannot be read, only compared.
type Secret struct{ mac [sha256.Size]byte }

// secretKey is of this process alone, so that a Secret is worth nothing elsewhere.
var secretKey = func() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // crypto/rand never fails
	return key
}()

// NewSecret makes a Secret of a password.
func NewSecret(password []byte) (s Secret) {
	h := hmac.New(sha256.New, secretKey)
	h.Write(password)
	h.Sum(s.mac[:0])
	return s
}

// Is tells in constant time whether two Secrets are of the same password.
func (s Secret) Is(other Secret) bool { return subtle.ConstantTimeCompare(s.mac[:], other.mac[:]) == 1 }

// Remote is where a client is.
type Remote struct {
	// AddrPort is its address, as the PROXY protocol names it if the listener
	// uses it; not valid for clients without one, such as those of a Unix socket.
	netip.AddrPort
	// Local tells that the client is on this machine: loopback, or a Unix socket.
	Local bool
}

// String returns "address:port", or "local".
func (r Remote) String() string {
	switch {
	case !r.IsValid() && r.Local:
		return "local"
	case !r.IsValid():
		return ""
	case r.Port() == 0:
		return r.Addr().String()
	}
	return r.AddrPort.String()
}

// ParseRemote reads an address with or without port; "" is an unknown address.
func ParseRemote(s string) (r Remote, ok bool) {
	if s == "" {
		return Remote{}, true
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
		if err != nil {
			return Remote{}, false
		}
		ap = netip.AddrPortFrom(addr, 0)
	}
	addr := ap.Addr().Unmap().WithZone("")
	return Remote{AddrPort: netip.AddrPortFrom(addr, ap.Port()), Local: addr.IsLoopback()}, true
}

func remoteOf(cl *mqtt.Client) Remote {
	conn := cl.Conn()
	if conn == nil || conn.RemoteAddr() == nil {
		return Remote{Local: true}
	}
	addr := conn.RemoteAddr()
	if n := addr.Network(); n == "unix" || n == "memory" {
		return Remote{Local: true}
	}
	r, _ := ParseRemote(addr.String()) // an address of no known kind matches no rule about addresses
	if w, ok := conn.(interface{ Foreign() bool }); ok && r.Local && w.Foreign() {
		return Remote{} // a proxy or a browser of this machine, and who uses it is not known
	}
	return r
}

// remoteRule is a criterion about the address: any, this machine, a network,
// an address with or without port, or a text with '*'.
type remoteRule struct {
	any, local bool
	prefix     netip.Prefix
	port       uint16 // 0: every one
	text       string
}

// parseRemoteRule reads "", "*", "localhost", "10.0.0.0/8", "::1",
// "127.0.0.1:*", "[::1]:1883", and texts with '*' such as "10.1.*".
func parseRemoteRule(s string) (remoteRule, bool) {
	if s == "" || s == "*" {
		return remoteRule{any: true}, true
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		return remoteRule{prefix: unmapPrefix(p)}, true
	}
	if addr, err := netip.ParseAddr(s); err == nil {
		return remoteRule{prefix: wholeAddr(addr)}, true
	}
	host, port, _ := cutPort(s)
	r := remoteRule{text: s}
	if port != "*" && port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return r, strings.Contains(s, "*")
		}
		r.port = uint16(n)
	}
	if host == "localhost" {
		return remoteRule{local: true, port: r.port}, true
	}
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return remoteRule{prefix: wholeAddr(addr), port: r.port}, true
	}
	return remoteRule{text: s}, strings.Contains(s, "*")
}

// cutPort splits "host:port" at the last colon.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func wholeAddr(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	return netip.PrefixFrom(addr, addr.BitLen())
}

// unmapPrefix makes a network of IPv4 addresses in IPv6 clothes one of IPv4.
func unmapPrefix(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96).Masked()
	}
	return p.Masked()
}

func (m *remoteRule) matches(r Remote) bool {
	switch {
	case m.any:
		return true
	case m.port != 0 && m.port != r.Port():
		return false
	case m.local:
		return r.Local
	case m.prefix.IsValid():
		return r.IsValid() && m.prefix.Contains(r.Addr())
	}
	return r.IsValid() && globMatch(m.text, r.AddrPort.String())
}

// globMatch reports whether pattern, in which '*' stands for any number of any
// characters, matches s.
func globMatch(pattern, s string) bool {
	head, tail, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, head)
	if !ok {
		return false
	}
	for {
		part, rest, more := strings.Cut(tail, "*")
		if !more {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, tail = s[i+len(part):], rest
	}
}

// passwordOf returns the password of a CONNECT, nil if it has none.
func passwordOf(pk *packets.Connect) []byte {
	if !pk.PasswordFlag {
		return nil
	}
	return pk.Password
}
