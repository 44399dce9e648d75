package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/netip"
	"os"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/listeners"
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
		l, err := newListener(&cfg.Listeners[i], srv)
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
func newListener(l *config.Listener, srv *mqtt.Server) (mqtt.Listener, error) {
	c, err := listenerConfig(l)
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

func listenerConfig(l *config.Listener) (*listeners.Config, error) {
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
	c.TLSConfig, err = serverTLS(l.TLS)
	return c, err
}

// serverTLS loads a certificate and, if clients must show one, its authorities.
func serverTLS(files *config.Certificates) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(files.CertFile, files.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("load certificate %s with key %s: %w", files.CertFile, files.KeyFile, err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if !files.VerifyClient {
		return c, nil
	}
	if c.ClientCAs, err = loadAuthorities(files.CAFile); err != nil {
		return nil, err
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	return c, nil
}

// loadAuthorities reads certificates that are trusted.
func loadAuthorities(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load certificate authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("load certificate authorities: %s holds no certificate in PEM", file)
	}
	return pool, nil
}
