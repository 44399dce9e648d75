package mqtt

import (
	"net"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// A hook is any value with one or more of the methods below. [Server.AddHook]
// finds them; write only those you need. Three families:
//
// Deciders (ConnectAuthenticator, ACLChecker, EnhancedAuthenticator) answer
// Allow, Deny or Pass. They are asked in the order of adding; the first Allow
// or Deny wins. If all pass, or one returns an error, the answer is Deny.
//
// Changers (OnConnect, OnAuthPacket, OnPacketRead, OnPacketEncode, OnSubscribe,
// OnUnsubscribe, OnSelectSubscribers, OnPublish, OnWill) get a packet and
// return the one to go on with: the same, changed or not, or another. What one
// returns is what the next one gets.
//
// Observers (all others) are told after the fact.
//
// Hooks run on the goroutine of the client concerned and without any lock, so
// they may call the server and may disconnect clients. While a changer or
// decider blocks, that client waits and nobody else does. Packets and their
// slices are valid during the call only; [packets.Publish.Clone] keeps one.

// Decision is the answer of a decider.
type Decision byte

const (
	// Pass leaves the decision to the next hook.
	Pass Decision = iota
	// Allow admits.
	Allow
	// Deny refuses.
	Deny
)

// String returns "pass", "allow" or "deny".
func (d Decision) String() string { return [...]string{"pass", "allow", "deny"}[d%3] }

// ConnectAuthenticator decides whether a client may connect. A hook may
// implement the shorter method OnConnectAuthenticate(*Client,
// *packets.Connect) bool instead: true is Allow, false is Pass.
type ConnectAuthenticator interface {
	// OnConnectAuthenticate may return a packets.Code as error to choose the
	// Reason Code of the refusal.
	OnConnectAuthenticate(cl *Client, pk *packets.Connect) (Decision, error)
}

// ACLChecker decides whether a client may publish to a topic (write) or
// subscribe to a filter. The topic of a shared subscription comes without its
// $share prefix. A hook may implement OnACLCheck(*Client, string, bool) bool
// instead: true is Allow, false is Pass.
type ACLChecker interface {
	OnACLCheck(cl *Client, topic string, write bool) (Decision, error)
}

// EnhancedAuthenticator carries out the exchange of MQTT 5.0 enhanced
// authentication (section 4.12) for the methods it knows, and Passes for
// others. It gets the Authentication Data of CONNECT and of every AUTH packet.
type EnhancedAuthenticator interface {
	// OnEnhancedAuth returns data for the client and Allow when the exchange
	// has succeeded, or data and Continue when the client must answer, or Deny.
	OnEnhancedAuth(cl *Client, method string, data []byte) (reply []byte, d AuthDecision, err error)
}

// AuthDecision is the answer of an EnhancedAuthenticator.
type AuthDecision byte

const (
	// AuthPass: the method is not known to this hook.
	AuthPass AuthDecision = iota
	// AuthAllow: the client has proved who it is.
	AuthAllow
	// AuthDeny: it has not.
	AuthDeny
	// AuthContinue: send the data and wait for the client's next AUTH.
	AuthContinue
)

// OnAccept may refuse a connection before a byte is read. It runs for all
// stream listeners; of a TLS connection the handshake may not have happened.
type OnAccept interface{ OnAccept(conn net.Conn) bool }

// OnStarted is told when the listeners serve.
type OnStarted interface{ OnStarted() }

// OnStopped is told when the server has stopped, after the last client has gone.
type OnStopped interface{ OnStopped() }

// OnStop is OnStopped by its other familiar name.
type OnStop interface{ OnStop() }

// OnSysInfoTick is told the figures of each round of $SYS topics.
type OnSysInfoTick interface{ OnSysInfoTick(stats *Stats) }

// OnConnect may refuse a valid CONNECT before authentication: a packets.Code
// as error is sent in the CONNACK, any other error means 0x83.
type OnConnect interface {
	OnConnect(cl *Client, pk *packets.Connect) error
}

// OnSessionEstablish is told that a client is authenticated, before its
// session is looked up.
type OnSessionEstablish interface {
	OnSessionEstablish(cl *Client, pk *packets.Connect)
}

// OnSessionEstablished is told after CONNACK.
type OnSessionEstablished interface {
	OnSessionEstablished(cl *Client, pk *packets.Connect)
}

// OnDisconnect is told that a connection that had been established is over:
// err is nil after a DISCONNECT of the client; expire tells that the session
// ended with it.
type OnDisconnect interface {
	OnDisconnect(cl *Client, err error, expire bool)
}

// OnClose is told like OnDisconnect, without the session's fate.
type OnClose interface{ OnClose(cl *Client, err error) }

// OnAuthPacket may change an AUTH packet, or refuse it by an error.
type OnAuthPacket interface {
	OnAuthPacket(cl *Client, pk *packets.Auth) (*packets.Auth, error)
}

// OnPacketRead may change any packet received. ErrRejectPacket skips the
// packet; any other error disconnects with its packets.Code (0x83 if none).
type OnPacketRead interface {
	OnPacketRead(cl *Client, pk packets.Packet) (packets.Packet, error)
}

// OnPacketEncode may change any packet before it is encoded.
type OnPacketEncode interface {
	OnPacketEncode(cl *Client, pk packets.Packet) packets.Packet
}

// OnPacketSent is told each packet queued for writing, with its encoding.
type OnPacketSent interface {
	OnPacketSent(cl *Client, pk packets.Packet, b []byte)
}

// OnPacketProcessed is told each packet that was handled, and the error if it
// ended the connection.
type OnPacketProcessed interface {
	OnPacketProcessed(cl *Client, pk packets.Packet, err error)
}

// OnSubscribe may change the filters of a SUBSCRIBE; their number must stay.
type OnSubscribe interface {
	OnSubscribe(cl *Client, pk *packets.Subscribe) *packets.Subscribe
}

// OnSubscribed is told the outcome per filter.
type OnSubscribed interface {
	OnSubscribed(cl *Client, pk *packets.Subscribe, codes []packets.Code)
}

// OnUnsubscribe may change the filters of an UNSUBSCRIBE; their number must stay.
type OnUnsubscribe interface {
	OnUnsubscribe(cl *Client, pk *packets.Unsubscribe) *packets.Unsubscribe
}

// OnUnsubscribed is told after the subscriptions are gone.
type OnUnsubscribed interface {
	OnUnsubscribed(cl *Client, pk *packets.Unsubscribe)
}

// OnSelectSubscribers may remove receivers of a message, and choose among the
// members of shared subscriptions. It is called for every message that matched.
type OnSelectSubscribers interface {
	OnSelectSubscribers(subs *Subscribers, pk *packets.Publish) *Subscribers
}

// OnPublish may change a PUBLISH or refuse it. ErrRejectPacket and
// ErrIgnorePacket drop it and acknowledge it as usual; a packets.Code is the
// Reason Code of the acknowledgement (3.x: acknowledged and dropped); any other
// error counts as 0x83. A dropped message is not retained either.
type OnPublish interface {
	OnPublish(cl *Client, pk *packets.Publish) (*packets.Publish, error)
}

// OnPublished is told after the message went to its receivers.
type OnPublished interface {
	OnPublished(cl *Client, pk *packets.Publish)
}

// OnPublishDropped is told that a message was dropped for a receiver.
type OnPublishDropped interface {
	OnPublishDropped(cl *Client, pk *packets.Publish, reason DropReason)
}

// OnRetainMessage is told that a retained message was stored (r = 1), was
// cleared (-1) or that there was nothing to clear (0).
type OnRetainMessage interface {
	OnRetainMessage(cl *Client, pk *packets.Publish, r int64)
}

// OnRetainPublished is told that a retained message was sent for a new subscription.
type OnRetainPublished interface {
	OnRetainPublished(cl *Client, pk *packets.Publish)
}

// OnQosPublish is told that a QoS 1 or 2 PUBLISH was sent to a client, and how
// many times it was sent before.
type OnQosPublish interface {
	OnQosPublish(cl *Client, pk *packets.Publish, sent time.Time, resends int)
}

// OnQosComplete is told that a client has acknowledged a QoS 1 or 2 PUBLISH.
type OnQosComplete interface {
	OnQosComplete(cl *Client, pk *packets.Publish)
}

// OnQosDropped is told that an unacknowledged PUBLISH will not be sent again.
type OnQosDropped interface {
	OnQosDropped(cl *Client, pk *packets.Publish)
}

// OnPacketIDExhausted is told that a client has no packet identifier free.
type OnPacketIDExhausted interface {
	OnPacketIDExhausted(cl *Client, pk *packets.Publish)
}

// OnWill may change a Will Message that is about to be published, or drop it
// by an error.
type OnWill interface {
	OnWill(cl *Client, will *packets.Will) (*packets.Will, error)
}

// OnWillSent is told after a Will Message was published.
type OnWillSent interface {
	OnWillSent(cl *Client, pk *packets.Publish)
}

// OnClientExpired is told that an offline session has expired.
type OnClientExpired interface{ OnClientExpired(cl *Client) }

// OnRetainedExpired is told that a retained message has expired.
type OnRetainedExpired interface{ OnRetainedExpired(topic string) }

// hookSet holds the methods of all hooks, a slice per event, nil when nobody
// listens. It is immutable once published.
type hookSet struct {
	onAccept             []func(net.Conn) bool
	onStarted            []func()
	onStopped            []func()
	onSysInfoTick        []func(*Stats)
	authenticators       []func(*Client, *packets.Connect) (Decision, error)
	aclCheckers          []func(*Client, string, bool) (Decision, error)
	enhanced             []func(*Client, string, []byte) ([]byte, AuthDecision, error)
	onConnect            []func(*Client, *packets.Connect) error
	onSessionEstablish   []func(*Client, *packets.Connect)
	onSessionEstablished []func(*Client, *packets.Connect)
	onDisconnect         []func(*Client, error, bool)
	onAuthPacket         []func(*Client, *packets.Auth) (*packets.Auth, error)
	onPacketRead         []func(*Client, packets.Packet) (packets.Packet, error)
	onPacketEncode       []func(*Client, packets.Packet) packets.Packet
	onPacketSent         []func(*Client, packets.Packet, []byte)
	onPacketProcessed    []func(*Client, packets.Packet, error)
	onSubscribe          []func(*Client, *packets.Subscribe) *packets.Subscribe
	grants               []func(*Client, packets.Subscription) packets.Code
	onSubscribed         []func(*Client, *packets.Subscribe, []packets.Code)
	onUnsubscribe        []func(*Client, *packets.Unsubscribe) *packets.Unsubscribe
	onUnsubscribed       []func(*Client, *packets.Unsubscribe)
	onSelectSubscribers  []func(*Subscribers, *packets.Publish) *Subscribers
	onPublish            []func(*Client, *packets.Publish) (*packets.Publish, error)
	onPublished          []func(*Client, *packets.Publish)
	onPublishDropped     []func(*Client, *packets.Publish, DropReason)
	onRetainMessage      []func(*Client, *packets.Publish, int64)
	onRetainPublished    []func(*Client, *packets.Publish)
	onQosPublish         []func(*Client, *packets.Publish, time.Time, int)
	onQosComplete        []func(*Client, *packets.Publish)
	onQosDropped         []func(*Client, *packets.Publish)
	onPacketIDExhausted  []func(*Client, *packets.Publish)
	onWill               []func(*Client, *packets.Will) (*packets.Will, error)
	onWillSent           []func(*Client, *packets.Publish)
	onClientExpired      []func(*Client)
	onRetainedExpired    []func(string)
}

// event is one row of the table of events: its method name, and how a hook's
// method of that name joins a set; join is false if its type does not fit.
type event struct {
	name string
	want string
	join func(set *hookSet, hook any) bool
}

// on makes a row for interface I whose method becomes a function of type F.
func on[I, F any](name string, field func(*hookSet) *[]F, method func(I) F) event {
	return event{name, signature[F](), func(set *hookSet, hook any) bool {
		h, ok := hook.(I)
		if ok {
			list := field(set)
			*list = append((*list)[:len(*list):len(*list)], method(h))
		}
		return ok
	}}
}

var events = []event{
	on("OnAccept", func(s *hookSet) *[]func(net.Conn) bool { return &s.onAccept }, func(h OnAccept) func(net.Conn) bool { return h.OnAccept }),
	on("OnStarted", func(s *hookSet) *[]func() { return &s.onStarted }, func(h OnStarted) func() { return h.OnStarted }),
	on("OnStopped", func(s *hookSet) *[]func() { return &s.onStopped }, func(h OnStopped) func() { return h.OnStopped }),
	on("OnStop", func(s *hookSet) *[]func() { return &s.onStopped }, func(h OnStop) func() { return h.OnStop }),
	on("OnSysInfoTick", func(s *hookSet) *[]func(*Stats) { return &s.onSysInfoTick }, func(h OnSysInfoTick) func(*Stats) { return h.OnSysInfoTick }),
	on("OnConnectAuthenticate", func(s *hookSet) *[]func(*Client, *packets.Connect) (Decision, error) { return &s.authenticators },
		func(h ConnectAuthenticator) func(*Client, *packets.Connect) (Decision, error) {
			return h.OnConnectAuthenticate
		}),
	on("OnConnectAuthenticate", func(s *hookSet) *[]func(*Client, *packets.Connect) (Decision, error) { return &s.authenticators },
		func(h boolAuthenticator) func(*Client, *packets.Connect) (Decision, error) {
			return func(cl *Client, pk *packets.Connect) (Decision, error) {
				return allowIf(h.OnConnectAuthenticate(cl, pk)), nil
			}
		}),
	on("OnACLCheck", func(s *hookSet) *[]func(*Client, string, bool) (Decision, error) { return &s.aclCheckers },
		func(h ACLChecker) func(*Client, string, bool) (Decision, error) { return h.OnACLCheck }),
	on("OnACLCheck", func(s *hookSet) *[]func(*Client, string, bool) (Decision, error) { return &s.aclCheckers },
		func(h boolACLChecker) func(*Client, string, bool) (Decision, error) {
			return func(cl *Client, topic string, write bool) (Decision, error) {
				return allowIf(h.OnACLCheck(cl, topic, write)), nil
			}
		}),
	on("OnEnhancedAuth", func(s *hookSet) *[]func(*Client, string, []byte) ([]byte, AuthDecision, error) { return &s.enhanced },
		func(h EnhancedAuthenticator) func(*Client, string, []byte) ([]byte, AuthDecision, error) {
			return h.OnEnhancedAuth
		}),
	on("OnConnect", func(s *hookSet) *[]func(*Client, *packets.Connect) error { return &s.onConnect }, func(h OnConnect) func(*Client, *packets.Connect) error { return h.OnConnect }),
	on("OnSessionEstablish", func(s *hookSet) *[]func(*Client, *packets.Connect) { return &s.onSessionEstablish }, func(h OnSessionEstablish) func(*Client, *packets.Connect) { return h.OnSessionEstablish }),
	on("OnSessionEstablished", func(s *hookSet) *[]func(*Client, *packets.Connect) { return &s.onSessionEstablished }, func(h OnSessionEstablished) func(*Client, *packets.Connect) { return h.OnSessionEstablished }),
	on("OnDisconnect", func(s *hookSet) *[]func(*Client, error, bool) { return &s.onDisconnect }, func(h OnDisconnect) func(*Client, error, bool) { return h.OnDisconnect }),
	on("OnClose", func(s *hookSet) *[]func(*Client, error, bool) { return &s.onDisconnect }, func(h OnClose) func(*Client, error, bool) {
		return func(cl *Client, err error, _ bool) { h.OnClose(cl, err) }
	}),
	on("OnAuthPacket", func(s *hookSet) *[]func(*Client, *packets.Auth) (*packets.Auth, error) { return &s.onAuthPacket }, func(h OnAuthPacket) func(*Client, *packets.Auth) (*packets.Auth, error) { return h.OnAuthPacket }),
	on("OnPacketRead", func(s *hookSet) *[]func(*Client, packets.Packet) (packets.Packet, error) { return &s.onPacketRead }, func(h OnPacketRead) func(*Client, packets.Packet) (packets.Packet, error) { return h.OnPacketRead }),
	on("OnPacketEncode", func(s *hookSet) *[]func(*Client, packets.Packet) packets.Packet { return &s.onPacketEncode }, func(h OnPacketEncode) func(*Client, packets.Packet) packets.Packet { return h.OnPacketEncode }),
	on("OnPacketSent", func(s *hookSet) *[]func(*Client, packets.Packet, []byte) { return &s.onPacketSent }, func(h OnPacketSent) func(*Client, packets.Packet, []byte) { return h.OnPacketSent }),
	on("OnPacketProcessed", func(s *hookSet) *[]func(*Client, packets.Packet, error) { return &s.onPacketProcessed }, func(h OnPacketProcessed) func(*Client, packets.Packet, error) { return h.OnPacketProcessed }),
	on("OnSubscribe", func(s *hookSet) *[]func(*Client, *packets.Subscribe) *packets.Subscribe { return &s.onSubscribe }, func(h OnSubscribe) func(*Client, *packets.Subscribe) *packets.Subscribe { return h.OnSubscribe }),
	on("OnSubscribed", func(s *hookSet) *[]func(*Client, *packets.Subscribe, []packets.Code) { return &s.onSubscribed }, func(h OnSubscribed) func(*Client, *packets.Subscribe, []packets.Code) { return h.OnSubscribed }),
	on("OnUnsubscribe", func(s *hookSet) *[]func(*Client, *packets.Unsubscribe) *packets.Unsubscribe { return &s.onUnsubscribe }, func(h OnUnsubscribe) func(*Client, *packets.Unsubscribe) *packets.Unsubscribe {
		return h.OnUnsubscribe
	}),
	on("OnUnsubscribed", func(s *hookSet) *[]func(*Client, *packets.Unsubscribe) { return &s.onUnsubscribed }, func(h OnUnsubscribed) func(*Client, *packets.Unsubscribe) { return h.OnUnsubscribed }),
	on("OnSelectSubscribers", func(s *hookSet) *[]func(*Subscribers, *packets.Publish) *Subscribers { return &s.onSelectSubscribers }, func(h OnSelectSubscribers) func(*Subscribers, *packets.Publish) *Subscribers {
		return h.OnSelectSubscribers
	}),
	on("OnPublish", func(s *hookSet) *[]func(*Client, *packets.Publish) (*packets.Publish, error) { return &s.onPublish }, func(h OnPublish) func(*Client, *packets.Publish) (*packets.Publish, error) { return h.OnPublish }),
	on("OnPublished", func(s *hookSet) *[]func(*Client, *packets.Publish) { return &s.onPublished }, func(h OnPublished) func(*Client, *packets.Publish) { return h.OnPublished }),
	on("OnPublishDropped", func(s *hookSet) *[]func(*Client, *packets.Publish, DropReason) { return &s.onPublishDropped }, func(h OnPublishDropped) func(*Client, *packets.Publish, DropReason) { return h.OnPublishDropped }),
	on("OnRetainMessage", func(s *hookSet) *[]func(*Client, *packets.Publish, int64) { return &s.onRetainMessage }, func(h OnRetainMessage) func(*Client, *packets.Publish, int64) { return h.OnRetainMessage }),
	on("OnRetainPublished", func(s *hookSet) *[]func(*Client, *packets.Publish) { return &s.onRetainPublished }, func(h OnRetainPublished) func(*Client, *packets.Publish) { return h.OnRetainPublished }),
	on("OnQosPublish", func(s *hookSet) *[]func(*Client, *packets.Publish, time.Time, int) { return &s.onQosPublish }, func(h OnQosPublish) func(*Client, *packets.Publish, time.Time, int) { return h.OnQosPublish }),
	on("OnQosComplete", func(s *hookSet) *[]func(*Client, *packets.Publish) { return &s.onQosComplete }, func(h OnQosComplete) func(*Client, *packets.Publish) { return h.OnQosComplete }),
	on("OnQosDropped", func(s *hookSet) *[]func(*Client, *packets.Publish) { return &s.onQosDropped }, func(h OnQosDropped) func(*Client, *packets.Publish) { return h.OnQosDropped }),
	on("OnPacketIDExhausted", func(s *hookSet) *[]func(*Client, *packets.Publish) { return &s.onPacketIDExhausted }, func(h OnPacketIDExhausted) func(*Client, *packets.Publish) { return h.OnPacketIDExhausted }),
	on("OnWill", func(s *hookSet) *[]func(*Client, *packets.Will) (*packets.Will, error) { return &s.onWill }, func(h OnWill) func(*Client, *packets.Will) (*packets.Will, error) { return h.OnWill }),
	on("OnWillSent", func(s *hookSet) *[]func(*Client, *packets.Publish) { return &s.onWillSent }, func(h OnWillSent) func(*Client, *packets.Publish) { return h.OnWillSent }),
	on("OnClientExpired", func(s *hookSet) *[]func(*Client) { return &s.onClientExpired }, func(h OnClientExpired) func(*Client) { return h.OnClientExpired }),
	on("OnRetainedExpired", func(s *hookSet) *[]func(string) { return &s.onRetainedExpired }, func(h OnRetainedExpired) func(string) { return h.OnRetainedExpired }),
}

type boolAuthenticator interface {
	OnConnectAuthenticate(cl *Client, pk *packets.Connect) bool
}

type boolACLChecker interface {
	OnACLCheck(cl *Client, topic string, write bool) bool
}

func allowIf(ok bool) Decision {
	if ok {
		return Allow
	}
	return Pass
}
