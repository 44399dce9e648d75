package limits

import (
	"fmt"
	"time"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
	"github.com/linnetmq/linnet/topics"
)

// throttle keeps the rates of messages and bytes by not reading.
type throttle struct{ h *Hook }

// ID names the hook.
func (*throttle) ID() string { return "limits-throttle" }

// OnRead lets the client wait until what it sent is paid for.
func (t *throttle) OnRead(cl *mqtt.Client, publishes, bytes int) time.Duration {
	c := t.h.connection(cl)
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.messages.owe(t.h.options.Messages, float64(publishes), now), c.bytes.owe(t.h.options.Bytes, float64(bytes), now))
}

// rateLimit keeps the rates by refusing messages, or by ending the connection.
type rateLimit struct{ h *Hook }

// ID names the hook.
func (*rateLimit) ID() string { return "limits-rate" }

// OnPublish refuses a message for which the rate leaves no room.
func (l *rateLimit) OnPublish(cl *mqtt.Client, pk *packets.Publish) (*packets.Publish, error) {
	if cl.Inline() || l.admits(cl, pk) {
		return pk, nil
	}
	if l.h.options.TooFast == Disconnect {
		_ = l.h.server.DisconnectClient(cl, packets.ErrMessageRateTooHigh) // a Will may come without a connection
		return pk, mqtt.ErrRejectPacket
	}
	return pk, &packets.Error{Code: packets.ErrQuotaExceeded, Detail: "more messages than the rate allowed here"}
}

// admits takes from both rates, or from none.
func (l *rateLimit) admits(cl *mqtt.Client, pk *packets.Publish) bool {
	c := l.h.connection(cl)
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.messages
	if !c.messages.take(l.h.options.Messages, 1, now) {
		return false
	}
	if !c.bytes.take(l.h.options.Bytes, float64(len(pk.Topic)+len(pk.Payload)), now) {
		c.messages = before
		return false
	}
	return true
}

// topicLimit refuses topics and filters that are too long or too deep.
type topicLimit struct{ h *Hook }

// ID names the hook.
func (*topicLimit) ID() string { return "limits-topics" }

// OnACLCheck refuses, or leaves the decision to others.
func (l *topicLimit) OnACLCheck(_ *mqtt.Client, topic string, write bool) (mqtt.Decision, error) {
	o := &l.h.options
	var detail string
	switch levels := topics.Levels(topic); {
	case o.TopicBytes > 0 && len(topic) > o.TopicBytes:
		detail = fmt.Sprintf("%d bytes, at most %d are allowed", len(topic), o.TopicBytes)
	case o.TopicLevels > 0 && levels > o.TopicLevels:
		detail = fmt.Sprintf("%d levels, at most %d are allowed", levels, o.TopicLevels)
	default:
		return mqtt.Pass, nil
	}
	code := packets.ErrTopicFilterInvalid
	if write {
		code = packets.ErrTopicNameInvalid
	}
	return mqtt.Deny, &packets.Error{Code: code, Detail: detail}
}

var (
	_ mqtt.OnRead     = (*throttle)(nil)
	_ mqtt.OnPublish  = (*rateLimit)(nil)
	_ mqtt.ACLChecker = (*topicLimit)(nil)
)
