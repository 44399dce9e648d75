package app

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/listeners/tlsconf"
	"github.com/linnetmq/linnet/mqtt"
)

// newBroker makes a server from a configuration, with its hooks and with its
// listeners bound. The caller serves and closes it; after an error nothing is
// left open but the store, which is the caller's until the server serves; nil
// keeps everything in memory.
func newBroker(cfg *config.Config, log *slog.Logger, store mqtt.Store) (*mqtt.Server, error) {
	opts := options(cfg, log)
	opts.Store = store
	srv := mqtt.New(opts)
	if err := addAccess(srv, cfg, log); err != nil {
		return nil, err
	}
	for i := range cfg.Listeners {
		l, err := newListener(&cfg.Listeners[i], srv, log)
		if err == nil {
			err = srv.AddListener(l)
		}
		if err != nil {
			_ = srv.Close() // the error that matters is the one before
			return nil, err
		}
	}
	return srv, nil
}

// options are the broker's options for a configuration.
func options(cfg *config.Config, log *slog.Logger) *mqtt.Options {
	c := &cfg.Capabilities
	return &mqtt.Options{
		Logger:          log,
		Version:         version(),
		ServerKeepAlive: c.ServerKeepAlive,
		Durability:      durabilities[cfg.Durability],
		Capabilities: mqtt.Capabilities{
			MaximumClients:               c.MaximumClients,
			MaximumPacketSize:            c.MaximumPacketSize,
			ReceiveMaximum:               c.ReceiveMaximum,
			TopicAliasMaximum:            c.TopicAliasMaximum,
			MaximumSessionExpiryInterval: c.SessionExpiryInterval,
		},
	}
}

// addAccess adds the hook that says who may connect.
func addAccess(srv *mqtt.Server, cfg *config.Config, log *slog.Logger) error {
	if cfg.AllowAnonymous {
		return srv.AddHook(new(auth.AllowHook), nil)
	}
	return srv.AddHook(&localOnly{log: log, origins: allOrigins(cfg)}, nil)
}

// allOrigins are the origins whose pages the operator lets connect.
func allOrigins(cfg *config.Config) []string {
	var all []string
	for i := range cfg.Listeners {
		all = append(all, cfg.Listeners[i].Origins...)
	}
	return all
}

// newListener makes a listener, not yet bound.
func newListener(l *config.Listener, srv *mqtt.Server, log *slog.Logger) (mqtt.Listener, error) {
	c, err := listenerConfig(l, log)
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
		return listeners.NewHTTPStats(l.ID, l.Address, c, func() any { return srv.Stats() }), nil
	}
	return nil, fmt.Errorf("listener %s: protocol %q: use tcp, tls, ws, wss, unix or http", l.ID, l.Protocol)
}

func listenerConfig(l *config.Listener, log *slog.Logger) (*listeners.Config, error) {
	c := &listeners.Config{WebsocketPath: l.Path, WebsocketOrigins: l.Origins, ProxyProtocol: l.ProxyProtocol}
	for _, network := range l.ProxyTrusted {
		prefix, err := netip.ParsePrefix(network)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q: write a network like 10.0.0.0/8", network)
		}
		c.ProxyTrusted = append(c.ProxyTrusted, prefix)
	}
	if l.TLS == nil {
		return c, nil
	}
	var err error
	c.TLSConfig, err = serverTLS(l, log)
	return c, err
}

// serverTLS follows the files of a certificate and, if clients must show one, of
// its authorities. Over WebSocket the protocol inside of TLS is HTTP.
func serverTLS(l *config.Listener, log *slog.Logger) (*tls.Config, error) {
	o := tlsconf.Options{
		Certificates: []tlsconf.Pair{{CertFile: l.TLS.CertFile, KeyFile: l.TLS.KeyFile}},
		ALPN:         []string{"mqtt"},
		Logger:       log.With("listener", l.ID),
	}
	if l.Protocol == config.WebSockets || l.Protocol == config.HTTP {
		o.ALPN = []string{"http/1.1"}
	}
	if l.TLS.VerifyClient {
		o.ClientAuth, o.ClientCAFile = tlsconf.RequireClientCert, l.TLS.CAFile
	}
	source, err := tlsconf.New(o)
	if err != nil {
		return nil, err
	}
	return source.Config(), nil
}
