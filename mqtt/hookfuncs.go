package mqtt

import (
	"net"
	"slices"

	"github.com/linnetmq/linnet/packets"
)

// HookFuncs is a hook made of functions, for programs that want one or two
// events without a type. Nil functions are left out. OnConnect and OnSubscribe
// answer with numbers as they stand on the wire.
type HookFuncs struct {
	// OnAccept returns false to close a new connection at once.
	OnAccept func(conn net.Conn) bool
	// OnConnect authenticates: CodeSuccess (0) admits the client, any other
	// code refuses it with that code.
	OnConnect func(cl *Client) packets.Code
	// OnSubscribe is asked for every filter and returns the maximum QoS
	// granted (0, 1, 2; never more than was asked for), or the Reason Code of
	// the refusal: 0x80, or one from 0x81 on, which 3.x clients see as 0x80.
	OnSubscribe func(cl *Client, sub packets.Subscription) packets.Code
	// OnPublish returns false to acknowledge the message and deliver it to nobody.
	OnPublish func(cl *Client, pk *packets.Publish) bool
	// OnClose is told that an established connection is over; err is nil after
	// a DISCONNECT.
	OnClose func(cl *Client, err error)
	// OnStop is called last when the server stops.
	OnStop func()
}

// join adds the functions that are set. With an OnConnect that admits a
// client, HookFuncs also allows what the client publishes and subscribes,
// unless another hook decides before.
func (f *HookFuncs) join(set *hookSet) {
	if f.OnAccept != nil {
		set.onAccept = append(clip(set.onAccept), f.OnAccept)
	}
	if f.OnConnect != nil {
		set.authenticators = append(clip(set.authenticators), f.authenticate)
		set.aclCheckers = append(clip(set.aclCheckers), func(*Client, string, bool) (Decision, error) { return Allow, nil })
	}
	if f.OnSubscribe != nil {
		set.grants = append(clip(set.grants), f.OnSubscribe)
	}
	if f.OnPublish != nil {
		set.onPublish = append(clip(set.onPublish), f.publish)
	}
	if f.OnClose != nil {
		set.onDisconnect = append(clip(set.onDisconnect), func(cl *Client, err error, _ bool) { f.OnClose(cl, err) })
	}
	if f.OnStop != nil {
		set.onStopped = append(clip(set.onStopped), f.OnStop)
	}
}

func (f *HookFuncs) authenticate(cl *Client, _ *packets.Connect) (Decision, error) {
	if code := f.OnConnect(cl); code != packets.CodeSuccess {
		return Deny, code
	}
	return Allow, nil
}

func (f *HookFuncs) publish(cl *Client, pk *packets.Publish) (*packets.Publish, error) {
	if !f.OnPublish(cl, pk) {
		return pk, ErrIgnorePacket
	}
	return pk, nil
}

// clip makes an append copy the slice, since published sets are immutable.
func clip[T any](s []T) []T { return slices.Clip(s) }
