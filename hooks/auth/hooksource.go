package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// FromHook makes a Source of a hook of package mqtt that authenticates, or has
// an ACL, or both. Of a bool method true is Allow and false is Pass. Attach
// and Stop of it are called with those of the chain, Init is not. Where sources before it narrow a subscription,
// its OnACLCheck is asked about deliveries as well, and must answer at once.
func FromHook(name string, hook any) (Source, error) {
	s := &hookSource{name: name, hook: hook}
	switch h := hook.(type) {
	case mqtt.ConnectAuthenticator:
		s.authenticate = h.OnConnectAuthenticate
	case interface {
		OnConnectAuthenticate(cl *mqtt.Client, pk *packets.Connect) bool
	}:
		s.authenticate = func(cl *mqtt.Client, pk *packets.Connect) (mqtt.Decision, error) {
			return allowIf(h.OnConnectAuthenticate(cl, pk)), nil
		}
	}
	switch h := hook.(type) {
	case mqtt.ACLChecker:
		s.authorize = h.OnACLCheck
	case interface {
		OnACLCheck(cl *mqtt.Client, topic string, write bool) bool
	}:
		s.authorize = func(cl *mqtt.Client, topic string, write bool) (mqtt.Decision, error) {
			return allowIf(h.OnACLCheck(cl, topic, write)), nil
		}
	}
	switch {
	case s.authenticate != nil && s.authorize != nil:
		return &bothSource{authSource{s}, aclSource{s}}, nil
	case s.authenticate != nil:
		return authSource{s}, nil
	case s.authorize != nil:
		return aclSource{s}, nil
	}
	return nil, fmt.Errorf("access source %s: %T has no OnConnectAuthenticate and no OnACLCheck", name, hook)
}

func allowIf(yes bool) mqtt.Decision {
	if yes {
		return mqtt.Allow
	}
	return mqtt.Pass
}

// hookSource holds the methods of a hook.
type hookSource struct {
	name         string
	hook         any
	authenticate func(*mqtt.Client, *packets.Connect) (mqtt.Decision, error)
	authorize    func(*mqtt.Client, string, bool) (mqtt.Decision, error)
}

var errNeedsClient = errors.New("it can be asked about connected clients only")

// authSource is a hook that authenticates.
type authSource struct{ h *hookSource }

// Name returns the name.
func (s authSource) Name() string { return s.h.name }

// Authenticate asks the hook.
func (s authSource) Authenticate(_ context.Context, r *Request) (mqtt.Decision, string, error) {
	if r.Client == nil || r.Packet == nil {
		return mqtt.Deny, "", errNeedsClient
	}
	d, err := s.h.authenticate(r.Client, r.Packet)
	return d, s.h.name, err
}

// Attach gives the hook its server.
func (s authSource) Attach(server *mqtt.Server) { s.h.attach(server) }

// Stop stops the hook.
func (s authSource) Stop() error { return s.h.stop() }

// aclSource is a hook with an ACL.
type aclSource struct{ h *hookSource }

// Name returns the name.
func (s aclSource) Name() string { return s.h.name }

// Authorize asks the hook; about a Receive what it says of a subscription.
func (s aclSource) Authorize(_ context.Context, r *Request) (Verdict, error) {
	if r.Client == nil {
		return Verdict{Decision: mqtt.Deny}, errNeedsClient
	}
	d, err := s.h.authorize(r.Client, r.Topic, r.Action == Publish)
	return Verdict{Decision: d, Rule: s.h.name}, err
}

// Attach gives the hook its server.
func (s aclSource) Attach(server *mqtt.Server) { s.h.attach(server) }

// Stop stops the hook.
func (s aclSource) Stop() error { return s.h.stop() }

func (h *hookSource) attach(server *mqtt.Server) {
	if a, ok := h.hook.(interface{ Attach(s *mqtt.Server) }); ok {
		a.Attach(server)
	}
}

func (h *hookSource) stop() error {
	if s, ok := h.hook.(interface{ Stop() error }); ok {
		return s.Stop()
	}
	return nil
}

// bothSource is a hook with both.
type bothSource struct {
	authSource
	aclSource
}

// Name returns the name.
func (s *bothSource) Name() string { return s.authSource.Name() }

// Attach gives the hook its server.
func (s *bothSource) Attach(server *mqtt.Server) { s.authSource.Attach(server) }

// Stop stops the hook.
func (s *bothSource) Stop() error { return s.authSource.Stop() }
