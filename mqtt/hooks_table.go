package mqtt

import (
	"net"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// hookSet holds the methods of all hooks, a slice per event, nil when nobody
// listens. It is immutable once published.
type hookSet struct {
	onAccept             []func(net.Conn) bool
	onStarted            []func()
	onStopped            []func()
	onSysInfoTick        []func(*Stats)
	authenticators       []func(*Client, *packets.Connect) (Decision, error)
	aclCheckers          []func(*Client, string, bool) (Decision, error)
	deliveryCheckers     []func(*Client, string) func(string) bool
	onReadmit            []func(*Client) error
	enhanced             []func(*Client, string, []byte) ([]byte, AuthDecision, error)
	onConnect            []func(*Client, *packets.Connect) error
	onSessionEstablish   []func(*Client, *packets.Connect)
	onSessionEstablished []func(*Client, *packets.Connect)
	onDisconnect         []func(*Client, error, bool)
	onAuthPacket         []func(*Client, *packets.Auth) (*packets.Auth, error)
	onRead               []func(*Client, int, int) time.Duration
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
	storedClients        []func() ([]StoredClient, error)
	storedSubscriptions  []func() ([]StoredSubscription, error)
	storedInflight       []func() ([]StoredMessage, error)
	storedRetained       []func() ([]StoredMessage, error)
	storedSysInfo        []func() (*Stats, error)
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
	return event{name, signature[I](), func(set *hookSet, hook any) bool {
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
	on("OnDeliveryCheck", func(s *hookSet) *[]func(*Client, string) func(string) bool { return &s.deliveryCheckers },
		func(h DeliveryChecker) func(*Client, string) func(string) bool { return h.OnDeliveryCheck }),
	on("OnReadmit", func(s *hookSet) *[]func(*Client) error { return &s.onReadmit }, func(h OnReadmit) func(*Client) error { return h.OnReadmit }),
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
	on("OnRead", func(s *hookSet) *[]func(*Client, int, int) time.Duration { return &s.onRead }, func(h OnRead) func(*Client, int, int) time.Duration { return h.OnRead }),
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
	on("StoredClients", func(s *hookSet) *[]func() ([]StoredClient, error) { return &s.storedClients }, func(h StoredClients) func() ([]StoredClient, error) { return h.StoredClients }),
	on("StoredSubscriptions", func(s *hookSet) *[]func() ([]StoredSubscription, error) { return &s.storedSubscriptions }, func(h StoredSubscriptions) func() ([]StoredSubscription, error) { return h.StoredSubscriptions }),
	on("StoredInflightMessages", func(s *hookSet) *[]func() ([]StoredMessage, error) { return &s.storedInflight }, func(h StoredInflightMessages) func() ([]StoredMessage, error) { return h.StoredInflightMessages }),
	on("StoredRetainedMessages", func(s *hookSet) *[]func() ([]StoredMessage, error) { return &s.storedRetained }, func(h StoredRetainedMessages) func() ([]StoredMessage, error) { return h.StoredRetainedMessages }),
	on("StoredSysInfo", func(s *hookSet) *[]func() (*Stats, error) { return &s.storedSysInfo }, func(h StoredSysInfo) func() (*Stats, error) { return h.StoredSysInfo }),
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
