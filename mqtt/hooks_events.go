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
// Observers (all others) are told after the fact. The Stored... methods bring
// back what an earlier run left.
//
// Hooks run on the goroutine of the client concerned and without any lock, so
// they may call the server and may disconnect clients. While a changer or
// decider blocks, that client waits and nobody else does. Packets and their
// slices are valid during the call only; [packets.Publish.Clone] keeps one. A hook
// that panics loses the connection it was called for, and nobody else theirs.

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
// $share prefix. An error refuses; a packets.Code in it is what the client is told. A hook may implement OnACLCheck(*Client, string, bool) bool
// instead: true is Allow, false is Pass.
type ACLChecker interface {
	OnACLCheck(cl *Client, topic string, write bool) (Decision, error)
}

// DeliveryChecker narrows what a subscription delivers. It costs nothing unless
// it returns a function, and then only the messages that match the subscription.
type DeliveryChecker interface {
	// OnDeliveryCheck is asked when a filter (without $share prefix) has been
	// allowed, when its session gets a connection, and by RecheckAccess. It
	// returns nil if everything the filter matches may be delivered to the
	// client; else a function that tells for a topic whether it may. Publishers
	// remember its answers until RecheckAccess. It is called from many
	// goroutines, and with locks held: it must answer at once and must not call
	// the server.
	OnDeliveryCheck(cl *Client, filter string) func(topic string) bool
}

// OnReadmit is asked by RecheckAccess whether a connected client may stay. An
// error disconnects it with its packets.Code.
type OnReadmit interface{ OnReadmit(cl *Client) error }

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
// as error is sent in the CONNACK, any other error means 0x83. It may set the
// packet's Username, which becomes the client's.
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

// OnRead slows clients down. It is told after each batch that was read from a
// client, when its packets have been handled, how many PUBLISHes were in it and
// how many bytes it had, and returns for how long the server shall not read from
// the client; zero goes on. What the client sends meanwhile stays in the network
// until its own system makes it wait. Its Keep Alive does not run out.
type OnRead interface {
	OnRead(cl *Client, publishes, bytes int) (pause time.Duration)
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
// error counts as 0x83. A dropped message is not retained either. The server's
// own $SYS messages pass neither this nor OnPublished and OnRetainMessage.
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

// OnPacketIDExhausted is told a message that must wait because all 65,535 packet
// identifiers of its client are in use.
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

// StoredClients brings back the sessions that an earlier run left. Like the
// other Stored... methods it is called once, by Serve, before the first
// connection; of several hooks the first that returns anything counts. An error
// makes Serve fail. What it returns belongs to the server.
type StoredClients interface {
	StoredClients() ([]StoredClient, error)
}

// StoredSubscriptions brings back the subscriptions of those sessions.
type StoredSubscriptions interface {
	StoredSubscriptions() ([]StoredSubscription, error)
}

// StoredInflightMessages brings back what those sessions have not received or
// not acknowledged: for each session in the order of sending.
type StoredInflightMessages interface {
	StoredInflightMessages() ([]StoredMessage, error)
}

// StoredRetainedMessages brings back the retained messages.
type StoredRetainedMessages interface {
	StoredRetainedMessages() ([]StoredMessage, error)
}

// StoredSysInfo brings back the figures of an earlier run, whose totals Stats
// and the $SYS topics continue if Compatibilities.RestoreSysInfoOnRestart is
// set; nil if there are none.
type StoredSysInfo interface {
	StoredSysInfo() (*Stats, error)
}
