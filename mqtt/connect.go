package mqtt

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// first handles the first packet of a connection, which must be a CONNECT
// [MQTT-3.1.0-1].
func (in *inbound) first(first byte, body, _ []byte) error {
	if t := packets.Type(first >> 4); t != packets.TypeConnect {
		return protocolErrorf(packets.ErrProtocolError, "the first packet is %s, not CONNECT", t)
	}
	pk := new(packets.Connect)
	if err := pk.Decode(first&15, body, 0); err != nil {
		in.client.version = pk.Version
		return in.refuseConnect(err)
	}
	in.client.identify(pk)
	err := in.connect(pk)
	if err != nil {
		err = in.refuseConnect(err)
	}
	for _, tell := range in.server.hooks.load().onPacketProcessed {
		tell(in.client, pk, err)
	}
	return err
}

// identify takes over what the CONNECT says of the client.
func (c *Client) identify(pk *packets.Connect) {
	c.version, c.frameVersion = pk.Version, pk.Version
	if pk.Version == packets.V31 {
		c.frameVersion = packets.V311
	}
	c.clientID, c.username = pk.ClientID, pk.Username
	c.cleanStart, c.keepAlive = pk.CleanStart, pk.KeepAlive
	c.connectedAt = time.Now()
	c.authMethod = pk.Properties.AuthenticationMethod
	c.responseInfo = pk.Properties.RequestResponseInformation == 1
	// Reason Strings are sent unless the client declines them [MQTT-3.1.2-29].
	c.problemInformation = pk.Version == packets.V5 &&
		(!pk.Properties.Has(packets.PropRequestProblemInformation) || pk.Properties.RequestProblemInformation == 1)
	c.maximumPacketSize = pk.Properties.MaximumPacketSize
	c.out.aliases.maximum = pk.Properties.TopicAliasMaximum
	c.receiveMaximum = c.server.options.Capabilities.MaximumInflight
	if asked := pk.Properties.ReceiveMaximum; asked > 0 {
		c.receiveMaximum = min(c.receiveMaximum, asked)
	}
	if pk.WillFlag {
		c.will = &pk.Will
	}
}

// connect checks a CONNECT, has it authenticated and establishes the session.
func (in *inbound) connect(pk *packets.Connect) error {
	c, s := in.client, in.server
	if err := c.checkConnect(pk); err != nil {
		return err
	}
	in.epoch = s.accessEpoch.Load()
	set := s.hooks.load()
	if set.onPacketRead != nil {
		changed, err := set.readPacket(c, pk)
		if err != nil {
			return err
		}
		if other, ok := changed.(*packets.Connect); ok && other != pk {
			pk = other
			c.identify(pk)
		}
	}
	for _, check := range set.onConnect {
		if err := check(c, pk); err != nil {
			return err
		}
	}
	c.username = pk.Username // a hook may name the client, by its certificate for example
	if c.authMethod != "" {
		return in.beginAuth(pk)
	}
	if err := set.authenticate(c, pk); err != nil {
		return err
	}
	return in.establishSession(pk, nil)
}

// checkConnect refuses what needs no hook to be refused.
func (c *Client) checkConnect(pk *packets.Connect) error {
	capabilities := &c.server.options.Capabilities
	switch {
	case byte(pk.Version) < capabilities.MinimumProtocolVersion:
		return protocolErrorf(packets.ErrUnsupportedProtocolVersion, "protocol version %d; at least %d is required", pk.Version, capabilities.MinimumProtocolVersion)
	case pk.Version == packets.V31 && (pk.ClientID == "" || len(pk.ClientID) > 23):
		return protocolErrorf(packets.ErrClientIdentifierNotValid, "a client identifier of MQTT 3.1 has 1 to 23 bytes, this one %d", len(pk.ClientID))
	case pk.ClientID == "" && pk.Version == packets.V311 && !pk.CleanStart: // [MQTT311-3.1.3-8]
		return protocolErrorf(packets.ErrClientIdentifierNotValid, "an empty client identifier needs Clean Session")
	case pk.WillFlag && pk.Will.QoS > capabilities.maximumQoS(): // [MQTT-3.2.2-12]
		return protocolErrorf(packets.ErrQoSNotSupported, "a Will of QoS %d; the maximum is %d", pk.Will.QoS, capabilities.maximumQoS())
	case pk.WillFlag && pk.Will.Retain && capabilities.RetainAvailable == Unavailable: // [MQTT-3.2.2-13]
		return protocolErrorf(packets.ErrRetainNotSupported, "a retained Will; retained messages are switched off here")
	case c.server.tight.Load():
		return protocolErrorf(packets.ErrQuotaExceeded, "the server is short of memory")
	}
	if most, full := c.server.full(); full {
		return protocolErrorf(packets.ErrServerBusy, "all %d connections are taken", most)
	}
	if pk.ClientID == "" {
		c.clientID = newClientID()
	}
	return nil
}

// newClientID makes an identifier that nobody else has [MQTT-3.1.3-6].
func newClientID() string {
	var b [11]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return hex.EncodeToString(b[:])
}

// establishSession attaches the client to its session and accepts it.
func (in *inbound) establishSession(pk *packets.Connect, authData []byte) error {
	c, s := in.client, in.server
	set := s.hooks.load()
	for _, tell := range set.onSessionEstablish {
		tell(c, pk)
	}
	if reason := c.endingReason(); reason != nil {
		return reason // a hook closed the connection, or the time for the CONNECT is over
	}
	c.sessionExpiry = s.sessionExpiry(pk)
	if c.sessionExpiry > 0 && s.options.Store != nil {
		if err := s.options.Store.Err(); err != nil {
			return storeUnavailable(err)
		}
	}
	s.limitKeepAlive(c)
	ack := s.connack(c, pk, authData)
	if err := c.canTake(ack); err != nil {
		return err
	}
	var changes storeChanges
	a, err := s.registry.attach(s, c, pk.CleanStart, c.sessionExpiry)
	if err != nil {
		return err
	}
	if a.ended != nil {
		if old := s.endSession(a.ended, &changes); old != nil {
			old.outlast()
		}
	}
	if a.old != nil {
		a.old.stop(protocolErrorf(packets.ErrSessionTakenOver, "another connection uses this client identifier"))
		a.old.outlast()
	}
	if err := s.keepSession(c, &a, &changes); err != nil {
		return err
	}
	ack.SessionPresent = a.present && pk.Version != packets.V31
	err = c.appendPacket(ack)
	c.session.Store(a.session)
	in.self = a.session
	s.stats.connect()
	if err != nil {
		set.established(c, pk)
		return err
	}
	in.handle, in.maximum = (*inbound).connected, int(s.options.Capabilities.MaximumPacketSize)
	s.watchKeepAlive(c)
	if c.isEnding() { // another connection took over in the meantime, maybe before c had a session
		c.tellEnding()
		set.established(c, pk)
		return nil
	}
	if a.present { // the rules, or its address, may be others than when it subscribed
		s.recheckDeliveries(set, c)
	}
	s.recheckSince(c, in.epoch)
	a.session.open(c)
	set.established(c, pk)
	return nil
}

// established tells hooks of a connection that has a session: of each one whose
// end they will be told.
func (set *hookSet) established(c *Client, pk *packets.Connect) {
	for _, tell := range set.onSessionEstablished {
		tell(c, pk)
	}
}

// canTake refuses, before a session is touched, a client whose Maximum Packet
// Size leaves no room for what it must be told [MQTT-3.1.2-24].
func (c *Client) canTake(ack *packets.Connack) error {
	if c.maximumPacketSize == 0 {
		return nil
	}
	b, err := ack.Append(nil, c.version)
	if err == nil && c.exceeds(b) {
		err = protocolErrorf(packets.ErrPacketTooLarge, "the CONNACK has %d bytes, the client accepts %d", len(b), c.maximumPacketSize)
	}
	return err
}

// sessionExpiry is the Session Expiry Interval in force. A persistent session
// of 3.x lives as long as the server allows.
func (s *Server) sessionExpiry(pk *packets.Connect) uint32 {
	maximum := s.options.Capabilities.MaximumSessionExpiryInterval
	if pk.Version == packets.V5 {
		return min(pk.Properties.SessionExpiryInterval, maximum)
	}
	if pk.CleanStart {
		return 0
	}
	return maximum
}

// limitKeepAlive applies the server's Keep Alive to v5 clients, which are told
// [MQTT-3.2.2-21].
func (s *Server) limitKeepAlive(c *Client) {
	if most := s.options.ServerKeepAlive; most > 0 && c.version == packets.V5 && (c.keepAlive == 0 || c.keepAlive > most) {
		c.keepAlive = most
	}
}

// watchKeepAlive replaces the CONNECT time-out by the Keep Alive.
func (s *Server) watchKeepAlive(c *Client) {
	if c.keepAlive == 0 {
		s.deadlines.stop(&c.deadline)
		return
	}
	s.deadlines.set(&c.deadline, s.clock.now()+c.patience())
}

// connack accepts the client and tells a v5 client what holds here.
func (s *Server) connack(c *Client, pk *packets.Connect, authData []byte) *packets.Connack {
	ack := new(packets.Connack)
	if pk.Version != packets.V5 {
		return ack
	}
	capabilities := &s.options.Capabilities
	p := &ack.Properties
	if pk.ClientID == "" {
		p.AssignedClientID = c.clientID // [MQTT-3.2.2-16]
	}
	if c.sessionExpiry != pk.Properties.SessionExpiryInterval {
		p.SessionExpiryInterval = c.sessionExpiry
		p.Set(packets.PropSessionExpiryInterval)
	}
	if c.keepAlive != pk.KeepAlive {
		p.ServerKeepAlive = c.keepAlive
	}
	p.ReceiveMaximum = capabilities.ReceiveMaximum
	p.MaximumPacketSize = capabilities.MaximumPacketSize
	p.TopicAliasMaximum = capabilities.TopicAliasMaximum
	if q := capabilities.maximumQoS(); q < 2 {
		p.MaximumQoS = q
		p.Set(packets.PropMaximumQoS)
	}
	for _, feature := range []struct {
		availability Availability
		property     packets.PropertyID
	}{
		{capabilities.RetainAvailable, packets.PropRetainAvailable},
		{capabilities.WildcardSubAvailable, packets.PropWildcardSubscriptionAvailable},
		{capabilities.SubIDAvailable, packets.PropSubscriptionIDAvailable},
		{capabilities.SharedSubAvailable, packets.PropSharedSubscriptionAvailable},
	} {
		if feature.availability == Unavailable {
			p.Set(feature.property) // marked and zero: not available
		}
	}
	if info := s.options.ResponseInformation; info != "" && (c.responseInfo || capabilities.Compatibilities.AlwaysReturnResponseInfo) {
		p.ResponseInformation = info // [MQTT-3.1.2-28]
	}
	if s.options.AnnounceDurability && s.options.Store != nil && c.sessionExpiry > 0 {
		p.User = append(p.User, packets.UserProperty{Key: "durability", Value: s.weakened(c.durability()).String()})
	}
	if c.authMethod != "" {
		p.AuthenticationMethod, p.AuthenticationData = c.authMethod, authData
	}
	return ack
}

// refuseConnect answers a CONNECT that is refused, as far as its version has
// words for the reason, and returns the reason [MQTT-3.1.4-2].
func (in *inbound) refuseConnect(err error) error {
	c := in.client
	code := codeFor(err)
	ack := &packets.Connack{Code: code}
	switch {
	case c.version == packets.V5:
		if c.problemInformation {
			ack.Properties.ReasonString = publicReason(err)
		}
		ack.Properties.ServerReference = c.server.options.ServerReference
		if code != packets.ErrUseAnotherServer && code != packets.ErrServerMoved {
			ack.Properties.ServerReference = ""
		}
	case code == packets.ErrUnsupportedProtocolVersion: // whoever asks for an unknown version gets 3.1.1's answer [MQTT311-3.1.2-2]
		c.version = packets.V311
	case code == packets.ErrMalformedPacket || code == packets.ErrProtocolError || code == packets.ErrImplementationSpecific:
		return err // 3.x has no return code for it: the connection is closed
	}
	_ = c.appendPacket(ack) // a client that takes no packets gets none
	return err
}

// publicReason is what a refused client may know. Who may connect is nobody's
// business, so the details of access control stay in the log.
func publicReason(err error) string {
	switch code := codeFor(err); code {
	case packets.ErrBadUsernameOrPassword, packets.ErrNotAuthorized, packets.ErrBanned:
		return code.Error()
	default:
		return reasonString(err)
	}
}

// disconnected takes the client from its session after the connection is over.
func (s *Server) disconnected(c *Client, reason error) {
	sess := c.session.Load()
	will := c.takeWill()
	delayed := will
	if will != nil && will.due <= s.clock.now() {
		delayed = nil
	}
	held, ends := sess.detach(c, delayed)
	s.stats.connected.Add(-1)
	if ends {
		s.registry.remove(sess)
		s.endSession(sess, nil)
	}
	ends = ends || !held && sess.hasEnded()
	if will != nil && (delayed == nil || ends) {
		s.publishWill(will)
	}
	if errors.Is(reason, errDisconnected) {
		reason = nil
	}
	for _, tell := range s.hooks.load().onDisconnect {
		tell(c, reason, ends)
	}
}

func (s *session) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// endSession ends a session that the registry no longer has: the connection it
// may still have is told that another took over, and its delayed Will Message
// is published [MQTT-3.1.2-8]. It returns that connection, nil if there is none.
// The store is told; changes, if not nil, learns how that went.
func (s *Server) endSession(sess *session, changes *storeChanges) *Client {
	c, will := sess.end(changes)
	if c != nil {
		c.stop(protocolErrorf(packets.ErrSessionTakenOver, "another connection started a new session"))
	}
	if will != nil {
		s.publishWill(will)
	}
	return c
}

// sessionExpired ends a session whose Session Expiry Interval has passed
// [MQTT-3.1.2-23] [MQTT-4.1.0-2].
func (s *Server) sessionExpired(sess *session) {
	if !s.registry.removeOffline(sess) {
		return
	}
	s.endSession(sess, nil)
	for _, tell := range s.hooks.load().onClientExpired {
		tell(sess.offlineClient())
	}
}
