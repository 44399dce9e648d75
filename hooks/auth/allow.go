// Package auth has the hooks that decide who may connect, publish and
// subscribe: AllowHook, which allows everything, and Hook, which asks a chain of
// sources: ledgers, ACL files, and whatever implements Authenticator or
// Authorizer. They know the mqtt package and nothing of other hooks.
//
// A subscription is allowed if one rule allows everything its filter matches.
// Rules that deny a part of it are asked about each message's topic.
package auth

import (
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// AllowHook admits every client and allows it everything. It is for
// development and for networks in which everybody is trusted.
type AllowHook struct{}

// ID names the hook.
func (*AllowHook) ID() string { return "allow-all" }

// OnConnectAuthenticate allows.
func (*AllowHook) OnConnectAuthenticate(*mqtt.Client, *packets.Connect) (mqtt.Decision, error) {
	return mqtt.Allow, nil
}

// OnACLCheck allows.
func (*AllowHook) OnACLCheck(*mqtt.Client, string, bool) (mqtt.Decision, error) {
	return mqtt.Allow, nil
}

var (
	_ mqtt.ConnectAuthenticator = (*AllowHook)(nil)
	_ mqtt.ACLChecker           = (*AllowHook)(nil)
)
