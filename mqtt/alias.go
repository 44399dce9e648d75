package mqtt

import "github.com/linnetmq/linnet/packets"

// aliasTable holds the Topic Aliases of the sending side of one connection:
// topics get an alias in order of their first use until the receiver's Topic
// Alias Maximum is reached [MQTT-3.3.2-9], or maximumAliasBytes.
type aliasTable struct {
	maximum uint16
	bytes   uint32 // about what byTopic holds
	byTopic map[string]uint16
}

// aliasFor returns the alias for a topic, and whether the receiver knows it
// already. Zero means none.
func (t *aliasTable) aliasFor(topic string) (alias uint16, known bool) {
	if t.maximum == 0 {
		return 0, false
	}
	if alias, ok := t.byTopic[topic]; ok {
		return alias, true
	}
	if len(t.byTopic) >= int(t.maximum) || t.bytes+aliasBytes(topic) > maximumAliasBytes {
		return 0, false
	}
	if t.byTopic == nil {
		t.byTopic = make(map[string]uint16)
	}
	alias = uint16(len(t.byTopic) + 1)
	t.byTopic[topic] = alias
	t.bytes += aliasBytes(topic)
	return alias, false
}

// maximumAliasBytes bounds the topics remembered for one client's aliases,
// which a client's Topic Alias Maximum of 65,535 alone would not.
const maximumAliasBytes = 256 << 10

func aliasBytes(topic string) uint32 { return uint32(len(topic)) + 48 }

// forgetNewest takes back the alias given last, which the receiver was not told.
func (t *aliasTable) forgetNewest(topic string) {
	delete(t.byTopic, topic)
	t.bytes -= aliasBytes(topic)
}

// inboundAliases are the Topic Aliases a publisher has set on its connection.
// Only its reader touches them.
type inboundAliases struct {
	topics []string
}

// resolve gives the packet its Topic Name: by its alias if it has none, and it
// remembers the alias if it has both. intern returns a string that may be kept.
func (a *inboundAliases) resolve(p *packets.Publish, maximum uint16, intern func(string) string) error {
	alias := p.Properties.TopicAlias
	if alias == 0 {
		return nil
	}
	if alias > maximum { // [MQTT-3.3.2-8] [MQTT-3.3.2-9]
		return protocolErrorf(packets.ErrTopicAliasInvalid, "Topic Alias %d is greater than the maximum of %d", alias, maximum)
	}
	if p.Topic == "" {
		if int(alias) > len(a.topics) || a.topics[alias-1] == "" {
			return protocolErrorf(packets.ErrProtocolError, "Topic Alias %d was not set on this connection", alias)
		}
		p.Topic = a.topics[alias-1]
		return nil
	}
	for int(alias) > len(a.topics) {
		a.topics = append(a.topics, "")
	}
	p.Topic = intern(p.Topic)
	a.topics[alias-1] = p.Topic
	return nil
}
