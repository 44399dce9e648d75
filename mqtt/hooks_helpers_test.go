package mqtt_test

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

// One func type per event, so that a test can write its hook as a closure.
type (
	fnAccept       func(net.Conn) bool
	fnStarted      func()
	fnStopped      func()
	fnStop         func()
	fnTick         func(*mqtt.Stats)
	fnAuth         func(*mqtt.Client, *packets.Connect) (mqtt.Decision, error)
	fnACL          func(*mqtt.Client, string, bool) (mqtt.Decision, error)
	fnEnhanced     func(*mqtt.Client, string, []byte) ([]byte, mqtt.AuthDecision, error)
	fnConnect      func(*mqtt.Client, *packets.Connect) error
	fnEstablish    func(*mqtt.Client, *packets.Connect)
	fnEstablished  func(*mqtt.Client, *packets.Connect)
	fnDisconnect   func(*mqtt.Client, error, bool)
	fnClose        func(*mqtt.Client, error)
	fnAuthPacket   func(*mqtt.Client, *packets.Auth) (*packets.Auth, error)
	fnRead         func(*mqtt.Client, packets.Packet) (packets.Packet, error)
	fnEncode       func(*mqtt.Client, packets.Packet) packets.Packet
	fnSent         func(*mqtt.Client, packets.Packet, []byte)
	fnProcessed    func(*mqtt.Client, packets.Packet, error)
	fnSubscribe    func(*mqtt.Client, *packets.Subscribe) *packets.Subscribe
	fnSubscribed   func(*mqtt.Client, *packets.Subscribe, []packets.Code)
	fnUnsubscribe  func(*mqtt.Client, *packets.Unsubscribe) *packets.Unsubscribe
	fnUnsubscribed func(*mqtt.Client, *packets.Unsubscribe)
	fnSelect       func(*mqtt.Subscribers, *packets.Publish) *mqtt.Subscribers
	fnPublish      func(*mqtt.Client, *packets.Publish) (*packets.Publish, error)
	fnPublished    func(*mqtt.Client, *packets.Publish)
	fnDropped      func(*mqtt.Client, *packets.Publish, mqtt.DropReason)
	fnRetain       func(*mqtt.Client, *packets.Publish, int64)
	fnRetainSent   func(*mqtt.Client, *packets.Publish)
	fnQosPublish   func(*mqtt.Client, *packets.Publish, time.Time, int)
	fnQosComplete  func(*mqtt.Client, *packets.Publish)
	fnQosDropped   func(*mqtt.Client, *packets.Publish)
	fnExhausted    func(*mqtt.Client, *packets.Publish)
	fnWill         func(*mqtt.Client, *packets.Will) (*packets.Will, error)
	fnWillSent     func(*mqtt.Client, *packets.Publish)
	fnExpired      func(*mqtt.Client)
	fnRetainedGone func(string)
	fnClients      func() ([]mqtt.StoredClient, error)
	fnSubs         func() ([]mqtt.StoredSubscription, error)
	fnInflight     func() ([]mqtt.StoredMessage, error)
	fnRetained     func() ([]mqtt.StoredMessage, error)
	fnSysInfo      func() (*mqtt.Stats, error)
)

func (f fnAccept) OnAccept(c net.Conn) bool       { return f(c) }
func (f fnStarted) OnStarted()                    { f() }
func (f fnStopped) OnStopped()                    { f() }
func (f fnStop) OnStop()                          { f() }
func (f fnTick) OnSysInfoTick(st *mqtt.Stats)     { f(st) }
func (f fnClose) OnClose(c *mqtt.Client, e error) { f(c, e) }
func (f fnAuth) OnConnectAuthenticate(c *mqtt.Client, p *packets.Connect) (mqtt.Decision, error) {
	return f(c, p)
}

func (f fnACL) OnACLCheck(c *mqtt.Client, topic string, write bool) (mqtt.Decision, error) {
	return f(c, topic, write)
}

func (f fnEnhanced) OnEnhancedAuth(c *mqtt.Client, m string, d []byte) ([]byte, mqtt.AuthDecision, error) {
	return f(c, m, d)
}

func (f fnConnect) OnConnect(c *mqtt.Client, p *packets.Connect) error              { return f(c, p) }
func (f fnEstablish) OnSessionEstablish(c *mqtt.Client, p *packets.Connect)         { f(c, p) }
func (f fnEstablished) OnSessionEstablished(c *mqtt.Client, p *packets.Connect)     { f(c, p) }
func (f fnDisconnect) OnDisconnect(c *mqtt.Client, e error, x bool)                 { f(c, e, x) }
func (f fnEncode) OnPacketEncode(c *mqtt.Client, p packets.Packet) packets.Packet   { return f(c, p) }
func (f fnSent) OnPacketSent(c *mqtt.Client, p packets.Packet, b []byte)            { f(c, p, b) }
func (f fnProcessed) OnPacketProcessed(c *mqtt.Client, p packets.Packet, err error) { f(c, p, err) }
func (f fnAuthPacket) OnAuthPacket(c *mqtt.Client, p *packets.Auth) (*packets.Auth, error) {
	return f(c, p)
}

func (f fnRead) OnPacketRead(c *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	return f(c, p)
}

func (f fnSubscribe) OnSubscribe(c *mqtt.Client, p *packets.Subscribe) *packets.Subscribe {
	return f(c, p)
}

func (f fnSubscribed) OnSubscribed(c *mqtt.Client, p *packets.Subscribe, codes []packets.Code) {
	f(c, p, codes)
}

func (f fnUnsubscribe) OnUnsubscribe(c *mqtt.Client, p *packets.Unsubscribe) *packets.Unsubscribe {
	return f(c, p)
}
func (f fnUnsubscribed) OnUnsubscribed(c *mqtt.Client, p *packets.Unsubscribe) { f(c, p) }
func (f fnSelect) OnSelectSubscribers(s *mqtt.Subscribers, p *packets.Publish) *mqtt.Subscribers {
	return f(s, p)
}

func (f fnPublish) OnPublish(c *mqtt.Client, p *packets.Publish) (*packets.Publish, error) {
	return f(c, p)
}
func (f fnPublished) OnPublished(c *mqtt.Client, p *packets.Publish) { f(c, p) }
func (f fnDropped) OnPublishDropped(c *mqtt.Client, p *packets.Publish, r mqtt.DropReason) {
	f(c, p, r)
}
func (f fnRetain) OnRetainMessage(c *mqtt.Client, p *packets.Publish, r int64) { f(c, p, r) }
func (f fnRetainSent) OnRetainPublished(c *mqtt.Client, p *packets.Publish)    { f(c, p) }
func (f fnQosComplete) OnQosComplete(c *mqtt.Client, p *packets.Publish)       { f(c, p) }
func (f fnQosDropped) OnQosDropped(c *mqtt.Client, p *packets.Publish)         { f(c, p) }
func (f fnExhausted) OnPacketIDExhausted(c *mqtt.Client, p *packets.Publish)   { f(c, p) }
func (f fnWill) OnWill(c *mqtt.Client, w *packets.Will) (*packets.Will, error) { return f(c, w) }
func (f fnWillSent) OnWillSent(c *mqtt.Client, p *packets.Publish)             { f(c, p) }
func (f fnExpired) OnClientExpired(c *mqtt.Client)                             { f(c) }
func (f fnRetainedGone) OnRetainedExpired(topic string)                        { f(topic) }
func (f fnClients) StoredClients() ([]mqtt.StoredClient, error)                { return f() }
func (f fnSubs) StoredSubscriptions() ([]mqtt.StoredSubscription, error)       { return f() }
func (f fnInflight) StoredInflightMessages() ([]mqtt.StoredMessage, error)     { return f() }
func (f fnRetained) StoredRetainedMessages() ([]mqtt.StoredMessage, error)     { return f() }
func (f fnSysInfo) StoredSysInfo() (*mqtt.Stats, error)                        { return f() }
func (f fnQosPublish) OnQosPublish(c *mqtt.Client, p *packets.Publish, sent time.Time, n int) {
	f(c, p, sent, n)
}

// diary collects lines from several goroutines.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.lines)
}

// take returns what was collected and begins anew.
func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

func (d *diary) expect(t *testing.T, want ...string) {
	t.Helper()
	got := d.take()
	if slices.Equal(got, want) {
		return
	}
	t.Errorf("got %d lines, want %d", len(got), len(want))
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("line %d: nothing, want %q", i, want[i])
		case i >= len(want):
			t.Errorf("line %d: %q, want nothing", i, got[i])
		case got[i] != want[i]:
			t.Errorf("line %d: %q, want %q", i, got[i], want[i])
		}
	}
}

// quiet are options without $SYS messages, which would ring hooks and bells.
func quiet() *mqtt.Options { return &mqtt.Options{SysTopicResendInterval: -1} }

// newServer starts a broker without $SYS topics.
func newServer(t testing.TB, hooks ...any) *mqtttest.Server {
	t.Helper()
	return mqtttest.NewServerWith(t, quiet(), hooks...)
}

// durable is the CONNECT of a session that lives for an hour.
func durable(clientID string) *packets.Connect {
	return &packets.Connect{Version: packets.V5, ClientID: clientID, Properties: packets.Properties{SessionExpiryInterval: 3600}}
}
