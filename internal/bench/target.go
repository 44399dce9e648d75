package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"sync/atomic"
	"time"
)

// target is where the broker is, resolved once, and how to connect to it.
type target struct {
	url     *url.URL
	network string
	address string // host and port as an IP address, or a path
	tls     *tls.Config
	sources []net.Addr
	next    atomic.Uint64 // the source to use next
}

// defaultPorts are those of schemes; a URL without port means them.
var defaultPorts = map[string]string{"tcp": "1883", "mqtt": "1883", "tls": "8883", "mqtts": "8883", "ws": "80", "wss": "443"}

// newTarget reads the URL. It refuses a broker that is not on this machine,
// unless allowed: a load generator must not hit somebody else by a typing slip.
func newTarget(ctx context.Context, c *Config) (*target, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, fmt.Errorf("broker URL: %w", err)
	}
	t := &target{url: u, network: "tcp"}
	if u.Scheme == "unix" {
		t.network, t.address = "unix", u.Path
		return t, nil
	}
	port, known := defaultPorts[u.Scheme]
	if !known {
		return nil, fmt.Errorf("broker URL %s: scheme %q is none of tcp, tls, ws, wss, unix", c.URL, u.Scheme)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	ip, err := resolve(ctx, u.Hostname())
	if err != nil {
		return nil, fmt.Errorf("broker URL %s: %w", c.URL, err)
	}
	if !ip.IsLoopback() && !c.AllowRemote {
		return nil, fmt.Errorf("broker %s is %s, which is not this machine: say --allow-remote if you may load it", u.Host, ip)
	}
	t.address = net.JoinHostPort(ip.String(), port)
	if u.Scheme == "tls" || u.Scheme == "mqtts" || u.Scheme == "wss" {
		t.tls = &tls.Config{ServerName: u.Hostname(), InsecureSkipVerify: c.Insecure} //nolint:gosec // the user asked for it
	}
	return t, t.setSources(c.Sources)
}

// resolve returns one address of a host. It is the one that is dialled, so what
// was checked is what is loaded.
func resolve(ctx context.Context, host string) (netip.Addr, error) {
	if host == "" {
		return netip.Addr{}, fmt.Errorf("it names no host")
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, ip := range ips { // brokers on a test machine often listen on IPv4 only
		if ip = ip.Unmap(); ip.Is4() {
			return ip, nil
		}
	}
	return ips[0].Unmap(), nil
}

func (t *target) setSources(sources []string) error {
	for _, s := range sources {
		ip, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("source address: %w", err)
		}
		t.sources = append(t.sources, net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0)))
	}
	return nil
}

// dialTimeout bounds everything before the CONNECT.
const dialTimeout = 30 * time.Second

// dial opens a connection over which MQTT can be spoken.
func (t *target) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	d := net.Dialer{KeepAlive: -1}
	if len(t.sources) > 0 {
		d.LocalAddr = t.sources[(t.next.Add(1)-1)%uint64(len(t.sources))]
	}
	conn, err := d.DialContext(ctx, t.network, t.address)
	if err != nil {
		return nil, err
	}
	if t.tls != nil {
		secure := tls.Client(conn, t.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close() // it is of no use any more
			return nil, err
		}
		conn = secure
	}
	if t.url.Scheme == "ws" || t.url.Scheme == "wss" {
		return upgrade(ctx, conn, t.url)
	}
	return conn, nil
}
