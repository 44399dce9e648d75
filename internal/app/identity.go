package app

import (
	"github.com/linnetmq/linnet/hooks/auth/tlsid"
	"github.com/linnetmq/linnet/internal/config"
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// identities make certificates the user names of clients, for each listener in
// its own way.
type identities map[string]*tlsid.Hook // by listener

// identityFields are the words of the configuration.
var identityFields = map[string]tlsid.Field{
	config.CommonName: tlsid.CommonName, config.SANDNS: tlsid.DNSName, config.SANEmail: tlsid.Email, config.SANURI: tlsid.URI,
}

// addIdentities adds the hook, if a listener wants it, before those that go by
// user names.
func addIdentities(srv *mqtt.Server, cfg *config.Config) error {
	all := identities{}
	for i := range cfg.Listeners {
		l := &cfg.Listeners[i]
		if l.TLS.Identity == "" {
			continue
		}
		hook, err := tlsid.New(tlsid.Options{Field: identityFields[l.TLS.Identity]})
		if err != nil {
			return err
		}
		all[l.ID] = hook
	}
	if len(all) == 0 {
		return nil
	}
	return srv.AddHook(all, nil)
}

// ID names the hook.
func (identities) ID() string { return "tls-identity" }

// OnConnect names the client by its certificate.
func (all identities) OnConnect(cl *mqtt.Client, pk *packets.Connect) error {
	if hook := all[cl.Listener()]; hook != nil {
		return hook.OnConnect(cl, pk)
	}
	return nil
}

// OnConnectAuthenticate admits clients with a certificate.
func (all identities) OnConnectAuthenticate(cl *mqtt.Client, pk *packets.Connect) (mqtt.Decision, error) {
	if hook := all[cl.Listener()]; hook != nil {
		return hook.OnConnectAuthenticate(cl, pk)
	}
	return mqtt.Pass, nil
}

var (
	_ mqtt.OnConnect            = identities(nil)
	_ mqtt.ConnectAuthenticator = identities(nil)
)
