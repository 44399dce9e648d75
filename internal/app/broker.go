package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"strconv"

	"github.com/linnetmq/linnet/hooks/limits"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

// broker is a server together with what a reload of its configuration changes.
type broker struct {
	*mqtt.Server
	log    *slog.Logger
	config *config.Config // that it was made with
	access *access
	bans   *limits.Bans
	certs  map[string]*liveCertificates // by listener
}

// newBroker makes a server from a configuration, with its hooks and with its
// listeners bound. The caller serves and closes it; after an error nothing is
// left open but the store, which is the caller's until the server serves; nil
// keeps everything in memory.
func newBroker(cfg *config.Config, log *slog.Logger, store mqtt.Store) (*broker, error) {
	opts := options(cfg, log)
	opts.Store = store
	b := &broker{
		Server: mqtt.New(opts),
		log:    log,
		config: cfg,
		certs:  map[string]*liveCertificates{},
	}
	if err := addIdentities(b.Server, cfg); err != nil {
		return nil, err
	}
	var err error
	if b.bans, err = addLimits(b.Server, cfg, log); err != nil {
		return nil, err
	}
	if b.access, err = addAccess(b.Server, cfg, log); err != nil {
		return nil, err
	}
	if err := addNotices(b.Server, &cfg.Notices, log); err != nil {
		return nil, err
	}
	for i := range cfg.Listeners {
		l, err := b.newListener(&cfg.Listeners[i])
		if err == nil {
			err = b.AddListener(l)
		}
		if err != nil {
			_ = b.Close() // the error that matters is the one before
			return nil, err
		}
	}
	return b, nil
}

// newListener makes a listener, not yet bound.
func (b *broker) newListener(l *config.Listener) (mqtt.Listener, error) {
	c, err := b.listenerConfig(l)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", l.ID, err)
	}
	switch l.Protocol {
	case config.TCP:
		return listeners.NewTCP(l.ID, l.Address, c), nil
	case config.TLS:
		return listeners.NewTLS(l.ID, l.Address, c), nil
	case config.WebSocket, config.WebSockets:
		return listeners.NewWebsocket(l.ID, l.Address, c), nil
	case config.Unix:
		return listeners.NewUnixSock(l.ID, l.Address, c), nil
	case config.HTTP:
		return listeners.NewHTTP(l.ID, l.Address, c, b.pages(l)), nil
	}
	return nil, fmt.Errorf("listener %s: protocol %q: use tcp, tls, ws, wss, unix or http", l.ID, l.Protocol)
}

// pages is what an http listener serves.
func (b *broker) pages(l *config.Listener) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", listeners.StatsHandler(func() any { return b.Stats() }))
	if l.PProf {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

func (b *broker) listenerConfig(l *config.Listener) (*listeners.Config, error) {
	c := &listeners.Config{
		WebsocketPath: l.Path, WebsocketOrigins: l.Origins, ProxyProtocol: l.ProxyProtocol,
		HandshakeTimeout: l.HandshakeTimeout, KeepAlive: l.TCPKeepAlive,
	}
	if l.TCPKeepAlive == 0 {
		c.KeepAlive = -1 // off
	}
	for _, network := range l.ProxyTrusted {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q: write a network like 10.0.0.0/8", network)
		}
		c.ProxyTrusted = append(c.ProxyTrusted, prefix)
	}
	if l.UnixMode != "" {
		mode, err := strconv.ParseUint(l.UnixMode, 8, 32)
		if err != nil {
			return nil, fmt.Errorf("mode %q of the socket: write permission bits like 0660", l.UnixMode)
		}
		c.UnixMode = os.FileMode(mode)
	}
	if !l.Secure() {
		return c, nil
	}
	certs, err := newLiveCertificates(l, b.log)
	if err != nil {
		return nil, err
	}
	b.certs[l.ID] = certs
	c.TLSConfig = certs.config()
	return c, nil
}
